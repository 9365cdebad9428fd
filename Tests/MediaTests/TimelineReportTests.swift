import Foundation
import Ground
import RTCP
import Seeded
import Testing
import Timeline

/// Sender reports as real senders make them, and absurd ones.
@Suite struct TimelineReportTests {
  typealias Change = @Sendable (inout SimulatedTrack) -> Void

  /// Pictures take 60 ms longer than sound to arrive; the reports tell.
  private func rig(end: Double = 120, seed: UInt64 = 5, both: Change = { _ in }, audio: Change = { _ in }, video: Change = { _ in })
    -> ClockRig
  {
    func prepared(_ track: SimulatedTrack, _ latency: Double, _ change: Change) -> SimulatedTrack {
      var track = track
      (track.end, track.jitter, track.latency) = (end, 0.004, latency)
      track.reportsLikeChromium()
      both(&track)
      change(&track)
      return track
    }
    return ClockRig([prepared(.audio(), 0.02, audio), prepared(.video(), 0.08, video)], seed: seed)
  }

  private func expectRising(_ rig: ClockRig, _ location: SourceLocation = #_sourceLocation) {
    for step in rig.smallestStep { #expect(step >= 0.001 - 1e-9, sourceLocation: location) }
  }

  /// mediasoup makes reports of its own, from when packets came to it.
  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func reportsOfAForwarder(_ seed: UInt64) {
    let rig = rig(
      seed: seed,
      both: { track in
        let isAudio: UInt64 = track.isAudio ? 1 : 2
        track.reports = Array(stride(from: 1.0, to: 120, by: track.isAudio ? 5 : 1))
        track.report = { time in
          var random = SeededGenerator(seed &* 977 &+ UInt64(time * 1000) &* 4 &+ isAudio)
          return (time + random.exponential(mean: 0.01), time)
        }
      })
    #expect(abs(rig.worstOffset(12...120)) < 20)
    #expect(rig.corrections.isEmpty)
    expectRising(rig)
  }

  /// webrtcbin's reports run at twice the rate of the clock; only arrival is left, or reports made at the same moment.
  @Test(arguments: [0, 0.01, 1.7]) func reportsAtTwiceTheRate(_ apart: Double) {
    let rig = rig(both: { track in
      track.latency = 0.02
      track.reports = Array(stride(from: 2 + (track.isAudio ? 0 : apart), to: 120, by: 4.6))
      track.report = { ($0, $0 * 2) }
    })
    #expect(abs(rig.worstOffset(1...120)) < 20)
    #expect(rig.corrections.isEmpty)
    expectRising(rig)
  }

  static let absurdities: [(String, (ntp: UInt64, rtp: UInt32))] = [
    ("no wall clock", (0, 0x1234_5678)), ("the end of time", (.max, 0x1234_5678)), ("long ago", (1 << 32, 0)),
    ("another timestamp", (UInt64(SimulatedTrack.ntpOrigin + 30) << 32, 0xdead_beef)),
    ("half an era ahead", (UInt64(SimulatedTrack.ntpOrigin + 2e8) << 32, 77)),
  ]

  @Test(arguments: absurdities, [0, 1]) func oneAbsurdReport(_ absurd: (String, (ntp: UInt64, rtp: UInt32)), _ track: Int) {
    let change: Change = { $0.absurd = [3: absurd.1, 4: $0.isAudio ? (1, 1) : absurd.1] }
    let rig = rig(audio: { if track == 0 { change(&$0) } }, video: { if track == 1 { change(&$0) } })
    #expect(abs(rig.worstOffset(6...120)) < 20)
    #expect(rig.corrections.isEmpty)
    expectRising(rig)
  }

  @Test(arguments: absurdities, [0, 1]) func onlyAbsurdReports(_ absurd: (String, (ntp: UInt64, rtp: UInt32)), _ track: Int) {
    let change: Change = { $0.absurd = Dictionary(uniqueKeysWithValues: (0..<200).map { ($0, absurd.1) }) }
    let rig = rig(both: { $0.latency = 0.03 }, audio: { if track == 0 { change(&$0) } }, video: { if track == 1 { change(&$0) } })
    #expect(abs(rig.worstOffset(1...120)) < 20)
    #expect(rig.corrections.isEmpty)
    expectRising(rig)
  }

  @Test(arguments: [3600.0, -3600, 0.5, -0.5]) func theSendersWallClockIsSet(_ by: Double) {
    let rig = rig(both: { $0.report = { time in (time < 60 ? time : time + by, time) } })
    #expect(abs(rig.worstOffset(6...120)) < 20)
    expectRising(rig)
  }

  /// Reports every five seconds on both tracks, clocks that drift apart by 400 ppm: the answer must not be of a minute ago.
  @Test func seldomReportsOfDriftingClocks() {
    let rig = rig(
      end: 600, both: { $0.reports = Array(stride(from: $0.isAudio ? 2.3 : 4.1, to: 600, by: 5)) }, audio: { $0.ppm = 200 },
      video: { $0.ppm = -200 })
    #expect(abs(rig.worstOffset(8...600)) < 20)
    #expect(rig.corrections.isEmpty)
    expectRising(rig)
  }

  /// An encoder that a busy machine holds up: pictures come most of a second late, and the reports go on telling when they were taken.
  @Test(arguments: [0.6, 0.9, 3]) func anEncoderThatFallsBehind(_ delay: Double) {
    let rig = rig(video: { $0.extraDelay = { time in max(0, min(delay, (time - 20) / 2, (60 - time) / 2)) } })
    #expect(abs(rig.worstOffset(6...120)) < 20)
    #expect(rig.corrections.isEmpty)
    expectRising(rig)
  }

  /// What disagrees with arrivals by more than half a second is not believed.
  @Test func reportsThatLieAreNotBelieved() {
    let rig = rig(both: { $0.latency = 0.03 }, video: { $0.report = { ($0, $0 + 0.9) } })
    #expect(abs(rig.worstOffset(1...120)) < 20)
    #expect(rig.corrections.isEmpty)
  }
}
