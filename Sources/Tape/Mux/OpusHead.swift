/// The identification header that containers carry for Opus (RFC 7845 §5.1).
enum OpusHead {
  /// What an Opus encoder adds before the first sample: 6.5 ms at 48 kHz (RFC 7845 §4.2).
  static let preSkipSamples: UInt16 = 312

  /// For one or two channels:
  ///
  ///     "OpusHead" | version = 1 | channels | pre-skip (LE 16) | input rate (LE 32) | gain (LE 16) = 0 | mapping family = 0
  static func bytes(channels: UInt8) -> [UInt8] {
    Array("OpusHead".utf8) + [
      1, channels, UInt8(truncatingIfNeeded: preSkipSamples), UInt8(truncatingIfNeeded: preSkipSamples >> 8),
      0x80, 0xBB, 0, 0, 0, 0, 0,
    ]
  }
}
