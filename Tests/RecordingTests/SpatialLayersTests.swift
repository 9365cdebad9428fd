import Codecs
import Foundation
import JSON
import Recording
import Replay
import Testing
import Track

/// A browser's pictures of three spatial layers, on tape as frames that show the largest alone.
@Suite struct SpatialLayersTests {
  private static let name = "chr-vp9-l3t3key"

  /// The stream's pictures: the layers of a timestamp one after the other, as they came.
  private func concatenated() throws -> [[UInt8]] {
    let stream = try #require(Captures.recorded(Captures.committedFacts(Self.name)).first { $0.isVideo })
    var pictures: [(timestamp: UInt32, bytes: [UInt8])] = []
    for (_, packet) in try CapturedPackets(path: Captures.committedPath(Self.name)).ordered(stream) where !packet.payload.isEmpty {
      let bytes = packet.payload[ExpectedFrames.vp9Descriptor(packet.payload)...]
      if pictures.last?.timestamp != packet.timestamp { pictures.append((packet.timestamp, [])) }
      pictures[pictures.count - 1].bytes += bytes
    }
    return pictures.map(\.bytes)
  }

  /// An IVF file of the frames.
  private func ivf(_ frames: [[UInt8]]) -> Data {
    var file = Array("DKIF".utf8) + [0, 0, 32, 0] + Array("VP90".utf8) + [0, 0, 0, 0]
    func append(_ value: Int, _ count: Int) { for byte in 0..<count { file.append(UInt8(value >> (8 * byte) & 0xff)) } }
    append(30, 4)
    append(1, 4)
    append(frames.count, 8)
    for (number, frame) in frames.enumerated() {
      append(frame.count, 4)
      append(number, 8)
      file += frame
    }
    return Data(file)
  }

  /// The size in bytes and the checksum of every picture that a decoder shows.
  private func pictures(_ path: String, decoder: String) throws -> [String] {
    let lines = try Tool.ffmpeg(
      ["-xerror", "-c:v", decoder, "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-autoscale", "0", "-f", "framemd5", "-"])
    return String(decoding: lines, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
      line.split(separator: ",").suffix(2).map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: " ")
    }
  }

  /// The format's makers' decoder takes the layers one after the other for one picture, the last: what it makes of the packets is what any
  /// decoder makes of the tape.
  @Test func theTapeDecodesToTheLargestLayer() throws {
    let folder = try ScratchFolder()
    let manifest = try FileReplay.record(FileReplay.Options(capture: Captures.committedPath(Self.name), folder: folder.path))
    let tape = folder.path(try #require(manifest.files.first).path)
    let sent = try concatenated()
    let facts = try #require(Captures.committedFacts(Self.name)["streams"]?.arrayValue?.first { $0["frames_complete"] != nil })
    #expect(sent.count == facts["frames_complete"]?.integerValue.map(Int.init))
    try ivf(sent).write(to: URL(filePath: folder.path("sent.ivf")))
    let wanted = try pictures(folder.path("sent.ivf"), decoder: "libvpx-vp9")
    #expect(wanted.count == sent.count)
    #expect(try pictures(tape, decoder: "vp9") == wanted)
    #expect(try pictures(tape, decoder: "libvpx-vp9") == wanted)
    let largest = wanted.count { $0.hasPrefix("\(960 * 540 * 3 / 2) ") }
    #expect(largest == facts["pictures_by_top_layer"]?["2"]?.integerValue.map(Int.init))
    let video = try #require(manifest.snapshot.tracks.first { $0.specification.kind == .video })
    #expect(video.size?.description == "960x540" && video.counters.packetsDiscarded == 0)
  }

  /// In the presentation too, whose segments begin at the sender's key frames.
  @Test func thePresentationShowsThem() throws {
    let folder = try ScratchFolder()
    var options = FileReplay.Options(capture: Captures.committedPath(Self.name), folder: folder.path)
    options.hls = HLSOutput()
    let manifest = try FileReplay.record(options)
    let hls = try #require(manifest.hls.first)
    #expect(hls.error == nil && hls.segments == 3)
    let master = String(decoding: try folder.bytes("hls/master.m3u8"), as: UTF8.self)
    #expect(master.contains("vp09.00.31.08,mp4a.40.2") && master.contains("RESOLUTION=960x540"))
    let tape = folder.path(try #require(manifest.files.first).path)
    #expect(try pictures(folder.path("hls/media.m3u8"), decoder: "vp9") == pictures(tape, decoder: "vp9"))
  }
}
