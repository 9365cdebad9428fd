import JSON
import Recording

/// A request's query parameters, refused by name where the call does not know them.
struct QueryReader {
  private var values: [String: String] = [:]

  /// `names` nil: any are taken, none is looked at.
  init(_ target: Target, knowing names: [String]?) throws(ControlError) {
    guard let names else { return }
    guard let parameters = target.parameters else {
      throw ControlError(.invalidField, "the query has a malformed percent-escape")
    }
    for (name, value) in parameters {
      guard names.contains(name) else {
        let nearest = NearestName.of(name, among: names)
        let known = names.isEmpty ? "; this call takes none" : "; known here are \(names.joined(separator: ", "))"
        throw .field(Shown.cut(name), "there is no such query parameter" + (nearest.map { "; did you mean \($0)?" } ?? known))
      }
      if values.updateValue(value, forKey: name) != nil { throw .field(name, "this query parameter is given twice") }
    }
  }

  subscript(_ name: String) -> String? { values[name] }

  /// Whether `name` is `true`; absent is false.
  func flag(_ name: String) throws(ControlError) -> Bool {
    switch values[name] {
    case nil, "false": return false
    case "true": return true
    case .some(let other): throw .field(name, "\(Shown.value(.string(other))) is neither true nor false")
    }
  }

  /// What a list asks for.
  func recordings() throws(ControlError) -> RecordingQuery {
    var query = RecordingQuery()
    query.room = values["room"]
    query.startedBy = values["startedBy"]
    query.participant = values["participant"]
    if let status = values["status"] {
      let known = ["starting", "recording", "paused", "processing", "completed", "failed", "cancelled"]
      guard known.contains(status) else {
        throw .field("status", "\(Shown.value(.string(status))) is not a status; allowed is \(Shown.either(known))")
      }
      query.status = status
    }
    query.limit = try integer("limit", 1...100) ?? query.limit
    query.offset = try integer("offset", 0...1_000_000_000) ?? query.offset
    return query
  }

  private func integer(_ name: String, _ range: ClosedRange<Int>) throws(ControlError) -> Int? {
    guard let text = values[name] else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw .field(name, "\(Shown.value(.string(text))) is not a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}
