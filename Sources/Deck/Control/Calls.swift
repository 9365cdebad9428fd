import Ground
import JSON
import Recording

/// Turns a request into its answer: every call of control-api.md. Knows nothing of sockets; may block for as long as the recorder does.
struct Calls: Sendable {
  let recorder: any RecorderControl
  let state: ServerState
  let access: Access
  let cors: CORSConfiguration
  let whip: WHIPEndpoint
  let eventStreamLimit: Int
  let eventKeepAlive: TimeSpan

  func answer(_ request: Request) -> Response {
    guard let segments = request.target.segments, let route = Route(segments) else {
      return Response(ControlError(.notFound, "there is no such path: \(Shown.cut(request.target.path))"))
    }
    // A browser asks before it has a token to show.
    if request.method == "OPTIONS" { return cors.options(route, request) }
    do throws(ControlError) {
      let caller = try access.caller(request, route)
      try checkOrigin(request, route)
      guard route.methods.contains(request.method) else {
        let allowed = route.methods.joined(separator: ", ")
        let message = "\(Shown.cut(request.method)) is not a method of \(Shown.cut(request.target.path)); allowed is \(allowed)"
        return Response(ControlError(.methodNotAllowed, message)).with("Allow", route.allow)
      }
      try checkRooms(caller, route)
      let query = try QueryReader(request.target, knowing: route.parameters(method: request.method))
      return try answer(route, request, query, caller)
    } catch {
      let response = route.isWHIP ? WHIPEndpoint.refusal(error) : Response(error)
      return Access.challenge(error, request).map { response.with("WWW-Authenticate", $0) } ?? response
    }
  }

  /// What needs no body to be refused: a caller who may not ask need not send one.
  func earlyRefusal(_ request: Request) -> Response? {
    guard request.method != "OPTIONS", let route = request.target.segments.flatMap({ Route($0) }) else { return nil }
    do throws(ControlError) {
      _ = try access.caller(request, route)
      return nil
    } catch {
      let response = Response(error)
      return Access.challenge(error, request).map { response.with("WWW-Authenticate", $0) } ?? response
    }
  }

  /// Where no token is asked for, a web page that happens to be open on the machine must not be able to give orders.
  private func checkOrigin(_ request: Request, _ route: Route) throws(ControlError) {
    guard request.door == .network, access.isOpen, let origin = request.headers["Origin"], cors.allowed(origin, route) == nil else {
      return
    }
    throw ControlError(.forbidden, "Origin: \(Shown.cut(origin)) is not one that the configuration's cors allows", field: "Origin")
  }

  /// Holds a token to its rooms, where the call names a recording, and keeps it from what is the whole node's.
  private func checkRooms(_ caller: Access.Caller, _ route: Route) throws(ControlError) {
    guard caller.rooms != nil else { return }
    switch route {
    case .events(nil), .metrics: throw ControlError(.forbidden, "this token is for some rooms only, and this call is about all")
    default: break
    }
    guard let id = route.recording else { return }
    try caller.require(room: try recorder.recording(id)["room"]?.stringValue ?? "")
  }

  private func answer(
    _ route: Route, _ request: Request, _ query: QueryReader, _ caller: Access.Caller
  ) throws(ControlError) -> Response {
    switch route {
    case .recordings where request.method == "POST": return try start(request, caller)
    case .recordings: return try list(query, caller)
    case .recording(let id) where request.method == "DELETE": return Response(200, json: try recorder.delete(id))
    case .recording(let id): return Response(200, json: try recorder.recording(id))
    case .command(let command, let id): return Response(200, json: try run(command, id, request, query))
    case .quality(let id): return Response(200, json: try recorder.quality(id))
    case .sources(let id):
      return Response(201, json: try recorder.addSource(SourceSpecification(json: try request.json()), to: id))
    case .source(let source, let id): return Response(200, json: try recorder.removeSource(source, from: id))
    case .tracks(let source, let id):
      let tracks = try TrackSpecification.list(json: try request.json())
      return Response(201, json: try recorder.addTracks(tracks, to: id, source: source))
    case .mute(let isMuted, let track, let source, let id):
      if !request.body.isEmpty { _ = try FieldReader(try request.json(), at: "", knowing: []) }
      return Response(200, json: try recorder.setMuted(isMuted, track: track, source: source, of: id))
    case .offer(let source, let id): return try renegotiate(source, id, request)
    case .answer(let source, let id):
      return Response(200, json: try recorder.takeAnswer(try request.sessionDescription("answer"), source: source, of: id))
    case .candidates(let source, let id): return try trickle(source, id, request)
    case .events(let id): return try events(id, request, query)
    case .file(let id, let path):
      return FileAnswer.make(folder: try recorder.folder(id), path: path, request)
    case .publish(let room): return try whip.publish(room: room, participant: query["participant"], request)
    case .session(let id, let room) where request.method == "PATCH": return try whip.patch(id, room: room, request)
    case .session(let id, let room): return try whip.end(id, room: room)
    case .node: return Response(200, json: recorder.node())
    case .health: return Response(200, json: ["status": "ok"])
    case .readiness: return readiness()
    case .metrics:
      return Response(200, body: .bytes(Array(recorder.metrics().utf8)))
        .with("Content-Type", "text/plain; version=0.0.4; charset=utf-8").with("Cache-Control", "no-store")
    }
  }

