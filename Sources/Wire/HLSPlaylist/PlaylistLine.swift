/// One line of a playlist (RFC 8216 §4.1): a tag with the text after its colon, or a URI. Comments and blank lines make none.
struct PlaylistLine {
  enum Content {
    case tag(name: String, value: String)
    case uri(String)
  }
  var number: Int
  var content: Content

  /// The lines of a playlist after its first. Throws `notAPlaylist`.
  static func lines(of bytes: [UInt8]) throws(PlaylistError) -> [PlaylistLine] {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .notAPlaylist }
    var lines: [PlaylistLine] = []
    // A line ends in LF or CR LF. Cut by bytes, not characters: a combining mark must not hide the end of a line.
    for (index, part) in text.utf8.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
      let line = Substring(part.last == 13 ? part.dropLast() : part)
      if index == 0 {
        guard line == "#EXTM3U" else { throw .notAPlaylist }
      } else if line.utf8.starts(with: "#EXT".utf8) {
        let parts = line.utf8.dropFirst().split(separator: 58, maxSplits: 1, omittingEmptySubsequences: false).map { String(Substring($0)) }
        lines.append(PlaylistLine(number: index + 1, content: .tag(name: parts[0], value: parts.count > 1 ? parts[1] : "")))
      } else if let first = line.utf8.first, first != 35 {
        lines.append(PlaylistLine(number: index + 1, content: .uri(String(line))))
      }
    }
    return lines
  }
}

/// What several tags share in the way of spelling values.
enum PlaylistText {
  /// A URI as it may stand on a line of its own and between quotes: what would end either is percent-encoded.
  static func uri(_ uri: String) -> String {
    var out = ""
    for (index, scalar) in uri.unicodeScalars.enumerated() {
      switch scalar {
      case "\"": out += "%22"
      case "\r": out += "%0D"
      case "\n": out += "%0A"
      case "#" where index == 0: out += "%23"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  /// Thousandths as a decimal number with three places.
  static func decimal(thousandths: Int) -> String {
    let whole = max(0, thousandths)
    let fraction = String(whole % 1_000)
    return String(whole / 1_000) + "." + String(repeating: "0", count: 3 - fraction.utf8.count) + fraction
  }

  /// A decimal-integer or decimal-floating-point (RFC 8216 §4.2) in thousandths, rounded; nil for anything else or for 10^12 and more.
  static func thousandths(_ text: Substring) -> Int? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = integer(parts[0]) else { return nil }
    guard parts.count > 1 else { return whole * 1_000 }
    let digits = Array(parts[1].utf8)
    guard digits.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
    var fraction = 0
    for place in 0..<3 { fraction = fraction * 10 + (place < digits.count ? Int(digits[place] - 48) : 0) }
    if digits.count > 3, digits[3] >= 53 { fraction += 1 }
    return whole * 1_000 + fraction
  }

  /// A decimal-integer below 10^12; nil for anything else.
  static func integer(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.count <= 12, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
    return Int(text)
  }

  /// An attribute list (RFC 8216 §4.2) with quoted strings unquoted; nil where it is not one, or names an attribute twice.
  static func attributes(_ text: String) -> [String: String]? {
    var found: [String: String] = [:]
    var rest = text.utf8[...]
    while !rest.isEmpty {
      guard let equals = rest.firstIndex(of: 61) else { return nil }
      let name = String(Substring(rest[..<equals].drop { $0 == 32 }))
      rest = rest[equals...].dropFirst()
      let value: Substring.UTF8View
      if rest.first == 34 {
        rest = rest.dropFirst()
        guard let quote = rest.firstIndex(of: 34) else { return nil }
        value = rest[..<quote]
        rest = rest[quote...].dropFirst()
        guard rest.isEmpty || rest.first == 44 else { return nil }
      } else {
        value = rest[..<(rest.firstIndex(of: 44) ?? rest.endIndex)]
        rest = rest[value.endIndex...]
      }
      rest = rest.dropFirst()
      guard !name.isEmpty, found.updateValue(String(Substring(value)), forKey: name) == nil else { return nil }
    }
    return found
  }
}
