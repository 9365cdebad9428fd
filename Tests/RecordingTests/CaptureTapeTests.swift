import Codecs
import Foundation
import Ground
import JSON
import Recording
import Replay
import Testing
import Track

/// What is on tape of a real capture is what was sent of it: every whole frame that can be decoded, byte for byte.
@Suite struct CaptureTapeTests {
  @Test func thereAreCaptures() {
    #expect(Captures.plain.count >= 8)
    #expect(!Captures.keyed.isEmpty)
  }

  /// Those in redundancy are `RedundancyTapeTests`'s.
  @Test(arguments: Captures.plain.filter { !Captures.isWrapped(Captures.facts($0)) })
  func everyWholeFrameIsOnTape(_ name: String) throws { try check(name, facts: name) }

  @Test(arguments: Captures.keyed)
  func everyWholeFrameIsOnTapeThroughEncryption(_ name: String) throws {
    let plain = try #require(Captures.facts(name)["plain_counterpart"]?.stringValue)
    try check(name, facts: String(plain.dropLast(".pcap".count)), frames: false)
  }

  /// Records a capture and holds what ffmpeg finds on tape against its packets. `frames`: the packets can be read from the capture.
  private func check(_ name: String, facts factsName: String, frames readsFrames: Bool = true) throws {
    let folder = try ScratchFolder()
    let manifest = try FileReplay.record(FileReplay.Options(capture: Captures.path(name), folder: folder.path))
    #expect(manifest.status == .completed)
    #expect(!manifest.files.isEmpty)
    let facts = Captures.facts(factsName)
    let plainPath = Captures.path(factsName)
    let packets = FileManager.default.fileExists(atPath: plainPath) ? try CapturedPackets(path: plainPath) : nil
    let streams = Captures.recorded(facts)
    for file in manifest.files {
      let path = folder.path(file.path)
      let found = try Tool.packets(path)
      checkTimes(found, file)
      try checkShape(path, file)
      // Senders' cameras are not as even as the grid that ffmpeg would put their pictures on.
      #expect(Tool.decodeAsTimed(path).isEmpty)
      for (index, track) in try tracksByStream(path, manifest, file) {
        let own = streams.filter { stream in
          guard let ssrc = track.specification.ssrc else { return stream.payloadType == track.specification.payloadType.value }
          return stream.ssrc == ssrc.value
        }.sorted { ($0.facts["first_packet_s"]?.doubleValue ?? 0) < ($1.facts["first_packet_s"]?.doubleValue ?? 0) }
        let onTape = found.filter { $0.stream == index }
        try compareCounts(track, onTape, own)
        guard let packets else { continue }
        try compareFrames(path, index, found, track, own, packets, facts)
      }
    }
    for track in manifest.snapshot.tracks { checkAccounts(track) }
    for file in try folder.files() { #expect(file.hasPrefix("recording") || file == "metadata.json") }
  }

  /// Which of the manifest's tracks each stream of a file is: pictures first, each kind in the order of declaration.
  private func tracksByStream(_ path: String, _ manifest: Manifest, _ file: FileStatus) throws -> [(Int, TakeSnapshot.TrackNumbers)] {
    let own = manifest.snapshot.tracks.filter { $0.participant == file.participant }
    var waiting = own.filter { $0.specification.kind == .video && $0.counters.frames > 0 } + own.filter { $0.specification.kind == .audio }
    let kinds = try Tool.streams(path)
    #expect(kinds == waiting.map(\.specification.kind.rawValue))
    return kinds.indices.compactMap { index in waiting.isEmpty ? nil : (index, waiting.removeFirst()) }
  }

  private func compareCounts(_ track: TakeSnapshot.TrackNumbers, _ onTape: [Tool.Packet], _ own: [Captures.Stream]) throws {
    #expect(onTape.count == Int(track.counters.frames + track.counters.packetsFilled))
    let missing = own.reduce(0) { $0 + ($1.facts["missing_seq"]?.integerValue ?? 0) }
    guard missing == 0 else { return }
    // Nothing is lost, so other tools' counts need no gate of ours.
    var expected: Int64 = 0
    for stream in own {
      if stream.isVideo {
        expected +=
          (stream.facts["frames_complete"]?.integerValue ?? 0) - (stream.facts["frames_before_first_keyframe"]?.integerValue ?? 0)
      } else {
        let type = String(stream.payloadType)
        expected +=
          (stream.facts["payload_types"]?[type]?["packets"]?.integerValue ?? 0) - (stream.facts["padding_only_packets"]?.integerValue ?? 0)
      }
    }
    #expect(Int64(onTape.count) == expected)
  }

  private func compareFrames(
    _ path: String, _ index: Int, _ found: [Tool.Packet], _ track: TakeSnapshot.TrackNumbers, _ own: [Captures.Stream],
    _ packets: CapturedPackets, _ facts: JSONValue
  ) throws {
    var expected: [ExpectedFrames.Frame] = []
    for stream in own {
      let ordered = packets.ordered(stream, repair: Captures.repair(of: stream, facts))
      let told = ExpectedFrames(ordered, of: stream.codec)
      expected += told.frames
      guard stream.isVideo else { continue }
      #expect(Int64(told.whole) == stream.facts["frames_complete"]?.integerValue)
      #expect(Int64(told.beforeFirstKeyFrame) == stream.facts["frames_before_first_keyframe"]?.integerValue)
      #expect(Int64(told.incomplete) == stream.facts["frames_incomplete"]?.integerValue)
    }
    let all = try Tool.payloads(path, stream: index, of: found)
    let filled = Int(track.counters.packetsFilled)
    // What fills the holes that loss left in the sound: a byte or two, which no packet of these captures is as short as.
    let isReal = all.map { filled == 0 || $0.count > 2 }
    #expect(isReal.count { !$0 } == filled)
    let payloads = zip(all, isReal).filter(\.1).map(\.0)
    #expect(payloads.count == expected.count)
    #expect(payloads == expected.map(\.bytes))
    #expect(zip(found.filter { $0.stream == index }.map(\.isKey), isReal).filter(\.1).map(\.0) == expected.map(\.isKey))
  }

  /// Times never go back, and blocks lie in the file as they are to be played but for what waited for a missing packet.
  private func checkTimes(_ found: [Tool.Packet], _ file: FileStatus) {
    var last: [Int: Int64] = [:]
    var newest: Int64 = 0
    for packet in found {
      #expect(packet.milliseconds >= 0)
      if let before = last[packet.stream] { #expect(packet.milliseconds > before) }
      last[packet.stream] = packet.milliseconds
      #expect(packet.milliseconds >= newest - 600)
      newest = max(newest, packet.milliseconds)
    }
    let first = found.map(\.milliseconds).min() ?? -1
    #expect(file.startSeconds.map { Int64(($0 * 1000).rounded()) } == first)
  }

  private func checkShape(_ path: String, _ file: FileStatus) throws {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    #expect(Int64(bytes.count) == file.bytes)
    let shape = Clusters(bytes)
    #expect(shape.hasCues && shape.hasSeekHead)
    for cluster in shape.clusters {
      #expect((cluster.blocks.max() ?? 0) - (cluster.blocks.min() ?? 0) <= 1000)
    }
    let ends = (file.startSeconds ?? 0) + file.durationSeconds
    #expect(abs(try Tool.duration(path) - ends) < 0.002)
  }

  private func checkAccounts(_ track: TakeSnapshot.TrackNumbers) {
    #expect(track.packetsPending == 0)
    #expect(track.counters.packetsReceived == track.counters.packetsInFrames + track.counters.packetsDiscarded)
  }
}
