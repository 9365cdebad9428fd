import Codecs
import Foundation
import Ground
import Mux
import Testing

/// Matroska is WebM with more codecs: what is promised of one holds for the other, and H.264 plays from its own header.
@Suite struct MatroskaTests {
  /// Two sizes of H.264, one after the other, as access units with lengths: x264's, apart at its delimiters.
  private static let video: Result<[EncodedFrame], TestMedia.Failure> = {
    do {
      var frames: [EncodedFrame] = []
      for (name, size, seconds) in [("small", "320x240", 4), ("large", "640x480", 2)] {
        let file = TestMedia.folder.appending(path: "\(name).h264")
        try TestMedia.run(
          "ffmpeg",
          ["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=\(size):r=30:d=\(seconds)", "-pix_fmt", "yuv420p", "-c:v", "libx264"]
            + ["-preset", "ultrafast", "-tune", "zerolatency", "-x264-params", "aud=1:keyint=30:scenecut=0:slices=2:repeat-headers=1"]
            + [file.path()])
        frames += accessUnits([UInt8](try Data(contentsOf: file)), after: frames.count, size)
      }
      return .success(frames)
    } catch {
      return .failure(error as? TestMedia.Failure ?? TestMedia.Failure(message: "\(error)"))
    }
  }()

  private static func accessUnits(_ stream: [UInt8], after count: Int, _ size: String) -> [EncodedFrame] {
    var units: [[UInt8]] = []
    var start: Int?
    for at in 0..<stream.count - 3 where stream[at] == 0 && stream[at + 1] == 0 && stream[at + 2] == 1 {
      if let start { units.append(trimmed(stream[start..<at])) }
      start = at + 3
    }
    if let start { units.append(trimmed(stream[start...])) }
    var frames: [EncodedFrame] = []
    let sides = size.split(separator: "x").compactMap { Int($0) }
    for unit in units {
      if unit[0] & 0x1f == 9 {
        let time = MediaTime(nanoseconds: Int64(count + frames.count) * 1_000_000_000 / 30)
        frames.append(EncodedFrame(bytes: [], track: 1, time: time, isKey: false))
      }
      frames[frames.count - 1].bytes.appendU32(UInt32(unit.count))
      frames[frames.count - 1].bytes += unit
      if unit[0] & 0x1f == 5 {
        frames[frames.count - 1].isKey = true
        frames[frames.count - 1].size = PictureSize(width: sides[0], height: sides[1])
      }
    }
    return frames
  }

  private static func trimmed(_ unit: ArraySlice<UInt8>) -> [UInt8] {
    var unit = unit
    while unit.last == 0 { unit.removeLast() }
    return Array(unit)
  }

  private static let formats = [TrackFormat(codec: .opus, channels: 2), TrackFormat(codec: .h264)]

  private func both() throws -> [EncodedFrame] {
    (try TestMedia.audio.get() + MatroskaTests.video.get()).sorted { ($0.time, $0.track) < ($1.time, $1.track) }
  }

  private func matroska(_ frames: [EncodedFrame], finish: Bool = true) throws -> TestFile {
    var writer = try WebMWriter(tracks: MatroskaTests.formats, container: .mkv)
    var file = TestFile()
    for frame in frames {
      try writer.write(frame)
      writer.drain { file.write($0, $1) }
    }
    if finish { try writer.finish() } else { try writer.closeCluster() }
    writer.drain { file.write($0, $1) }
    return file
  }

  private func expected(_ frames: [EncodedFrame]) -> [ProbedPacket] {
    frames.map { ProbedPacket(stream: $0.track, milliseconds: $0.time.milliseconds, isKey: $0.isKey, adler: Probe.adler($0.bytes)) }
  }

