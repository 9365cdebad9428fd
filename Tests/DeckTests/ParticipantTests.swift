import DeckRig
import JSON
import Testing

/// Several participants, and what comes and goes while a recording runs.
@Suite struct ParticipantTests {
  private let capture: Capture
  init() throws { capture = try Capture("jan-vp8-opus") }

  @Test func severalParticipantsAreAFileEachOnOneTimeline() throws {
    let daemon = try Daemon()
    let recording = try daemon.start(
      Specs.start(
        [
          Specs.opus("ada", ssrc: 11), Specs.vp8("ada", ssrc: 12), Specs.opus("bob", ssrc: 21), Specs.vp8("bob", ssrc: 22),
          Specs.opus("cy/../d", ssrc: 31),
        ], hls: ["segmentSeconds": 1]))
    let port = try recording.port()
    var items = Crowd.items(capture, 111, ssrc: 11, to: port, seconds: 2.5)
    items += Crowd.items(capture, 96, ssrc: 12, to: port, seconds: 2.5)
    items += Crowd.items(capture, 111, ssrc: 21, to: port, delay: 1, seconds: 1.5)
    items += Crowd.items(capture, 96, ssrc: 22, to: port, delay: 1, seconds: 1.5)
    items += Crowd.items(capture, 111, ssrc: 31, to: port, delay: 1.5, seconds: 1)
    let feed = Feed(items, from: [try Endpoint()])
    feed.finish()
    let done = try recording.stop()
    #expect(done.addsUp)
    let names = ["ada": "recording-ada.webm", "bob": "recording-bob.webm", "cy/../d": "recording-cy%2F..%2Fd.webm"]
    #expect(Set(done.files.compactMap { $0["path"]?.stringValue }) == Set(names.values))
    for (participant, late) in [("ada", 0.0), ("bob", 1.0), ("cy/../d", 1.5)] {
      let name = try #require(names[participant])
      let file = done.file(name)
      #expect(file["participant"]?.stringValue == participant)
      let packets = try Judge.packets(recording.file(name))
      let first = try #require(packets.map(\.time).min())
      // The file's first timestamp is its true offset, and the API says so.
      #expect(abs(first - file.number("startSeconds")) < 0.002)
      #expect(abs(first - late) < 0.15, "\(participant) begins at \(first)")
      try expectClean(recording.file(name))
    }
    #expect(
      try Judge.packets(recording.file("recording-bob.webm"), "vp8").map(\.crc)
        == Oracle.vp8(capture.rtp(96).filter { $0.time < 1.5 }).map(\.crc))
    for folder in ["hls/ada", "hls/bob", "hls/cy%2F..%2Fd"] {
      #expect(Disk.exists(recording.file(folder + "/master.m3u8")), "\(folder)")
    }
    #expect(done["hls"]?.arrayValue?.count == 3)
    let joined = recording.log.filter { $0.type == "participant.joined" }.compactMap { $0["participant"]?.stringValue }
    #expect(joined == ["ada", "bob", "cy/../d"])
  }

  @Test func aCameraThatComesLateIsInTheNextPart() throws {
    let daemon = try Daemon()
    let recording = try daemon.start(Specs.start([Specs.opus()]))
    let feed = Feed(capture.items([111: try recording.port()], to: 6), from: [try Endpoint()])
    // The file is open: its header cannot take another track in.
    #expect(try eventually { try !recording.now().files.isEmpty })
    let source = try daemon.call("POST", ["recordings", recording.id, "sources"], Specs.source([Specs.vp8()]))
    #expect(source["id"] == "s2")
    #expect(source["tracks"]?.arrayValue?.first?["id"] == "t2")
    let camera = Feed(capture.items([96: try recording.port("t2")], to: 1.5), from: [try Endpoint()])
    camera.finish()
    feed.finish()
    let done = try recording.stop()
    #expect(done.addsUp)
    try #require(done.files.compactMap { $0["path"]?.stringValue } == ["recording.webm", "recording.part2.webm"], "\(done.text())")
    let first = try Judge.packets(recording.file())
    #expect(try Judge.streams(recording.file()) == ["opus"])
    #expect(Set(try Judge.streams(recording.file("recording.part2.webm"))) == ["opus", "vp8"])
    // The parts join: nothing is missing, nothing is there twice, and time goes on.
    #expect(
      first.map(\.crc) + (try Judge.packets(recording.file("recording.part2.webm"), "opus").map(\.crc))
        == Oracle.opus(capture.rtp(111).filter { $0.time <= 6 }).map(\.crc))
    #expect(
      try Judge.packets(recording.file("recording.part2.webm"), "vp8").map(\.crc)
        == Oracle.vp8(capture.rtp(96).filter { $0.time <= 1.5 }).map(\.crc))
    let secondSound = try Judge.packets(recording.file("recording.part2.webm"), "opus")
    #expect(try #require(first.map(\.time).max()) < (try #require(secondSound.map(\.time).min())))
    #expect(done.files[1]["part"] == 2)
    for file in done.files {
      let path = recording.file(try #require(file["path"]?.stringValue))
      try expectClean(path)
      #expect(file["sha256"]?.stringValue == (try Judge.sha256(path)))
    }
  }

  @Test(arguments: [true, false]) func tracksJoinASource(bundle: Bool) throws {
    let daemon = try Daemon()
    let source = Specs.source([Specs.opus(ssrc: 11)]).with("bundle", .bool(bundle))
    let recording = try daemon.start(Specs.start(source: source))
    let path = ["recordings", recording.id, "sources", "s1", "tracks"]
    let answer = try daemon.call("POST", path, ["tracks": [Specs.vp8(ssrc: 12), Specs.opus("bob", ssrc: 21)]])
    #expect(answer["tracks"]?.arrayValue?.compactMap { $0["id"]?.stringValue } == ["t1", "t2", "t3"])
    let ports = try ["t1", "t2", "t3"].map { try recording.port($0) }
    #expect(Set(ports).count == (bundle ? 1 : 3))
    var items = Crowd.items(capture, 111, ssrc: 11, to: ports[0], seconds: 1)
    items += Crowd.items(capture, 96, ssrc: 12, to: ports[1], seconds: 1)
    items += Crowd.items(capture, 111, ssrc: 21, to: ports[2], seconds: 1)
    Feed(items, from: [try Endpoint()], speed: 4).finish()
    let done = try recording.stop()
    #expect(done.addsUp)
    #expect(
      done.tracks.map { $0.count("packetsWritten") }
        == [11, 12, 21].map { ssrc in
          items.filter { Bits.word($0.bytes, 8) == UInt32(ssrc) }.count
        })
    #expect(Disk.exists(recording.file("recording-bob.webm")))
  }

  @Test func aSourceThatIsRemovedEndsAloneAndItsNamesAreFree() throws {
    let daemon = try Daemon()
    let recording = try daemon.start(Specs.start([Specs.opus("ada", ssrc: 11)]))
    let second = try daemon.call("POST", ["recordings", recording.id, "sources"], Specs.source([Specs.opus("bob", ssrc: 21)]))
    let port = try recording.port("t2")
    let items = Crowd.items(capture, 111, ssrc: 11, to: try recording.port(), seconds: 1)
    let more = Crowd.items(capture, 111, ssrc: 21, to: port, seconds: 1)
    Feed(items + more, from: [try Endpoint()], speed: 4).finish()
    #expect(try recording.received(items.count + more.count))
    let path = ["recordings", recording.id, "sources", try #require(second["id"]?.stringValue)]
    #expect(try daemon.call("DELETE", path)["state"] == "closed")
    // Again is no harm, its port is free, and it takes no tracks any more.
    #expect(try daemon.call("DELETE", path)["state"] == "closed")
    withExtendedLifetime(try Endpoint(port: port)) {}
    #expect(daemon.refusal("POST", path + ["tracks"], ["tracks": [Specs.vp8("bob")]])?.code == "invalidState")
    #expect(daemon.refusal("DELETE", ["recordings", recording.id, "sources", "s9"])?.status == 404)
    // A stream that comes back through another source may keep its SSRC.
    let third = try daemon.call("POST", ["recordings", recording.id, "sources"], Specs.source([Specs.opus("bob", ssrc: 21)]))
    #expect(third["id"] == "s3")
    Feed(Crowd.items(capture, 111, ssrc: 21, to: try recording.port("t3"), seconds: 0.5), from: [try Endpoint()], speed: 4).finish()
    let done = try recording.stop()
    #expect(done.addsUp)
    #expect(done.status == "completed")
    #expect(done.track("t2").count("packetsWritten") == more.count)
    #expect(done.track("t3").count("packetsWritten") > 0)
    #expect(recording.log.contains { $0.type == "track.ended" && $0["track"] == "t2" })
    #expect(recording.log.contains { $0.type == "participant.left" && $0["participant"] == "bob" })
    for file in done.files { try expectClean(recording.file(file["path"]?.stringValue ?? "")) }
  }
}
