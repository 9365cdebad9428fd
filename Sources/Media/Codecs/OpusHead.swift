/// The identification header that containers carry for Opus (RFC 7845 §5.1).
package enum OpusHead {
  /// What an Opus encoder adds before the first sample: 6.5 ms at 48 kHz (RFC 7845 §4.2).
  package static let preSkipSamples: UInt16 = 312

  /// For one or two channels:
  ///
  ///     "OpusHead" | version = 1 | channels | pre-skip (LE 16) | input rate (LE 32) | gain (LE 16) = 0 | mapping family = 0
  package static func bytes(channels: UInt8) -> [UInt8] { head(channels: channels, preSkip: preSkipSamples, family: 0) }

  /// For several streams: the same with mapping family 1, then streams | coupled streams | a decoded channel for each channel (§5.1.1).
  package static func bytes(_ streams: OpusStreams, preSkip: UInt16 = preSkipSamples) -> [UInt8] {
    head(channels: UInt8(streams.channels), preSkip: preSkip, family: 1) + [UInt8(streams.count), UInt8(streams.coupled)] + streams.mapping
  }

  /// What such a header says of several streams; nil where it is of one, or none that can be read.
  package static func streams(in bytes: [UInt8]) -> OpusStreams? {
    guard bytes.count >= 21, bytes.starts(with: "OpusHead".utf8), bytes[18] == 1, bytes.count >= 21 + Int(bytes[9]) else { return nil }
    return try? OpusStreams(mapping: Array(bytes[21..<21 + Int(bytes[9])]), count: Int(bytes[19]), coupled: Int(bytes[20]))
  }

  private static func head(channels: UInt8, preSkip: UInt16, family: UInt8) -> [UInt8] {
    Array("OpusHead".utf8) + [
      1, channels, UInt8(truncatingIfNeeded: preSkip), UInt8(truncatingIfNeeded: preSkip >> 8), 0x80, 0xBB, 0, 0, 0, 0, family,
    ]
  }
}
