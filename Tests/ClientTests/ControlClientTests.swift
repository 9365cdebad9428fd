import Client
import Foundation
import JSON
import Testing

@Suite struct ControlClientTests {
  @Test func aCallCarriesMethodPathQueryAndBody() throws {
    try withDaemon({ _ in .json(200, #"{"ok":true}"#) }) { daemon, _ in
      let client = ControlClient(socketPath: daemon.path)
      let answer = try client.call(
        "POST", ["v1", "recordings", "a/b ü"], query: [("room", "x&y=z"), ("limit", "5")], body: Array(#"{"a":1}"#.utf8))
      #expect(try answer.json()["ok"] == true)
      let request = try #require(daemon.requests.first)
      #expect(request.line == "POST /v1/recordings/a%2Fb%20%C3%BC?room=x%26y%3Dz&limit=5")
      #expect(request.body == #"{"a":1}"#)
      #expect(request.headers["content-type"] == "application/json")
      #expect(request.headers["expect"] == nil)
    }
  }

  @Test func aPostWithoutABodySaysSo() throws {
    try withDaemon({ _ in .json(200, "{}") }) { daemon, _ in
      _ = try ControlClient(socketPath: daemon.path).call("POST", ["v1", "x"])
      #expect(daemon.requests[0].headers["content-length"] == "0")
      #expect(daemon.requests[0].headers["content-type"] == nil)
    }
  }

  @Test func oneClientMakesManyCalls() throws {
    try withDaemon({ .json(200, "{\"line\":\"\($0.line)\"}") }) { daemon, _ in
      let client = ControlClient(socketPath: daemon.path)
      _ = try client.call("POST", ["a"], body: Array("{}".utf8))
      #expect(try client.call("GET", ["b"]).json()["line"] == "GET /b")
      #expect(try client.call("DELETE", ["c"]).json()["line"] == "DELETE /c")
      #expect(daemon.requests.map(\.body) == ["{}", "", ""])
    }
  }

  @Test func aRefusalIsTheDaemonsWords() throws {
    let body = #"{"error":{"code":"invalidField","message":"room: is missing","field":"room"}}"#
    try withDaemon({ _ in .json(400, body) }) { daemon, _ in
      #expect(throws: ControlClientError.refused(status: 400, code: "invalidField", message: "room: is missing", field: "room")) {
        try ControlClient(socketPath: daemon.path).call("GET", ["v1"])
      }
    }
  }

  @Test(arguments: [(500, "<html>"), (404, ""), (503, "{}")])
  func aRefusalWithoutWords(status: Int, body: String) throws {
    try withDaemon({ _ in .json(status, body) }) { daemon, _ in
      #expect(throws: ControlClientError.badAnswer("status \(status) and no explanation")) {
        try ControlClient(socketPath: daemon.path).call("GET", ["v1"])
      }
    }
  }

  @Test func aDaemonThatHangsUp() throws {
    try withDaemon({ _ in .hangUp }) { daemon, _ in
      #expect {
        try ControlClient(socketPath: daemon.path).call("GET", ["v1"])
      } throws: { error in
        guard case .broken(let path, _) = error as? ControlClientError else { return false }
        return path == daemon.path
      }
    }
  }

  @Test func aDaemonThatIsSilent() throws {
    try withDaemon({ _ in .events([], held: true) }) { daemon, _ in
      #expect(throws: ControlClientError.timedOut(seconds: 0.05)) {
        try ControlClient(socketPath: daemon.path).call("GET", ["v1"], timeoutSeconds: 0.05)
      }
    }
  }

