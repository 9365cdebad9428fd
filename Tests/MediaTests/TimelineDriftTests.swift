import Foundation
import Ground
import RTCP
import Testing
import Timeline

/// Clocks that run wrong for a day. Packets come seldom, so that a day is soon over; a pause of less than a second is none to the clock.
@Suite struct TimelineDriftTests {
  private static let day = 86_400.0

  @Test(arguments: [(200.0, -200.0, true), (-200, 200, false), (200, 200, true)])
  func aDayOfDrift(_ audio: Double, _ video: Double, _ reports: Bool) {
    func prepared(_ track: SimulatedTrack, _ ppm: Double) -> SimulatedTrack {
      var track = track
      (track.interval, track.ppm, track.jitter, track.end) = (0.9, ppm, 0.004, TimelineDriftTests.day)
      // Ten minutes of silence an hour, when pictures go on, and of the camera, when sound goes on.
      let muted = track.isAudio ? 600.0..<1200.0 : 1800..<2400
      track.isSent = { !muted.contains($0.truncatingRemainder(dividingBy: 3600)) }
      if reports { track.reports = Array(stride(from: track.isAudio ? 2.3 : 0.5, to: track.end, by: 10)) }
      return track
    }
    let rig = ClockRig([prepared(.audio(), audio), prepared(.video(), video)], seed: 41, tick: 0.5)
    for track in 0...1 { #expect(abs(rig.worstError(track, 0...TimelineDriftTests.day, latency: 0.02)) < 40) }
    #expect(abs(rig.worstOffset(0...TimelineDriftTests.day)) < 40)
    #expect(rig.corrections.isEmpty)
    for step in rig.smallestStep { #expect(step >= 0.001 - 1e-9) }
    #expect(abs((rig.clock.facts(0).driftPPM ?? 1e6) - audio) < 2)
    #expect(abs((rig.clock.facts(1).driftPPM ?? 1e6) - video) < 2)
  }

  /// After a minute drift is known well enough to tell a wrong clock from a right one, and a stall is none of it.
  @Test(arguments: [0.0, 100, -60]) func aMinuteTellsTheDrift(_ ppm: Double) {
    var audio = SimulatedTrack.audio { ($0.ppm, $0.jitter, $0.end) = (ppm, 0.004, 78) }
    audio.isSent = { !(30..<48).contains($0) }
    audio.clockAhead = { $0 < 48 ? 0 : -18 }
    let rig = ClockRig([audio], seed: 5)
    #expect(abs((rig.clock.facts(0).driftPPM ?? 1e6) - ppm) < 45)
    let short = ClockRig([.audio { ($0.jitter, $0.end) = (0.004, 10) }], seed: 5)
    #expect(short.clock.facts(0).driftPPM == nil)
  }
}
