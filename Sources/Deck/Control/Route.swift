/// Which call of the contract a path names.
enum Route: Equatable, Sendable {
  enum Command: String, Sendable { case stop, pause, resume, cancel }

  case recordings
  case recording(String)
  case command(Command, recording: String)
  case sources(recording: String)
  case source(String, recording: String)
  case tracks(source: String, recording: String)
  case offer(source: String, recording: String)
  case answer(source: String, recording: String)
  case candidates(source: String, recording: String)
  /// Of one recording, or of all.
  case events(recording: String?)
  /// A file below the recording's folder, by its path's parts.
  case file(recording: String, path: [String])
  case node, health, readiness, metrics

  /// Nil where the contract has no such path.
  init?(_ segments: [String]) {
    switch segments {
    case ["healthz"]: self = .health
    case ["readyz"]: self = .readiness
    case ["metrics"]: self = .metrics
    case ["v1", "node"]: self = .node
    case ["v1", "events"]: self = .events(recording: nil)
    case ["v1", "recordings"]: self = .recordings
    default:
      guard segments.count >= 3, segments[0] == "v1", segments[1] == "recordings", !segments[2].isEmpty else { return nil }
      self.init(recording: segments[2], rest: Array(segments[3...]))
    }
  }

  private init?(recording: String, rest: [String]) {
    if rest.isEmpty {
      self = .recording(recording)
      return
    }
    if rest.count == 1, let command = Command(rawValue: rest[0]) {
      self = .command(command, recording: recording)
      return
    }
    switch (rest[0], rest.count) {
    case ("events", 1): self = .events(recording: recording)
    case ("sources", 1): self = .sources(recording: recording)
    case ("sources", 2) where !rest[1].isEmpty: self = .source(rest[1], recording: recording)
    case ("sources", 3) where rest[2] == "tracks": self = .tracks(source: rest[1], recording: recording)
    case ("sources", 3) where rest[2] == "offer": self = .offer(source: rest[1], recording: recording)
    case ("sources", 3) where rest[2] == "answer": self = .answer(source: rest[1], recording: recording)
    case ("sources", 3) where rest[2] == "candidates": self = .candidates(source: rest[1], recording: recording)
    case ("files", 2...): self = .file(recording: recording, path: Array(rest[1...]))
    case ("hls", 2...): self = .file(recording: recording, path: rest)
    default: return nil
    }
  }

  /// The methods that the path answers, as its `Allow` header lists them. `HEAD` goes with `GET` (RFC 9110 §9.3.2).
  var methods: [String] {
    switch self {
    case .recordings: ["GET", "HEAD", "POST"]
    case .recording: ["GET", "HEAD", "DELETE"]
    case .command, .sources, .tracks: ["POST"]
    case .source: ["DELETE"]
    case .offer, .answer: ["PUT"]
    case .candidates: ["PATCH"]
    case .events, .file, .node, .health, .readiness, .metrics: ["GET", "HEAD"]
    }
  }

  /// The query parameters that the call knows; nil where any are ignored: players and probes append their own.
  func parameters(method: String) -> [String]? {
    switch self {
    case .recordings where method != "POST": ["room", "startedBy", "participant", "status", "limit", "offset"]
    case .command(.stop, _): ["wait"]
    case .events: ["lastEventId"]
    case .file, .health, .readiness, .metrics: nil
    default: []
    }
  }
}
