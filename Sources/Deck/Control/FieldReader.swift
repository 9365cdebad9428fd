import JSON
import Recording

/// The fields of one JSON object of a request, read by name, type and range. Every refusal names the field by its full path, as in
/// `source.tracks[1].payloadType`, says what was given, and what is allowed.
struct FieldReader {
  /// Where the object lies in the body; empty for the body itself.
  let path: String
  private let fields: [JSONField]

  /// Refuses what is no object, and any field that is not in `names`.
  init(_ value: JSONValue, at path: String, knowing names: [String]) throws(ControlError) {
    guard let fields = value.fields else {
      throw path.isEmpty
        ? ControlError(.invalidField, "the body is \(value.typeName), but an object is needed")
        : .field(path, "\(value.typeName) was given, but an object is needed")
    }
    self.path = path
    self.fields = fields
    for field in fields where !names.contains(field.name) {
      let nearest = NearestName.of(field.name, among: names)
      let known = names.isEmpty ? "; this object takes none" : "; known here are \(names.joined(separator: ", "))"
      let hint = nearest.map { "; did you mean \($0)?" } ?? known
      throw .field(name(Shown.cut(field.name)), "there is no such field" + hint)
    }
  }

  /// The full path of one of this object's fields.
  func name(_ field: String) -> String { path.isEmpty ? field : "\(path).\(field)" }

  /// Whether the field was given at all, be it as null.
  func gives(_ field: String) -> Bool { fields.contains { $0.name == field } }

  /// The field's value; nil where it was not given or is null.
  func value(_ field: String) -> JSONValue? {
    guard let value = fields.first(where: { $0.name == field })?.value, !value.isNull else { return nil }
    return value
  }

  /// Refuses the first of these fields that is given: each is known, but not in an object like this.
  func refuse(_ names: [String], _ problem: String) throws(ControlError) {
    for field in fields where names.contains(field.name) { throw .field(name(field.name), problem) }
  }

  /// Unwraps a field that must be given.
  func require<Value>(_ field: String, _ value: Value?, _ what: String) throws(ControlError) -> Value {
    guard let value else { throw .field(name(field), "this field is required: \(what)") }
    return value
  }

  func wrongType(_ field: String, _ given: JSONValue, needed: String) -> ControlError {
    .field(name(field), "\(given.typeName) was given, but \(needed) is needed")
  }

  func bool(_ field: String) throws(ControlError) -> Bool? {
    guard let value = value(field) else { return nil }
    guard let bool = value.boolValue else { throw wrongType(field, value, needed: "true or false") }
    return bool
  }

  /// A text of so many characters (Unicode scalars).
  func string(_ field: String, length: ClosedRange<Int>) throws(ControlError) -> String? {
    guard let value = value(field) else { return nil }
    guard let string = value.stringValue else { throw wrongType(field, value, needed: "a string") }
    let count = string.unicodeScalars.count
    guard length.contains(count) else {
      if count == 0 { throw .field(name(field), "it is empty, but \(length.lowerBound) to \(length.upperBound) characters are needed") }
      throw .field(
        name(field), "it has \(count) characters, but at most \(length.upperBound) are allowed")
    }
    return string
  }

  /// A whole number; `40000.0` counts as one. `what` ends the sentence "200 is not …".
  func integer(_ field: String, _ range: ClosedRange<Int64>, _ what: String) throws(ControlError) -> Int64? {
    guard let value = value(field) else { return nil }
    guard value.doubleValue != nil else { throw wrongType(field, value, needed: "a whole number") }
    guard let integer = value.integerValue ?? value.doubleValue.flatMap({ Int64(exactly: $0) }), range.contains(integer) else {
      throw .field(name(field), "\(Shown.value(value)) is not \(what) (\(range.lowerBound) to \(range.upperBound))")
    }
    return integer
  }

  /// A number with or without fraction.
  func number(_ field: String, _ range: ClosedRange<Double>, _ what: String) throws(ControlError) -> Double? {
    guard let value = value(field) else { return nil }
    guard let number = value.doubleValue else { throw wrongType(field, value, needed: "a number") }
    guard range.contains(number) else { throw .field(name(field), "\(Shown.value(value)) is not \(what)") }
    return number
  }

  /// One word of a closed set.
  func choice<Choice: RawRepresentable & CaseIterable>(_ field: String, _ type: Choice.Type) throws(ControlError) -> Choice?
  where Choice.RawValue == String {
    guard let value = value(field) else { return nil }
    let allowed = Choice.allCases.map { $0.rawValue }
    guard let string = value.stringValue else { throw wrongType(field, value, needed: Shown.either(allowed)) }
    guard let choice = Choice(rawValue: string) else {
      throw .field(name(field), "\(Shown.value(value)) is not known; allowed is \(Shown.either(allowed))")
    }
    return choice
  }

  /// An object's own reader, or nil where the field was not given.
  func object(_ field: String, knowing names: [String]) throws(ControlError) -> FieldReader? {
    guard let value = value(field) else { return nil }
    return try FieldReader(value, at: name(field), knowing: names)
  }

  /// An array's items, each with its path.
  func array(_ field: String, count: ClosedRange<Int>) throws(ControlError) -> [(path: String, value: JSONValue)]? {
    guard let value = value(field) else { return nil }
    guard let items = value.arrayValue else { throw wrongType(field, value, needed: "an array") }
    guard count.contains(items.count) else {
      let allowed = items.count < count.lowerBound ? "at least \(count.lowerBound) is needed" : "at most \(count.upperBound) are allowed"
      throw .field(name(field), "it has \(items.count) items, but \(allowed)")
    }
    return items.enumerated().map { (path: "\(name(field))[\($0.offset)]", value: $0.element) }
  }
}

extension ControlError {
  /// A refusal of one field: the message begins with its path.
  static func field(_ path: String, _ problem: String) -> ControlError {
    ControlError(.invalidField, "\(path): \(problem)", field: path)
  }
}

/// How messages show what a client gave: short, on one line.
enum Shown {
  static func value(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): "\"\(cut(text))\""
    case .integer, .number, .bool: value.text()
    default: value.typeName
    }
  }

  /// At most 40 characters of a text, control characters replaced.
  static func cut(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(40) {
      out.append(scalar.properties.generalCategory == .control ? "\u{fffd}" : scalar)
    }
    return String(out) + (text.unicodeScalars.count > 40 ? "…" : "")
  }

  /// `a, b or c`.
  static func either(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " or " + last
  }
}
