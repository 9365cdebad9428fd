package import Ground

extension ValueKind {
  /// Why `text` is none of this kind, as the rest of a sentence that begins with the text; nil where it is fine.
  func objection(to text: String) -> String? {
    switch self {
    case .text, .file, .directory, .recording, .command:
      return text.isEmpty ? "is empty" : nil
    case .integer(let range):
      if let n = Int(text), range.contains(n) { return nil }
      return "is not a whole number (\(range.lowerBound) to \(range.upperBound))"
    case .number(let range):
      if let n = Double(text), range.contains(n) { return nil }
      return "is not a number (\(Decimal.text(range.lowerBound)) to \(Decimal.text(range.upperBound)))"
    case .choice(let choices):
      if choices.contains(text) { return nil }
      return "is not one of \(choices.joined(separator: ", "))" + Suggestion.hint(for: text, among: choices)
    case .duration:
      return ValueKind.seconds(text) == nil ? "is not a duration (such as 90, 90s, 5m, 1h30m or 1:30:00)" : nil
    case .bytes:
      return ValueKind.bytes(text) == nil ? "is not a size (such as 500000, 500MB or 2GiB)" : nil
    case .portRange:
      return ValueKind.portRange(text) == nil ? "is not a port range (FIRST-LAST, each 1 to 65535)" : nil
    case .ports:
      return ValueKind.ports(text) == nil ? "is not a port or a port range (PORT or FIRST-LAST, each 1 to 65535)" : nil
    case .ip:
      return SocketAddress(ip: text, port: 0) == nil ? "is not an IPv4 or IPv6 address" : nil
    case .endpoint:
      return ValueKind.endpoint(text) == nil ? "is not an address and port (such as 192.0.2.1:5004 or [2001:db8::1]:5004)" : nil
    }
  }

  /// The seconds that a duration's text says; nil for anything else, and for a negative or endless one.
  static func seconds(_ text: String) -> Double? {
    if text.contains(":") {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count <= 3 else { return nil }
      var total = 0.0
      for (i, part) in parts.enumerated() {
        guard let n = plainNumber(part), i == 0 || n < 60 else { return nil }
        total = total * 60 + n
      }
      return total
    }
    if let n = plainNumber(text[...]) { return n }
    var rest = text[...]
    var total = 0.0
    for (unit, seconds) in [("d", 86_400.0), ("h", 3_600.0), ("m", 60.0), ("s", 1.0)] {
      guard let end = rest.firstIndex(where: { String($0) == unit }) else { continue }
      guard let n = plainNumber(rest[..<end]) else { return nil }
      total += n * seconds
      rest = rest[rest.index(after: end)...]
    }
    return rest.isEmpty && !text.isEmpty ? total : nil
  }

  /// The bytes that a size's text says: decimal units as in `2GB`, binary ones as in `2GiB`.
  static func bytes(_ text: String) -> Int64? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let n = plainNumber(digits) else { return nil }
    let factors: [String: Double] = [
      "": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "t": 1e12, "tb": 1e12, "kib": 1_024,
      "mib": 1_048_576, "gib": 1_073_741_824, "tib": 1_099_511_627_776,
    ]
    guard let factor = factors[text.dropFirst(digits.count).lowercased()], n * factor < 9e18 else { return nil }
    return Int64(n * factor)
  }

  static func portRange(_ text: String) -> ClosedRange<UInt16>? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let first = UInt16(parts[0]), let last = UInt16(parts[1]), first >= 1, first <= last else { return nil }
    return first...last
  }

  /// One port, or a range of them.
  package static func ports(_ text: String) -> ClosedRange<UInt16>? {
    if let port = UInt16(text), port >= 1 { return port...port }
    return portRange(text)
  }

  /// An address and port as `IP:PORT`, with an IPv6 address in brackets; nil for anything else.
  package static func endpoint(_ text: String) -> SocketAddress? {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else { return nil }
    let host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      let inner = String(host.dropFirst().dropLast())
      return inner.contains(":") ? SocketAddress(ip: inner, port: port) : nil
    }
    return host.contains(":") ? nil : SocketAddress(ip: String(host), port: port)
  }

  /// Digits with at most one point: no sign, exponent, infinity or hexadecimal, which `Double` would take.
  private static func plainNumber(_ text: Substring) -> Double? {
    guard text.contains(where: \.isNumber), text.utf8.allSatisfy({ ($0 >= 48 && $0 <= 57) || $0 == 46 }) else { return nil }
    return Double(text)
  }
}
