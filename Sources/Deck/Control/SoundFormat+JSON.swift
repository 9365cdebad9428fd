import Codecs
import Ground
import Recording

extension SoundFormat {
  /// Reads what a track says of its sound: `clockRate`, `channels`, and the `parameters` of `multiopus` by their names in SDP.
  init(_ fields: FieldReader, _ codec: Codec) throws(ControlError) {
    let channels = try SoundFormat.channelCount(fields, codec)
    let type = try fields.payloadType()
    let rates = codec.clockRates
    let given = try fields.integer("clockRate", 1...4_294_967_295, "a clock rate in hertz")
    if let given, !rates.contains(UInt32(given)) {
      let allowed =
        rates.count == 1 ? "\(codec.rawValue) runs at \(rates.lowerBound)" : "allowed are \(rates.lowerBound) to \(rates.upperBound)"
      throw .field(fields.name("clockRate"), "\(given) was given, but \(allowed)")
    }
    let isStatic = type.map { SoundFormat(codec: codec, channels: channels).staticType == $0 } ?? true
    if rates.count > 1, given == nil, !isStatic {
      throw .field(fields.name("clockRate"), "\(codec.rawValue) runs at any, and only payload types 10 and 11 say which; in hertz")
    }
    self.init(
      codec: codec, clockRate: given.map { ClockRate(UInt32($0)) }, channels: channels,
      streams: codec == .multiopus ? try SoundFormat.told(fields, channels) : nil)
  }

  /// What was given, else what a static payload type says, else what is usual.
  private static func channelCount(_ fields: FieldReader, _ codec: Codec) throws(ControlError) -> Int {
    let counts = codec.channelCounts
    let range = Int64(counts.lowerBound)...Int64(counts.upperBound)
    if let given = try fields.integer("channels", range, "a number of channels") { return Int(given) }
    if codec == .multiopus {
      throw .field(fields.name("channels"), "is required for multiopus: \(counts.lowerBound) to \(counts.upperBound)")
    }
    if let type = try fields.payloadType(), let told = SoundFormat(staticType: type), told.codec == codec { return told.channels }
    return codec.usualChannels
  }

  /// `{"channel_mapping": "0,4,1,2,3,5", "num_streams": 4, "coupled_streams": 2}`.
  private static func told(_ fields: FieldReader, _ channels: Int) throws(ControlError) -> OpusStreams {
    let names = [OpusStreams.Name.mapping, OpusStreams.Name.count, OpusStreams.Name.coupled]
    let parameters = try fields.require(
      "parameters", fields.object("parameters", knowing: names), "what a=fmtp says of multiopus: \(names.joined(separator: ", "))")
    let list = try parameters.require(
      names[0], parameters.string(names[0], length: 1...64), "the decoded channel of each channel, as in 0,4,1,2,3,5")
    let most = Int64(OpusStreams.mostChannels)
    let count = try parameters.require(names[1], parameters.integer(names[1], 1...most, "a number of streams"), "1 to \(most)")
    let coupled = try parameters.require(names[2], parameters.integer(names[2], 0...most, "a number of streams"), "0 to \(most)")
    do throws(OpusStreams.Fault) {
      let mapping = try OpusStreams.mapping(list)
      guard mapping.count == channels else {
        throw .invalid(names[0], reason: "it is of \(mapping.count) channels, and channels is \(channels)")
      }
      return try OpusStreams(mapping: mapping, count: Int(count), coupled: Int(coupled))
    } catch {
      switch error {
      case .missing(let name): throw .field(parameters.name(name), "is required")
      case .invalid(let name, let reason): throw .field(parameters.name(name), reason)
      }
    }
  }
}
