import Foundation
import Ground
import RTCP
import Testing
import Timeline

/// Senders and paths that are not as they should be.
@Suite struct TimelineTroubleTests {
  typealias Change = @Sendable (inout SimulatedTrack) -> Void

  private func rig(
    end: Double = 120, reports: Bool, seed: UInt64 = 7, audio: Change = { _ in }, video: Change = { _ in }, both: Change = { _ in }
  ) -> ClockRig {
    func prepared(_ track: SimulatedTrack, _ change: Change) -> SimulatedTrack {
      var track = track
      (track.end, track.jitter) = (end, 0.004)
      both(&track)
      change(&track)
      if reports, track.reports.isEmpty { track.reportsLikeChromium() }
      return track
    }
    return ClockRig([prepared(.audio(), audio), prepared(.video(), video)], seed: seed)
  }

  private func expectRising(_ rig: ClockRig, _ location: SourceLocation = #_sourceLocation) {
    for step in rig.smallestStep { #expect(step >= 0.001 - 1e-9, sourceLocation: location) }
  }

  // MARK: The start

  @Test(arguments: [false, true]) func settlesSoon(_ reports: Bool) {
    let rig = rig(end: 10, reports: reports)
    for after in rig.settledAfter { #expect(after.map { $0 <= 0.5 } == true) }
    #expect(abs(rig.worstOffset(0...10)) < 20)
    expectRising(rig)
  }

  @Test(arguments: [0.3, 1.0, 2.5]) func aStartBurstIsPlacedWhereItWasCaptured(_ seconds: Double) {
    let rig = rig(end: 30, reports: false, both: { $0.extraDelay = { max(0, seconds - $0) } })
    #expect(abs(rig.worstError(0, 0...30, latency: 0.02)) < 15)
    #expect(abs(rig.worstOffset(0...30)) < 20)
    for after in rig.settledAfter { #expect(after.map { $0 <= 3.05 } == true) }
    #expect(rig.corrections.isEmpty)
    expectRising(rig)
  }

  @Test func aBurstOnOneTrackOnly() {
    let rig = rig(end: 30, reports: true, video: { $0.extraDelay = { max(0, 1.5 - $0) } })
    #expect(abs(rig.worstOffset(0...30)) < 20)
    expectRising(rig)
  }

  /// A slow start: arrival is 60 ms wrong until the first report of the sound, and then the sender's offset is slewed in.
  @Test func theFirstReportsCorrectWithoutAJump() {
    let rig = rig(end: 20, reports: true, video: { $0.latency = 0.08 })
    #expect(abs(rig.worstOffset(0...2)) < 75)
    #expect(abs(rig.worstOffset(6...20)) < 20)
    #expect(rig.corrections.isEmpty)
    // Sound is never moved by more than a thousandth.
    let sounds = rig.placed[0]
    for (a, b) in zip(sounds, sounds.dropFirst()) { #expect(abs(b.place - a.place - 0.02) < 0.000_2) }
    expectRising(rig)
  }

  // MARK: Jitter

  @Test(arguments: [0.01, 0.03]) func jitterOfThePath(_ mean: Double) {
    let with = rig(reports: true, both: { $0.jitter = mean })
    #expect(abs(with.worstOffset(3...120)) < 20)
    let without = rig(reports: false, both: { $0.jitter = mean })
    #expect(abs(without.worstOffset(3...120)) < 40)
    expectRising(with)
    expectRising(without)
  }

  /// A queue that stands for a while delays both tracks: nothing moves against each other, and nothing jumps.
  @Test(arguments: [8.0, 60.0]) func aStandingQueue(_ seconds: Double) {
    for reports in [false, true] {
      let rig = rig(reports: reports, both: { $0.extraDelay = { (20...20 + seconds).contains($0) ? 0.15 : 0 } })
      #expect(abs(rig.worstOffset(3...120)) < 20)
      #expect(abs(rig.worstError(0, 3...120, latency: 0.02)) < (seconds < 10 ? 10 : 170))
      #expect(rig.corrections.isEmpty)
      expectRising(rig)
    }
  }

  /// The path stands still for five seconds and then delivers all at once: no clock jumped.
  @Test(arguments: [false, true]) func aStalledPath(_ reports: Bool) {
    let rig = rig(reports: reports, both: { $0.extraDelay = { (30...35).contains($0) ? 35 - $0 : 0 } })
    #expect(abs(rig.worstOffset(3...120)) < 20)
    #expect(abs(rig.worstError(0, 3...120, latency: 0.02)) < 15)
    #expect(rig.corrections.isEmpty)
    expectRising(rig)
  }

  // MARK: Pauses

  @Test(arguments: [(200.0, -200.0), (-200, 200)]) func aCameraMutedForTenMinutes(_ audio: Double, _ video: Double) {
    for reports in [false, true] {
      let rig = rig(
        end: 900, reports: reports, audio: { $0.ppm = audio },
        video: {
          $0.ppm = video
          $0.isSent = { !(60..<660).contains($0) }
        })
      #expect(abs(rig.worstOffset(3...900)) < (reports ? 20 : 40))
      #expect(rig.corrections.isEmpty)
      expectRising(rig)
    }
  }

  @Test(arguments: [(200.0, -200.0), (-200, 200)]) func aMicrophoneMutedForTenMinutes(_ audio: Double, _ video: Double) {
    for reports in [false, true] {
      let rig = rig(
        end: 900, reports: reports,
        audio: {
          $0.ppm = audio
          $0.isSent = { !(60..<660).contains($0) }
          if reports { $0.reports = Array(stride(from: 2.3, to: 60, by: 5)) + Array(stride(from: 662.3, to: 900, by: 5)) }
        }, video: { $0.ppm = video })
      #expect(abs(rig.worstOffset(3...900)) < 40)
      #expect(abs(rig.worstOffset(700...900)) < (reports ? 20 : 40))
      expectRising(rig)
    }
  }

  /// Silence as Chromium's Opus sends it: one packet in 400 ms.
  @Test func silenceInLongSteps() {
    for reports in [false, true] {
      let rig = rig(
        end: 600, reports: reports,
        audio: {
          $0.ppm = 100
          $0.isSent = { time in time.truncatingRemainder(dividingBy: 60) < 10 || Int((time / 0.02).rounded()) % 20 == 0 }
        }, video: { $0.ppm = -100 })
      #expect(abs(rig.worstOffset(3...600)) < 20)
      #expect(rig.corrections.isEmpty)
      expectRising(rig)
    }
  }

  @Test(arguments: [false, true]) func tracksThatComeLate(_ reports: Bool) {
    for (audio, video) in [(0.0, 600.0), (600.0, 0.0)] {
      let rig = rig(
        end: 700, reports: reports,
        audio: { ($0.start, $0.ppm, $0.latency) = (audio, 100, 0.03) }, video: { ($0.start, $0.ppm, $0.latency) = (video, -150, 0.05) })
      #expect(abs(rig.worstOffset(600...700)) < 40)
      if reports { #expect(abs(rig.worstOffset(606...700)) < 20) }
      #expect(rig.corrections.isEmpty)
      expectRising(rig)
    }
  }

  // MARK: RTP clocks that jump

  @Test(arguments: [0.5, 5, 3600, -0.05, -0.5, -5, -3600, 30_000], [0, 1]) func anRTPClockThatJumps(_ by: Double, _ track: Int) {
    for reports in [false, true] {
      let change: Change = { $0.clockAhead = { $0 < 30 ? 0 : by } }
      let rig = rig(
        reports: reports, seed: 3, audio: { if track == 0 { change(&$0) } }, video: { if track == 1 { change(&$0) } })
      #expect(abs(rig.worstOffset(3...29.9)) < 20)
      #expect(abs(rig.worstOffset(30...120)) < 40)
      #expect(abs(rig.worstOffset(60...120)) < 20)
      #expect(abs(rig.worstError(track, 30...120, latency: 0.02)) < 40)
      #expect(rig.corrections.map(\.cause) == [.timestampJump])
      #expect(rig.corrections.map(\.track) == [track])
      expectRising(rig)
    }
  }

  /// A sender whose clock stands still while it pauses.
  @Test(arguments: [0, 1]) func anRTPClockThatStandsStillInAPause(_ track: Int) {
    for reports in [false, true] {
      let change: Change = {
        $0.isSent = { !(30..<40).contains($0) }
        $0.clockAhead = { $0 < 40 ? 0 : -10 }
        $0.reports = reports ? Array(stride(from: 2, to: 30, by: 2.5)) + Array(stride(from: 41, to: 120, by: 2.5)) : []
      }
      let rig = rig(reports: reports, audio: { if track == 0 { change(&$0) } }, video: { if track == 1 { change(&$0) } })
      #expect(abs(rig.worstOffset(3...120)) < 40)
      #expect(rig.corrections.map(\.cause) == [.senderStall])
      expectRising(rig)
    }
  }

  /// A hostile clock: every packet another time. Nothing is held for ever, nothing runs backwards.
  @Test func anRTPClockThatIsNone() {
    let rig = rig(
      end: 30, reports: false,
      video: { $0.clockAhead = { time in Double((UInt64(time * 30) &* 0x9e37_79b9) % 100_000) } })
    expectRising(rig)
    #expect(rig.placed[1].count == 900)
    #expect(abs(rig.worstError(0, 3...30, latency: 0.02)) < 15)
  }
}
