import Control
import Ground
import JSON
import Testing

@Suite struct EventsTests {
  /// Reads lines up to and with the next empty one; comments are left out.
  private func event(_ client: UnixClient, _ pending: inout [UInt8]) throws -> [String] {
    while true {
      if let end = pending.indices.dropLast().first(where: { pending[$0] == 10 && pending[$0 + 1] == 10 }) {
        let lines = String(decoding: pending[..<end], as: UTF8.self).split(separator: "\n").map(String.init)
        pending.removeFirst(end + 2)
        if lines.allSatisfy({ $0.hasPrefix(":") }) { continue }
        return lines
      }
      let chunk = try client.chunk()
      if chunk.isEmpty { return [] }
      pending += chunk
    }
  }

  @Test func eventsAreSentAsTheyHappenAndEndWithTheRecording() throws {
    let deck = try Served()
    deck.recorder.add("r1")
    deck.recorder.add("r2")
    deck.recorder.emit("recording.starting", of: "r1")
    let client = try deck.connect()
    client.request("GET", "/v1/recordings/r1/events")
    let head = try client.head()
    #expect(head.status == 200)
    #expect(head.headers["content-type"] == "text/event-stream")
    #expect(head.headers["cache-control"] == "no-store")
    var rest: [UInt8] = []
    #expect(
      try event(client, &rest) == [
        "id: 1", "event: recording.starting", #"data: {"id":1,"type":"recording.starting","recording":"r1"}"#,
      ])
    deck.recorder.emit("recording.starting", of: "r2")
    deck.recorder.emit("recording.started", of: "r1")
    #expect(try event(client, &rest).prefix(2) == ["id: 3", "event: recording.started"])
    deck.recorder.emit("recording.completed", of: "r1")
    deck.recorder.end("r1")
    #expect(try event(client, &rest).prefix(2) == ["id: 4", "event: recording.completed"])
    #expect(try event(client, &rest).isEmpty)
    // The stream's end is only the answer's: the connection serves on.
    client.request("GET", "/healthz")
    #expect(try client.answer().status == 200)
  }

  @Test(arguments: [
    ("/v1/events?lastEventId=2", nil), ("/v1/events", "Last-Event-ID: 2"), ("/v1/events?lastEventId=1", "Last-Event-ID: 2"),
  ])
  func aStreamIsResumedAfterTheLastEventSeen(target: String, header: String?) throws {
    let deck = try Served()
    for id in ["a", "b", "c", "d"] {
      deck.recorder.add(id)
      deck.recorder.emit("recording.starting", of: id)
    }
    let client = try deck.connect()
    client.request("GET", target, headers: header.map { [$0] } ?? [])
    #expect(try client.head().status == 200)
    var rest: [UInt8] = []
    #expect(try event(client, &rest).first == "id: 3")
    #expect(try event(client, &rest).first == "id: 4")
    deck.recorder.emit("recording.started", of: "a")
    #expect(try event(client, &rest).first == "id: 5")
  }

  @Test func theNodesStreamBeginsWithTheNextEvent() throws {
    let deck = try Served()
    for id in ["a", "b"] {
      deck.recorder.add(id)
      deck.recorder.emit("recording.starting", of: id)
    }
    let client = try deck.connect()
    client.request("GET", "/v1/events")
    #expect(try client.head().status == 200)
    deck.recorder.emit("recording.started", of: "a")
    deck.recorder.emit("recording.started", of: "b")
    var rest: [UInt8] = []
    #expect(try event(client, &rest).first == "id: 3")
    #expect(try event(client, &rest).first == "id: 4")
  }

  @Test func aLongHistoryArrivesWhole() throws {
    let deck = try Served()
    deck.recorder.add("r")
    for _ in 0..<5000 { deck.recorder.emit("media.gap", of: "r") }
    deck.recorder.end("r")
    let answer = try deck.ask("GET", "/v1/recordings/r/events")
    let ids = answer.text.split(separator: "\n").filter { $0.hasPrefix("id: ") }
    #expect(ids == (1...5000).map { "id: \($0)" })
    #expect(answer.text.split(separator: "\n").filter { $0.hasPrefix("data: {") && $0.hasSuffix("}") }.count == 5000)
  }

  @Test func aQuietStreamShowsThatItLives() throws {
    let deck = try Served {
      $0.eventKeepAlive = .milliseconds(20)
      $0.idleTimeoutSeconds = 1
    }
    let client = try deck.connect()
    client.request("GET", "/v1/events")
    _ = try client.head()
    #expect(String(decoding: try client.chunk(), as: UTF8.self) == ": tapedeck events\n\n")
    // For longer than a connection may be silent.
    for _ in 0..<60 { #expect(String(decoding: try client.chunk(), as: UTF8.self) == ": keep-alive\n\n") }
  }

  @Test func aHeadOfAStreamIsNoStream() throws {
    let deck = try Served()
    let client = try deck.connect()
    client.request("HEAD", "/v1/events")
    #expect(try client.answer(toHead: true).headers["content-type"] == "text/event-stream")
    client.request("GET", "/healthz")
    #expect(try client.answer().status == 200)
  }

  @Test func streamsAreBoundedAndGivenBack() throws {
    let deck = try Served { $0.eventStreamLimit = 2 }
    var clients: [UnixClient] = []
    for _ in 0..<2 {
      let client = try deck.connect()
      client.request("GET", "/v1/events")
      #expect(try client.head().status == 200)
      clients.append(client)
    }
    let refused = try deck.ask("GET", "/v1/events")
    #expect(refused.status == 429)
    #expect(refused.errorMessage == "all 2 event streams of this node are taken")
    clients.removeAll()
    // That the watchers are gone is seen without waiting for the next event.
    #expect(
      try eventually {
        let client = try deck.connect()
        client.request("GET", "/v1/events")
        return try client.head().status == 200
      })
  }

  @Test func stoppingTheServerEndsItsStreams() throws {
    let deck = try Served()
    let client = try deck.connect()
    client.request("GET", "/v1/events")
    _ = try client.head()
    #expect(try !client.chunk().isEmpty)
    deck.server.stop()
    #expect(try client.chunk().isEmpty)
    #expect(deck.log.map { $0.isComplete } == [true])
  }
}
