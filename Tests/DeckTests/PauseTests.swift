import DeckRig
import JSON
import Testing

/// Pause and resume: one file, and a map from the wall's time to the media's.
@Suite struct PauseTests {
  @Test(arguments: ["cut", "keep"]) func aPauseIsOneFileAndItsPlaceIsKnown(mode: String) throws {
    let daemon = try Daemon()
    let capture = try Capture("jan-vp8-opus")
    let recording = try daemon.start(Specs.start([Specs.opus(), Specs.vp8()]))
    let port = try recording.port()
    // The sound goes on through the pause; the camera begins anew with a key frame when the pause is over, as a sender that is asked does.
    let before = Feed(capture.items([111: port, 96: port], to: 1.2), from: [try Endpoint()])
    before.finish()
    #expect(daemon.refusal("POST", ["recordings", recording.id, "resume"])?.code == "invalidState")
    #expect(try eventually { try recording.now().status == "recording" })
    #expect(try recording.command("pause", ["mode": .string(mode)]).status == "paused")
    #expect(daemon.refusal("POST", ["recordings", recording.id, "pause"])?.code == "invalidState")
    let during = Feed(capture.items([111: port, 96: port], from: 1.2001, to: 2), from: [before.endpoint])
    during.finish()
    #expect(try recording.command("resume").status == "recording")
    let camera = capture.rtp(96).enumerated().map { index, packet in
      Feed.Item(
        time: packet.time,
        bytes: Crowd.renamed(packet.bytes, ssrc: packet.ssrc, sequence: UInt16(capture.rtp(96).count), timestamp: 90_000 * 3), port: port)
    }
    let after = Feed(
      capture.items([111: port], from: 2.0001, to: 3.5) + camera.filter { $0.time < 1.5 }, from: [before.endpoint])
    after.finish()
    #expect(Feedback.hasPLI(after.feedback), "no key frame is asked for at the resume")
    let done = try recording.stop()
    #expect(done.addsUp)
    #expect(done.files.count == 1)
    #expect(done.track("t1")["discarded"]?.count("paused") ?? 0 >= 30)
    let pause = try #require(done["pauses"]?.arrayValue?.first)
    #expect(pause["mode"]?.stringValue == mode)
    let (from, to) = (pause.number("mediaStartSeconds"), pause.number("mediaEndSeconds"))
    let wall = try Clock.seconds(pause["resumedAt"]) - Clock.seconds(pause["pausedAt"])
    let began = try Clock.seconds(done["startedAt"])
    #expect(abs(from - (try Clock.seconds(pause["pausedAt"]) - began)) < 0.003)
    #expect(abs(to - from - (mode == "cut" ? 0 : wall)) < 0.003)
    let packets = try Judge.packets(recording.file())
    #expect(Judge.risesStrictly(packets))
    // Nothing lies inside the pause, and it closes up or stays a hole.
    let sound = try Judge.packets(recording.file(), "opus")
    let gap = try #require(zip(sound, sound.dropFirst()).map { $1.time - $0.time }.max())
    if mode == "keep" {
      #expect(!packets.contains { $0.time > from + 0.002 && $0.time < to - 0.002 })
      #expect(abs(gap - wall) < 0.05)
    } else {
      #expect(gap < 0.1)
    }
    #expect(abs(try Judge.duration(recording.file()) - done.number("durationSeconds")) < 0.05)
    // Pictures go on with a key frame.
    let pictures = try Judge.packets(recording.file(), "vp8")
    let resumed = try #require(pictures.firstIndex { $0.time >= to - 0.002 && $0.isKey })
    #expect(resumed > 0)
    #expect(pictures[resumed].isKey)
    try expectClean(recording.file())
    #expect(
      recording.log.map(\.type).filter { $0.hasPrefix("recording.") } == [
        "recording.starting", "recording.started", "recording.paused", "recording.resumed", "recording.stopped", "recording.processing",
        "recording.completed",
      ])
  }

  @Test func aRecordingCanBeStoppedWhileItIsPaused() throws {
    let daemon = try Daemon()
    let capture = try Capture("jan-audio-dtx")
    let recording = try daemon.start(Specs.start([Specs.opus()]))
    #expect(daemon.refusal("POST", ["recordings", recording.id, "pause"])?.message.contains("starting") == true)
    Feed(capture.items([111: try recording.port()], to: 2), from: [try Endpoint()], speed: 4).finish()
    #expect(try eventually { try recording.now().status == "recording" })
    try recording.command("pause")
    let done = try recording.stop()
    #expect(done.status == "completed")
    #expect(done["pauses"]?.arrayValue?.count == 1)
    #expect(done.addsUp)
    try expectClean(recording.file())
  }
}
