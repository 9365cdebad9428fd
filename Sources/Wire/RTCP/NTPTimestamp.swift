/// A 64-bit NTP timestamp: seconds since 1900 in the upper half, fractions in the lower (RFC 3550 §4).
package struct NTPTimestamp: Hashable, Sendable {
  /// As it stands in the packet.
  package var value: UInt64
  /// The timestamp `value`.
  package init(_ value: UInt64) { self.value = value }

  /// The middle 32 bits, which a receiver report echoes (RFC 3550 §6.4.1).
  package var middle: UInt32 { UInt32(truncatingIfNeeded: value >> 16) }

  /// Nanoseconds since the era's 1900 began. Differences of two are exact to a nanosecond; a sender may use any epoch (RFC 3550 §6.4.1).
  package var nanoseconds: Int64 {
    let seconds = value >> 32
    let fraction = value & 0xffff_ffff
    return Int64(seconds) * 1_000_000_000 + Int64((fraction * 1_000_000_000) >> 32)
  }

  /// The timestamp that is `nanoseconds` after 1900, rounded down; a time before 1900 is 1900.
  package init(nanoseconds: Int64) {
    let (seconds, rest) = UInt64(max(0, nanoseconds)).quotientAndRemainder(dividingBy: 1_000_000_000)
    value = seconds << 32 | ((rest << 32) / 1_000_000_000)
  }
}
