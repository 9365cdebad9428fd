import Ground
import JSON

/// One command at work: what it was told, the daemon that it talks to, and where it writes.
final class Session {
  let parsed: ParsedCommand
  let console: any Console
  let client: ControlClient
  let style: Style

  init(_ parsed: ParsedCommand, _ console: any Console) {
    self.parsed = parsed
    self.console = console
    style = Style(isTerminal: console.isTerminal, environment: console.environment)
    let path =
      parsed.text("control") ?? ControlSocket.pathForClient(environment: console.environment, exists: { console.fileExists($0) })
    client = ControlClient(socketPath: path)
  }

  var isJSON: Bool { parsed.isOn("json") }
  var isQuiet: Bool { parsed.isOn("quiet") }
  /// The columns that lines must fit into, or nil where no terminal sets a limit.
  var width: Int? { console.isTerminal ? console.terminalSize.columns : nil }

  func print(_ lines: [String]) throws(CommandFailure) {
    guard !lines.isEmpty else { return }
    do {
      try console.write(lines.joined(separator: "\n") + "\n")
    } catch {
      throw .output(error)
    }
  }

  func print(_ line: String) throws(CommandFailure) { try print([line]) }

  /// A session description as it came, its last line ended.
  func print(description: String) throws(CommandFailure) {
    do {
      try console.write(description.last?.isNewline == true ? description : description + "\n")
    } catch {
      throw .output(error)
    }
  }

  /// The daemon's JSON as it came, on lines of its own.
  func print(_ answer: ControlClient.Answer) throws(CommandFailure) {
    var body = answer.body[...]
    while body.last == 10 { body.removeLast() }
    try print(String(decoding: body, as: UTF8.self))
  }

  func call(
    _ method: String, _ path: [String], query: [(String, String)] = [], body: JSONValue? = nil, timeoutSeconds: Double? = 30
  ) throws(CommandFailure) -> ControlClient.Answer {
    do {
      return try client.call(method, path, query: query, body: body?.bytes(), timeoutSeconds: timeoutSeconds)
    } catch {
      throw .control(error)
    }
  }

  func json(of answer: ControlClient.Answer) throws(CommandFailure) -> JSONValue {
    do {
      return try answer.json()
    } catch {
      throw .control(error)
    }
  }

  func recording(_ id: String) throws(CommandFailure) -> RecordingFacts {
    RecordingFacts(try json(of: call("GET", ["v1", "recordings", id])))
  }

  func events(of id: String?, after lastEventID: String?) throws(CommandFailure) -> EventStream {
    do {
      return try client.events(of: id, after: lastEventID)
    } catch {
      throw .control(error)
    }
  }

  /// All recordings that match, page by page. One that slips to the next page while others are started comes once.
  func allRecordings(_ query: [(String, String)]) throws(CommandFailure) -> [RecordingFacts] {
    var found: [RecordingFacts] = []
    var seen: Set<String> = []
    var offset = 0
    while true {
      let page = try json(
        of: call("GET", ["v1", "recordings"], query: query + [("limit", "100"), ("offset", String(offset))]))
      let recordings = page["recordings"]?.arrayValue ?? []
      for recording in recordings.map({ RecordingFacts($0) }) where seen.insert(recording.id).inserted { found.append(recording) }
      offset += recordings.count
      if recordings.isEmpty || page["pagination"]?["hasMore"]?.boolValue != true { return found }
    }
  }

  /// The recordings that have not ended.
  func liveRecordings() throws(CommandFailure) -> [RecordingFacts] {
    var found: [RecordingFacts] = []
    for status in ["starting", "recording", "paused", "processing"] {
      // One that changes its status between two calls is shown once.
      for recording in try allRecordings([("status", status)]) where !found.contains(where: { $0.id == recording.id }) {
        found.append(recording)
      }
    }
    return found
  }

  /// The whole id that the text stands for. A whole one is taken as it is; else the text must begin or end exactly one recording's id.
  func resolve(_ text: String) throws(CommandFailure) -> String {
    let wanted = text.lowercased()
    if RecordingIdentifier.isWhole(wanted) { return wanted }
    switch RecordingIdentifier.match(text, among: try allRecordings([]).map(\.id)) {
    case .one(let id): return id
    case .none: throw .failed("there is no recording \(text)")
    case .tooShort: throw .failed("\(text) is too short: give at least \(RecordingIdentifier.shortest) characters of the id")
    case .several(let ids):
      throw .failed("\(text) fits several recordings: " + ids.prefix(5).joined(separator: ", ") + (ids.count > 5 ? ", …" : ""))
    }
  }

  /// A time of the contract as local time to the second, or `-`.
  func localTime(_ text: String?) -> String {
    guard let time = text.flatMap({ WallTime(rfc3339: $0) }) else { return "-" }
    let local = time + .seconds(Double(console.secondsEastOfUTC(at: time)))
    return String(local.rfc3339.prefix(10) + " " + local.rfc3339.dropFirst(11).prefix(8))
  }
}

/// Which recording a shortened id means.
package enum RecordingIdentifier {
  package enum Match: Equatable {
    case one(String), none, tooShort
    case several([String])
  }
  /// Fewer characters could erase a recording by a slip.
  static let shortest = 4

  /// Whether the text has the shape of a whole UUID.
  package static func isWhole(_ text: String) -> Bool {
    text.utf8.count == 36 && text.split(separator: "-", omittingEmptySubsequences: false).map(\.utf8.count) == [8, 4, 4, 4, 12]
  }

  /// An id that is the text wins; else the ids that begin or end with it.
  package static func match(_ text: String, among ids: [String]) -> Match {
    if ids.contains(text) { return .one(text) }
    let wanted = text.lowercased()
    if wanted.count < shortest { return .tooShort }
    let found = ids.filter { $0.lowercased().hasPrefix(wanted) || $0.lowercased().hasSuffix(wanted) }
    return found.isEmpty ? .none : found.count == 1 ? .one(found[0]) : .several(found)
  }

  /// The last group of a UUID: ids made within days of each other begin alike and end in random digits.
  package static func short(_ id: String) -> String { isWhole(id) ? String(id.suffix(12)) : id }
}
