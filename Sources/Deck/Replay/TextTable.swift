/// Rows in aligned columns, two spaces apart: the first row is the heading, numbers stand to the right.
struct TextTable {
  private var rows: [[String]]

  init(heading: [String]) { rows = [heading] }

  mutating func add(_ row: [String]) { rows.append(row) }

  /// The lines, without spaces at their ends.
  var lines: [String] {
    let columns = rows[0].count
    let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
    let isNumeric = (0..<columns).map { column in
      rows.dropFirst().allSatisfy { $0[column].isEmpty || $0[column] == "-" || $0[column].first?.isNumber == true }
    }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        line += (column == 0 ? "" : "  ") + (isNumeric[column] ? space + cell : cell + space)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}

/// Text from a capture as a terminal may be shown it.
enum HarmlessText {
  /// The text with control characters written out: a capture holds whatever its senders wrote.
  static func of(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
        out += "\\u{\(String(scalar.value, radix: 16))}"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}

/// Numbers as people read them, without a locale.
enum NumberText {
  /// With `digits` digits after the point, rounded half away from zero.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite, value.magnitude < 1e15 else { return "-" }
    var scale: Int64 = 1
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int64((value * Double(scale)).rounded())
    let whole = (scaled / scale).magnitude
    let sign = scaled < 0 ? "-" : ""
    if digits == 0 { return sign + "\(whole)" }
    let rest = String((scaled % scale).magnitude)
    return sign + "\(whole)." + String(repeating: "0", count: digits - rest.count) + rest
  }

  /// `1 frame`, `2 frames`.
  static func count(_ n: Int, _ noun: String) -> String { "\(n) \(noun)\(n == 1 ? "" : "s")" }

  /// With a sign, always.
  static func signed(_ value: Double, _ digits: Int) -> String {
    let text = fixed(value, digits)
    return text.hasPrefix("-") ? text : "+" + text
  }
}