  private func start(_ request: Request, _ caller: Access.Caller) throws(ControlError) -> Response {
    let specification = try RecordingSpecification(json: try request.json())
    try caller.require(room: specification.room)
    let recording = try recorder.start(specification)
    let response = Response(201, json: recording)
    return recording["id"]?.stringValue.map { response.with("Location", "/v1/recordings/\($0)") } ?? response
  }

  private func list(_ query: QueryReader, _ caller: Access.Caller) throws(ControlError) -> Response {
    var wanted = try query.recordings()
    if let rooms = caller.rooms {
      guard let room = wanted.room ?? (rooms.count == 1 ? rooms[0] : nil) else {
        throw ControlError(.forbidden, "this token is for some rooms only: say which with ?room=", field: "room")
      }
      try caller.require(room: room)
      wanted.room = room
    }
    let (page, total) = try recorder.recordings(wanted)
    let pagination: JSONValue = .object([
      JSONField("limit", JSONValue(wanted.limit)), JSONField("offset", JSONValue(wanted.offset)),
      JSONField("total", JSONValue(total)), JSONField("hasMore", .bool(wanted.offset + page.count < total)),
    ])
    return Response(200, json: .object([JSONField("recordings", .array(page)), JSONField("pagination", pagination)]))
  }

  private func run(_ command: Route.Command, _ id: String, _ request: Request, _ query: QueryReader) throws(ControlError) -> JSONValue {
    // A command's body is optional; what is in it is checked all the same, so that a misplaced field is not passed over.
    let body: JSONValue = request.body.isEmpty ? [:] : try request.json()
    if command == .pause { return try recorder.pause(id, mode: PauseMode(json: body)) }
    _ = try FieldReader(body, at: "", knowing: [])
    switch command {
    case .stop: return try recorder.stop(id, wait: try query.flag("wait"))
    case .resume: return try recorder.resume(id)
    default: return try recorder.cancel(id)
    }
  }

  /// Answers the source, or to an offer that came as it is, our answer as it is.
  private func renegotiate(_ source: String, _ id: String, _ request: Request) throws(ControlError) -> Response {
    let renewed = try recorder.renegotiate(try request.sessionDescription("offer"), source: source, of: id)
    guard request.mediaType == SDPMediaType.description else { return Response(200, json: renewed) }
    guard let answer = renewed["answer"]?.stringValue else {
      throw ControlError(.internal, "the recorder has renegotiated source \(source) without an answer")
    }
    return Response(200, text: answer, type: SDPMediaType.description)
  }

  private func trickle(_ source: String, _ id: String, _ request: Request) throws(ControlError) -> Response {
    try request.requireType(SDPMediaType.fragment)
    guard let fragment = try recorder.trickle(try request.sessionText("candidates"), source: source, of: id) else {
      return Response(204, body: .bytes([]))
    }
    return Response(200, text: fragment, type: SDPMediaType.fragment)
  }

  private func readiness() -> Response {
    let (ready, reason) = recorder.readiness()
    var fields = [JSONField("ready", .bool(ready))]
    if let reason { fields.append(JSONField("reason", .string(reason))) }
    return Response(ready ? 200 : 503, json: .object(fields))
  }

  /// Without a last event seen, a recording's stream begins with its first event, and the node's with the next one.
  private func events(_ id: String?, _ request: Request, _ query: QueryReader) throws(ControlError) -> Response {
    var last: UInt64?
    for (name, text) in [("Last-Event-ID", request.headers["Last-Event-ID"]), ("lastEventId", query["lastEventId"])] {
      guard let text, last == nil else { continue }
      guard let number = UInt64(text), number <= UInt64(Int64.max) else {
        throw .field(name, "\(Shown.value(.string(text))) is not the id of an event, a whole number")
      }
      last = number
    }
    guard let place = state.takeEventStream(limit: eventStreamLimit) else {
      throw ControlError(.atCapacity, "all \(eventStreamLimit) event streams of this node are taken")
    }
    // The place to begin is a number: asked twice for "from now", the recorder would leave out what happened in between.
    if last == nil, id == nil { last = try recorder.events(of: nil, after: 0, timeout: .zero).events.last?.id }
    // The first events are asked for at once, so that an unknown recording is a 404 and no stream.
    let stream = try EventStream(recorder: recorder, recording: id, after: last ?? 0, place: place, keepAlive: eventKeepAlive)
    // A stream has no length that a HEAD could tell, and libmicrohttpd would end one that has no body with the mark of its end.
    let body: Response.Body = request.method == "HEAD" ? .bytes([]) : .events(stream)
    return Response(200, body: body).with("Content-Type", "text/event-stream").with("Cache-Control", "no-store")
  }
}
