import Ground

/// Dates as HTTP writes them (RFC 9110 §5.6.7).
enum HTTPDate {
  /// As in `Sun, 06 Nov 1994 08:49:37 GMT`.
  static func text(_ time: WallTime) -> String {
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    // 1970-01-01 was a Thursday; files are not older.
    let seconds = max(0, time.nanosecondsSinceEpoch / 1_000_000_000)
    let parts = Array(WallTime(nanosecondsSinceEpoch: seconds * 1_000_000_000).rfc3339.utf8)
    func piece(_ range: Range<Int>) -> String { String(decoding: parts[range], as: UTF8.self) }
    let month = months[(Int(piece(5..<7)) ?? 1) - 1]
    return "\(days[Int(seconds / 86_400 % 7)]), \(piece(8..<10)) \(month) \(piece(0..<4)) \(piece(11..<19)) GMT"
  }
}
