package import Ground
package import JSON

/// Why the control API refused a call: the contract's code, a line for people, and the field it is about.
package struct ControlError: Error, Sendable, Equatable {
  package enum Code: String, Sendable {
    case invalidJSON, invalidField, unauthorized, forbidden, notFound, methodNotAllowed, invalidState
    case lengthRequired, bodyTooLarge, unsupportedMediaType
    case notAcceptable, preconditionFailed, preconditionRequired, unprocessable
    case atCapacity, `internal`, starting, shuttingDown, diskFull

    /// The HTTP status that carries the code (control-api.md, Errors).
    package var status: Int {
      switch self {
      case .invalidJSON, .invalidField: 400
      case .unauthorized: 401
      case .forbidden: 403
      case .notFound: 404
      case .methodNotAllowed: 405
      case .invalidState: 409
      case .lengthRequired: 411
      case .bodyTooLarge: 413
      case .unsupportedMediaType: 415
      case .notAcceptable: 406
      case .preconditionFailed: 412
      case .unprocessable: 422
      case .preconditionRequired: 428
      case .atCapacity: 429
      case .internal: 500
      case .starting, .shuttingDown, .diskFull: 503
      }
    }
  }
  package var code: Code
  package var message: String
  package var field: String?

  package init(_ code: Code, _ message: String, field: String? = nil) {
    self.code = code
    self.message = message
    self.field = field
  }
}

/// Which recordings `GET /v1/recordings` asks for; nil matches all.
package struct RecordingQuery: Sendable {
  package var room: String?
  package var startedBy: String?
  package var participant: String?
  package var status: String?
  package var limit = 20
  package var offset = 0
  package init() {}
}

/// One event of the contract, as it is sent and stored.
package struct RecordingEvent: Sendable {
  /// Rising by one on this node; what `Last-Event-ID` names.
  package var id: UInt64
  package var type: String
  /// The whole event object, `id`, `type`, `at`, `recording` and `room` included.
  package var json: JSONValue
  package init(id: UInt64, type: String, json: JSONValue) {
    self.id = id
    self.type = type
    self.json = json
  }
}

/// What the control plane can ask of the recorder. All calls may block the calling thread for as long as the answer takes and are
/// safe from any thread. Recordings come as the JSON of the contract (control-api.md, The recording).
package protocol RecorderControl: AnyObject, Sendable {
  /// Starts a recording: when this returns, its sockets are bound and the first packet is kept.
  func start(_ specification: RecordingSpecification) throws(ControlError) -> JSONValue
  func recording(_ id: String) throws(ControlError) -> JSONValue
  /// One page, newest first, and how many match in all.
  func recordings(_ query: RecordingQuery) throws(ControlError) -> (page: [JSONValue], total: Int)
  /// `wait`: return when the recording has ended. Idempotent.
  func stop(_ id: String, wait: Bool) throws(ControlError) -> JSONValue
  func pause(_ id: String, mode: PauseMode) throws(ControlError) -> JSONValue
  func resume(_ id: String) throws(ControlError) -> JSONValue
  func cancel(_ id: String) throws(ControlError) -> JSONValue
  /// Erases an ended recording and answers what it was.
  func delete(_ id: String) throws(ControlError) -> JSONValue
  func addSource(_ source: SourceSpecification, to id: String) throws(ControlError) -> JSONValue
  /// Answers the source with its new tracks.
  func addTracks(_ tracks: [TrackSpecification], to id: String, source: String) throws(ControlError) -> JSONValue
  /// Notes that a track's sender was muted or unmuted, which the media do not say; answers the source.
  func setMuted(_ isMuted: Bool, track: String, source: String, of id: String) throws(ControlError) -> JSONValue
  func removeSource(_ source: String, from id: String) throws(ControlError) -> JSONValue
  /// Renegotiates a `webrtc` source by its peer's offer; answers the source with our answer in it.
  func renegotiate(_ offer: String, source: String, of id: String) throws(ControlError) -> JSONValue
  /// Takes the peer's answer to our offer.
  func takeAnswer(_ answer: String, source: String, of id: String) throws(ControlError) -> JSONValue
  /// Takes what trickles in after the offer: the lines of an SDP fragment (RFC 8840). Where its credentials are new, ICE is restarted,
  /// and our own fragment is answered; else nil.
  func trickle(_ fragment: String, source: String, of id: String) throws(ControlError) -> String?
  /// The folder that holds a recording's files, for serving them; every path below it is the client's business.
  func folder(_ id: String) throws(ControlError) -> String
  func node() -> JSONValue
  /// Whether new recordings can be taken, and why not.
  func readiness() -> (ready: Bool, reason: String?)
  /// The Prometheus exposition text.
  func metrics() -> String
  /// The next events after `last` (of one recording, or all), waiting up to `timeout` for the first; empty when none came. `closed`
  /// tells that no further event will come: the recording ended or the node shuts down.
  func events(of recording: String?, after last: UInt64?, timeout: TimeSpan) throws(ControlError)
    -> (events: [RecordingEvent], closed: Bool)
}

extension RecorderControl {
  /// How good a recording is, as far as it has come: its verdict and what that is made of.
  package func quality(_ id: String) throws(ControlError) -> JSONValue {
    guard let quality = try recording(id)["quality"] else {
      throw ControlError(.notFound, "recording \(id) has no quality report: it was made before there were any")
    }
    return quality
  }

  /// Why a source of type `rtp` takes no description.
  package func notWebRTC(_ source: String, of id: String) throws(ControlError) -> ControlError {
    guard try recording(id)["sources"]?.arrayValue?.contains(where: { $0["id"]?.stringValue == source }) == true else {
      return ControlError(.notFound, "recording \(id) has no source \(source)")
    }
    return ControlError(.invalidState, "source \(source) is of type rtp, and only a webrtc source is negotiated")
  }

  package func renegotiate(_ offer: String, source: String, of id: String) throws(ControlError) -> JSONValue {
    throw try notWebRTC(source, of: id)
  }
  package func takeAnswer(_ answer: String, source: String, of id: String) throws(ControlError) -> JSONValue {
    throw try notWebRTC(source, of: id)
  }
  package func trickle(_ fragment: String, source: String, of id: String) throws(ControlError) -> String? {
    throw try notWebRTC(source, of: id)
  }
}

/// What happens to the timeline while a recording is paused.
package enum PauseMode: String, Sendable, CaseIterable {
  /// The timeline closes up: what follows continues where the pause began.
  case cut
  /// True time: the pause stays as a hole.
  case keep
}
