import Ground
import JSON
import Recording
import Testing

import Control

@Suite struct CallsTests {
  @Test func aStartAnswersTheRecordingAndItsPlace() throws {
    let deck = try Served()
    let answer = try deck.ask("POST", "/v1/recordings", smallStart)
    #expect(answer.status == 201)
    #expect(answer.headers["location"] == "/v1/recordings/r1")
    #expect(answer.headers["content-type"] == "application/json")
    #expect(answer.json["room"] == "r")
    #expect(deck.recorder.specification?.source.tracks.count == 1)
  }

  @Test(
    arguments: [
      ("GET", "/v1/recordings/r1", nil, 200, "show r1"),
      ("POST", "/v1/recordings/r1/stop", nil, 200, "stop wait=false r1"),
      ("POST", "/v1/recordings/r1/stop", "{}", 200, "stop wait=false r1"),
      ("POST", "/v1/recordings/r1/stop?wait=true", nil, 200, "stop wait=true r1"),
      ("POST", "/v1/recordings/r1/stop?wait=false", nil, 200, "stop wait=false r1"),
      ("POST", "/v1/recordings/r1/pause", nil, 200, "pause cut r1"),
      ("POST", "/v1/recordings/r1/pause", #"{"mode":"keep"}"#, 200, "pause keep r1"),
      ("POST", "/v1/recordings/r1/resume", nil, 200, "resume r1"),
      ("POST", "/v1/recordings/r1/cancel", nil, 200, "cancel r1"),
      ("DELETE", "/v1/recordings/r1", nil, 200, "delete r1"),
      ("DELETE", "/v1/recordings/r1/sources/s1", nil, 200, "removeSource s1 r1"),
      (
        "POST", "/v1/recordings/r1/sources", #"{"type":"rtp","tracks":[{"participant":"a","codec":"vp8","payloadType":96}]}"#, 201,
        "addSource tracks=1 r1"
      ),
      (
        "POST", "/v1/recordings/r1/sources/s1/tracks", #"{"tracks":[{"participant":"a","codec":"vp8","payloadType":96}]}"#, 201,
        "addTracks 1 to s1 r1"
      ),
      ("POST", "/v1/recordings/r1/sources/s1/tracks/t2/mute", nil, 200, "setMuted true t2 of s1 r1"),
      ("POST", "/v1/recordings/r1/sources/s1/tracks/t2/unmute", "{}", 200, "setMuted false t2 of s1 r1"),
      ("GET", "/v1/recordings/r%31", nil, 200, "show r1"),
      ("GET", "http://deck/v1/recordings/r1", nil, 200, "show r1"),
    ] as [(String, String, String?, Int, String)])
  func everyCallReachesTheRecorder(method: String, target: String, body: String?, status: Int, call: String) throws {
    let deck = try Served()
    deck.recorder.add("r1")
    let answer = try deck.ask(method, target, body)
    #expect(answer.status == status, "\(answer.text)")
    #expect(deck.recorder.calls == [call])
    let other = try deck.ask(method, target.replacing("r1", with: "nobody").replacing("r%31", with: "nobody"), body)
    #expect(other.status == 404)
    #expect(other.errorMessage == "there is no recording nobody")
  }

  @Test func qualityIsThatOfTheRecording() throws {
    let deck = try Served()
    deck.recorder.add("r1")
    let none = try deck.ask("GET", "/v1/recordings/r1/quality")
    #expect(none.status == 404 && none.errorMessage?.contains("no quality report") == true)
    deck.recorder.setQuality(["verdict": "good"], of: "r1")
    let answer = try deck.ask("GET", "/v1/recordings/r1/quality")
    #expect(answer.status == 200 && answer.json == ["verdict": "good"])
    #expect(try deck.ask("POST", "/v1/recordings/r1/quality").status == 405)
    #expect(try deck.ask("GET", "/v1/recordings/nobody/quality").status == 404)
    #expect(try deck.ask("POST", "/v1/recordings/r1/sources/s1/tracks/t2/mute", #"{"why":1}"#).status == 400)
    #expect(try deck.ask("POST", "/v1/recordings/r1/sources/s1/tracks/t2/silence").status == 404)
  }

  @Test func listsArePagedAndFiltered() throws {
    let deck = try Served()
    for i in 1...5 { deck.recorder.add("r\(i)") }
    let answer = try deck.ask("GET", "/v1/recordings?limit=2&offset=2&room=a%20b+c%2B&startedBy=u&participant=p&status=paused")
    #expect(answer.status == 200)
    #expect(answer.json["recordings"]?.arrayValue?.compactMap { $0["id"]?.stringValue } == ["r3", "r2"])
    #expect(answer.json["pagination"] == ["limit": 2, "offset": 2, "total": 5, "hasMore": true])
    let query = try #require(deck.recorder.query)
    #expect(query.room == "a b c+")
    #expect(query.startedBy == "u")
    #expect(query.participant == "p")
    #expect(query.status == "paused")
    let rest = try deck.ask("GET", "/v1/recordings")
    #expect(rest.json["pagination"] == ["limit": 20, "offset": 0, "total": 5, "hasMore": false])
  }

  @Test func theNodeTellsOfItself() throws {
    let deck = try Served()
    #expect(try deck.ask("GET", "/v1/node").json["codecs"] == ["opus", "VP8"])
    #expect(try deck.ask("GET", "/healthz").json == ["status": "ok"])
    #expect(try deck.ask("GET", "/readyz").json == ["ready": true])
    let metrics = try deck.ask("GET", "/metrics?x=1")
    #expect(metrics.text == "tapedeck_recordings 0\n")
    #expect(metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
    deck.recorder.setNotReady("the disk is full")
    let answer = try deck.ask("GET", "/readyz")
    #expect(answer.status == 503)
    #expect(answer.json == ["ready": false, "reason": "the disk is full"])
  }

  @Test(
    arguments: [
      ("GET", "/", nil, 404, "notFound", "there is no such path: /", nil),
      ("GET", "/v1/recording", nil, 404, "notFound", "there is no such path: /v1/recording", nil),
      ("GET", "/v1/recordings/", nil, 404, "notFound", "there is no such path: /v1/recordings/", nil),
      ("GET", "/v1/recordings/r1/files", nil, 404, "notFound", "there is no such path: /v1/recordings/r1/files", nil),
      ("GET", "/v1/recordings/%zz", nil, 404, "notFound", "there is no such path: /v1/recordings/%zz", nil),
      ("GET", "/v1/recordings/a%00b", nil, 404, "notFound", "there is no such path: /v1/recordings/a%00b", nil),
      (
        "PUT", "/v1/recordings", nil, 405, "methodNotAllowed",
        "PUT is not a method of /v1/recordings; allowed is GET, HEAD, POST", nil
      ),
      (
        "GET", "/v1/recordings/r1/stop", nil, 405, "methodNotAllowed",
        "GET is not a method of /v1/recordings/r1/stop; allowed is POST", nil
      ),
      (
        "PUT", "/v1/recordings/r1/sources/s1/offer", #"{"offer":"v=0"}"#, 409, "invalidState",
        "source s1 is of type rtp, and only a webrtc source is negotiated", nil
      ),
      ("PUT", "/v1/recordings/r1/sources/s9/offer", #"{"offer":"v=0"}"#, 404, "notFound", "recording r1 has no source s9", nil),
      ("PUT", "/v1/recordings/r9/sources/s1/offer", #"{"offer":"v=0"}"#, 404, "notFound", "there is no recording r9", nil),
      ("GET", "/v1/recordings?rom=x", nil, 400, "invalidField", "rom: there is no such query parameter; did you mean room?", "rom"),
      (
        "GET", "/v1/recordings?x=1", nil, 400, "invalidField",
        "x: there is no such query parameter; known here are room, startedBy, participant, status, limit, offset", "x"
      ),
      (
        "GET", "/v1/recordings/r1?wait=true", nil, 400, "invalidField", "wait: there is no such query parameter; this call takes none",
        "wait"
      ),
      ("GET", "/v1/recordings?limit=0", nil, 400, "invalidField", "limit: \"0\" is not a whole number from 1 to 100", "limit"),
      ("GET", "/v1/recordings?limit=101", nil, 400, "invalidField", "limit: \"101\" is not a whole number from 1 to 100", "limit"),
      ("GET", "/v1/recordings?offset=-1", nil, 400, "invalidField", "offset: \"-1\" is not a whole number from 0 to 1000000000", "offset"),
      ("GET", "/v1/recordings?limit=1&limit=2", nil, 400, "invalidField", "limit: this query parameter is given twice", "limit"),
      ("GET", "/v1/recordings?room=%f", nil, 400, "invalidField", "the query has a malformed percent-escape", nil),
      (
        "GET", "/v1/recordings?status=done", nil, 400, "invalidField",
        "status: \"done\" is not a status; allowed is starting, recording, paused, processing, completed, failed or cancelled", "status"
      ),
      ("POST", "/v1/recordings/r1/stop?wait=1", nil, 400, "invalidField", "wait: \"1\" is neither true nor false", "wait"),
      (
        "POST", "/v1/recordings/r1/stop", #"{"wait":true}"#, 400, "invalidField", "wait: there is no such field; this object takes none",
        "wait"
      ),
      (
        "POST", "/v1/recordings/r1/pause", #"{"mode":"hold"}"#, 400, "invalidField", "mode: \"hold\" is not known; allowed is cut or keep",
        "mode"
      ),
      ("POST", "/v1/recordings", "", 400, "invalidJSON", "line 1, column 1: a JSON value is needed, but the text is empty", nil),
      ("POST", "/v1/recordings", "{\n \"room\" \"x\"}", 400, "invalidJSON", "line 2, column 9: a colon is needed after the name", nil),
      ("POST", "/v1/recordings", "[]", 400, "invalidField", "the body is an array, but an object is needed", nil),
      (
        "GET", "/v1/events?lastEventId=x", nil, 400, "invalidField",
        "lastEventId: \"x\" is not the id of an event, a whole number", "lastEventId"
      ),
      (
        "GET", "/v1/events?lastEventId=18446744073709551615", nil, 400, "invalidField",
        "lastEventId: \"18446744073709551615\" is not the id of an event, a whole number", "lastEventId"
      ),
      ("GET", "/v1/recordings/r9/events", nil, 404, "notFound", "there is no recording r9", nil),
    ] as [(String, String, String?, Int, String, String, String?)])
  func everyRefusalSaysWhy(
    method: String, target: String, body: String?, status: Int, code: String, message: String, field: String?
  ) throws {
    let deck = try Served()
    deck.recorder.add("r1")
    let answer = try deck.ask(method, target, body)
    #expect(answer.status == status)
    #expect(answer.errorCode == code)
    #expect(answer.errorMessage == message)
    #expect(answer.errorField == field)
    #expect(answer.headers["content-type"] == "application/json")
    #expect((answer.headers["allow"] != nil) == (status == 405))
  }

  @Test(arguments: [
    (ControlError(.atCapacity, "maxRecordings is 4"), 429), (ControlError(.diskFull, "no space in the root"), 503),
    (ControlError(.internal, "it broke"), 500), (ControlError(.shuttingDown, "it ends"), 503),
    (ControlError(.invalidState, "stop: it has ended"), 409), (ControlError(.forbidden, "not yours"), 403),
    (ControlError(.unauthorized, "who are you"), 401), (ControlError(.invalidField, "port: 4 is taken", field: "port"), 400),
  ])
  func theRecordersRefusalsHaveTheirStatus(error: ControlError, status: Int) throws {
    let deck = try Served()
    deck.recorder.refuse(with: error)
    let answer = try deck.ask("POST", "/v1/recordings", smallStart)
    #expect(answer.status == status)
    #expect(answer.errorCode == error.code.rawValue)
    #expect(answer.errorMessage == error.message)
    #expect(answer.errorField == error.field)
  }

  @Test func aHeadIsAGetWithoutItsBody() throws {
    let deck = try Served()
    let client = try deck.connect()
    client.request("GET", "/healthz")
    let whole = try client.answer()
    client.request("HEAD", "/healthz")
    let head = try client.answer(toHead: true)
    #expect(head.status == 200)
    #expect(head.headers["content-length"] == whole.headers["content-length"])
    // The next answer follows at once: no body lies between.
    client.request("GET", "/healthz")
    #expect(try client.answer().json == ["status": "ok"])
  }

  @Test(arguments: [
    ("text/plain", 415), ("multipart/form-data; boundary=x", 415), ("application/x-www-form-urlencoded", 201),
    ("application/json; charset=utf-8", 201),
    ("Application/JSON", 201), ("application/vnd.deck+json", 201),
  ])
  func onlyJSONIsTaken(type: String, status: Int) throws {
    let deck = try Served()
    let client = try deck.connect()
    client.send(
      "POST /v1/recordings HTTP/1.1\r\nHost: d\r\nContent-Type: \(type)\r\nContent-Length: \(smallStart.utf8.count)\r\n\r\n\(smallStart)")
    let answer = try client.answer()
    #expect(answer.status == status)
    if status == 415 { #expect(answer.errorCode == "unsupportedMediaType") }
  }

  @Test func everyRequestIsLoggedOnceWithoutItsQuery() throws {
    let deck = try Served()
    _ = try deck.ask("POST", "/v1/recordings", smallStart)
    _ = try deck.ask("GET", "/v1/recordings?limit=1000")
    deck.server.stop()
    let log = deck.log.sorted { $0.status < $1.status }
    #expect(log.map { $0.status } == [201, 400])
    #expect(log.map { $0.method } == ["POST", "GET"])
    #expect(log.map { $0.path } == ["/v1/recordings", "/v1/recordings"])
    #expect(log.allSatisfy { $0.bytes > 20 && $0.isComplete && $0.duration > .zero })
  }
}
