/// The lexical rules that fields and attributes share (RFC 8866 §9).
enum SDPText {
  /// Whether the text is a token: visible ASCII without separators.
  static func isToken(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case 0x21, 0x23...0x27, 0x2a, 0x2b, 0x2d, 0x2e, 0x30...0x39, 0x41...0x5a, 0x5e...0x7e: true
        default: false
        }
      }
  }

  /// A decimal number without sign; nil for anything else or one that does not fit.
  static func number<T: FixedWidthInteger>(_ text: Substring) -> T? {
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
    return T(text)
  }

  /// The text without spaces and tabs at its ends.
  static func trimmed(_ text: Substring) -> String {
    var rest = text
    while let first = rest.utf8.first, first == 32 || first == 9 { rest.removeFirst() }
    while let last = rest.utf8.last, last == 32 || last == 9 { rest.removeLast() }
    return String(rest)
  }
}
