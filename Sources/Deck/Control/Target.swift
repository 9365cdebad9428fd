/// What a request's first line asks for: a path and a query, still to be decoded part by part.
struct Target: Sendable {
  /// The path as it was sent, without the query.
  let path: String
  private let query: Substring?

  /// Takes the origin form (`/v1/node?x=y`) and the absolute form (`http://host/v1/node`), which every server must accept (RFC 9112
  /// §3.2.2).
  init(_ text: String) {
    var rest = text[...]
    if let scheme = ["http://", "https://"].first(where: { rest.lowercased().hasPrefix($0) }) {
      rest = rest.dropFirst(scheme.count)
      rest = rest.firstIndex(of: "/").map { rest[$0...] } ?? "/"
    }
    let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    path = String(parts.first ?? "")
    query = parts.count > 1 ? parts[1] : nil
  }

  /// The decoded parts between the slashes; nil where the path does not begin with a slash or an escape is malformed.
  var segments: [String]? {
    guard path.utf8.first == UInt8(ascii: "/") else { return nil }
    var out: [String] = []
    for part in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      guard let decoded = Target.decode(part, plusIsSpace: false) else { return nil }
      out.append(decoded)
    }
    return out
  }

  /// The query's names and values in their order; nil where an escape is malformed. A name without `=` has an empty value.
  var parameters: [(name: String, value: String)]? {
    guard let query else { return [] }
    var out: [(name: String, value: String)] = []
    for pair in query.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = Target.decode(parts[0], plusIsSpace: true),
        let value = parts.count > 1 ? Target.decode(parts[1], plusIsSpace: true) : ""
      else { return nil }
      out.append((name, value))
    }
    return out
  }

  /// Undoes percent-encoding (RFC 3986 §2.1); nil for a broken escape, for what is not UTF-8, and for a NUL, which no path or word has.
  static func decode(_ text: Substring, plusIsSpace: Bool) -> String? {
    var out: [UInt8] = []
    var bytes = text.utf8.makeIterator()
    while let b = bytes.next() {
      switch b {
      case UInt8(ascii: "%"):
        guard let high = bytes.next().flatMap(hexDigit), let low = bytes.next().flatMap(hexDigit) else { return nil }
        out.append(high << 4 | low)
      case UInt8(ascii: "+") where plusIsSpace: out.append(32)
      default: out.append(b)
      }
    }
    return out.contains(0) ? nil : String(validating: out, as: UTF8.self)
  }

  /// One part of a path, percent-encoded but for RFC 3986's unreserved characters.
  static func encode(_ text: String) -> String {
    let hex = Array("0123456789ABCDEF".utf8)
    var out: [UInt8] = []
    for b in text.utf8 {
      switch b {
      case 48...57, 65...90, 97...122, 45, 46, 95, 126: out.append(b)
      default: out += [37, hex[Int(b >> 4)], hex[Int(b & 15)]]
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  private static func hexDigit(_ b: UInt8) -> UInt8? {
    switch b {
    case 48...57: b - 48
    case 65...70: b - 55
    case 97...102: b - 87
    default: nil
    }
  }
}
