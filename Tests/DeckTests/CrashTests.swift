import DeckRig
import Foundation
import JSON
import Testing

/// What a killed daemon leaves, the next one finishes.
@Suite struct CrashTests {
  /// How often to kill at a random moment; the environment asks for more (`TAPEDECK_KILLS`).
  static let kills = ProcessInfo.processInfo.environment["TAPEDECK_KILLS"].flatMap { Int($0) } ?? 5
  private let media: Endless
  init() throws { media = Endless(try Capture("chr-vp8-opus"), payloadTypes: [111, 96]) }

  @Test(arguments: 0..<kills) func aKillAtAnyMomentCostsASecondAtMost(round: Int) throws {
    let scratch = try Scratch()
    let daemon = try Daemon(in: scratch)
    let recording = try daemon.start(Specs.start(hls: ["segmentSeconds": 1]))
    let port = try recording.port()
    let moment = Double.random(in: 0.3...6)
    print("kill \(round) after \(moment) s of media")
    let feed = Feed(media.items(from: 0, to: 20, ports: [111: port, 96: port]), from: [try Endpoint()])
    #expect(eventually { feed.lastSentTime >= moment })
    let sent = feed.lastSentTime
    daemon.crash()
    feed.stop()
    let path = recording.file()
    let lastEvent = recording.log.last?.count("id") ?? 0

    let next = try daemon.restarted()
    let done = try next.call("GET", ["recordings", recording.id])
    if sent < 1.2, done.status == "failed" {
      // So early that nothing may have been on disk yet.
      #expect(done["interrupted"] == true)
      return
    }
    #expect(done.status == "completed", "killed after \(sent) s")
    #expect(done["interrupted"] == true)
    #expect(done["error"] == .null)
    #expect(done.addsUp)
    #expect(done.sources[0]["state"] == "closed")
    let duration = try Judge.duration(path)
    #expect(duration >= sent - 1, "\(sent) s were sent and \(duration) s are on tape")
    #expect(duration <= sent + 0.2)
    #expect(abs(duration - done.number("durationSeconds")) < 0.05)
    let file = done.file("recording.webm")
    #expect(file["final"] == true)
    #expect(file["sha256"]?.stringValue == (try Judge.sha256(path)))
    try expectClean(path)
    #expect(Judge.risesStrictly(try Judge.packets(path)))
    #expect(try Judge.seeks(path, to: duration / 2))
    try checkPresentation(recording, done, sent)
    // Numbers of events go on where the dead daemon's ended.
    let ids = recording.log.map { $0.count("id") }
    #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
    #expect(recording.log.last?.type == "recording.completed")
    #expect(recording.log.last?["interrupted"] == true)
    #expect(recording.log.last.map { $0.count("id") > lastEvent } == true)
    let another = try next.start(Specs.start())
    try another.stop()
    #expect((another.log.first?.count("id") ?? 0) > (ids.last ?? 0))
  }

  /// A fragmented file is made an ordinary one, of all its whole fragments.
  @Test func aKillLeavesAnMP4ThatIsMadeWhole() throws {
    let scratch = try Scratch()
    let daemon = try Daemon(in: scratch)
    let h264: JSONValue = ["participant": "ada", "codec": "H264", "payloadType": 102]
    let recording = try daemon.start(
      Specs.start([Specs.opus(), h264]).with("outputs", ["file": ["container": "mp4"], "hls": nil]))
    let port = try recording.port()
    let moment = Double.random(in: 1.5...6)
    let feed = Feed(try Capture("chr-h264").items([111: port, 102: port], to: 9), from: [try Endpoint()])
    #expect(eventually { feed.lastSentTime >= moment })
    let sent = feed.lastSentTime
    daemon.crash()
    feed.stop()
    let path = recording.file("recording.mp4")
    let done = try daemon.restarted().call("GET", ["recordings", recording.id])
    #expect(done.status == "completed", "killed after \(sent) s")
    #expect(done["interrupted"] == true)
    let duration = try Judge.duration(path)
    #expect(duration >= sent - 1, "\(sent) s were sent and \(duration) s are on tape")
    #expect(abs(duration - done.number("durationSeconds")) < 0.05)
    #expect(done.file("recording.mp4")["sha256"]?.stringValue == (try Judge.sha256(path)))
    try expectClean(path)
    #expect(try Judge.streams(path) == ["h264", "opus"])
    #expect(try Judge.seeks(path, to: duration / 2))
    // An ordinary file has all its boxes of media in one.
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    let start = Int(Bits.word(bytes, 0))
    #expect(String(decoding: bytes[start + 4..<start + 8], as: UTF8.self) == "mdat")
    let end = start + Int(Bits.word(bytes, start + 12))
    #expect(String(decoding: bytes[end + 4..<end + 8], as: UTF8.self) == "moov")
    #expect(end + Int(Bits.word(bytes, end)) == bytes.count)
  }

