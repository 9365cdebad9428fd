import Codecs
import Ground
import Recording
import Testing
import Track

/// Pictures that miss a reference go to tape where no key frame comes in time, and are told as what they are.
@Suite struct DegradedTests {
  /// A camera whose second second has a hole, and that answers no request for a key frame.
  private func film(after seconds: Double?, startsWithKey: Bool = true) throws -> Rig {
    var limits = Limits()
    limits.degradedAfterSeconds = seconds
    let rig = try Rig([Sender.video().specification], limits: limits)
    rig.isChecking = false
    var sender = Sender.video()
    for index in 0..<600 {
      let time = Double(index) * 100 / 3
      let isKey = startsWithKey && (index == 0 || index == 570)
      for packet in sender.picture(time, isKey: isKey) where index != 30 { rig.deliver(packet, at: Rig.start + .seconds(time / 1000)) }
    }
    rig.run(seconds: 21)
    rig.stop()
    return rig
  }

  private func gaps(_ rig: Rig) -> [TakeEvent] { rig.events.filter { $0.type == "media.gap" } }

  @Test func aGateThatNoKeyFrameOpensOpensAnyway() throws {
    let rig = try film(after: 3)
    let counters = rig.counters()
    // Picture 30 is lost; 31 is the first that waits, and three seconds later the gate opens. The key frame at 19 s ends it.
    let times = rig.written.map(\.frame.time.seconds)
    #expect(times.count == 600 - 1 - 90)
    #expect(abs(times[30] - (times[29] + 92 / 30)) < 0.01)
    #expect(counters.framesDegraded == UInt64(570 - 31 - 90))
    #expect(counters.discarded(.brokenReference) == 90)
    #expect(counters.packetsReceived == counters.packetsInFrames + counters.packetsDiscarded)
    let gap = try #require(gaps(rig).first)
    #expect(gaps(rig).count == 1)
    #expect(gap.fields.contains(EventField("degraded", true)) && gap.fields.contains(EventField("packetsLost", Int64(1))))
    // The sender is asked for a key frame all the while.
    #expect(rig.requests(of: 2222).contains { ($0 - Rig.start).seconds > 10 })
  }

  @Test func theDefaultIsTenSecondsAndZeroIsNever() throws {
    let usual = try film(after: nil).counters()
    #expect(usual.discarded(.brokenReference) == 300 && usual.framesDegraded == UInt64(570 - 31 - 300))
    let never = try film(after: 0)
    #expect(never.counters().framesDegraded == 0 && never.counters().discarded(.brokenReference) == 570 - 31)
    #expect(!gaps(never).contains { $0.fields.contains(EventField("degraded", true)) })
  }

  /// Without any key frame there is nothing that could be decoded.
  @Test func itNeverOpensBeforeTheFirstKeyFrame() throws {
    let rig = try film(after: 1, startsWithKey: false)
    #expect(rig.written.isEmpty)
    #expect(rig.counters().framesDegraded == 0)
    #expect(rig.counters().discarded(.awaitingKeyFrame) > 500)
  }

  /// Every codec of pictures: what comes out is still, bit by bit, what was sent, and more of it than without.
  @Test(arguments: ["jan-vp8-opus", "gst-vp9-opus", "gst-h264-opus", "ffx-av1-opus", "gst-h265-opus"])
  func everyCodecOpens(_ name: String) throws {
    let loss = "video.loss=3%,from=500ms,seed=2"
    let clean = try ImpairedRun(Captures.committedPath(name))
    let closed = try ImpairedRun(Captures.committedPath(name), loss)
    let open = try ImpairedRun(Captures.committedPath(name), loss, degradedAfterSeconds: 0.5)
    let track = try #require(open.tracks.firstIndex { $0.specification.kind == .video })
    let counters = open.tracks[track].counters
    #expect(counters.framesDegraded > 0 && closed.tracks[track].counters.framesDegraded == 0)
    #expect(open.frames[track].count > closed.frames[track].count)
    #expect(counters.packetsReceived == counters.packetsInFrames + counters.packetsDiscarded)
    let sent = Set(clean.frames[track].map(\.bytes))
    #expect(open.frames[track].allSatisfy { sent.contains($0.bytes) })
    #expect(
      open.events.contains { $0.type == "media.gap" && $0.fields.contains(EventField("degraded", true)) })
  }
}

