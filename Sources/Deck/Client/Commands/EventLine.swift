import JSON

/// An event of the contract as one line: local time, type, and whatever else it says.
enum EventLine {
  static func text(_ event: JSONValue, namesRecording: Bool, _ session: Session) -> String {
    var words = [String(session.localTime(event["at"]?.stringValue).suffix(8)), event["type"]?.stringValue ?? "?"]
    if namesRecording, let id = event["recording"]?.stringValue { words.append(RecordingIdentifier.short(id)) }
    for field in event.fields ?? [] where !["id", "type", "at", "recording", "room"].contains(field.name) {
      switch field.value {
      case .null: continue
      case .string(let text): words.append("\(field.name)=\(text)")
      case .number(let d): words.append("\(field.name)=\(Decimal.fixed(d, 3))")
      default: words.append("\(field.name)=\(field.value.text())")
      }
    }
    return DisplayWidth.harmless(words.joined(separator: " "))
  }
}
