import Codecs
import Foundation
import Ground
import JSON
import Recording
import Replay
import Testing
import Track

/// Captures whose media come wrapped in redundancy (RFC 2198), recorded whole and after losses.
@Suite struct RedundancyTapeTests {
  private static let red = Captures.committed.appending(path: "chr-opus-red.pcap").path

  /// The primary block of a wrapped payload, read in the simplest way that is right.
  private static func primary(_ payload: [UInt8]) -> [UInt8] {
    var at = 0
    var skipped = 0
    while payload[at] & 0x80 != 0 {
      skipped += Int(payload[at + 2] & 3) << 8 | Int(payload[at + 3])
      at += 4
    }
    return Array(payload[(at + 1 + skipped)...])
  }

  private static func packets(_ path: String, ssrc: UInt32, type: UInt8) throws -> [(number: Int, packet: CapturedPackets.Packet)] {
    try CapturedPackets(path: path).ordered(Captures.Stream(ssrc: ssrc, payloadType: type, codec: .opus, facts: .null))
  }

  @Test func everyFrameIsOnTape() throws {
    let facts = Captures.committedFacts("chr-opus-red")
    let stream = try #require(facts["streams"]?.arrayValue?.first)
    let packets = try RedundancyTapeTests.packets(RedundancyTapeTests.red, ssrc: 1_101_222_358, type: 63)
    let folder = try ScratchFolder()
    let manifest = try FileReplay.record(FileReplay.Options(capture: RedundancyTapeTests.red, folder: folder.path))
    let track = try #require(manifest.snapshot.tracks.first)
    let counters = track.counters
    #expect(Int64(counters.frames) == stream["packets_decoded_pyav"]?.integerValue)
    #expect(counters.packetsReceived == 422 && counters.discarded(.paddingOnly) == 21)
    #expect(counters.packetsFromRedundancy == 0 && counters.packetsDiscarded == 21 && counters.gaps == 0)
    #expect(track.specification.codec == .opus && track.specification.payloadType == PayloadType(111))
    let path = folder.path(try #require(manifest.files.first).path)
    #expect(Tool.decode(path).isEmpty)
    let payloads = try Tool.payloads(path, stream: 0, of: try Tool.packets(path))
    #expect(payloads == packets.map(\.packet.payload).filter { !$0.isEmpty }.map(RedundancyTapeTests.primary))
  }

  /// What is inspected of it: sound of eight seconds, and as many blocks of redundancy as other tools count.
  @Test func inspectionLooksInside() throws {
    let hints = try CaptureHints(capture: RedundancyTapeTests.red)
    let inspection = try CaptureInspection(of: RedundancyTapeTests.red, hints: hints)
    let stream = try #require(inspection.streams.first)
    #expect(stream.redundantBlocks == 400 && stream.malformedPayloads == 0)
    #expect(stream.soundDuration?.seconds == 8.02)
  }

  /// Of the capture's packets one in ten is lost, no two in a row: all of them come back, and the sound is what it was. At 20 % by chance,
  /// what is missing on tape is exactly what neither a packet nor the one after it brought.
  @Test(arguments: [UInt64(0), 1, 2, 3])
  func lossesComeBack(_ seed: UInt64) throws {
    let all = try RedundancyTapeTests.packets(RedundancyTapeTests.red, ssrc: 1_101_222_358, type: 63)
    var chance = Chance(seed: seed)
    var lost: Set<Int> = []
    for (index, item) in all.enumerated() where index > 0 && index < all.count - 1 {
      if seed == 0 ? index % 10 == 5 : chance.isHit(0.2) { lost.insert(item.number) }
    }
    var track = TrackSpecification(participant: "ada", codec: .opus, payloadType: PayloadType(111), ssrc: SSRC(1_101_222_358))
    track.red = REDSpecification(payloadType: PayloadType(63))
    let rig = try Rig([track])
    let start = all[0].packet.seconds
    for (number, packet) in all where !lost.contains(number) {
      rig.deliver(packet.datagram, at: Rig.at((packet.seconds - start) * 1000 + 30))
    }
    rig.run(seconds: 10)
    rig.stop()
    let media = all.filter { !$0.packet.payload.isEmpty }
    var expected: [[UInt8]] = []
    var restored: UInt64 = 0
    for (index, item) in media.enumerated() {
      let isRepeated = index + 1 < media.count && !lost.contains(media[index + 1].number)
      guard !lost.contains(item.number) || isRepeated else { continue }
      expected.append(RedundancyTapeTests.primary(item.packet.payload))
      if lost.contains(item.number) { restored += 1 }
    }
    #expect(rig.frames(0).map(\.bytes) == expected)
    let counters = rig.counters()
    #expect(restored > 20 && counters.packetsFromRedundancy == restored)
    // What is lost for good, padding too.
    #expect(counters.packetsLost == UInt64(lost.count) - restored)
    #expect(counters.packetsReceived == UInt64(all.count - lost.count) + restored)
    if seed == 0 { #expect(counters.gaps == 0) }
  }

  /// Chromium's pictures in redundancy of no blocks, on a path that lost packets which came again: every picture is on tape.
  @Test(.enabled(if: FileManager.default.fileExists(atPath: Captures.path("chr-vp8-red-loss")), "a larger capture: TAPEDECK_CAPTURES"))
  func wrappedPicturesAreUnwrapped() throws {
    let facts = Captures.facts("chr-vp8-red-loss")
    let stream = try #require(facts["streams"]?.arrayValue?.first { $0["red_block_payload_types"] != nil })
    let folder = try ScratchFolder()
    let manifest = try FileReplay.record(FileReplay.Options(capture: Captures.path("chr-vp8-red-loss"), folder: folder.path))
    let track = try #require(manifest.snapshot.tracks.first { $0.specification.kind == .video })
    #expect(Int64(track.counters.frames) == stream["frames_complete"]?.integerValue)
    #expect(Int64(track.counters.keyFrames) == stream["keyframes"]?.integerValue)
    #expect(Int64(track.counters.packetsRecovered) == stream["rtx"]?["recovered"]?.integerValue)
    #expect(track.counters.packetsLost == 0 && track.counters.gaps == 0)
    #expect(track.counters.packetsReceived == track.counters.packetsInFrames + track.counters.packetsDiscarded)
    #expect(track.specification.red == REDSpecification(payloadType: PayloadType(118), rtx: PayloadType(119), ulpfec: PayloadType(120)))
    let path = folder.path(try #require(manifest.files.first).path)
    #expect(Tool.decode(path).isEmpty)
  }
}
