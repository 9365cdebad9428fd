import Foundation
import Ground
import RTCP
import Testing
import Timeline

/// Where the participant's clock puts frames, against when a simulated sender captured them.
@Suite struct TimelineTests {
  /// Places rise by a millisecond at least, on every track.
  private func expectRising(_ rig: ClockRig, _ location: SourceLocation = #_sourceLocation) {
    for step in rig.smallestStep { #expect(step >= 0.001 - 1e-9, sourceLocation: location) }
  }

  static let drifts: [(Double, Double)] = [(0, 0), (200, 200), (-200, -200), (200, -200), (-200, 200), (50, -30)]

  @Test(arguments: drifts) func anHourOfDriftWithReports(_ audio: Double, _ video: Double) {
    let rig = ClockRig([
      .audio {
        ($0.ppm, $0.jitter, $0.latency, $0.end) = (audio, 0.004, 0.03, 3600)
        $0.reportsLikeChromium()
      },
      .video {
        ($0.ppm, $0.jitter, $0.latency, $0.end) = (video, 0.008, 0.09, 3600)
        $0.reportsLikeChromium()
      },
    ])
    // Arrival alone is 60 ms wrong here; once both have reported, the sender's offset holds.
    #expect(abs(rig.worstOffset(6...3600)) < 20)
    // And both stay on our clock.
    #expect(abs(rig.worstError(0, 10...3600, latency: 0.03)) < 15)
    #expect(rig.corrections.isEmpty)
    expectRising(rig)
  }

  @Test(arguments: drifts) func anHourOfDriftWithoutReports(_ audio: Double, _ video: Double) {
    let rig = ClockRig([
      .audio { ($0.ppm, $0.jitter, $0.latency, $0.end) = (audio, 0.002, 0.03, 3600) },
      .video { ($0.ppm, $0.jitter, $0.latency, $0.end) = (video, 0.004, 0.05, 3600) },
    ])
    #expect(abs(rig.worstOffset(0...3600)) < 40)
    #expect(rig.corrections.isEmpty)
    expectRising(rig)
  }
}
