import DeckRig
import Foundation
import JSON
import Testing

/// A recording from its start to its final files.
@Suite struct LifeTests {
  @Test func everyPacketFromTheAnswerOnIsOnTapeByteForByte() throws {
    let daemon = try Daemon()
    let capture = try Capture("jan-vp8-opus")
    let endpoint = try Endpoint()
    let recording = try daemon.start(Specs.start(hls: ["segmentSeconds": 1]))
    let port = try #require(recording.started.sources.first?["ports"]?.arrayValue?.first?["port"]?.integerValue.map { UInt16($0) })
    #expect(recording.started.status == "starting")
    // No pause between the answer and the first packet.
    let feed = Feed(capture.items([111: port, 96: port]), from: [endpoint], speed: 8)
    while !feed.isOver {
      let now = try recording.now()
      #expect(now.addsUp, "\(now.text())")
    }
    let done = try recording.stop()
    #expect(done.status == "completed")
    #expect(done.addsUp)
    for (track, payloadType) in [("t1", 111), ("t2", 96)] {
      #expect(done.track(track).count("packetsReceived") == capture.rtp(payloadType).count)
      #expect(done.track(track).count("packetsWritten") == capture.rtp(payloadType).count)
      #expect(done.track(track).count("packetsLost") == 0)
    }
    let path = recording.file()
    #expect(try Judge.packets(path, "opus").map(\.crc) == Oracle.opus(capture.rtp(111)).map(\.crc))
    #expect(try Judge.packets(path, "vp8").map(\.crc) == Oracle.vp8(capture.rtp(96)).map(\.crc))
    #expect(Judge.risesStrictly(try Judge.packets(path)))
    try expectClean(path)
    let file = done.file("recording.webm")
    #expect(file["final"] == true)
    #expect(file["sha256"]?.stringValue == (try Judge.sha256(path)))
    #expect(file.count("bytes") == Disk.bytes(path).count)
    let playlist = done["hls"]?.arrayValue?.first
    #expect(playlist?["live"] == false)
    #expect(playlist?["error"] == .null)
    try expectClean(recording.file("hls/master.m3u8"))
    // What is on disk is what the API says, but for nothing.
    #expect(try JSONValue(parsing: Disk.bytes(recording.file("metadata.json"))) == done)
    #expect(Disk.mode(recording.folder) == 0o700)
    for path in Disk.tree(recording.folder) where !Disk.isFolder(recording.file(path)) {
      #expect(Disk.mode(recording.file(path)) == 0o600, "\(path)")
    }
  }

  @Test func thePlaylistGrowsWhileItIsLive() throws {
    let daemon = try Daemon()
    let capture = try Capture("chr-vp8-opus")
    let recording = try daemon.start(Specs.start(hls: ["segmentSeconds": 1]))
    let port = try recording.port()
    let feed = Feed(capture.items([111: port, 96: port]), from: [try Endpoint()], speed: 1)
    func playlists() throws -> [String] {
      let folder = ["v1", "recordings", recording.id, "hls"]
      return try daemon.text(folder + ["master.m3u8"]).split(separator: "\n").compactMap { line in
        let name = line.hasPrefix("#") ? line.components(separatedBy: "URI=\"").dropFirst().first?.prefix { $0 != "\"" } : line[...]
        return try name.map { try daemon.text(folder + [String($0)]) }
      }
    }
    func segments() -> Int { (try? playlists())?.first?.components(separatedBy: "#EXTINF").dropFirst().count ?? 0 }
    // Live: it is there, it grows, and it is not at its end.
    #expect(eventually { segments() >= 1 })
    let early = segments()
    #expect(eventually { segments() >= early + 2 })
    #expect(!feed.isOver)
    for text in try playlists() {
      #expect(text.contains("#EXT-X-PLAYLIST-TYPE:EVENT"))
      #expect(!text.contains("#EXT-X-ENDLIST"))
    }
    #expect(try recording.now()["hls"]?.arrayValue?.first?["live"] == true)
    feed.stop()
    try recording.stop()
    for text in try playlists() {
      #expect(text.contains("#EXT-X-PLAYLIST-TYPE:VOD"))
      #expect(text.contains("#EXT-X-ENDLIST"))
    }
    // Every segment was announced before the end, and nothing after it.
    #expect(recording.log.filter { $0.type == "hls.segment" }.count >= early + 2)
    #expect(recording.log.last?.type == "recording.completed")
    try expectClean(recording.file("hls/master.m3u8"))
  }

  @Test func aPortPairPerTrackTakesWhatJanusForwards() throws {
    let daemon = try Daemon()
    let capture = try Capture("jan-vp8-opus")
    var source = Specs.source([Specs.opus(), Specs.vp8()])
    source = source.with("bundle", false).with("rtcpMux", false)
    let recording = try daemon.start(Specs.start(source: source))
    let (audio, video) = (try recording.port("t1"), try recording.port("t2"))
    for track in ["t1", "t2"] {
      #expect(try recording.port(track) % 2 == 0)
      #expect(try recording.port(track, rtcp: true) == recording.port(track) + 1)
    }
    let sent = try Tool.run(
      Daemon.binary,
      ["replay", capture.path, "--to", "127.0.0.1:9", "--map", "5002=\(audio)", "--map", "5004=\(video)", "--speed", "8", "--json"])
    let done = try recording.stop()
    #expect(done.addsUp)
    #expect(try Judge.packets(recording.file(), "opus").map(\.crc) == Oracle.opus(capture.rtp(111)).map(\.crc))
    #expect(try Judge.packets(recording.file(), "vp8").map(\.crc) == Oracle.vp8(capture.rtp(96)).map(\.crc))
    // Janus opens with datagrams on the RTCP ports that are no RTCP; they tell where ours goes.
    #expect(done.sources[0]["datagramsDiscarded"]?.count("notRTCP") == 4)
    let feedback = try JSONValue(parsing: Array(sent.utf8))["feedback"]?["packets"]
    #expect((feedback?.count("RR") ?? 0) >= 2)
    #expect((feedback?.count("SDES") ?? 0) >= 2)
  }

