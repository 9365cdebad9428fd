import DeckRig
import JSON
import Testing

/// Cancel and delete.
@Suite struct EraseTests {
  private func filled(_ daemon: Daemon, _ room: String = "algebra-101") throws -> Recording {
    let capture = try Capture("jan-vp8-opus")
    let recording = try daemon.start(Specs.start(room: room, hls: ["segmentSeconds": 1]))
    let port = try recording.port()
    Feed(capture.items([111: port, 96: port], to: 4), from: [try Endpoint()], speed: 4).finish()
    return recording
  }

  @Test func aCancelErasesAllMediaAndKeepsTheBooks() throws {
    let daemon = try Daemon()
    let recording = try filled(daemon)
    #expect(daemon.refusal("DELETE", ["recordings", recording.id])?.code == "invalidState")
    #expect(try eventually { try !recording.now().files.isEmpty })
    let done = try recording.command("cancel")
    #expect(done.status == "cancelled")
    #expect(done.files.isEmpty)
    #expect(done["hls"] == [])
    #expect(done.addsUp)
    #expect(Disk.names(recording.folder) == ["metadata.json", "timeline.jsonl"])
    #expect(recording.log.last?.type == "recording.cancelled")
    #expect(recording.log.contains { $0.type == "recording.processing" })
    for command in ["cancel", "pause", "resume"] {
      #expect(daemon.refusal("POST", ["recordings", recording.id, command])?.status == 409)
    }
    // A stop of what has ended is no error.
    #expect(try recording.stop().status == "cancelled")
    #expect(try daemon.call("GET", ["recordings"], query: [("status", "cancelled")])["pagination"]?.count("total") == 1)
    #expect(try daemon.restartedInPlace().call("GET", ["recordings", recording.id]).status == "cancelled")
  }

  @Test func aDeleteLeavesNothing() throws {
    let daemon = try Daemon()
    let first = try filled(daemon)
    let second = try daemon.start(Specs.start())
    let done = try first.stop()
    #expect(try daemon.call("DELETE", ["recordings", first.id]) == done)
    for (method, path) in [("GET", []), ("DELETE", []), ("POST", ["stop"]), ("GET", ["events"]), ("GET", ["files", "recording.webm"])] {
      #expect(daemon.refusal(method, ["recordings", first.id] + path)?.status == 404, "\(method) \(path)")
    }
    #expect(Disk.names(daemon.root + "/algebra-101") == [second.id])
    try second.stop()
    try daemon.call("DELETE", ["recordings", second.id])
    #expect(!Disk.exists(daemon.root + "/algebra-101"))
    #expect(try daemon.recordings().isEmpty)
  }

  /// Starts, ends and erasures in one room at once: none takes another's folder away.
  @Test func manyAtOnceInOneRoom() throws {
    let daemon = try Daemon()
    let workers = (0..<6).map { _ in
      Worker(daemon.socket) { caller in
        for _ in 0..<15 {
          let id = try caller.call("POST", ["recordings"], Specs.start([Specs.opus()]))["id"]?.stringValue ?? ""
          try caller.call("POST", ["recordings", id, "stop"], query: [("wait", "true")])
          try caller.call("DELETE", ["recordings", id])
        }
      }
    }
    for worker in workers { #expect(worker.finish() == nil) }
    #expect(Disk.names(daemon.root).filter { !$0.hasPrefix(".") } == [])
    #expect(try daemon.call("GET", ["node"])["load"]?.count("recordings") == 0)
    #expect(Proc(daemon.pid).sockets == 0)
  }

  /// Whatever is called at the same time, a recording ends once and its files are final.
  @Test func callsThatRaceTheEnd() throws {
    let daemon = try Daemon()
    for _ in 0..<4 {
      let recording = try filled(daemon)
      let id = recording.id
      let names = ["pause", "resume", "stop", "cancel", "stop", "pause"]
      let workers = names.map { name in
        Worker(daemon.socket) { caller in
          for _ in 0..<5 { _ = try? caller.call("POST", ["recordings", id, name], query: name == "stop" ? [("wait", "true")] : []) }
        }
      }
      let adder = Worker(daemon.socket) { caller in
        for index in 0..<5 {
          _ = try? caller.call("POST", ["recordings", id, "sources"], Specs.source([Specs.opus("late-\(index)")]))
        }
      }
      for worker in workers + [adder] { #expect(worker.finish() == nil) }
      let done = try recording.ended()
      #expect(["completed", "cancelled"].contains(done.status))
      #expect(done.addsUp)
      #expect(recording.log.filter { ["recording.completed", "recording.cancelled"].contains($0.type) }.count == 1)
      #expect(recording.log.last?.type == "recording.\(done.status)")
      #expect(Proc(daemon.pid).sockets == 0)
    }
  }
}
