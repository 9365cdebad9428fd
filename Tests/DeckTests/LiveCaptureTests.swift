import DeckRig
import Foundation
import JSON
import Testing

/// What a capture's replay puts into files, the daemon puts there when the same datagrams come over the wire. (What the replay's files
/// must hold is judged from the captures' packets, in the tests of the tape.)
@Suite struct LiveCaptureTests {
  /// Of the package, or of the folder that the environment names (`TAPEDECK_CAPTURES`).
  static let folder =
    ProcessInfo.processInfo.environment["TAPEDECK_CAPTURES"].map { URL(filePath: $0) } ?? Capture.folder

  /// Those with VP8 or Opus to record.
  static let names: [String] = Disk.names(folder.path).filter { $0.hasSuffix(".pcap") }.map { String($0.dropLast(5)) }.filter { name in
    let facts = facts(name)
    if facts["srtp_sdes"] != nil, facts["plain_counterpart"] != nil { return true }
    let codecs = (facts["streams"]?.arrayValue ?? []).flatMap { $0["payload_types"]?.fields ?? [] }
      .map { ($0.value["codec"]?.stringValue ?? "").lowercased() }
    return codecs.contains { $0.hasPrefix("vp8/") || $0.hasPrefix("opus/") }
  }.sorted()

  static func facts(_ name: String) -> JSONValue {
    (try? JSONValue(parsing: [UInt8](Data(contentsOf: folder.appending(path: name + ".json"))))) ?? .null
  }

  @Test func thereAreCaptures() { #expect(LiveCaptureTests.names.count >= 8) }

  @Test(arguments: names) func theWireGivesTheTapeOfTheReplay(_ name: String) throws {
    let capture = LiveCaptureTests.folder.appending(path: name + ".pcap").path
    let scratch = try Scratch()
    let replayed = scratch.path + "/replayed"
    _ = try Tool.run(Daemon.binary, ["replay", capture, "--out", replayed])
    let expected = try JSONValue(parsing: Disk.bytes(replayed + "/metadata.json"))

    let daemon = try Daemon()
    let recording = try daemon.start(Specs.start(source: source(expected, LiveCaptureTests.facts(name))))
    let port = try recording.port()
    _ = try Tool.run(Daemon.binary, ["replay", capture, "--to", "127.0.0.1:\(port)"])
    let packets = expected.tracks.reduce(0) { $0 + $1.count("packetsReceived") }
    #expect(try recording.received(packets))
    let done = try recording.stop()
    #expect(done.status == "completed")
    #expect(done.addsUp)
    for (live, told) in zip(done.tracks, expected.tracks) {
      for number in ["packetsReceived", "packetsLost", "packetsWritten", "packetsDiscarded", "framesWritten", "framesDropped", "keyFrames"]
      {
        #expect(live.count(number) == told.count(number), "\(number)")
      }
      #expect(live["discarded"] == told["discarded"])
    }
    #expect(done.files.map { $0["path"] } == expected.files.map { $0["path"] })
    for file in expected.files {
      let path = file["path"]?.stringValue ?? ""
      let wanted = try Judge.packets(replayed + "/" + path)
      let found = try Judge.packets(recording.file(path))
      for stream in Set(wanted.map(\.stream)) {
        #expect(found.filter { $0.stream == stream }.map(\.crc) == wanted.filter { $0.stream == stream }.map(\.crc))
        #expect(found.filter { $0.stream == stream }.map(\.isKey) == wanted.filter { $0.stream == stream }.map(\.isKey))
      }
      #expect(found.count == wanted.count)
      #expect(Judge.risesStrictly(found))
      try expectClean(recording.file(path))
    }
  }

  /// The source that receives what the replay recognised.
  private func source(_ replayed: JSONValue, _ facts: JSONValue) -> JSONValue {
    let tracks = replayed.tracks.map { track in
      // Another SSRC can only take over a track that was not bound to one.
      let kept = ["participant", "kind", "codec", "payloadType", "clockRate"] + (track.count("ssrcChanges") == 0 ? ["ssrc"] : [])
      return JSONValue.object(kept.compactMap { name in track[name].map { JSONField(name, $0) } })
    }
    let source = Specs.source(tracks)
    guard facts["plain_counterpart"] != nil, let keys = facts["srtp_sdes"], let suite = keys["suite"], let key = keys["inline"] else {
      return source
    }
    return source.with("srtp", ["cryptoSuite": suite, "keyBase64": key, "rtcp": "clear"])
  }
}
