/// A UTC time, in nanoseconds since 1970. Made from a clock only by the shells.
public struct WallTime: Hashable, Comparable, Sendable {
  /// Negative before 1970. Reaches from 1677 to 2262.
  public var nanosecondsSinceEpoch: Int64

  /// The time `nanosecondsSinceEpoch` after 1970 began.
  @inlinable @inline(always) public init(nanosecondsSinceEpoch: Int64) {
    self.nanosecondsSinceEpoch = nanosecondsSinceEpoch
  }
  @inlinable @inline(always) public static func < (a: WallTime, b: WallTime) -> Bool {
    a.nanosecondsSinceEpoch < b.nanosecondsSinceEpoch
  }
  @inlinable @inline(always) public static func - (a: WallTime, b: WallTime) -> TimeSpan {
    TimeSpan(nanoseconds: a.nanosecondsSinceEpoch &- b.nanosecondsSinceEpoch)
  }
  @inlinable @inline(always) public static func + (a: WallTime, b: TimeSpan) -> WallTime {
    WallTime(nanosecondsSinceEpoch: a.nanosecondsSinceEpoch &+ b.nanoseconds)
  }

  /// RFC 3339 in UTC with milliseconds, as in `2026-11-21T12:07:00.250Z`. Allocates the string.
  public var rfc3339: String {
    let milliseconds = nanosecondsSinceEpoch.flooredDivided(by: 1_000_000)
    let seconds = milliseconds.flooredDivided(by: 1_000)
    let days = seconds.flooredDivided(by: 86_400)
    let (year, month, day) = WallTime.civil(fromDays: days)
    let s = seconds - days * 86_400
    return WallTime.pad(year, 4) + "-" + WallTime.pad(month, 2) + "-" + WallTime.pad(day, 2) + "T"
      + WallTime.pad(s / 3600, 2) + ":" + WallTime.pad(s / 60 % 60, 2) + ":" + WallTime.pad(s % 60, 2) + "."
      + WallTime.pad(milliseconds - seconds * 1_000, 3) + "Z"
  }

  /// Reads what `rfc3339` writes, and any RFC 3339 time that ends in `Z`; nil for anything else, for a day that its month has not, and for
  /// a year out of range. A leap second is the next minute's first.
  public init?(rfc3339 text: String) {
    let b = Array(text.utf8)
    guard b.count >= 20, b[4] == 45, b[7] == 45, b[10] == 84 || b[10] == 116, b[13] == 58, b[16] == 58,
      b.last == 90 || b.last == 122
    else { return nil }
    func number(_ from: Int, _ count: Int) -> Int64? {
      var n: Int64 = 0
      for i in from..<from + count {
        guard b[i] >= 48, b[i] <= 57 else { return nil }
        n = n * 10 + Int64(b[i] - 48)
      }
      return n
    }
    guard let year = number(0, 4), let month = number(5, 2), let day = number(8, 2), let hour = number(11, 2),
      let minute = number(14, 2), let second = number(17, 2),
      (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
    else { return nil }
    var nanoseconds: Int64 = 0
    if b.count > 20 {
      guard b[19] == 46, b.count > 21 else { return nil }
      var scale: Int64 = 100_000_000
      for i in 20..<b.count - 1 {
        guard b[i] >= 48, b[i] <= 57 else { return nil }
        nanoseconds += Int64(b[i] - 48) * scale
        scale /= 10
      }
    }
    let days = WallTime.days(fromCivil: year, month, day)
    guard WallTime.civil(fromDays: days) == (year, month, day) else { return nil }
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second
    let (whole, isTooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, isBeyond) = whole.addingReportingOverflow(nanoseconds)
    guard !isTooLarge, !isBeyond else { return nil }
    nanosecondsSinceEpoch = sum
  }

  private static func pad(_ n: Int64, _ width: Int) -> String {
    let s = String(n)
    return s.utf8.count >= width ? s : String(repeating: "0", count: width - s.utf8.count) + s
  }

  /// The proleptic Gregorian date of a day number, counted in 400-year eras that begin in March so that the leap day comes last.
  static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let z = days + 719_468
    let era = z.flooredDivided(by: 146_097)
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shifted + 2) / 5 + 1
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  static func days(fromCivil year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let y = month <= 2 ? year - 1 : year
    let era = y.flooredDivided(by: 400)
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }
}

extension Int64 {
  /// Division that rounds towards minus infinity, so that times before 1970 fall in the right day.
  @inlinable func flooredDivided(by divisor: Int64) -> Int64 {
    let q = self / divisor
    return (self % divisor != 0 && (self < 0) != (divisor < 0)) ? q - 1 : q
  }
}
