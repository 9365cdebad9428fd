import FoundationEssentials

/// Why a text is no JSON: a line for people.
public struct JSONSyntaxError: Error, Sendable, Equatable {
  public var message: String
}

extension JSONValue {
  /// Reads JSON (RFC 8259), or JSON5 where asked. The text must be UTF-8; nesting deeper than 512 is refused by the parser.
  public init(parsing text: [UInt8], json5: Bool = false) throws(JSONSyntaxError) {
    let decoder = JSONDecoder()
    decoder.allowsJSON5 = json5
    do {
      self = try decoder.decode(Parsed.self, from: Data(text)).value
    } catch DecodingError.dataCorrupted(let context) {
      var message = context.debugDescription
      if let reason = context.underlyingError { message += " \(reason)" }
      throw JSONSyntaxError(message: JSONValue.oneLine(message))
    } catch {
      throw JSONSyntaxError(message: JSONValue.oneLine("\(error)"))
    }
  }

  private static func oneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).joined(separator: " ")
  }

  private struct Parsed: Decodable {
    var value: JSONValue

    init(from decoder: any Decoder) throws {
      if let keyed = try? decoder.container(keyedBy: AnyKey.self) {
        var fields: [JSONField] = []
        for key in keyed.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
          fields.append(JSONField(key.stringValue, try keyed.decode(Parsed.self, forKey: key).value))
        }
        value = .object(fields)
        return
      }
      if var unkeyed = try? decoder.unkeyedContainer() {
        var items: [JSONValue] = []
        while !unkeyed.isAtEnd { items.append(try unkeyed.decode(Parsed.self).value) }
        value = .array(items)
        return
      }
      let single = try decoder.singleValueContainer()
      if single.decodeNil() {
        value = .null
      } else if let b = try? single.decode(Bool.self) {
        value = .bool(b)
      } else if let i = try? single.decode(Int64.self) {
        value = .integer(i)
      } else if let d = try? single.decode(Double.self) {
        value = .number(d)
      } else {
        value = .string(try single.decode(String.self))
      }
    }
  }

  private struct AnyKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}
