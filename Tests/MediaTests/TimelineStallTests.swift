import Foundation
import Ground
import RTCP
import Testing
import Timeline

/// Senders that stand still while their RTP time goes on as if nothing had been, and paths that stand still.
@Suite struct TimelineStallTests {
  struct Case: Sendable, CustomStringConvertible {
    var seconds: Double
    var audio: Bool
    var video: Bool
    var reports: Bool
    var description: String { "\(seconds) s, \(audio ? "sound " : "")\(video ? "picture " : "")\(reports ? "with" : "without") reports" }
  }

  static let cases = [1.3, 18, 244].flatMap { seconds in
    [(true, true), (true, false), (false, true)].flatMap { audio, video in
      [true, false].map { Case(seconds: seconds, audio: audio, video: video, reports: $0) }
    }
  }

  private func rig(end: Double, reports: Bool, audio: (inout SimulatedTrack) -> Void, video: (inout SimulatedTrack) -> Void) -> ClockRig {
    func prepared(_ track: SimulatedTrack, _ change: (inout SimulatedTrack) -> Void) -> SimulatedTrack {
      var track = track
      (track.end, track.jitter) = (end, 0.004)
      change(&track)
      if reports { track.reportsLikeChromium() }
      return track
    }
    return ClockRig([prepared(.audio(), audio), prepared(.video(), video)], seed: 11)
  }

  private func expectRising(_ rig: ClockRig, _ location: SourceLocation = #_sourceLocation) {
    for step in rig.smallestStep { #expect(step >= 0.001 - 1e-9, sourceLocation: location) }
  }

  /// The lid is closed at second 30.
  @Test(arguments: cases) func aSenderThatSleeps(_ sleep: Case) {
    let wake = 30 + sleep.seconds
    let stall: (inout SimulatedTrack) -> Void = {
      $0.isSent = { !(30..<wake).contains($0) }
      $0.clockAhead = { $0 < wake ? 0 : 30 - wake }
    }
    let end = wake + 60
    let rig = rig(end: end, reports: sleep.reports, audio: { if sleep.audio { stall(&$0) } }, video: { if sleep.video { stall(&$0) } })
    for track in 0...1 { #expect(abs(rig.worstError(track, 0...end, latency: 0.02)) < 40) }
    #expect(abs(rig.worstOffset(0...end)) < 40)
    let stalled = [sleep.audio ? 0 : nil, sleep.video ? 1 : nil].compactMap { $0 }
    #expect(Set(rig.corrections.map(\.track)) == Set(stalled))
    #expect(rig.corrections.count == stalled.count)
    for correction in rig.corrections {
      #expect(correction.cause == .senderStall)
      #expect(abs(correction.amount.seconds - sleep.seconds) < 0.04)
      #expect(abs(correction.before.milliseconds) < 20)
      #expect(correction.after == correction.before + correction.amount)
    }
    for track in stalled {
      let facts = rig.clock.facts(track)
      #expect(facts.corrections == 1 && facts.lastCorrection == rig.corrections.first { $0.track == track }?.amount)
    }
    expectRising(rig)
  }

  /// Asleep twice, with a start burst each time that it wakes.
  @Test func aSenderThatSleepsTwice() {
    let stall: (inout SimulatedTrack) -> Void = {
      $0.isSent = { !(30..<48).contains($0) && !(60..<304).contains($0) }
      $0.clockAhead = { $0 < 48 ? 0 : $0 < 304 ? -18 : -262 }
      $0.extraDelay = { (48..<49).contains($0) ? (49 - $0) * 0.5 : 0 }
    }
    let rig = rig(end: 400, reports: true, audio: stall, video: stall)
    for track in 0...1 { #expect(abs(rig.worstError(track, 0...400, latency: 0.02)) < 40) }
    #expect(rig.corrections.map(\.cause) == [.senderStall, .senderStall, .senderStall, .senderStall])
    for track in 0...1 {
      #expect(abs((rig.corrections.last { $0.track == track }?.after.seconds ?? 0) - 262) < 0.04)
    }
    expectRising(rig)
  }

  /// How a path comes back that stood still: all at once, at twice or a little over the speed, or only with what its queue held.
  enum Return: CaseIterable { case atOnce, atTwiceTheSpeed, slowly, theFirstSecondOnly, theLastSecondOnly }

  @Test(arguments: Return.allCases, [5.0, 18]) func aPathThatStandsStill(_ how: Return, _ seconds: Double) {
    let back = 30 + seconds
    let change: (inout SimulatedTrack) -> Void = {
      switch how {
      case .atOnce: $0.extraDelay = { (30..<back).contains($0) ? back - $0 : 0 }
      case .atTwiceTheSpeed: $0.extraDelay = { $0 < 30 ? 0 : max(0, seconds - ($0 - 30) / 2) }
      case .slowly: $0.extraDelay = { $0 < 30 ? 0 : max(0, seconds - ($0 - 30) / 10) }
      case .theFirstSecondOnly:
        $0.extraDelay = { (30..<back).contains($0) ? back - $0 : 0 }
        $0.isSent = { !(31..<back).contains($0) }
      case .theLastSecondOnly:
        $0.extraDelay = { (30..<back).contains($0) ? back - $0 : 0 }
        $0.isSent = { !(30..<back - 1).contains($0) }
      }
    }
    for reports in [false, true] {
      let rig = rig(end: 260, reports: reports, audio: change, video: change)
      for track in 0...1 { #expect(abs(rig.worstError(track, 0...260, latency: 0.02)) < 20) }
      #expect(rig.corrections.isEmpty)
      expectRising(rig)
    }
  }

  /// A shared screen sends a picture every five seconds, and now and then one of them late: nobody stood still.
  @Test func aSlideShowOnAPathWithSpikes() {
    for reports in [false, true] {
      let rig = rig(
        end: 600, reports: reports, audio: { _ in },
        video: {
          $0.interval = 5
          $0.extraDelay = { Int($0 / 5) % 7 == 3 ? 0.6 : 0 }
        })
      #expect(abs(rig.worstError(1, 0...600, latency: 0.02)) < 40)
      #expect(rig.corrections.isEmpty)
      expectRising(rig)
    }
  }

  /// Both clocks jump at one time, as when a forwarder switches its source.
  @Test(arguments: [2.0, -2, 0.3, 40_000, -40_000]) func bothRTPClocksJump(_ by: Double) {
    for reports in [false, true] {
      let change: (inout SimulatedTrack) -> Void = { $0.clockAhead = { $0 < 30 ? 0 : by } }
      let rig = rig(end: 120, reports: reports, audio: change, video: change)
      for track in 0...1 {
        #expect(abs(rig.worstError(track, 0...120, latency: 0.02)) < 40)
        // No hole is opened that is not there.
        let places = rig.placed[track].map(\.place)
        #expect(zip(places, places.dropFirst()).allSatisfy { $1 - $0 < 0.08 })
      }
      #expect(rig.corrections.map(\.cause) == [.timestampJump, .timestampJump])
      expectRising(rig)
    }
  }

  /// The 32 bits of both clocks overflow.
  @Test func wrapsAreNoJumps() {
    let rig = rig(
      end: 60, reports: true, audio: { $0.firstTimestamp = UInt32(truncatingIfNeeded: -48_000 * 20) },
      video: { $0.firstTimestamp = UInt32(truncatingIfNeeded: -90_000 * 40) })
    for track in 0...1 { #expect(abs(rig.worstError(track, 0...60, latency: 0.02)) < 15) }
    #expect(rig.corrections.isEmpty)
    expectRising(rig)
  }
}
