// Strings and numbers: the parts of the grammar that have no parts of their own.
extension JSONScanner {
  /// Reads a string from its opening quote to behind its closing one.
  mutating func string() throws(JSONSyntaxError) -> String {
    let quote = text[at]
    let opening = at
    at += 1
    var out: [UInt8] = []
    var run = at
    while let b = peek {
      switch b {
      case quote:
        defer { at += 1 }
        // Most strings have no escape and are cut out of the text as they are.
        if out.isEmpty { return String(decoding: text[run..<at], as: UTF8.self) }
        out.append(contentsOf: text[run..<at])
        return String(decoding: out, as: UTF8.self)
      case UInt8(ascii: "\\"):
        out.append(contentsOf: text[run..<at])
        at += 1
        try escape(into: &out)
        run = at
      case 0..<32 where !json5 || b == 10 || b == 13:
        throw error("a control character in a string is written as an escape")
      default: at += 1
      }
    }
    throw JSONScanner.error(at: opening, in: text, "this string does not end")
  }

  /// Reads what follows a backslash.
  private mutating func escape(into out: inout [UInt8]) throws(JSONSyntaxError) {
    guard let b = peek else { return }
    let start = at - 1
    at += 1
    switch b {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(b)
    case UInt8(ascii: "b"): out.append(8)
    case UInt8(ascii: "f"): out.append(12)
    case UInt8(ascii: "n"): out.append(10)
    case UInt8(ascii: "r"): out.append(13)
    case UInt8(ascii: "t"): out.append(9)
    case UInt8(ascii: "u"): out.append(contentsOf: Array(String(try escapedScalar(from: start)).utf8))
    default:
      guard json5 else { throw JSONScanner.error(at: start, in: text, "JSON has no such escape") }
      try escape5(b, from: start, into: &out)
    }
  }

  /// The escapes that only JSON5 has: `\'`, `\v`, `\0`, `\xHH`, a line that continues, and any other character as itself.
  private mutating func escape5(_ b: UInt8, from start: Int, into out: inout [UInt8]) throws(JSONSyntaxError) {
    switch b {
    case UInt8(ascii: "v"): out.append(11)
    case UInt8(ascii: "0"): out.append(0)
    case UInt8(ascii: "x"):
      let value = try hex(2, from: start)
      out.append(contentsOf: String(Unicode.Scalar(UInt8(value))).utf8)
    case 10: break
    case 13: if peek == 10 { at += 1 }
    case UInt8(ascii: "1")...UInt8(ascii: "9"): throw JSONScanner.error(at: start, in: text, "JSON5 has no such escape")
    default:
      if b == 0xe2, at + 1 < text.count, text[at] == 0x80, text[at + 1] == 0xa8 || text[at + 1] == 0xa9 {
        at += 2
      } else {
        out.append(b)
      }
    }
  }

  /// The scalar after `\u`, or after two of them that are a surrogate pair.
  private mutating func escapedScalar(from start: Int) throws(JSONSyntaxError) -> Unicode.Scalar {
    let first = try hex(4, from: start)
    if let scalar = Unicode.Scalar(first) { return scalar }
    if first < 0xdc00, at + 1 < text.count, text[at] == UInt8(ascii: "\\"), text[at + 1] == UInt8(ascii: "u") {
      at += 2
      let second = try hex(4, from: start)
      if (0xdc00..<0xe000).contains(second), let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00)) {
        return scalar
      }
    }
    throw JSONScanner.error(at: start, in: text, "half a surrogate pair is no character")
  }

  private mutating func hex(_ digits: Int, from start: Int) throws(JSONSyntaxError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<digits {
      guard let b = peek, let digit = JSONScanner.hexDigit(b) else {
        throw JSONScanner.error(at: start, in: text, "this escape needs \(digits) hexadecimal digits")
      }
      value = value << 4 | digit
      at += 1
    }
    return value
  }

  private static func hexDigit(_ b: UInt8) -> UInt32? {
    switch b {
    case 48...57: UInt32(b - 48)
    case 65...70: UInt32(b - 55)
    case 97...102: UInt32(b - 87)
    default: nil
    }
  }

  /// Reads a number: whole ones that fit as 64-bit integers, all others as floating point.
  mutating func number() throws(JSONSyntaxError) -> JSONValue {
    let start = at
    var negative = false
    if peek == UInt8(ascii: "-") || (json5 && peek == UInt8(ascii: "+")) {
      negative = peek == UInt8(ascii: "-")
      at += 1
    }
    if json5, let special = try special5(negative: negative, from: start) { return special }
    let digits = at
    let whole = passDigits()
    if whole == 0, !json5 { throw JSONScanner.error(at: start, in: text, "a digit is needed after the sign") }
    if whole > 1, text[digits] == UInt8(ascii: "0") {
      throw JSONScanner.error(at: start, in: text, "a number has no leading zero")
    }
    var isWhole = true
    if peek == UInt8(ascii: ".") {
      isWhole = false
      at += 1
      if passDigits() == 0, !json5 || whole == 0 { throw error("a digit is needed after the point") }
    } else if whole == 0 {
      throw JSONScanner.error(at: start, in: text, "a value is needed here")
    }
    if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
      isWhole = false
      at += 1
      if peek == UInt8(ascii: "-") || peek == UInt8(ascii: "+") { at += 1 }
      if passDigits() == 0 { throw error("a digit is needed in the exponent") }
    }
    if isNamePart(at) || peek == UInt8(ascii: ".") {
      throw JSONScanner.error(at: start, in: text, "this is no number")
    }
    let literal = String(decoding: text[start..<at], as: UTF8.self)
    if isWhole, let integer = Int64(literal) { return .integer(integer) }
    guard let number = Double(literal), number.isFinite else {
      throw JSONScanner.error(at: start, in: text, "this number is too large")
    }
    return .number(number)
  }

  private mutating func passDigits() -> Int {
    let start = at
    while let b = peek, b >= 48, b <= 57 { at += 1 }
    return at - start
  }

  /// `Infinity`, `NaN` and hexadecimal, which only JSON5 has.
  private mutating func special5(negative: Bool, from start: Int) throws(JSONSyntaxError) -> JSONValue? {
    switch peek {
    case UInt8(ascii: "I"): return try word("Infinity", .number(negative ? -.infinity : .infinity))
    case UInt8(ascii: "N"): return try word("NaN", .number(.nan))
    default: break
    }
    guard peek == UInt8(ascii: "0"), at + 1 < text.count, text[at + 1] | 0x20 == UInt8(ascii: "x") else { return nil }
    at += 2
    let digits = at
    while isNamePart(at) { at += 1 }
    guard let magnitude = Int64(String(decoding: text[digits..<at], as: UTF8.self), radix: 16) else {
      throw JSONScanner.error(at: start, in: text, "this is no 64-bit hexadecimal number")
    }
    return .integer(negative ? -magnitude : magnitude)
  }
}
