import Codecs
import Foundation
import Ground
import RTP
import Recording
import Testing
import Track

/// Codecs whose pictures each refer to the one before: what losses leave of a real stream.
@Suite struct ReferenceLossTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var capture: String
    var seed: UInt64
    var rate: Double
    var testDescription: String { "\(capture), \(rate) lost" }
  }
  static let cases = ["chr-av1", "gst-h265-opus"].flatMap { capture in
    [(UInt64(1), 0.01), (2, 0.05), (3, 0.1), (4, 0.2)].map { Case(capture: capture, seed: $0.0, rate: $0.1) }
  }

  /// Packets are lost and never come again: what is on tape is the frames that were sent, none that refers to a lost one, and a key frame is
  /// asked for.
  @Test(arguments: cases) func lossesNeverReachTheTape(_ item: Case) throws {
    let stream = try #require(Captures.recorded(Captures.committedFacts(item.capture)).first { $0.isVideo })
    let all = try CapturedPackets(path: Captures.committedPath(item.capture)).ordered(stream)
    var chance = Chance(seed: item.seed)
    // The first picture comes.
    let first = all.prefix { $0.packet.timestamp == all[0].packet.timestamp }.count
    let kept = all.enumerated().filter { $0.offset < first || !chance.isHit(item.rate) }.map(\.element)
    var limits = Limits()
    limits.degradedAfterSeconds = 0
    let rig = try Rig(
      [
        TrackSpecification(
          participant: "ada", codec: stream.codec, payloadType: PayloadType(stream.payloadType), ssrc: SSRC(stream.ssrc))
      ], limits: limits)
    let start = all[0].packet.seconds
    for item in kept { rig.deliver(item.packet.datagram, at: Rig.at((item.packet.seconds - start) * 1000 + 30)) }
    rig.run(seconds: 13)
    rig.stop()
    let expected = ExpectedFrames(kept, of: stream.codec)
    #expect(rig.frames(0).map(\.bytes) == expected.frames.map(\.bytes))
    #expect(rig.frames(0).map(\.isKey) == expected.frames.map(\.isKey))
    #expect(expected.gated > 0 && rig.counters().discarded(.brokenReference) > 0)
    #expect(!rig.requests(of: stream.ssrc).isEmpty)
  }
}
