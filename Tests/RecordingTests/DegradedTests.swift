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
