extension JSONValue {
  /// The value as compact JSON on one line, or indented by two spaces.
  public func text(pretty: Bool = false) -> String {
    var out: [UInt8] = []
    write(into: &out, pretty: pretty, depth: 0)
    return String(decoding: out, as: UTF8.self)
  }
  /// The same as UTF-8 bytes.
  public func bytes(pretty: Bool = false) -> [UInt8] {
    var out: [UInt8] = []
    write(into: &out, pretty: pretty, depth: 0)
    return out
  }

  private func write(into out: inout [UInt8], pretty: Bool, depth: Int) {
    switch self {
    case .null: out.append(contentsOf: "null".utf8)
    case .bool(let b): out.append(contentsOf: (b ? "true" : "false").utf8)
    case .integer(let i): out.append(contentsOf: String(i).utf8)
    case .number(let d): JSONValue.write(d, into: &out)
    case .string(let s): JSONValue.write(s, into: &out)
    case .array(let items):
      out.append(91)
      for (i, item) in items.enumerated() {
        if i > 0 { out.append(44) }
        JSONValue.newline(into: &out, pretty, depth + 1)
        item.write(into: &out, pretty: pretty, depth: depth + 1)
      }
      if !items.isEmpty { JSONValue.newline(into: &out, pretty, depth) }
      out.append(93)
    case .object(let fields):
      out.append(123)
      for (i, field) in fields.enumerated() {
        if i > 0 { out.append(44) }
        JSONValue.newline(into: &out, pretty, depth + 1)
        JSONValue.write(field.name, into: &out)
        out.append(58)
        if pretty { out.append(32) }
        field.value.write(into: &out, pretty: pretty, depth: depth + 1)
      }
      if !fields.isEmpty { JSONValue.newline(into: &out, pretty, depth) }
      out.append(125)
    }
  }

  private static func newline(into out: inout [UInt8], _ pretty: Bool, _ depth: Int) {
    guard pretty else { return }
    out.append(10)
    out.append(contentsOf: repeatElement(32, count: depth * 2))
  }

  /// JSON has no infinity and no NaN; both are written as null.
  private static func write(_ d: Double, into out: inout [UInt8]) {
    guard d.isFinite else {
      out.append(contentsOf: "null".utf8)
      return
    }
    if d == d.rounded(), abs(d) < 1e15 {
      out.append(contentsOf: String(Int64(d)).utf8)
    } else {
      out.append(contentsOf: "\(d)".utf8)
    }
  }

  private static func write(_ s: String, into out: inout [UInt8]) {
    out.append(34)
    for b in s.utf8 {
      switch b {
      case 34: out.append(contentsOf: [92, 34])
      case 92: out.append(contentsOf: [92, 92])
      case 8: out.append(contentsOf: [92, 98])
      case 9: out.append(contentsOf: [92, 116])
      case 10: out.append(contentsOf: [92, 110])
      case 12: out.append(contentsOf: [92, 102])
      case 13: out.append(contentsOf: [92, 114])
      case 0..<32:
        let hex = Array("0123456789abcdef".utf8)
        out.append(contentsOf: [92, 117, 48, 48, hex[Int(b >> 4)], hex[Int(b & 15)]])
      default: out.append(b)
      }
    }
    out.append(34)
  }
}