  @Test func nobodyListens() throws {
    let missing = NSTemporaryDirectory() + "/td-none-\(UUID().uuidString.prefix(8))/s"
    #expect(throws: ControlClientError.notListening(path: missing)) { try ControlClient(socketPath: missing).call("GET", ["v1"]) }
    #expect(
      ControlClientError.notListening(path: "/x").message == "no tapedeck is listening on /x (is `tapedeck serve` running?)")
    let stale = NSTemporaryDirectory() + "/td-\(UUID().uuidString.prefix(8))"
    try Data().write(to: URL(fileURLWithPath: stale))
    defer { try? FileManager.default.removeItem(atPath: stale) }
    #expect(throws: ControlClientError.notListening(path: stale)) { try ControlClient(socketPath: stale).call("GET", ["v1"]) }
  }

  @Test func aPathTooLongForASocket() {
    let path = "/" + String(repeating: "x", count: 107)
    #expect(throws: ControlClientError.pathTooLong(path: path)) { try ControlClient(socketPath: path).call("GET", ["v1"]) }
  }

  @Test(arguments: [
    (["XDG_RUNTIME_DIR": "/run/user/7"], [], "/run/user/7/tapedeck/control.sock"),
    (["XDG_RUNTIME_DIR": "/run/user/7"], ["/run/tapedeck/control.sock"], "/run/tapedeck/control.sock"),
    (
      ["XDG_RUNTIME_DIR": "/run/user/7"], ["/run/tapedeck/control.sock", "/run/user/7/tapedeck/control.sock"],
      "/run/user/7/tapedeck/control.sock"
    ), ([:], [], "/run/tapedeck/control.sock"), (["XDG_RUNTIME_DIR": ""], [], "/run/tapedeck/control.sock"),
  ])
  func whereTheSocketIs(environment: [String: String], existing: [String], path: String) {
    #expect(ControlSocket.pathForClient(environment: environment, exists: { existing.contains($0) }) == path)
  }

  /// Reads a stream to its end.
  private func read(_ stream: EventStream) throws -> [ServerEvent] {
    var all: [ServerEvent] = []
    while true {
      switch try stream.wait(milliseconds: 10_000) {
      case .events(let events): all += events
      case .nothing: continue
      case .closed: return all
      }
    }
  }

  @Test func anEventStreamToItsEnd() throws {
    let chunks = ["id: 1\ndata: {\"a\"", ":1}\n\nid: 2\nevent: x\ndata: {}\n\n", "data: unfinished"]
    try withDaemon({ _ in .events(chunks, held: false) }) { daemon, _ in
      let events = try read(ControlClient(socketPath: daemon.path).events(of: "r1", after: "41"))
      #expect(events == [ServerEvent(id: "1", type: "message", data: "{\"a\":1}"), ServerEvent(id: "2", type: "x", data: "{}")])
      #expect(daemon.requests[0].line == "GET /v1/recordings/r1/events")
      #expect(daemon.requests[0].headers["last-event-id"] == "41")
    }
  }

  @Test func anEventStreamThatIsRefused() throws {
    try withDaemon({ _ in .json(404, #"{"error":{"code":"notFound","message":"there is no recording r1"}}"#) }) { daemon, _ in
      #expect(throws: ControlClientError.refused(status: 404, code: "notFound", message: "there is no recording r1", field: nil)) {
        try read(ControlClient(socketPath: daemon.path).events(of: "r1"))
      }
    }
  }

  @Test(arguments: [
    ("data: a\n\n", [ServerEvent(id: nil, type: "message", data: "a")]),
    ("data:a\r\n\r\n", [ServerEvent(id: nil, type: "message", data: "a")]),
    ("data: a\rdata:  b\r\r", [ServerEvent(id: nil, type: "message", data: "a\n b")]),
    (": note\nretry: 5\nid: 7\nevent: t\ndata\n\n", [ServerEvent(id: "7", type: "t", data: "")]),
    ("event: only\n\ndata: x\n\n", [ServerEvent(id: nil, type: "message", data: "x")]),
    (
      "id: 7\ndata: x\n\ndata: y\n\n", [ServerEvent(id: "7", type: "message", data: "x"), ServerEvent(id: "7", type: "message", data: "y")]
    ),
    ("data: ü:ü\n\n", [ServerEvent(id: nil, type: "message", data: "ü:ü")]), ("data: cut", []), ("\n\n", []),
  ])
  func eventStreamSyntax(text: String, events: [ServerEvent]) {
    var whole = EventStreamParser()
    #expect(whole.receive(Array(text.utf8)) == events)
    // However the bytes are cut, the events are the same.
    var bytewise = EventStreamParser()
    #expect(text.utf8.flatMap { bytewise.receive([$0]) } == events)
  }
}
