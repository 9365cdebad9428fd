import DeckRig
import Foundation
import JSON
import Testing

/// The daemon's own life: signals, its socket, its settings.
@Suite struct SignalTests {
  private func running(_ daemon: Daemon, room: String = "algebra-101") throws -> (Recording, Feed) {
    let capture = try Capture("jan-vp8-opus")
    let recording = try daemon.start(Specs.start(room: room, hls: ["segmentSeconds": 1]))
    let port = try recording.port()
    return (recording, Feed(capture.items([111: port, 96: port]), from: [try Endpoint()], speed: 2))
  }

  @Test(arguments: [SIGTERM, SIGINT]) func aSignalStopsEveryRecordingProperly(number: Int32) throws {
    let scratch = try Scratch()
    let daemon = try Daemon(in: scratch)
    let both = try ["one", "two"].map { try running(daemon, room: $0) }
    let idle = try daemon.start(Specs.start(room: "idle"))
    let paused = try running(daemon, room: "paused")
    for (_, feed) in both + [paused] { #expect(eventually { feed.lastSentTime > 2 }) }
    #expect(try eventually { try paused.0.now().status == "recording" })
    try paused.0.command("pause")
    daemon.signal(number)
    #expect(daemon.exitCode() == 0)
    for (_, feed) in both + [paused] { feed.stop() }
    #expect(!Disk.exists(daemon.socket))
    let expected = Oracle.vp8(try Capture("jan-vp8-opus").rtp(96)).map(\.crc)
    for recording in both.map(\.0) + [paused.0, idle] {
      let done = try JSONValue(parsing: Disk.bytes(recording.file("metadata.json")))
      #expect(done.status == "completed")
      #expect(done["interrupted"] == false)
      #expect(done.addsUp)
      #expect(done.files.allSatisfy { $0["final"] == true && $0["sha256"]?.stringValue?.utf8.count == 64 })
      #expect(recording.log.first { $0.type == "recording.stopped" }?["reason"] == "shutdown")
      #expect(recording.log.last?.type == "recording.completed")
    }
    for (recording, _) in both {
      try expectClean(recording.file())
      try expectClean(recording.file("hls/master.m3u8"))
      let written = try Judge.packets(recording.file(), "vp8").map(\.crc)
      #expect(written.count > 50 && written == Array(expected.prefix(written.count)))
    }
    // The next daemon finds nothing to finish.
    let before = Disk.text(both[0].0.file("metadata.json"))
    let next = try daemon.restarted()
    #expect(try next.recordings().count == 4)
    #expect(Disk.text(both[0].0.file("metadata.json")) == before)
  }

  @Test func aSecondSignalEndsItAtOnce() throws {
    let scratch = try Scratch()
    let daemon = try Daemon(in: scratch)
    let capture = try Capture("jan-vp8-opus")
    let recordings = try ["one", "two", "three"].map { try daemon.start(Specs.start(room: $0, hls: ["segmentSeconds": 1])) }
    let items = try recordings.flatMap { recording in
      let port = try recording.port()
      return capture.items([111: port, 96: port], to: 3)
    }
    Feed(items, from: [try Endpoint()]).finish()
    // A stopped process takes its signals when it goes on: both at once.
    daemon.signal(SIGSTOP)
    daemon.signal(SIGTERM)
    daemon.signal(SIGINT)
    daemon.signal(SIGCONT)
    // The second one's, whichever the kernel hands out second.
    #expect([128 + SIGTERM, 128 + SIGINT].contains(daemon.exitCode()))
    let next = try daemon.restarted()
    for recording in recordings {
      let done = try next.call("GET", ["recordings", recording.id])
      #expect(done.status == "completed")
      #expect(done["interrupted"] == true)
      try expectClean(recording.file())
    }
  }

  @Test func aSecondDaemonOnTheSameSocketIsRefusedAndTouchesNothing() throws {
    let scratch = try Scratch()
    let daemon = try Daemon(in: scratch)
    let (recording, feed) = try running(daemon)
    #expect(eventually { feed.lastSentTime > 1 })
    let other = try Daemon(launching: [], in: scratch, root: daemon.root)
    #expect(other.exitCode() == 1)
    #expect(other.log == "tapedeck: another tapedeck is listening on \(daemon.socket)\n")
    #expect(try ["recording", "starting"].contains(recording.now().status))
    feed.finish()
    let done = try recording.stop()
    #expect(done.status == "completed")
    #expect(done["interrupted"] == false)
    #expect(try Judge.packets(recording.file(), "vp8").map(\.crc) == Oracle.vp8(Capture("jan-vp8-opus").rtp(96)).map(\.crc))
  }

  @Test func aSocketThatADeadDaemonLeftIsReplaced() throws {
    let scratch = try Scratch()
    let daemon = try Daemon(in: scratch)
    daemon.crash()
    #expect(Disk.exists(daemon.socket))
    let next = try daemon.restarted()
    #expect(Disk.mode(next.socket) == 0o600)
    try next.start(Specs.start()).stop()
  }

  // MARK: Settings

  @Test func flagsOverEnvironmentOverFile() throws {
    let scratch = try Scratch()
    let ports = Ports.next()
    let config = try scratch.write(
      """
      // JSON5: comments, bare names, single quotes, a last comma.
      {
        root: '\(scratch.path)/from-file', maxRecordings: 7, portRange: "\(ports)",
        listenIp: '127.0.0.1', announceIp: "198.51.100.1", logFormat: 'json', threads: 1,
      }
      """, as: "deck.json5")
    func node(_ flags: [String], _ environment: [String: String]) throws -> (JSONValue, Daemon) {
      let daemon = try Daemon(bare: ["--config", config] + flags, in: scratch, environment: environment)
      return (try daemon.call("GET", ["node"])["capacity"] ?? .null, daemon)
    }
    var (capacity, daemon) = try node([], [:])
    #expect(capacity.count("maxRecordings") == 7)
    #expect(capacity.count("mediaLoops") == 1)
    #expect(capacity["portRange"]?.stringValue == ports)
    #expect(Disk.exists(scratch.path + "/from-file"))
    let start = try daemon.start(Specs.start())
    #expect(start.started.sources[0]["ports"]?.arrayValue?.first?["ip"] == "198.51.100.1")
    #expect(EventText.parse(daemon.log).first?["level"] == "info")
    daemon.crash()
    (capacity, daemon) = try node([], ["TAPEDECK_MAX_RECORDINGS": "8", "TAPEDECK_PORT_RANGE": "21000-21001"])
    #expect(capacity.count("maxRecordings") == 8)
    #expect(capacity["portRange"] == "21000-21001")
    daemon.crash()
    (capacity, daemon) = try node(
      ["--max-recordings", "9"], ["TAPEDECK_MAX_RECORDINGS": "8", "TAPEDECK_ROOT": scratch.path + "/from-env"])
    #expect(capacity.count("maxRecordings") == 9)
    #expect(Disk.exists(scratch.path + "/from-env"))
  }

  @Test(arguments: [
    ("{maxRecording: 3}", "unknown field maxRecording"), ("{maxRecordings: 0}", "maxRecordings: 0"), ("{portRange: '9-1'}", "portRange"),
    ("{listenIp: 'localhost'}", "listenIp"), ("[1]", "an object"), ("{root: 5}", "root: 5"), ("{root: ", "deck.json5"),
    ("{logLevel: 'loud'}", "logLevel"), ("{threads: 5000}", "threads: 5000"),
  ]) func aFileThatIsWrongIsRefused(text: String, reason: String) throws {
    let scratch = try Scratch()
    let path = try scratch.write(text, as: "deck.json5")
    let done = try Tool.outcome(
      Daemon.binary, ["serve", "--config", path, "--control", scratch.path + "/c.sock", "--root", scratch.path + "/rec"])
    #expect(done.code == 1)
    #expect(done.errors.contains(reason) && done.errors.contains(path), "\(done.errors)")
    #expect(done.errors.split(separator: "\n").count == 1)
    #expect(Disk.names(scratch.path) == ["deck.json5"])
  }

  @Test func settingsThatCannotBeAreRefused() throws {
    let scratch = try Scratch()
    let common = ["serve", "--control", scratch.path + "/c.sock", "--root", scratch.path + "/rec"]
    for (flags, code, reason) in [
      (["--config", scratch.path + "/none"], 1, "none"), (["--listen-ip", "192.0.2.77"], 1, "192.0.2.77"),
      (["--port-range", "5-4"], 2, "port-range"), (["--listen-ip", "here"], 2, "listen-ip"), (["--log-level", "loud"], 2, "log-level"),
      (["--control-group", "nobody-has-this"], 1, "nobody-has-this"), (["--port-rage", "1-2"], 2, "port-r"),
    ] as [([String], Int32, String)] {
      let done = try Tool.outcome(Daemon.binary, common + flags)
      #expect(done.code == code, "\(flags): \(done.errors)")
      #expect(done.errors.contains(reason), "\(flags): \(done.errors)")
    }
    #expect(!Disk.exists(scratch.path + "/c.sock"))
  }

  @Test func defaultsRunWithoutAnySetting() throws {
    let scratch = try Scratch()
    let daemon = try Daemon(bare: [], in: scratch, socket: scratch.path + "/tapedeck/control.sock")
    #expect(Disk.mode(daemon.socket) == 0o600)
    let recording = try daemon.start(Specs.start())
    #expect((40_000...49_999).contains(try recording.port()))
    #expect(Disk.exists(scratch.path + "/recordings/algebra-101/" + recording.id))
    try recording.stop()
  }

  @Test func mediaOverIPv6() throws {
    let daemon = try Daemon(["--listen-ip", "::1", "--announce-ip", "2001:db8::5"])
    let capture = try Capture("jan-vp8-opus")
    let recording = try daemon.start(Specs.start())
    #expect(recording.started.sources[0]["ports"]?.arrayValue?.first?["ip"] == "2001:db8::5")
    let port = try recording.port()
    let endpoint = try Endpoint(ip: "::1")
    let feed = Feed(capture.items([111: port, 96: port], to: 4), from: [endpoint], speed: 2)
    feed.finish()
    let done = try recording.stop()
    #expect(done.sources[0]["remote"]?.stringValue == "[::1]:\(endpoint.port)")
    #expect(done.track("t1").count("packetsWritten") == capture.rtp(111).filter { $0.time <= 4 }.count)
    #expect(!feed.feedback.isEmpty)
    try expectClean(recording.file())
    // A source may listen elsewhere, and is then told its own address.
    let other = try daemon.start(Specs.start(source: Specs.source([Specs.opus()]).with("listenIp", "127.0.0.1")))
    #expect(other.started.sources[0]["ports"]?.arrayValue?.first?["ip"] == "127.0.0.1")
  }
}
