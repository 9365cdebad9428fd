import Codecs
import Foundation
import Ground
import Mux
import Testing

/// Writes the frames to a file in memory, draining after each; `finish` nil leaves it unfinished.
func webM(_ formats: [TrackFormat], _ frames: [EncodedFrame], finish: Bool = true, clusterMilliseconds: Int64 = 500) throws -> TestFile {
  var writer = try WebMWriter(tracks: formats, clusterMilliseconds: clusterMilliseconds)
  var file = TestFile()
  for frame in frames {
    try writer.write(frame)
    writer.drain { file.write($0, $1) }
  }
  if finish { try writer.finish() } else { try writer.closeCluster() }
  writer.drain { file.write($0, $1) }
  #expect(Int64(file.bytes.count) == writer.fileBytes)
  return file
}

/// What ffprobe must show for the frames.
func expected(_ frames: [EncodedFrame]) -> [ProbedPacket] {
  frames.map { ProbedPacket(stream: $0.track, milliseconds: $0.time.milliseconds, isKey: $0.isKey, adler: Probe.adler($0.bytes)) }
}

@Suite struct WebMWriterTests {
  @Test func everyFrameComesOutAsItWentIn() throws {
    let frames = try TestMedia.both()
    let path = try webM(TestMedia.bothFormats, frames).path("both.webm")
    #expect(try Probe.packets(path) == expected(frames))
    try Probe.decode(path)
  }
}