  @Test func framesPassUnchangedAndDecode() throws {
    let frames = try both()
    #expect(frames.filter { $0.track == 1 }.count == 180 && frames.filter { $0.isKey && $0.track == 1 }.count == 6)
    let file = try matroska(frames)
    let path = try file.path("whole.mkv")
    #expect(try Probe.packets(path) == expected(frames))
    try Probe.decode(path)
    try Probe.decode(path, from: "3.5")
    #expect(try Probe.value(path, "stream=codec_name,width,height", stream: "v") == "h264,320,240")
    #expect(try Probe.value(path, "stream=is_avc,nal_length_size", stream: "v") == "true,4")
    let duration = try #require(Double(try Probe.value(path, "format=duration")))
    #expect(abs(duration - 6) < 0.05)
    #expect(try file.bytes == matroska(frames).bytes)
  }

  /// Its sets stand in the header, for players that look for them there alone.
  @Test func theHeaderHasTheFirstKeyFramesSets() throws {
    let frames = try both()
    let key = try #require(frames.first { $0.isKey && $0.track == 1 })
    let told = H264AccessUnit.configuration(ofKeyFrame: key.bytes.span)
    let configuration = try #require(told)
    let file = try matroska(frames)
    let found = try #require(file.bytes.firstRange(of: configuration))
    let cluster = try #require(clusterOffsets(file).first)
    #expect(found.upperBound < cluster)
    let size = try Probe.value(file.path("sets.mkv"), "stream=extradata_size", stream: "v")
    #expect(size == "\(configuration.count)")
  }

  @Test func aFileWhoseCameraNeverCameHasOnlySound() throws {
    let path = try matroska(try TestMedia.audio.get()).path("sound.mkv")
    #expect(try Probe.value(path, "stream=codec_type") == "audio")
    try Probe.decode(path)
  }

  @Test func whatLostNothingComesOutAsItsWriterWouldHaveEndedIt() throws {
    let frames = try both()
    let (recovered, plan) = try recover(try matroska(frames, finish: false))
    #expect(try recovered.bytes == matroska(frames).bytes)
    #expect(plan.facts.tracks.map(\.codec) == [.opus, .h264] && plan.facts.keyFrames == 6)
    #expect(try MuxTests.plan(recovered.bytes).isFinished)
  }

  @Test func aFileCutAnywhereKeepsItsWholeFrames() throws {
    let frames = try both()
    let whole = try matroska(frames, finish: false)
    let headerEnd = try #require(clusterOffsets(whole).first)
    for cut in stride(from: headerEnd + 1, to: whole.bytes.count, by: whole.bytes.count / 12) {
      let (file, plan) = try recover(TestFile(bytes: Array(whole.bytes[..<cut])))
      guard plan.facts.clusters > 0 else { continue }
      let path = try file.path("cut.mkv")
      try Probe.decode(path)
      let packets = try Probe.packets(path)
      // A track without a frame so far is taken from the header.
      let shift = packets.contains { $0.stream == 1 } ? 0 : 1
      #expect(packets == Array(expected(frames).prefix(packets.count)) || shift == 1, "cut at \(cut)")
      if packets.count < frames.count {
        #expect(Int64(cut) - plan.truncateTo < Int64(frames[packets.count].bytes.count + 30), "cut at \(cut)")
      }
      #expect(try MuxTests.plan(file.bytes).isFinished)
    }
  }

  /// Zeros in place of what was not yet written, as file systems leave them, are no access unit.
  @Test func zerosAreNotTakenForPictures() throws {
    let whole = try matroska(try both(), finish: false)
    let last = try #require(clusterOffsets(whole).last)
    var torn = whole
    for index in (last + (whole.bytes.count - last) / 2)..<whole.bytes.count { torn.bytes[index] = 0 }
    let (file, plan) = try recover(torn)
    #expect(plan.truncateTo <= Int64(last + (whole.bytes.count - last) / 2))
    try Probe.decode(file.path("zeros.mkv"))
  }

  @Test func webMRefusesWhatItCannotHold() throws {
    #expect(throws: MuxError.unsupported(.h264)) { _ = try WebMWriter(tracks: MatroskaTests.formats) }
    #expect(throws: MuxError.unsupported(.aac)) { _ = try WebMWriter(tracks: [TrackFormat(codec: .aac)], container: .mkv) }
    _ = try WebMWriter(tracks: TestMedia.bothFormats, container: .mkv)
  }
}
