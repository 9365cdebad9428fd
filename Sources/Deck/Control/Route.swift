/// Which call of the contract a path names.
enum Route: Equatable, Sendable {
  enum Command: String, Sendable { case stop, pause, resume, cancel }

  case recordings
  case recording(String)
  case command(Command, recording: String)
  case quality(recording: String)
  case sources(recording: String)
  case source(String, recording: String)
  case tracks(source: String, recording: String)
  case mute(Bool, track: String, source: String, recording: String)
  case offer(source: String, recording: String)
  case answer(source: String, recording: String)
  case candidates(source: String, recording: String)
  /// Of one recording, or of all.
  case events(recording: String?)
  /// A file below the recording's folder, by its path's parts.
  case file(recording: String, path: [String])
  case node, health, readiness, metrics
  /// Where publishers by WHIP begin (RFC 9725's endpoint).
  case publish(room: String)
  /// What one publisher has (RFC 9725's session).
  case session(String, room: String)

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
      if segments.first == "whip", !segments.dropFirst().contains("") {
        switch segments.count {
        case 2: self = .publish(room: segments[1])
        case 3: self = .session(segments[2], room: segments[1])
        default: return nil
        }
        return
      }
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
    case ("quality", 1): self = .quality(recording: recording)
    case ("sources", 1): self = .sources(recording: recording)
    case ("sources", 2) where !rest[1].isEmpty: self = .source(rest[1], recording: recording)
    case ("sources", 3) where rest[2] == "tracks": self = .tracks(source: rest[1], recording: recording)
    case ("sources", 5) where rest[2] == "tracks" && (rest[4] == "mute" || rest[4] == "unmute"):
      self = .mute(rest[4] == "mute", track: rest[3], source: rest[1], recording: recording)
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
    case .command, .sources, .tracks, .mute, .publish: ["POST"]
    case .source: ["DELETE"]
    case .offer, .answer: ["PUT"]
    case .candidates: ["PATCH"]
    case .session: ["PATCH", "DELETE"]
    case .quality, .events, .file, .node, .health, .readiness, .metrics: ["GET", "HEAD"]
    }
  }

  /// The `Allow` header: the methods above, and the question for them, which every path answers.
  var allow: String { (methods + ["OPTIONS"]).joined(separator: ", ") }

  var isWHIP: Bool {
    switch self {
    case .publish, .session: true
    default: false
    }
  }

  /// Whether a probe without a token is answered.
  var isPublic: Bool { self == .health || self == .readiness }

  /// The recording whose call it is; nil where it is the node's, or a room's.
  var recording: String? {
    switch self {
    case .recording(let id), .command(_, let id), .quality(let id), .sources(let id), .source(_, let id), .tracks(_, let id),
      .mute(_, _, _, let id), .offer(_, let id),
      .answer(_, let id), .candidates(_, let id), .file(let id, _):
      id
    case .events(let id): id
    case .recordings, .node, .health, .readiness, .metrics, .publish, .session: nil
    }
  }

  /// The query parameters that the call knows; nil where any are ignored: players and probes append their own.
  func parameters(method: String) -> [String]? {
    switch self {
    case .recordings where method != "POST": ["room", "startedBy", "participant", "status", "limit", "offset"]
    case .command(.stop, _): ["wait"]
    case .events: ["lastEventId"]
    case .publish: ["participant"]
    case .file, .health, .readiness, .metrics: nil
    default: []
    }
  }
}
