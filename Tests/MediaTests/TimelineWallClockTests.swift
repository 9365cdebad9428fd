import Foundation
import Ground
import RTCP
import Testing
import Timeline

/// What senders say of their wall clocks: set clocks, other epochs, times of capture.
@Suite struct TimelineWallClockTests {
  typealias Change = (inout SimulatedTrack) -> Void

  private func rig(end: Double = 180, both: Change = { _ in }, audio: Change = { _ in }, video: Change = { _ in }) -> ClockRig {
    func prepared(_ track: SimulatedTrack, _ latency: Double, _ change: Change) -> SimulatedTrack {
      var track = track
      (track.end, track.jitter, track.latency) = (end, 0.004, latency)
      track.reportsLikeChromium()
      both(&track)
      change(&track)
      return track
    }
    return ClockRig([prepared(.audio(), 0.02, audio), prepared(.video(), 0.08, video)], seed: 23)
  }

  /// Set at second 60, as by NTP or a user: told once, whichever reports show it, and nothing is moved.
  @Test(arguments: [3600.0, -3600, 0.8, -0.3, 0.3, -7200.5]) func aSendersWallClockIsSet(_ by: Double) {
    let rig = rig(both: { $0.report = { time in (time < 60 ? time : time + by, time) } })
    #expect(abs(rig.worstOffset(6...180)) < 20)
    #expect(abs(rig.worstError(0, 0...180, latency: 0.02)) < 20)
    #expect(rig.corrections.map(\.cause) == [.senderWallClock])
    #expect(abs((rig.corrections.first?.amount.seconds ?? 0) - by) < 0.03)
    #expect(abs((rig.corrections.first?.before.milliseconds ?? 9) - 0) < 1)
    #expect(rig.clock.facts(0).corrections == 0 && rig.clock.facts(1).corrections == 0)
  }

  /// Set forth and back, and once more: each is told, with where it was.
  @Test func aWallClockIsSetThreeTimes() {
    let rig = rig(both: { $0.report = { time in (time + (time < 40 ? 0 : time < 80 ? 5 : time < 120 ? 0 : 1), time) } })
    #expect(abs(rig.worstOffset(6...180)) < 20)
    #expect(rig.corrections.map(\.cause) == [.senderWallClock, .senderWallClock, .senderWallClock])
    #expect(rig.corrections.map { ($0.before.seconds).rounded() } == [0, 5, 0])
    #expect(rig.corrections.map { ($0.after.seconds).rounded() } == [5, 0, 1])
  }

  /// The epoch is the sender's: its boot, or anything.
  @Test(arguments: [-SimulatedTrack.ntpOrigin + 30, -3e9, 2.5e8]) func otherEpochs(_ epoch: Double) {
    let rig = rig(both: { $0.report = { ($0 + epoch, $0) } })
    #expect(abs(rig.worstOffset(6...180)) < 20)
    #expect(rig.corrections.isEmpty)
  }

  /// Each track's reports speak of the other's clock.
  @Test func swappedReports() {
    let rig = rig(both: { track in
      track.latency = 0.03
      let other = track.isAudio ? SimulatedTrack.video() : .audio()
      track.absurd = Dictionary(
        uniqueKeysWithValues: track.reports.enumerated().map { ($0, (SimulatedTrack.ntp($1), other.timestamp(at: $1))) })
    })
    #expect(abs(rig.worstOffset(1...180)) < 20)
    #expect(rig.corrections.isEmpty)
  }

  /// One report of twenty says anything.
  @Test(arguments: [1, 2, 3] as [UInt64]) func absurdReportsAmongGoodOnes(_ seed: UInt64) {
    let rig = rig(both: { track in
      for index in stride(from: track.isAudio ? 3 : 1, to: 200, by: track.isAudio ? 7 : 20) {
        let odd = (UInt64(index) &+ seed) &* 0x9e37_79b9_7f4a_7c15
        track.absurd[index] = (odd, UInt32(truncatingIfNeeded: odd >> 16))
      }
    })
    #expect(abs(rig.worstOffset(6...180)) < 20)
    #expect(rig.corrections.isEmpty)
  }

  @Test(arguments: [0.05, 15.0, 40]) func reportsAtOddIntervals(_ seconds: Double) {
    let rig = rig(end: 300, both: { $0.reports = Array(stride(from: 0.5 + ($0.isAudio ? 0.01 : 0), to: 300, by: seconds)) })
    #expect(abs(rig.worstOffset((seconds * 2 + 6)...300)) < (seconds > 10 ? 65 : 20))
    #expect(rig.corrections.isEmpty)
  }

  // MARK: Times of capture

  /// Packets bear their time of capture now and then, as Chromium sends it, and the reports of a forwarder are 80 ms wrong.
  @Test(arguments: [0.02, 1.0, 5]) func timesOfCaptureArePreferred(_ every: Double) {
    let rig = rig(both: { track in
      let shift = track.isAudio ? 0 : 0.08
      track.report = { ($0 + shift, $0) }
      let interval = track.interval
      track.captureTime = { time in time.truncatingRemainder(dividingBy: every) < interval ? time : nil }
    })
    #expect(abs(rig.worstOffset(8...180)) < 10)
    #expect(rig.corrections.isEmpty)
    let offset = rig.clock.facts(1).offset
    #expect(offset?.basis == .captureTime)
    #expect((offset?.uncertainty.milliseconds ?? 99) < 5)
  }

  /// On one track alone they say nothing of the other: the reports are gone by.
  @Test(arguments: [0, 1]) func timesOfCaptureOfOneTrackOnly(_ track: Int) {
    let bear: Change = { $0.captureTime = { $0 + 1 } }
    let rig = rig(audio: { if track == 0 { bear(&$0) } }, video: { if track == 1 { bear(&$0) } })
    #expect(abs(rig.worstOffset(6...180)) < 20)
    #expect(rig.clock.facts(1).offset?.basis == .senderReport)
    #expect(rig.corrections.isEmpty)
  }

  /// Times of capture that lie are not believed.
  @Test func timesOfCaptureThatLie() {
    let rig = rig(both: { track in
      track.latency = 0.03
      let wrong = track.isAudio ? 0 : 0.9
      track.captureTime = { $0 + wrong }
    })
    #expect(abs(rig.worstOffset(1...180)) < 20)
    #expect(rig.corrections.isEmpty)
  }

  /// The sender slept: times of capture from before still fit.
  @Test func timesOfCaptureAcrossAStall() {
    let rig = rig(
      both: {
        $0.captureTime = { $0 }
        $0.reports = []
      },
      audio: {
        $0.isSent = { !(30..<48).contains($0) }
        $0.clockAhead = { $0 < 48 ? 0 : -18 }
      })
    #expect(abs(rig.worstOffset(6...180)) < 40)
    #expect(abs(rig.worstOffset(52...180)) < 20)
    #expect(rig.corrections.map(\.cause) == [.senderStall])
  }

  // MARK: Facts

  @Test func anOffsetFromArrivalsSaysHowLittleItKnows() {
    let rig = rig(both: { $0.reports = [] })
    let offset = rig.clock.facts(1).offset
    #expect(offset?.basis == .arrival)
    #expect(abs(offset?.amount.milliseconds ?? 99) < 5)
    // The pictures' path is 60 ms longer, which nothing tells.
    #expect((40...60).contains(offset?.uncertainty.milliseconds ?? 0))
    #expect(rig.clock.facts(0).offset == nil)
  }
}
