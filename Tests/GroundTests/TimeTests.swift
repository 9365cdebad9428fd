import Foundation
import Ground
import Seeded
import Testing

/// The three kinds of time: the machine's clock, lengths, and places on a recording's timeline.
@Suite struct TimeTests {
  private func instant(_ nanoseconds: UInt64) -> Instant { Instant(nanoseconds: nanoseconds) }
  private func span(_ nanoseconds: Int64) -> TimeSpan { TimeSpan(nanoseconds: nanoseconds) }

  @Test func instants() {
    #expect(instant(5) - instant(3) == span(2))
    #expect(instant(3) - instant(5) == span(-2))
    #expect(instant(3) + span(-2) == instant(1))
    #expect(instant(3) - span(-2) == instant(5))
    #expect(instant(3) < instant(4) && !(instant(4) < instant(4)))
    // A clock near its end does not trap, and differences stay right across it.
    #expect(instant(.max) + span(2) == instant(1))
    #expect(instant(1) - instant(.max) == span(2))
  }

  @Test func spans() {
    #expect(TimeSpan.milliseconds(3) == span(3_000_000) && TimeSpan.microseconds(-3) == span(-3000))
    #expect(span(5) + span(-7) == span(-2) && span(5) - span(7) == span(-2) && -span(5) == span(-5) && span(-5) * 3 == span(-15))
    #expect(span(-5).magnitude == span(5) && span(.min).magnitude == span(.max) && TimeSpan.zero == span(0))
    #expect(span(-1) < .zero && .zero < span(1))
    #expect(span(1_500_000).milliseconds == 1.5 && span(-1_500_000_000).seconds == -1.5)
    var sum = span(1)
    sum += span(2)
    sum -= span(5)
    #expect(sum == span(-2))
  }

  @Test(
    arguments: [
      (0, 0), (1.5, 1_500_000_000), (-1.5, -1_500_000_000), (1e-9, 1), (0.6e-9, 1), (-0.6e-9, -1), (0.4e-9, 0),
      (9e9, 9_000_000_000_000_000_000),
      (1e10, .max), (-1e10, .min), (.infinity, .max), (-.infinity, .min), (.nan, .max), (.greatestFiniteMagnitude, .max), (9.2e9, .max),
    ] as [(Double, Int64)]) func secondsAsANumber(_ seconds: Double, _ nanoseconds: Int64)
  {
    #expect(TimeSpan.seconds(seconds) == span(nanoseconds))
  }

  @Test(
    arguments: [
      (0, 0), (499_999, 0), (500_000, 1), (1_499_999, 1), (-499_999, 0), (-500_000, -1), (3_600_000_499_999, 3_600_000),
    ] as [(Int64, Int64)]) func millisecondsOfMedia(_ nanoseconds: Int64, _ milliseconds: Int64)
  {
    #expect(MediaTime(nanoseconds: nanoseconds).milliseconds == milliseconds)
  }

  @Test func placesOnTheTimeline() {
    let second = MediaTime(nanoseconds: 1_000_000_000)
    #expect(second - .zero == .seconds(1) && MediaTime.zero - second == .seconds(-1))
    #expect(
      second + .seconds(0.5) == MediaTime(nanoseconds: 1_500_000_000) && second - .seconds(2) == MediaTime(nanoseconds: -1_000_000_000))
    #expect(.zero < second && second.seconds == 1)
  }

  // MARK: The wall

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (1_795_262_820_250_000_000, "2026-11-21T12:07:00.250Z"), (999_999, "1970-01-01T00:00:00.000Z"),
      (1_000_000, "1970-01-01T00:00:00.001Z"), (-1, "1969-12-31T23:59:59.999Z"), (-1_000_000_000, "1969-12-31T23:59:59.000Z"),
      (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"), (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000Z"),
      (1_709_251_199_999_999_999, "2024-02-29T23:59:59.999Z"), (.max, "2262-04-11T23:47:16.854Z"), (.min, "1677-09-21T00:12:43.145Z"),
    ] as [(Int64, String)]) func printed(_ nanoseconds: Int64, _ text: String)
  {
    #expect(WallTime(nanosecondsSinceEpoch: nanoseconds).rfc3339 == text)
  }

  @Test(
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0), ("1970-01-01T00:00:00.5Z", 500_000_000),
      ("1970-01-01T00:00:00.123456789Z", 123_456_789), ("1970-01-01T00:00:00.1234567899Z", 123_456_789),
      ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000), ("2000-02-29T00:00:00Z", 951_782_400_000_000_000),
      ("1969-12-31T23:59:59.999Z", -1_000_000), ("2262-04-11T23:47:16.854775807Z", .max),
    ] as [(String, Int64)]) func read(_ text: String, _ nanoseconds: Int64)
  {
    #expect(WallTime(rfc3339: text) == WallTime(nanosecondsSinceEpoch: nanoseconds))
  }

  @Test(arguments: [
    "", "Z", "2026-11-21", "2026-11-21T12:07:00", "2026-11-21T12:07:00+01:00", "2026-11-21 12:07:00Z", "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00.5x5Z",
    "+026-01-01T00:00:00Z",
    "2026-1-01T000:00:00Z", "12026-01-01T00:00:00Z", "2262-04-11T23:47:16.854775808Z", "2263-01-01T00:00:00Z", "1600-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z", "\u{662}026-01-01T00:00:00Z", "2026-01-01T00:00:00ZZ", "2026-01-01T00:00:0\0Z",
  ]) func refused(_ text: String) { #expect(WallTime(rfc3339: text) == nil) }

  @Test func wallArithmetic() {
    let epoch = WallTime(nanosecondsSinceEpoch: 0)
    #expect(epoch + .seconds(-1) == WallTime(nanosecondsSinceEpoch: -1_000_000_000))
    #expect(epoch - (epoch + .seconds(2)) == .seconds(-2))
    #expect(epoch + .seconds(-1) < epoch)
  }

  /// Six centuries of random moments, by another calendar.
  @Test func theCalendarAgrees() {
    var random = SeededGenerator(3339)
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(secondsFromGMT: 0)!
    for _ in 0..<5000 {
      let milliseconds = Int64(bitPattern: random.next()) / 1_000_000
      let seconds = Int64((Double(milliseconds) / 1000).rounded(.down))
      let time = WallTime(nanosecondsSinceEpoch: milliseconds * 1_000_000)
      let parts = calendar.dateComponents(
        [.year, .month, .day, .hour, .minute, .second], from: Date(timeIntervalSince1970: Double(seconds)))
      func two(_ n: Int?) -> String { String(String(100 + (n ?? -1)).suffix(2)) }
      let want =
        "\(parts.year ?? 0)-\(two(parts.month))-\(two(parts.day))T\(two(parts.hour)):\(two(parts.minute)):\(two(parts.second))."
        + String(String(1000 + milliseconds - seconds * 1000).suffix(3)) + "Z"
      #expect(time.rfc3339 == want)
      #expect(WallTime(rfc3339: want) == time)
    }
  }
}
