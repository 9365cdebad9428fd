import Codecs
import Foundation
import Recording
import Replay
import Testing

/// AV1 on tape: what its container says of it.
@Suite struct AV1TapeTests {
  private static let path = Captures.committedPath("chr-av1")

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
}
