import Codecs
import Foundation
import Ground
import Recording
import Replay
import Testing

/// MP4 on tape holds what Matroska holds of the same capture: every frame, bit for bit, in the same place, decoded to the same pictures.
@Suite struct MP4TapeTests {
  /// Each codec, spatial layers, and sound with holes.
  static let captures = ["chr-h264", "chr-vp9-l3t3key", "ffx-av1-opus", "gst-h265-opus", "jan-audio-dtx"]

  @Test(arguments: captures) func itHoldsWhatMatroskaHolds(_ name: String) throws {
    let folder = try ScratchFolder()
    let matroska = try record(name, .mkv, into: folder.path + "/mkv")
    let mp4 = try record(name, .mp4, into: folder.path + "/mp4")
    #expect(mp4.status == .completed)
    #expect(mp4.files.map(\.container) == matroska.files.map { _ in "mp4" })
    #expect(mp4.files.map(\.startSeconds) == matroska.files.map(\.startSeconds))
    #expect(mp4.files.map(\.isFinal) == matroska.files.map { _ in true })
    for (theirs, file) in zip(matroska.files, mp4.files) {
      #expect(abs(theirs.durationSeconds - file.durationSeconds) < 0.002)
      let path = folder.path("mp4/" + file.path)
      let other = folder.path("mkv/" + theirs.path)
      #expect(try topBoxes(path) == ["ftyp", "mdat", "moov"])
      #expect(try Tool.streams(path) == Tool.streams(other))
      let found = try Tool.packets(path)
      let wanted = try Tool.packets(other)
      for stream in try Tool.streams(path).indices {
        let ours = found.filter { $0.stream == stream }
        let those = wanted.filter { $0.stream == stream }
        #expect(ours.map(\.isKey) == those.map(\.isKey))
        #expect(try Tool.payloads(path, stream: stream, of: found) == Tool.payloads(other, stream: stream, of: wanted))
        // Matroska has whole milliseconds.
        for (a, b) in zip(ours, those) { #expect(abs(a.milliseconds - b.milliseconds) <= 1) }
        #expect(try listedSamples(path, stream) == ours.count)
      }
      // Each frame with its own time: at a frame rate of the tool's choice two pictures could share one.
      #expect(
        try Tool.run(
          "ffmpeg",
          ["-v", "error", "-nostdin", "-xerror", "-i", path, "-fps_mode", "passthrough", "-enc_time_base:v", "1:90000", "-f", "null", "-"]
        ).complaints == "")
      if try Tool.streams(path).contains("video") { #expect(try Tool.pictures(path) == Tool.pictures(other)) }
    }
  }

  @Test func aCodecThatItDoesNotHoldIsRefused() throws {
    let folder = try ScratchFolder()
    let error = #expect(throws: FileReplayError.self) { try record("chr-vp8-opus", .mp4, into: folder.path) }
    #expect(error?.message.hasSuffix("mp4 cannot hold VP8; webm, mkv can") == true)
    #expect(try folder.files().isEmpty)
  }

  private func record(_ name: String, _ container: TapeContainer, into folder: String) throws -> Manifest {
    var options = FileReplay.Options(capture: Captures.committedPath(name), folder: folder)
    options.container = container
    return try FileReplay.record(options)
  }

  private func topBoxes(_ path: String) throws -> [String] {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    var out: [String] = []
    var at = 0
    while at + 16 <= bytes.count {
      var size = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
      if size == 1 { size = bytes[at + 8..<at + 16].reduce(0) { $0 << 8 | Int($1) } }
      guard size >= 8 else { break }
      out.append(String(decoding: bytes[at + 4..<at + 8], as: UTF8.self))
      at += size
    }
    return out
  }

  /// How many samples the file's index has of a stream.
  private func listedSamples(_ path: String, _ stream: Int) throws -> Int? {
    let text = try Tool.run(
      "ffprobe", ["-v", "error", "-select_streams", "\(stream)", "-show_entries", "stream=nb_frames", "-of", "csv=p=0", path]
    ).output
    return Int(String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
  }
}
