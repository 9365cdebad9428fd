/// Numbers for people. Foundation's formatting is not linked for this.
enum Decimal {
  /// The number with exactly so many places, rounded half away from zero; `-` for what is not finite or beyond 18 digits.
  static func fixed(_ value: Double, _ places: Int) -> String {
    var scale: Int64 = 1
    for _ in 0..<places { scale *= 10 }
    let scaled = (value * Double(scale)).rounded()
    guard scaled.isFinite, abs(scaled) < 9e18 else { return "-" }
    let n = Int64(scaled)
    let sign = n < 0 ? "-" : ""
    if places == 0 { return sign + String(n.magnitude) }
    let fraction = String(n.magnitude % scale.magnitude)
    return sign + String(n.magnitude / scale.magnitude) + "." + String(repeating: "0", count: places - fraction.count) + fraction
  }

  /// The shortest text: whole numbers without a point.
  static func text(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : "\(value)"
  }

  /// Three significant digits, without a point where they need none: `1.23`, `45.6`, `789`, `2`.
  static func significant(_ value: Double) -> String {
    let places = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
    var text = fixed(value, places)
    while places > 0, text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
  }

  /// The number in the largest unit of which it is at least one.
  static func scaled(_ value: Double, units: [String]) -> String {
    var value = max(0, value)
    var unit = 0
    // What would round up to 1000 of a unit is 1 of the next.
    while value >= 999.5, unit + 1 < units.count {
      value /= 1_000
      unit += 1
    }
    return significant(value) + units[unit]
  }
}

/// Amounts as tables and progress lines show them.
package enum Quantity {
  /// Bytes in decimal units, as Docker writes them: `512B`, `13.3kB`, `1.24MB`.
  package static func bytes(_ count: Int64) -> String {
    Decimal.scaled(Double(count), units: ["B", "kB", "MB", "GB", "TB", "PB"])
  }

  /// Bits per second: `32.1kb/s`, `2.05Mb/s`.
  package static func bitrate(_ bitsPerSecond: Double) -> String {
    Decimal.scaled(bitsPerSecond.rounded(), units: ["b/s", "kb/s", "Mb/s", "Gb/s"])
  }

  /// `h:mm:ss`, cut off to whole seconds.
  package static func duration(_ seconds: Double) -> String {
    let s = seconds.isFinite ? Int64(min(max(0, seconds), 1e12)) : 0
    func two(_ n: Int64) -> String { n < 10 ? "0\(n)" : "\(n)" }
    return "\(s / 3_600):\(two(s / 60 % 60)):\(two(s % 60))"
  }

  /// A share as a percentage: two places below 10 %, else one; `0%` only where there is none at all.
  package static func percent(_ part: Int64, of whole: Int64) -> String {
    guard whole > 0, part > 0 else { return "0%" }
    let share = Double(part) / Double(whole) * 100
    if share < 0.005 { return "<0.01%" }
    return Decimal.fixed(share, share < 10 ? 2 : 1) + "%"
  }
}
