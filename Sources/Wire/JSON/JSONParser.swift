/// Why a text is no JSON: a line for people, and where.
public struct JSONSyntaxError: Error, Sendable, Equatable {
  /// Begins with the place, as in `line 3, column 14: a comma or } is needed here`. Never quotes the text, which may hold secrets.
  public var message: String
  /// Counted from 1.
  public var line: Int
  /// In characters (Unicode scalars), counted from 1.
  public var column: Int
}

extension JSONValue {
  /// How many arrays and objects may lie inside one another; deeper text is refused, so that no text can exhaust a thread's stack.
  public static let depthLimit = 128

  /// Reads JSON (RFC 8259), or JSON5 where asked.
  ///
  /// The text must be UTF-8; a byte order mark before it is skipped. Objects keep the order of their fields, and a name given twice in one
  /// object is refused, since one of the two would be lost. A whole number outside 64 bits is read as floating point.
  public init(parsing text: [UInt8], json5: Bool = false) throws(JSONSyntaxError) {
    // Everything after this check may cut the text at ASCII characters and trust the pieces.
    if let bad = JSONScanner.firstInvalidUTF8(text) { throw JSONScanner.error(at: bad, in: text, "the text is not UTF-8 here") }
    var scanner = JSONScanner(text: text, json5: json5)
    if text.starts(with: [0xef, 0xbb, 0xbf]) { scanner.at = 3 }
    try scanner.skipSpace()
    if scanner.peek == nil { throw scanner.error("a JSON value is needed, but the text is empty") }
    self = try scanner.value(depth: 0)
    try scanner.skipSpace()
    if scanner.peek != nil { throw scanner.error("nothing may follow the value") }
  }
}

/// A cursor over JSON text that is known to be UTF-8.
struct JSONScanner {
  let text: [UInt8]
  let json5: Bool
  /// The offset of the next byte.
  var at = 0

  init(text: [UInt8], json5: Bool) {
    self.text = text
    self.json5 = json5
  }

  var peek: UInt8? { at < text.count ? text[at] : nil }

  func error(_ problem: String) -> JSONSyntaxError { JSONScanner.error(at: at, in: text, problem) }

  static func error(at offset: Int, in text: [UInt8], _ problem: String) -> JSONSyntaxError {
    var line = 1
    var column = 1
    for b in text.prefix(offset) {
      if b == 10 {
        line += 1
        column = 1
      } else if b & 0xc0 != 0x80 {
        column += 1
      }
    }
    return JSONSyntaxError(message: "line \(line), column \(column): \(problem)", line: line, column: column)
  }

  /// The offset of the first byte that is no UTF-8, or nil.
  static func firstInvalidUTF8(_ text: [UInt8]) -> Int? {
    if String(validating: text, as: UTF8.self) != nil { return nil }
    // Only a broken text pays for the search.
    var decoder = UTF8()
    var bytes = text.makeIterator()
    var offset = 0
    while case .scalarValue(let scalar) = decoder.decode(&bytes) { offset += UTF8.width(scalar) }
    return offset
  }

  mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    switch peek {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "'") where json5: return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case .some(let b) where b == UInt8(ascii: "-") || (b >= 48 && b <= 57): return try number()
    case UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "I"), UInt8(ascii: "N"):
      if json5 { return try number() }
    default: break
    }
    throw error(peek == nil ? "a value is needed, but the text ends" : "a value is needed here")
  }

  mutating func word(_ name: String, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue {
    guard text[at...].starts(with: name.utf8), !isNamePart(at + name.utf8.count) else { throw error("a value is needed here") }
    at += name.utf8.count
    return value
  }

  /// Whether a name could go on at `offset`: with a letter, a digit, `_`, `$`, or anything outside ASCII that is no space.
  func isNamePart(_ offset: Int) -> Bool {
    guard offset < text.count else { return false }
    let b = text[offset]
    if b >= 0x80 { return JSONScanner.unicodeSpaceLength(text[offset...]) == 0 }
    return (b >= 48 && b <= 57) || (b >= 65 && b <= 90) || (b >= 97 && b <= 122) || b == 95 || b == 36
  }

  private mutating func array(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    try enter(depth)
    var items: [JSONValue] = []
    try skipSpace()
    while peek != UInt8(ascii: "]") {
      items.append(try value(depth: depth + 1))
      try skipSpace()
      guard try comma(orEnd: UInt8(ascii: "]")) else { break }
    }
    at += 1
    return .array(items)
  }

  private mutating func object(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    try enter(depth)
    var fields: [JSONField] = []
    var names: Set<String> = []
    try skipSpace()
    while peek != UInt8(ascii: "}") {
      let start = at
      let name = try fieldName()
      guard names.insert(name).inserted else {
        throw JSONScanner.error(at: start, in: text, "this name is given twice in one object")
      }
      try skipSpace()
      guard peek == UInt8(ascii: ":") else { throw error("a colon is needed after the name") }
      at += 1
      try skipSpace()
      fields.append(JSONField(name, try value(depth: depth + 1)))
      try skipSpace()
      guard try comma(orEnd: UInt8(ascii: "}")) else { break }
    }
    at += 1
    return .object(fields)
  }

  private mutating func enter(_ depth: Int) throws(JSONSyntaxError) {
    if depth >= JSONValue.depthLimit { throw error("nested deeper than \(JSONValue.depthLimit)") }
    at += 1
  }

  /// Passes a comma and the space after it (true), or stops before the closing bracket (false).
  private mutating func comma(orEnd end: UInt8) throws(JSONSyntaxError) -> Bool {
    if peek == end { return false }
    guard peek == UInt8(ascii: ",") else {
      let close = Character(Unicode.Scalar(end))
      throw error(peek == nil ? "the text ends before its \(close)" : "a comma or \(close) is needed here")
    }
    at += 1
    try skipSpace()
    if peek == end, !json5 { throw error("a value is needed after the comma") }
    return true
  }

  private mutating func fieldName() throws(JSONSyntaxError) -> String {
    switch peek {
    case UInt8(ascii: "\""): return try string()
    case UInt8(ascii: "'") where json5: return try string()
    case .some(let b) where json5 && isNamePart(at) && !(b >= 48 && b <= 57):
      let start = at
      while isNamePart(at) { at += 1 }
      return String(decoding: text[start..<at], as: UTF8.self)
    case nil: throw error("the text ends before its }")
    default: throw error("a name in double quotes is needed here")
    }
  }

  /// Passes white space, and in JSON5 comments too.
  mutating func skipSpace() throws(JSONSyntaxError) {
    while let b = peek {
      switch b {
      case 32, 9, 10, 13: at += 1
      case 11 where json5, 12 where json5: at += 1
      case UInt8(ascii: "/") where json5: try skipComment()
      case 0xc2...0xef where json5:
        let length = JSONScanner.unicodeSpaceLength(text[at...])
        if length == 0 { return }
        at += length
      default: return
      }
    }
  }

  private mutating func skipComment() throws(JSONSyntaxError) {
    let start = at
    switch at + 1 < text.count ? text[at + 1] : 0 {
    case UInt8(ascii: "/"):
      while let b = peek, b != 10, b != 13 { at += 1 }
    case UInt8(ascii: "*"):
      at += 2
      while at + 1 < text.count, !(text[at] == UInt8(ascii: "*") && text[at + 1] == UInt8(ascii: "/")) { at += 1 }
      guard at + 1 < text.count else { throw JSONScanner.error(at: start, in: text, "this comment does not end") }
      at += 2
    default: throw error("a value is needed here")
    }
  }

  /// The bytes of a Unicode space or line separator at the start of `rest`; 0 where there is none.
  private static func unicodeSpaceLength(_ rest: ArraySlice<UInt8>) -> Int {
    var decoder = UTF8()
    var bytes = rest.prefix(3).makeIterator()
    guard case .scalarValue(let scalar) = decoder.decode(&bytes) else { return 0 }
    let space = scalar.properties.generalCategory == .spaceSeparator || [0xfeff, 0x2028, 0x2029].contains(scalar.value)
    return space ? UTF8.width(scalar) : 0
  }
}
