/// One Server-Sent Event.
package struct ServerEvent: Sendable, Equatable {
  package var id: String?
  package var type: String
  package var data: String

  package init(id: String?, type: String, data: String) {
    self.id = id
    self.type = type
    self.data = data
  }
}

/// Server-Sent Events from bytes as they come (HTML Living Standard, "Interpreting an event stream"). Lines end in LF, CR or both;
/// comments and unknown fields are passed over; an unfinished event at the end of the stream is none.
package struct EventStreamParser {
  private var line: [UInt8] = []
  private var lastWasCR = false
  private var lastEventID: String?
  private var type = ""
  private var data: [String] = []

  package init() {}

  /// The events that these bytes complete.
  package mutating func receive(_ bytes: [UInt8]) -> [ServerEvent] {
    var events: [ServerEvent] = []
    for b in bytes {
      let completesCRLF = lastWasCR && b == 10
      lastWasCR = b == 13
      if completesCRLF { continue }
      if b == 10 || b == 13 {
        if let event = endLine() { events.append(event) }
      } else {
        line.append(b)
      }
    }
    return events
  }

  private mutating func endLine() -> ServerEvent? {
    defer { line.removeAll(keepingCapacity: true) }
    if line.isEmpty { return dispatch() }
    let text = String(decoding: line, as: UTF8.self)
    let name = text.prefix { $0 != ":" }
    var value = text.dropFirst(name.count + 1)
    if value.hasPrefix(" ") { value.removeFirst() }
    switch name {
    case "event": type = String(value)
    case "data": data.append(String(value))
    case "id": lastEventID = String(value)
    default: break
    }
    return nil
  }

  private mutating func dispatch() -> ServerEvent? {
    defer {
      type = ""
      data = []
    }
    if data.isEmpty { return nil }
    return ServerEvent(id: lastEventID, type: type.isEmpty ? "message" : type, data: data.joined(separator: "\n"))
  }
}
