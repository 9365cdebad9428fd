import RTCP
import Seeded
import Testing

/// NTP's fixed point and nanoseconds (RFC 3550 §4, RFC 5905 §6).
@Suite struct NTPTimestampTests {
  /// From 1900 to 1970: 70 years, 17 of them leap years.
  static let unixEpoch: UInt64 = (70 * 365 + 17) * 86_400

  @Test(
    arguments: [
      (0, 0), (1 << 32, 1_000_000_000), (1 << 31, 500_000_000), (0x4000_0000, 250_000_000), (1, 0), (5, 1),
      (unixEpoch << 32, 2_208_988_800_000_000_000),
      // The last moment of the first era, 2036-02-07 06:28:15.999999999.
      (.max, 4_294_967_295_999_999_999),
    ] as [(UInt64, Int64)]) func toNanoseconds(_ value: UInt64, _ nanoseconds: Int64)
  {
    #expect(NTPTimestamp(value).nanoseconds == nanoseconds)
  }

  @Test(
    arguments: [
      (0, 0), (1_000_000_000, 1 << 32), (500_000_000, 1 << 31), (1, 4), (2_208_988_800_000_000_000, unixEpoch << 32),
      // A time before 1900, and the second era: its first second, its first half second, and the end of what is representable.
      (-1, 0), (.min, 0), (4_294_967_296_000_000_000, 0), (4_294_967_297_500_000_000, 1 << 32 | 1 << 31),
      (.max, (9_223_372_036 - 2 * 4_294_967_296) << 32 | (854_775_807 << 32) / 1_000_000_000),
    ] as [(Int64, UInt64)]) func fromNanoseconds(_ nanoseconds: Int64, _ value: UInt64)
  {
    #expect(NTPTimestamp(nanoseconds: nanoseconds).value == value)
  }

  /// There and back loses at most the nanosecond that rounding down takes, and never goes forwards.
  @Test func thereAndBack() {
    var random = SeededGenerator(5905)
    for _ in 0..<10_000 {
      let nanoseconds = Int64(random.next() % 4_294_967_296_000_000_000)
      let back = NTPTimestamp(nanoseconds: nanoseconds).nanoseconds
      #expect(back == nanoseconds || back == nanoseconds - 1)
      let value = random.next()
      let again = NTPTimestamp(nanoseconds: NTPTimestamp(value).nanoseconds).value
      #expect(again <= value && value - again <= 5)
    }
  }

  @Test func theMiddleIsSecondsAndFractionsInHalves() {
    #expect(NTPTimestamp(0x1122_3344_5566_7788).middle == 0x3344_5566)
    // The unit of DLSR: one second is 65536, also where the seconds' lower half wraps.
    #expect(NTPTimestamp(0x0001_0000_0000_0000).middle &- NTPTimestamp(0x0000_ffff_0000_0000).middle == 65_536)
  }
}
