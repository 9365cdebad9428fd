package import Ground

/// How the channels of surround sound lie in several Opus streams that share packets: what `multiopus` is described by, and what the header
/// of mapping family 1 holds (RFC 7845 §5.1.1).
package struct OpusStreams: Sendable, Hashable {
  /// Why a description is none.
  package enum Fault: Error, Sendable, Hashable {
    /// The parameter of that name is not there.
    case missing(String)
    /// The parameter of that name cannot be read, or contradicts another.
    case invalid(String, reason: String)
  }
  /// Containers have the channels in the order of Vorbis, and that ends with eight.
  package static let mostChannels = 8

  /// How many streams a packet holds.
  package let count: Int
  /// How many of them, the first ones, are stereo.
  package let coupled: Int
  /// For each channel, which decoded one it is; 255 for silence.
  package let mapping: [UInt8]
  package var channels: Int { mapping.count }

  /// Throws what contradicts itself.
  package init(mapping: [UInt8], count: Int, coupled: Int) throws(Fault) {
    guard (1...OpusStreams.mostChannels).contains(mapping.count) else {
      throw .invalid(Name.mapping, reason: "\(mapping.count) channels; allowed are 1 to \(OpusStreams.mostChannels)")
    }
    guard (1...OpusStreams.mostChannels).contains(count) else {
      throw .invalid(Name.count, reason: "\(count) streams; allowed are 1 to \(OpusStreams.mostChannels)")
    }
    guard (0...count).contains(coupled) else {
      throw .invalid(Name.coupled, reason: "\(coupled) of \(count) streams cannot be coupled")
    }
    if let wrong = mapping.first(where: { $0 != 255 && Int($0) >= count + coupled }) {
      throw .invalid(
        Name.mapping, reason: "it names channel \(wrong), but \(count) streams, \(coupled) of them coupled, have \(count + coupled)")
    }
    self.mapping = mapping
    self.count = count
    self.coupled = coupled
  }

  /// What a number of channels, 1 to 8, has usually: the pairs coupled, in the order of Vorbis (RFC 7845 §5.1.1.2).
  package init(channels: Int) {
    let usual: [(count: Int, coupled: Int, mapping: [UInt8])] = [
      (1, 0, [0]), (1, 1, [0, 1]), (2, 1, [0, 2, 1]), (2, 2, [0, 1, 2, 3]), (3, 2, [0, 4, 1, 2, 3]), (4, 2, [0, 4, 1, 2, 3, 5]),
      (4, 3, [0, 4, 1, 2, 3, 5, 6]), (5, 3, [0, 6, 1, 2, 3, 4, 5, 7]),
    ]
    (count, coupled, mapping) = usual[min(max(channels, 1), usual.count) - 1]
  }

  /// The parameters' names in SDP and in the API.
  package enum Name {
    package static let mapping = "channel_mapping"
    package static let count = "num_streams"
    package static let coupled = "coupled_streams"
  }

  /// Reads parameters of `a=fmtp`: `channel_mapping=0,4,1,2,3,5;num_streams=4;coupled_streams=2`. Throws the name of what is missing, cannot
  /// be read or does not fit `channels`.
  package init(parameters: String, channels: Int) throws(Fault) {
    var told: [String: String] = [:]
    for part in parameters.split(separator: ";") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2 else { continue }
      told[OpusStreams.trimmed(pair[0]).lowercased()] = OpusStreams.trimmed(pair[1])
    }
    func number(_ name: String) throws(Fault) -> Int {
      guard let text = told[name] else { throw .missing(name) }
      guard let value = UInt8(text) else { throw .invalid(name, reason: "\(text.prefix(20).debugDescription) is no number of streams") }
      return Int(value)
    }
    guard let list = told[Name.mapping] else { throw .missing(Name.mapping) }
    let mapping = try OpusStreams.mapping(list)
    guard mapping.count == channels else {
      throw .invalid(Name.mapping, reason: "it is of \(mapping.count) channels, and there are \(channels)")
    }
    try self.init(mapping: mapping, count: try number(Name.count), coupled: try number(Name.coupled))
  }

  /// Reads `0,4,1,2,3,5`.
  package static func mapping(_ text: String) throws(Fault) -> [UInt8] {
    var mapping: [UInt8] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let channel = UInt8(trimmed(part)) else {
        throw .invalid(Name.mapping, reason: "\(text.prefix(40).debugDescription) is no list of channel numbers with commas between them")
      }
      mapping.append(channel)
    }
    return mapping
  }

  /// As in an `a=fmtp`, in the order in which Chromium has them.
  package var parameters: String {
    "\(Name.mapping)=\(mapping.map(String.init).joined(separator: ","));\(Name.coupled)=\(coupled);\(Name.count)=\(count)"
  }

  private static func trimmed(_ text: Substring) -> String {
    String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}

/// What a packet of several Opus streams says of itself: a packet of each stream, all but the last with their own lengths (RFC 7845 §3,
/// RFC 6716 appendix B).
package struct OpusStreamsPacket: Sendable, Equatable {
  /// The tables of contents, one for each stream, the first ones of the eight.
  package private(set) var contents = SIMD8<UInt8>()
  /// 48 kHz samples in the packet, the same in each stream: at most 5760.
  package private(set) var samples = 0

  /// Takes apart a packet of `streams` streams, 1 to 8. Throws where one of them is broken, or lasts longer than another.
  package init(parsing payload: Span<UInt8>, streams: Int) throws(WireError) {
    var at = 0
    precondition((1...OpusStreams.mostChannels).contains(streams))
    for index in 0..<streams {
      let start = at
      let packet = try OpusPacket(payload, at: &at, isDelimited: index < streams - 1)
      guard index == 0 || packet.samples == samples else { throw .badValue }
      samples = packet.samples
      contents[index] = payload[start]
    }
  }
}