  @Test func mediaUnderSRTPBesideRTCPInClear() throws {
    let daemon = try Daemon()
    let capture = try Capture("jan-vp8-opus-srtp.enc")
    let facts = try Capture.facts(capture.name)
    let key = try #require(facts["srtp_sdes"]?["inline"])
    let source = Specs.source([Specs.opus(), Specs.vp8()]).with("bundle", false).with("rtcpMux", false)
      .with("srtp", ["cryptoSuite": "AES_CM_128_HMAC_SHA1_80", "keyBase64": key, "rtcp": "clear"])
    let recording = try daemon.start(Specs.start(source: source))
    let (audio, video) = (try recording.port("t1"), try recording.port("t2"))
    // Nothing that does not authenticate may take the sender's place.
    let forger = try Endpoint()
    forger.send(try #require(capture.rtp(111).first?.bytes.map { $0 ^ 0 }.enumerated().map { $0 == 20 ? ~$1 : $1 }), to: audio)
    #expect(try eventually { try recording.now().sources[0]["datagramsDiscarded"]?.count("authenticationFailed") == 1 })
    let endpoints = [try Endpoint(), try Endpoint()]
    var items = capture.items([111: audio])
    items += capture.items([96: video]).map { Feed.Item(time: $0.time, bytes: $0.bytes, port: $0.port, endpoint: 1) }
    items.append(Feed.Item(time: 100, bytes: try #require(capture.rtp(111).last?.bytes), port: audio))
    let feed = Feed(items, from: endpoints, speed: 12)
    feed.finish()
    let done = try recording.stop()
    #expect(done.addsUp)
    let streams = try #require(Capture.facts("jan-vp8-opus-srtp")["streams"]?.arrayValue)
    for stream in streams {
      let isVideo = stream["frames_complete"]?.integerValue != nil
      #expect(done.track(isVideo ? "t2" : "t1").count("packetsWritten") == stream.count("packets"))
      #expect(try Judge.packets(recording.file(), isVideo ? "vp8" : "opus").count == stream.count(isVideo ? "frames_complete" : "packets"))
    }
    let discards = done.sources[0]["datagramsDiscarded"]
    #expect(discards?.count("authenticationFailed") == 1)
    #expect(discards?.count("replayed") == 1)
    try expectClean(recording.file())
    // RTCP comes back in clear, and no key is stored or listed.
    #expect(feed.feedback.contains { Feedback.kinds($0).starts(with: ["201", "202"]) })
    let keyText = try #require(key.stringValue)
    #expect(try recording.now().text().contains(keyText) == false)
    #expect(recording.started.text().contains(keyText))
    #expect(!Disk.text(recording.file("metadata.json")).contains(keyText))
    #expect(!daemon.log.contains(keyText))
  }

  @Test func aKeyFrameIsAskedForUntilItComes() throws {
    let daemon = try Daemon()
    let capture = try Capture("jan-vp8-opus")
    let recording = try daemon.start(Specs.start([Specs.vp8()]))
    let port = try recording.port()
    let endpoint = try Endpoint()
    // The camera is on already: what comes first refers to pictures that we never saw.
    let late = capture.rtp(96).filter { $0.time > 1 && $0.time < 3 }
    let feed = Feed(late.map { Feed.Item(time: $0.time - 1, bytes: $0.bytes, port: port) }, from: [endpoint])
    #expect(eventually { Feedback.hasPLI(feed.feedback) })
    feed.finish()
    let asked = feed.feedback.filter { Feedback.hasPLI([$0]) }
    // At once, then 200, 400, 800 ms later: not with every packet, not on a clock of its own.
    #expect((2...6).contains(asked.count), "\(asked.count) requests in two seconds")
    for request in asked { #expect(Bits.word(request, request.count - 4) == late[0].ssrc) }
    let answer = capture.rtp(96).filter { $0.time < 0.5 }.map {
      Feed.Item(
        time: $0.time, bytes: Crowd.renamed($0.bytes, ssrc: $0.ssrc, sequence: UInt16(late.count + 40), timestamp: 3 * 90_000), port: port)
    }
    Feed(answer, from: [endpoint]).finish()
    let sent = late.count + answer.count
    #expect(try recording.received(sent))
    let settled = try recording.now().track("t1").count("pliSent")
    let done = try recording.stop()
    #expect(done.addsUp)
    #expect(done.track("t1")["discarded"]?.count("awaitingKeyFrame") == late.count)
    #expect(done.track("t1").count("packetsWritten") == answer.count)
    #expect(done.track("t1").count("pliSent") == settled)
    try expectClean(recording.file())
  }
}
