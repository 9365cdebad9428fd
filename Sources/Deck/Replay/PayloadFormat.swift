package import Codecs
package import Ground
import SDP

/// What a payload type means in a capture.
package struct PayloadFormat: Sendable, Hashable, CustomStringConvertible {
  /// The name in SDP: `opus`, `VP8`, `rtx` … Compared without case.
  package var encoding: String
  package var clockRate: ClockRate
  /// Audio only, where told.
  package var channels: Int?
  /// `multiopus` only, where told.
  package var streams: OpusStreams?
  /// For `rtx`: the payload type of the packets that it repeats (RFC 4588 §8.6).
  package var repaired: PayloadType?

  package init(encoding: String, clockRate: ClockRate, channels: Int? = nil, repaired: PayloadType? = nil) {
    self.encoding = encoding
    self.clockRate = clockRate
    self.channels = channels
    self.repaired = repaired
  }

  /// Reads `opus/48000/2`, `VP8/90000` or `rtx/96` (the last for the payload type 96); nil for anything else.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard (2...3).contains(parts.count), !parts[0].isEmpty, let number = UInt32(parts[1]), number > 0 else { return nil }
    if parts[0].lowercased() == "rtx", number < 128 {
      self.init(encoding: "rtx", clockRate: ClockRate(90_000), repaired: PayloadType(UInt8(number)))
      return
    }
    var channels: Int?
    if parts.count == 3 {
      guard let count = UInt8(parts[2]), count > 0 else { return nil }
      channels = Int(count)
    }
    self.init(encoding: String(parts[0]), clockRate: ClockRate(number), channels: channels)
  }

  /// `parameters`: those of its `a=fmtp`.
  init(_ map: RTPMap, parameters: String? = nil, repaired: PayloadType? = nil) {
    self.init(encoding: map.encoding, clockRate: ClockRate(map.clockRate), channels: map.channels, repaired: repaired)
    if codec == .multiopus { streams = try? OpusStreams(parameters: parameters ?? "", channels: map.channels ?? 1) }
  }

  init(_ codec: Codec, channels: Int? = nil) {
    self.init(encoding: codec.rawValue, clockRate: codec.clockRate, channels: channels)
  }

  init(_ sound: SoundFormat) {
    self.init(encoding: sound.codec.rawValue, clockRate: sound.clockRate, channels: sound.channels > 1 ? sound.channels : nil)
    streams = sound.streams
  }

  /// The codec, where it is one that goes on tape from the wire.
  package var codec: Codec? {
    guard let codec = Codec(name: encoding) else { return nil }
    return codec.clockRates.contains(clockRate.hertz) ? codec : nil
  }
  /// How its sound lies in its packets; nil for anything else than sound that goes on tape.
  package var sound: SoundFormat? {
    guard let codec, codec.kind == .audio else { return nil }
    let count = codec == .opus ? 2 : channels ?? (codec == .multiopus ? 6 : 1)
    guard codec.channelCounts.contains(count) else { return nil }
    return SoundFormat(codec: codec, clockRate: clockRate, channels: codec == .opus ? channels ?? 2 : count, streams: streams)
  }
  /// Of what is not recorded only the clock tells: all pictures run at 90 kHz, and no sound does.
  package var isVideo: Bool { codec.map { $0.kind == .video } ?? (clockRate.hertz == 90_000) }
  package var isRetransmission: Bool { encoding.lowercased() == "rtx" }
  /// Redundancy around payloads of another type (RFC 2198).
  package var isWrapping: Bool { encoding.lowercased() == "red" }

  package var description: String {
    if let repaired { return "\(encoding)/\(repaired)" }
    return "\(encoding)/\(clockRate.hertz)" + (channels.map { "/\($0)" } ?? "")
  }
}