/// What no later frame tells is told at the end.
@Suite struct TrailingHoleTests {
  /// A camera whose picture 30 is lost, that makes no key frame after, and a recording that stops a second later.
  @Test func aGateThatIsClosedToTheEndIsAHole() throws {
    let rig = try Rig([Sender.video().specification])
    var sender = Sender.video()
    for index in 0..<60 {
      let time = Double(index) * 100 / 3
      for packet in sender.picture(time, isKey: index == 0) where index != 30 { rig.deliver(packet, at: Rig.at(time)) }
    }
    rig.run(seconds: 2.5)
    #expect(rig.events("media.gap").isEmpty)
    rig.stop()
    let holes = try #require(rig.snapshot.tracks[0].parts.last).holes
    #expect(rig.events("media.gap").count == 1 && holes.count == 1)
    let hole = try #require(holes.holes.first)
    #expect(hole.cause == "packetLoss" && hole.packetsLost == 1)
    // From the last picture on tape to the last that came.
    #expect(abs(hole.start.seconds - 29 / 30.0) < 0.002 && abs(hole.duration.seconds - 1) < 0.002, "\(hole)")
    #expect(rig.counters().gapDuration == hole.duration)
  }

  /// A picture whose second packet is still on its way is not lost, and neither is what ends whole.
  @Test(arguments: [1, 2]) func aStopInAPictureIsNoHole(_ packets: Int) throws {
    let rig = try Rig([Sender.video().specification])
    var sender = Sender.video()
    for index in 0..<30 {
      let time = Double(index) * 100 / 3
      let pieces = sender.picture(time, isKey: index == 0, packets: packets)
      for packet in index == 29 ? pieces.dropLast(packets - 1) : pieces[...] { rig.deliver(packet, at: Rig.at(time)) }
    }
    rig.run(seconds: 1)
    rig.stop()
    #expect(rig.frames(0).count == (packets == 1 ? 30 : 29))
    #expect(rig.events("media.gap").isEmpty && rig.counters().gaps == 0)
  }

  /// After a pause: a camera that makes no key frame, for as long as the limit says and then to the end.
  @Test func aResumeWithoutAKeyFrameOpensInTimeAndTellsItsHole() throws {
    for (limit, opens) in [(3.0, true), (0, false)] {
      var limits = Limits()
      limits.degradedAfterSeconds = limit
      let rig = try Rig([Sender.video().specification], limits: limits)
      var sender = Sender.video()
      for index in 0..<240 {
        let time = Double(index) * 100 / 3
        for packet in sender.picture(time, isKey: index == 0 || (opens && index == 225)) { rig.deliver(packet, at: Rig.at(time)) }
      }
      rig.run(until: Rig.at(1_010))
      rig.pause(.keep)
      rig.run(until: Rig.at(2_010))
      rig.resume()
      rig.run(until: Rig.at(8_100))
      rig.stop()
      let counters = rig.counters()
      let gap = try #require(rig.events("media.gap").first)
      #expect(rig.events("media.gap").count == 1)
      #expect(gap.fields.contains(EventField("cause", "awaitingKeyFrame")))
      let hole = try #require(rig.snapshot.tracks[0].parts.last?.holes.holes.first)
      #expect(abs(hole.start.seconds - 61 / 30.0) < 0.002)
      if opens {
        // Picture 61 is the first behind the pause, 151 the first three seconds after it; the key frame is 225.
        #expect(rig.frames(0).count == 31 + 240 - 151 && counters.framesDegraded == 225 - 151)
        #expect(abs(hole.duration.seconds - 3) < 0.04 && hole.framesDropped == 90 && hole.isDegraded)
      } else {
        #expect(rig.frames(0).count == 31 && counters.framesDegraded == 0)
        #expect(abs(hole.duration.seconds - 178 / 30.0) < 0.04 && hole.framesDropped == 179 && !hole.isDegraded)
      }
    }
  }
}