  private func checkPresentation(_ recording: Recording, _ done: JSONValue, _ sent: Double) throws {
    let playlists = Disk.tree(recording.folder).filter { $0.hasSuffix(".m3u8") && !$0.hasSuffix("master.m3u8") }
    guard let told = done["hls"]?.arrayValue?.first else {
      #expect(sent < 3.5, "\(sent) s were sent and there is no presentation")
      return
    }
    #expect(told["live"] == false)
    #expect(!playlists.isEmpty)
    for playlist in playlists {
      let text = Disk.text(recording.file(playlist))
      #expect(text.contains("#EXT-X-ENDLIST"))
      #expect(text.contains("#EXT-X-PLAYLIST-TYPE:VOD"))
      let seconds = text.components(separatedBy: "#EXTINF:").dropFirst().compactMap { Double($0.prefix { $0 != "," }) }.reduce(0, +)
      #expect(seconds >= sent - 2.5, "\(sent) s were sent and \(playlist) has \(seconds) s")
    }
    try expectClean(recording.file("hls/master.m3u8"))
  }

  @Test func aKillBeforeAnythingCame() throws {
    let scratch = try Scratch()
    let daemon = try Daemon(in: scratch)
    let recording = try daemon.start(Specs.start())
    daemon.crash()
    let next = try daemon.restarted()
    let done = try next.call("GET", ["recordings", recording.id])
    #expect(done.status == "failed")
    #expect(done["interrupted"] == true)
    #expect(done["error"]?["message"]?.stringValue?.contains("interrupted") == true)
    #expect(done.files.isEmpty)
    #expect(recording.log.last?.type == "recording.failed")
    try next.call("DELETE", ["recordings", recording.id])
    #expect(Disk.names(next.root).filter { !$0.hasPrefix(".") } == [])
  }

