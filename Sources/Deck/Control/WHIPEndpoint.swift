import JSON
import Recording
import Synchronization

/// Publishing by WHIP (RFC 9725): a publisher's offer starts a recording of the room, or joins the one that runs.
struct WHIPEndpoint: Sendable {
  let recorder: any RecorderControl
  let configuration: WHIPConfiguration
  let sessions = WHIPSessions()

  /// What publishing says for `startedBy`: by it a recording is known as one that ends with its last publisher.
  static let starter = "whip"
  /// What a publisher is told to wait who finds the node full.
  private static let retrySeconds = 10
  private static let live = ["recording", "starting", "paused"]

  // MARK: Publishing

  /// `POST /whip/{room}`.
  func publish(room: String, participant: String?, _ request: Request) throws(ControlError) -> Response {
    try request.requireType(SDPMediaType.description)
    try request.requireAcceptable(SDPMediaType.description)
    let offer = try request.sessionText("offer")
    if MediaSections.sendsNothing(offer) {
      throw ControlError(.unprocessable, "offer: no section of sound or picture is sendonly or sendrecv", field: "offer")
    }
    guard room.unicodeScalars.count <= 256 else { throw .field("room", "it has more than the 256 characters that are allowed") }
    if let participant, !(1...256).contains(participant.unicodeScalars.count) {
      throw .field("participant", "a participant's id has 1 to 256 characters")
    }
    forgetEnded()
    let (session, answer) = try sessions.lock(room: room).mutex.withLock { _ throws(ControlError) in
      try begin(room: room, participant: participant ?? "publisher", offer: offer)
    }
    var response = Response(201, text: answer, type: SDPMediaType.description)
      .with("Location", "/whip/\(Target.encode(room))/\(session.id)")
      .with("ETag", session.tag.withLock { $0 })
      .with("Accept-Patch", SDPMediaType.fragment)
    for link in configuration.links { response = response.with("Link", link) }
    return response
  }

  /// Joins the room's recording, or starts one. Called with the room's lock held.
  private func begin(room: String, participant: String, offer: String) throws(ControlError) -> (WHIPSession, answer: String) {
    if let running = try running(in: room), let id = running["id"]?.stringValue {
      let name = unique(participant, in: running, id)
      do throws(ControlError) {
        let source = try recorder.addSource(source(offer, name), to: id)
        return try accept(source, offer, room: room, recording: id, participant: name) { _ = try? recorder.removeSource($0, from: id) }
      } catch {
        // It may have ended meanwhile: then this publisher is the first one again.
        guard error.code == .invalidState || error.code == .notFound, !isLive(try? recorder.recording(id)) else {
          throw WHIPEndpoint.asPublisher(error)
        }
      }
    }
    var specification = RecordingSpecification(room: room, source: source(offer, participant))
    specification.startedBy = WHIPEndpoint.starter
    specification.outputs = configuration.outputs
    specification.limits = configuration.limits
    do throws(ControlError) {
      let recording = try recorder.start(specification)
      guard let id = recording["id"]?.stringValue, let source = recording["sources"]?.arrayValue?.first else {
        throw ControlError(.internal, "the recorder has started a recording without an id or a source")
      }
      return try accept(source, offer, room: room, recording: id, participant: participant) { _ in _ = try? recorder.cancel(id) }
    } catch {
      throw WHIPEndpoint.asPublisher(error)
    }
  }

  /// Makes the session of a source that the recorder has taken, or undoes the taking where the answer leaves out part of the offer: a
  /// publisher that believes to be recorded whole would not be (RFC 9725 §4.4.3).
  private func accept(
    _ source: JSONValue, _ offer: String, room: String, recording: String, participant: String, undo: (String) -> Void
  ) throws(ControlError) -> (WHIPSession, answer: String) {
    guard let id = source["id"]?.stringValue, let answer = source["answer"]?.stringValue else {
      undo(source["id"]?.stringValue ?? "")
      throw ControlError(.internal, "the recorder has taken the offer without an answer")
    }
    if let section = MediaSections.firstRejected(offer: offer, answer: answer) {
      undo(id)
      throw ControlError(
        .notAcceptable, "offer: m-line \(section.index) (\(section.kind)) offers nothing that can be recorded", field: "offer")
    }
    let session = WHIPSession(room: room, recording: recording, source: id, participant: participant)
    sessions.add(session)
    return (session, answer)
  }

  private func source(_ offer: String, _ participant: String) -> SourceSpecification {
    var webrtc = WebRTCSpecification(.offer(offer))
    webrtc.participant = participant
    var source = SourceSpecification(tracks: [])
    source.webrtc = webrtc
    return source
  }

  /// The room's recording that a publisher joins; nil where none runs.
  private func running(in room: String) throws(ControlError) -> JSONValue? {
    for status in WHIPEndpoint.live {
      var query = RecordingQuery()
      query.room = room
      query.status = status
      query.limit = 1
      if let found = try recorder.recordings(query).page.first { return found }
    }
    return nil
  }

