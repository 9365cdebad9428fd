import Codecs
import Foundation
import Ground
import JSON
import Recording
import Replay
import Testing
import Track

/// AV1 on tape: what its container says of it, and what losses leave.
@Suite struct AV1TapeTests {
  private static let path = Captures.committedPath("chr-av1")
  private static let ssrc: UInt32 = 4_158_333_643

  @Test func theContainerSaysWhatDecodersNeed() throws {
    let folder = try ScratchFolder()
    let manifest = try FileReplay.record(FileReplay.Options(capture: AV1TapeTests.path, folder: folder.path))
    let file = try #require(manifest.files.first)
    #expect(file.container == "webm")
    let path = folder.path(file.path)
    let told = try Tool.run(
      "ffprobe",
      ["-v", "error", "-select_streams", "v", "-show_entries", "stream=codec_name,width,height,extradata_size", "-of", "csv=p=0", path])
    #expect(String(decoding: told.output, as: UTF8.self) == "av1,320,240,16\n")
    // From the first key frame's sequence header: av1C, then the header with its size.
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    let record: [UInt8] = [0x63, 0xa2, 0x90, 0x81, 0x00, 0x0c, 0x00, 0x0a, 0x0a, 0x00]
    #expect(bytes.prefix(2_000).indices.contains { bytes[$0...].starts(with: record) })
    #expect(Tool.decode(path).isEmpty)
  }

  /// Packets are lost and never come again: what is on tape is the frames that were sent, none that refers to a lost one, and a key frame is
  /// asked for.
  @Test(arguments: [(UInt64(1), 0.01), (2, 0.05), (3, 0.1), (4, 0.2)])
  func lossesNeverReachTheTape(_ seed: UInt64, _ rate: Double) throws {
    let all = try CapturedPackets(path: AV1TapeTests.path).ordered(
      Captures.Stream(ssrc: AV1TapeTests.ssrc, payloadType: 45, codec: .av1, facts: .null))
    var chance = Chance(seed: seed)
    let kept = all.enumerated().filter { $0.offset < 20 || !chance.isHit(rate) }.map(\.element)
    let rig = try Rig([
      TrackSpecification(participant: "ada", codec: .av1, payloadType: PayloadType(45), ssrc: SSRC(AV1TapeTests.ssrc))
    ])
    let start = all[0].packet.seconds
    for item in kept { rig.deliver(item.packet.datagram, at: Rig.at((item.packet.seconds - start) * 1000 + 30)) }
    rig.run(seconds: 13)
    rig.stop()
    let expected = ExpectedFrames(av1: kept)
    #expect(rig.frames(0).map(\.bytes) == expected.frames.map(\.bytes))
    #expect(rig.frames(0).map(\.isKey) == expected.frames.map(\.isKey))
    #expect(expected.gated > 0 && rig.counters().discarded(.brokenReference) == UInt64(expected.gated))
    #expect(!rig.requests(of: AV1TapeTests.ssrc).isEmpty)
  }
}