  /// Kills while starts come one after the other: none is half there afterwards.
  @Test func aKillDuringStarts() throws {
    let scratch = try Scratch()
    let daemon = try Daemon(in: scratch)
    let pid = daemon.pid
    let killer = Thread {
      Moment.rest(Double.random(in: 0.05...0.3))
      kill(pid, SIGKILL)
    }
    var started: [String] = []
    killer.start()
    while let recording = try? daemon.start(Specs.start(room: "room-\(started.count % 3)")) { started.append(recording.id) }
    _ = daemon.exitCode()
    let next = try daemon.restarted()
    let found = try next.call("GET", ["recordings"], query: [("limit", "100")])
    #expect((found["pagination"]?.count("total") ?? 0) >= started.count)
    for recording in found["recordings"]?.arrayValue ?? [] { #expect(recording.status == "failed") }
    for path in Disk.tree(next.root) { #expect(!path.hasSuffix(".tmp"), "\(path)") }
    for room in Disk.names(next.root) where !room.hasPrefix(".") {
      for id in Disk.names(next.root + "/" + room) { #expect(Disk.exists(next.root + "/\(room)/\(id)/metadata.json")) }
    }
  }

  /// Kills right after stops, while files are being finished; and again while the next daemon completes them.
  @Test func aKillDuringTheEndAndDuringTheRecovery() throws {
    let scratch = try Scratch()
    var daemon = try Daemon(in: scratch)
    let capture = try Capture("jan-vp8-opus")
    let endpoint = try Endpoint()
    var recordings: [Recording] = []
    for index in 0..<8 {
      let recording = try daemon.start(Specs.start(room: "r\(index)", hls: ["segmentSeconds": 1]))
      recordings.append(recording)
    }
    let items = try recordings.flatMap { recording in
      let port = try recording.port()
      return capture.items([111: port, 96: port], to: 3)
    }
    Feed(items, from: [endpoint]).finish()
    let expected = Oracle.vp8(capture.rtp(96).filter { $0.time <= 3 }).map(\.crc)
    for recording in recordings { try daemon.call("POST", ["recordings", recording.id, "stop"]) }
    Moment.rest(Double.random(in: 0...0.05))
    daemon.crash()
    for _ in 0..<3 {
      let next = try Daemon(launching: [], in: scratch)
      Moment.rest(Double.random(in: 0.01...0.15))
      next.crash()
    }
    daemon = try daemon.restarted()
    for recording in recordings {
      let done = try daemon.call("GET", ["recordings", recording.id])
      #expect(done.status == "completed")
      let written = try Judge.packets(recording.file(), "vp8").map(\.crc)
      #expect(written.count > 30 && written == Array(expected.prefix(written.count)))
      try expectClean(recording.file())
      let types = recording.log.map(\.type)
      #expect(types.filter { $0 == "recording.completed" }.count == 1)
      #expect(types.last == "recording.completed")
      let ids = recording.log.map { $0.count("id") }
      #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
    }
    let all = recordings.flatMap { $0.log.map { $0.count("id") } }
    #expect(Set(all).count == all.count)
  }

  @Test func mediaThatCannotBePlayedIsAFailure() throws {
    let scratch = try Scratch()
    let daemon = try Daemon(in: scratch)
    let recording = try daemon.start(Specs.start())
    let folder = recording.folder
    daemon.crash()
    try Data(repeating: 0x2a, count: 5000).write(to: URL(filePath: folder + "/recording.webm"))
    // A line of the log that the crash cut must not spoil the next one.
    let log = try FileHandle(forWritingTo: URL(filePath: folder + "/timeline.jsonl"))
    try log.seekToEnd()
    try log.write(contentsOf: Data("{\"id\": 99999, \"ty".utf8))
    try log.close()
    let next = try daemon.restarted()
    let done = try next.call("GET", ["recordings", recording.id])
    #expect(done.status == "failed")
    #expect(done.files.isEmpty)
    let lines = Disk.text(folder + "/timeline.jsonl").split(separator: "\n")
    #expect(lines.count == EventText.parse(lines.joined(separator: "\n")).count)
    #expect(recording.log.last?.type == "recording.failed")
    // What could not be read is left as it was.
    #expect(Disk.bytes(folder + "/recording.webm").count == 5000)
  }

  @Test func aCancelThatWasCutOffIsStillACancel() throws {
    let scratch = try Scratch()
    let daemon = try Daemon(in: scratch)
    let capture = try Capture("jan-vp8-opus")
    let recording = try daemon.start(Specs.start())
    let port = try recording.port()
    Feed(capture.items([111: port, 96: port], to: 2), from: [try Endpoint()], speed: 4).finish()
    #expect(try recording.received(100))
    let folder = recording.folder
    // As the log is when a cancel has begun and the files are not gone yet.
    daemon.crash()
    let line =
      "{\"id\": 1000, \"type\": \"recording.stopped\", \"recording\": \"\(recording.id)\", \"room\": \"algebra-101\", \"reason\": \"cancelled\"}\n"
    try (Data(Disk.bytes(folder + "/timeline.jsonl")) + Data(line.utf8)).write(to: URL(filePath: folder + "/timeline.jsonl"))
    let next = try daemon.restarted()
    #expect(try next.call("GET", ["recordings", recording.id]).status == "cancelled")
    #expect(Disk.names(folder) == ["metadata.json", "timeline.jsonl"])
    #expect(recording.log.last?.count("id") == 1001)
  }
}