  /// The participant's id, or where someone publishes under it now, the first of `id-2`, `id-3`, … that is free. One that has left may
  /// come back under its own.
  private func unique(_ id: String, in recording: JSONValue, _ recordingID: String) -> String {
    let open = WHIPEndpoint.openSources(recording)
    var taken = Set(sessions.participants(of: recordingID, sources: open.compactMap { $0["id"]?.stringValue }))
    for source in open {
      for track in source["tracks"]?.arrayValue ?? [] {
        if let participant = track["participant"]?.stringValue { taken.insert(participant) }
      }
    }
    if !taken.contains(id) { return id }
    var number = 2
    while taken.contains("\(id)-\(number)") { number += 1 }
    return "\(id)-\(number)"
  }

  /// What the recorder says of an offer that it understood and cannot take is, to a publisher, an offer that is not acceptable.
  private static func asPublisher(_ error: ControlError) -> ControlError {
    guard error.code == .invalidState, error.field?.hasSuffix("offer") == true else { return error }
    return ControlError(.notAcceptable, error.message, field: "offer")
  }

  // MARK: The session

  /// `PATCH /whip/{room}/{session}`: candidates, or a restart of ICE (RFC 9725 §4.3).
  func patch(_ id: String, room: String, _ request: Request) throws(ControlError) -> Response {
    let session = try find(id, room: room)
    try request.requireType(SDPMediaType.fragment)
    guard let condition = request.headers["If-Match"] else {
      throw ControlError(.preconditionRequired, "If-Match: the ETag of the ICE session is needed, or * to restart ICE", field: "If-Match")
    }
    let fragment = try request.sessionText("candidates")
    return try session.tag.withLock { tag throws(ControlError) in
      // The RFC's own example has the star in quotes, and clients follow it.
      guard condition == "*" || condition == "\"*\"" || condition.split(separator: ",").contains(where: { $0.trimmed == tag }) else {
        throw ControlError(
          .preconditionFailed, "If-Match: \(Shown.cut(condition)) is not the ETag of the present ICE session", field: "If-Match")
      }
      guard let ours = try recorder.trickle(fragment, source: session.source, of: session.recording) else {
        return Response(204, body: .bytes([]))
      }
      tag = WHIPSession.newTag()
      return Response(200, text: ours, type: SDPMediaType.fragment).with("ETag", tag)
    }
  }

  /// `DELETE /whip/{room}/{session}`: the publisher is done. A recording that publishing started ends with its last source.
  func end(_ id: String, room: String) throws(ControlError) -> Response {
    try sessions.lock(room: room).mutex.withLock { _ throws(ControlError) in
      let session = try find(id, room: room)
      let recording = try recorder.recording(session.recording)
      let others = WHIPEndpoint.openSources(recording).filter { $0["id"]?.stringValue != session.source }
      if others.isEmpty, recording["startedBy"]?.stringValue == WHIPEndpoint.starter {
        _ = try recorder.stop(session.recording, wait: false)
      } else {
        _ = try recorder.removeSource(session.source, from: session.recording)
      }
      sessions.remove(session)
      return Response(200, body: .bytes([]))
    }
  }

  /// A session whose source still takes media. One that has ended is as unknown as one that never was.
  private func find(_ id: String, room: String) throws(ControlError) -> WHIPSession {
    let unknown = ControlError(.notFound, "there is no such session; it may have ended")
    guard let session = sessions.find(id), session.room == room else { throw unknown }
    guard try isOpen(session) else {
      sessions.remove(session)
      throw unknown
    }
    return session
  }

  /// Forgets a few of the sessions that ended without a word.
  private func forgetEnded() {
    for session in sessions.due() where (try? isOpen(session)) == false { sessions.remove(session) }
  }

  private func isOpen(_ session: WHIPSession) throws(ControlError) -> Bool {
    do throws(ControlError) {
      let recording = try recorder.recording(session.recording)
      return isLive(recording) && WHIPEndpoint.openSources(recording).contains { $0["id"]?.stringValue == session.source }
    } catch {
      if error.code == .notFound { return false }
      throw error
    }
  }

  private func isLive(_ recording: JSONValue?) -> Bool { WHIPEndpoint.live.contains(recording?["status"]?.stringValue ?? "") }

  private static func openSources(_ recording: JSONValue) -> [JSONValue] {
    (recording["sources"]?.arrayValue ?? []).filter { !["closed", "failed"].contains($0["state"]?.stringValue) }
  }

  // MARK: Refusals

  /// A refusal as a publisher is told it: a node that is full is busy for now (RFC 9725 §4.5), which is not the client's fault.
  static func refusal(_ error: ControlError) -> Response {
    let status = error.code == .atCapacity ? 503 : error.code.status
    let response = Response(error, status: status)
    return status == 503 ? response.with("Retry-After", "\(retrySeconds)") : response
  }
}

extension Substring {
  fileprivate var trimmed: String {
    var text = self
    while text.first == " " || text.first == "\t" { text.removeFirst() }
    while text.last == " " || text.last == "\t" { text.removeLast() }
    return String(text)
  }
}
