import DeckRig
import JSON
import Testing

/// What ends a recording by itself, what is refused, and names of any kind.
@Suite struct LimitTests {
  private let capture: Capture
  init() throws { capture = try Capture("jan-vp8-opus") }

  private func start(_ daemon: Daemon, _ limits: JSONValue) throws -> (Recording, Feed) {
    let recording = try daemon.start(Specs.start().with("limits", limits))
    let port = try recording.port()
    return (recording, Feed(capture.items([111: port, 96: port]), from: [try Endpoint()]))
  }

  private func check(_ recording: Recording, _ done: JSONValue, endedBy limit: String) throws {
    #expect(done.status == "completed")
    #expect(done["endedBy"]?.stringValue == limit)
    #expect(done.addsUp)
    let told = recording.log.filter { $0.type == "limit.reached" }
    #expect(told.map { $0["limit"]?.stringValue } == [limit])
    let types = recording.log.map(\.type).filter { $0.hasPrefix("recording.") || $0 == "limit.reached" }
    #expect(types.suffix(4) == ["limit.reached", "recording.stopped", "recording.processing", "recording.completed"])
    #expect(recording.log.first { $0.type == "recording.stopped" }?["reason"]?.stringValue == limit)
  }

  @Test func theLongestDurationEndsIt() throws {
    let daemon = try Daemon()
    let (recording, feed) = try start(daemon, ["maxDurationSeconds": 1])
    let done = try recording.ended()
    feed.stop()
    try check(recording, done, endedBy: "maxDurationSeconds")
    #expect((0.9...1.6).contains(try Judge.duration(recording.file())))
    try expectClean(recording.file())
  }

  @Test func theMostBytesEndIt() throws {
    let daemon = try Daemon()
    let (recording, feed) = try start(daemon, ["maxBytes": 20_000])
    let done = try recording.ended()
    feed.stop()
    try check(recording, done, endedBy: "maxBytes")
    // A cluster of at most a second is what it can be late by.
    #expect((20_000...80_000).contains(Disk.bytes(recording.file()).count))
    try expectClean(recording.file())
  }

  @Test func silenceEndsItWhetherAnythingCameOrNot() throws {
    let daemon = try Daemon()
    let quiet = try daemon.start(Specs.start().with("limits", ["idleTimeoutSeconds": 0.5]))
    let (heard, feed) = try start(daemon, ["idleTimeoutSeconds": 0.5])
    #expect(eventually { feed.sent > 40 })
    feed.stop()
    try check(quiet, try quiet.ended(), endedBy: "idleTimeoutSeconds")
    try check(heard, try heard.ended(), endedBy: "idleTimeoutSeconds")
    #expect(try quiet.now().files.isEmpty)
    try expectClean(heard.file())
  }

  @Test func theNodeTakesOnlySoManyRecordings() throws {
    let daemon = try Daemon(["--max-recordings", "2"])
    let first = try daemon.start(Specs.start())
    _ = try daemon.start(Specs.start())
    let refusal = try #require(daemon.refusal("POST", ["recordings"], Specs.start(room: "third")))
    #expect(refusal.status == 429)
    #expect(refusal.code == "atCapacity")
    #expect(refusal.message.contains("maxRecordings"))
    #expect(!Disk.exists(daemon.root + "/third"))
    #expect(try daemon.call("GET", ["node"])["capacity"]?.count("maxRecordings") == 2)
    #expect((try? daemon.text(["readyz"])) == nil)
    try first.stop()
    _ = try daemon.start(Specs.start(room: "third"))
  }

  static let names = [
    "../../x", "a/b", "a%2Fb", ".", "..", ".hidden", "%", "🎥👩‍👩‍👧", "con\u{0}trol\n\t\u{7f}", String(repeating: "é", count: 256),
    String(repeating: "é", count: 255) + "x", "a b", "-rf", "~", "A", "a", "recording.part2", "é", "e\u{301}",
  ]

  @Test func namesOfAnyKindStayInTheRootAndApart() throws {
    let daemon = try Daemon()
    let endpoint = try Endpoint()
    var folders: Set<String> = []
    let before = Disk.names(daemon.scratch.path)
    for name in LimitTests.names {
      let recording = try daemon.start(Specs.start([Specs.opus(name, ssrc: 11), Specs.opus("x" + name.dropFirst(), ssrc: 12)], room: name))
      let port = try recording.port()
      let items = Crowd.items(capture, 111, ssrc: 11, to: port, seconds: 0.3) + Crowd.items(capture, 111, ssrc: 12, to: port, seconds: 0.3)
      for item in items { endpoint.send(item.bytes, to: port) }
      let done = try recording.stop()
      #expect(done["room"]?.stringValue == name)
      #expect(done.files.count == 2)
      for file in done.files {
        let path = try #require(file["path"]?.stringValue)
        #expect(try daemon.bytes(["v1", "recordings", recording.id, "files", path]).count == file.count("bytes"))
      }
      let room = try #require(Disk.names(daemon.root).first { Disk.exists(daemon.root + "/\($0)/\(recording.id)") })
      #expect(folders.insert(room).inserted, "\(name) shares a folder with another")
      #expect(room.utf8.count <= 255)
    }
    #expect(Set(Disk.names(daemon.scratch.path)) == Set(before).union(["rec"]))
    // A list by room finds each by its own name alone.
    for name in LimitTests.names where !name.contains("\u{0}") {
      #expect(try daemon.call("GET", ["recordings"], query: [("room", name)])["pagination"]?.count("total") == 1)
    }
    for name in ["", String(repeating: "a", count: 257)] {
      #expect(daemon.refusal("POST", ["recordings"], Specs.start(room: name))?.field == "room")
      #expect(daemon.refusal("POST", ["recordings"], Specs.start([Specs.opus(name)]))?.field == "source.tracks[0].participant")
    }
  }
}
