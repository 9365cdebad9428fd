import Codecs
import Foundation
import Ground
import Mux
import Testing

@Suite struct MP4WriterTests {
  @Test func everyFrameComesOutAsItWentIn() throws {
    let frames = try MP4TestMedia.both()
    let file = try mp4(MP4TestMedia.formats, frames)
    #expect(file.boxes.map(\.type) == ["ftyp", "mdat", "moov"])
    let path = try file.path("both.mp4")
    #expect(byTrack(try MP4Probe.packets(path)) == byTrack(expected(frames)))
    #expect(try Probe.value(path, "format=duration").hasPrefix("6.02"))
    // What the index lists, without a look at the fragments.
    #expect(try Probe.value(path, "stream=codec_name,nb_frames") == "h264,180\nopus,301")
    #expect(try Probe.value(path, "stream=width,height", stream: "v") == "320,240")
    // All count alike, and as the file does: Firefox takes the lengths in edit lists for a track's own ticks.
    #expect(try Probe.value(path, "stream=time_base") == "1/48000\n1/48000")
    let header = try #require(
      file.bytes.indices.last { file.bytes[$0] == 0x6d && Array(file.bytes[$0...].prefix(4)) == Array("mvhd".utf8) })
    #expect(Array(file.bytes[header + 16..<header + 20]) == [0, 0, 0xbb, 0x80])
    try Probe.decode(path)
    try Probe.decode(path, from: "3.3")
  }

  @Test func itPlaysWhileItGrows() throws {
    let frames = try MP4TestMedia.both()
    let file = try mp4(MP4TestMedia.formats, frames, finish: false)
    let types = file.boxes.map(\.type)
    #expect(types.prefix(4) == ["ftyp", "free", "moov", "free"])
    #expect(Array(types.dropFirst(4)) == (0..<(types.count - 4)).map { $0 % 2 == 0 ? "moof" : "mdat" })
    // Half a second each.
    #expect((12...14).contains((types.count - 4) / 2))
    let path = try file.path("growing.mp4")
    #expect(byTrack(try MP4Probe.packets(path)) == byTrack(expected(frames)))
    try Probe.decode(path)
  }

  @Test func theSameFramesGiveTheSameBytes() throws {
    let frames = try MP4TestMedia.both()
    #expect(try mp4(MP4TestMedia.formats, frames).bytes == mp4(MP4TestMedia.formats, frames).bytes)
  }

  /// Sound a minute after the pictures, and pictures ten minutes after the sound: each where it belongs, and both tracks in the header from the start.
  @Test(arguments: [(0, 60_000), (600_000, 0), (3_700, 3_707)] as [(Int64, Int64)], [true, false])
  func aTrackThatBeginsLateIsInItsPlace(late: (pictures: Int64, sound: Int64), finish: Bool) throws {
    let frames = MP4TestMedia.merged(
      MP4TestMedia.moved(try MP4TestMedia.video.get(), track: 0, by: late.pictures),
      MP4TestMedia.moved(try TestMedia.audio.get(), track: 1, by: late.sound))
    let file = try mp4(MP4TestMedia.formats, frames, finish: finish)
    let path = try file.path("late-\(late.pictures)-\(late.sound)-\(finish).mp4")
    #expect(byTrack(try MP4Probe.packets(path)) == byTrack(expected(frames)))
    try Probe.decode(path)
    guard finish else { return }
    let end = Double(max(late.pictures + 6_000, late.sound + 6_020)) / 1000
    #expect(abs((Double(try Probe.value(path, "format=start_time")) ?? -1) - Double(min(late.pictures, late.sound)) / 1000) < 0.001)
    #expect(abs((Double(try Probe.value(path, "format=duration")) ?? -1) - end) < 0.03)
  }

  /// Holes in sound and picture, a short one and one of five hours.
  @Test(arguments: [2_000, 18_000_000] as [Int64], [true, false])
  func holesKeepTheirPlace(hole: Int64, finish: Bool) throws {
    let frames = MP4TestMedia.withHoles(hole, in: try MP4TestMedia.both())
    let path = try mp4(MP4TestMedia.formats, frames, finish: finish).path("hole-\(hole)-\(finish).mp4")
    let found = byTrack(try MP4Probe.packets(path))
    #expect(found == byTrack(expected(frames)))
  }

  /// A sender that changes its picture has each format described, and every frame says which it is of.
  @Test(arguments: [true, false])
  func anotherSizeOnTheWay(finish: Bool) throws {
    let frames =
      try MP4TestMedia.video.get() + MP4TestMedia.moved(try MP4TestMedia.largerVideo.get(), track: 0, by: 6_000)
      + MP4TestMedia.moved(try MP4TestMedia.video.get(), track: 0, by: 7_000)
    let file = try mp4([MP4TestMedia.formats[0]], frames, finish: finish)
    let path = try file.path("sizes-\(finish).mp4")
    #expect(byTrack(try MP4Probe.packets(path), 1) == byTrack(expected(frames), 1))
    let sizes = try TestMedia.run(
      "ffprobe", ["-v", "error", "-show_entries", "frame=width", "-of", "csv=p=0", path], mustBeSilent: true
    ).split(separator: "\n").map { $0.prefix { $0.isNumber } }
    #expect(
      sizes == [Substring](repeating: "320", count: 180) + [Substring](repeating: "640", count: 30)
        + [Substring](repeating: "320", count: 180))
    // Two entries, the first one used again.
    let entries = file.bytes.indices.dropLast(3).count { file.bytes[$0] == 0x61 && Array(file.bytes[$0..<$0 + 4]) == Array("avcC".utf8) }
    #expect(entries == (finish ? 4 : 2))
  }

  /// More formats than the header has room for: their frames are on tape all the same, and the header stays one.
  @Test func formatsWithoutEnd() throws {
    let video = try MP4TestMedia.video.get()
    let frames = (0..<100).map { n in
      var frame = video[0]
      frame.time = MediaTime(nanoseconds: Int64(n) * 40_000_000)
      // A picture parameter set that nobody refers to, each time another one.
      let set: [UInt8] = [0x68, 0x42, UInt8(n), 0x80]
      frame.bytes = [0, 0, 0, 4] + set + frame.bytes
      return frame
    }
    for finish in [true, false] {
      let file = try mp4([MP4TestMedia.formats[0]], frames, finish: finish)
      #expect(file.boxes.map(\.type).prefix(2) == (finish ? ["ftyp", "mdat"] : ["ftyp", "free"]))
      let path = try file.path("formats-\(finish).mp4")
      let found = try TestMedia.run("ffprobe", ["-v", "quiet", "-show_entries", "packet=size", "-of", "csv=p=0", path])
      #expect(found.split(separator: "\n").count { !$0.isEmpty && $0.first?.isNumber == true } == frames.count)
      if !finish { #expect(try recoverMP4(file).file.bytes == mp4([MP4TestMedia.formats[0]], frames).bytes) }
    }
  }

  @Test(arguments: [PictureRotation.none, .quarter, .half, .threeQuarters], [true, false])
  func aPhoneThatIsTurnedIsShownUpright(rotation: PictureRotation, finish: Bool) throws {
    let frames = try MP4TestMedia.video.get().prefix(40).map { frame in
      var frame = frame
      frame.rotation = rotation
      return frame
    }
    let path = try mp4([MP4TestMedia.formats[0]], frames, finish: finish).path("turned-\(rotation)-\(finish).mp4")
    let told = try Probe.value(path, "stream_side_data=rotation")
    // FFmpeg tells by how much the picture is to be turned counter-clockwise, within 180 degrees.
    #expect((Int(told) ?? 0) == [PictureRotation.none: 0, .quarter: -90, .half: -180, .threeQuarters: 90][rotation])
  }

  /// A file whose index outgrows what is kept in memory: parts of it lie between the fragments, and the end copies them.
  @Test func anIndexThatIsLongIsWrittenOnTheWay() throws {
    let frames = (0..<24_000).map { n in
      EncodedFrame(
        bytes: [0xfc, 0xff, 0xfe], track: 0, time: MediaTime(nanoseconds: Int64(n) * 20_000_000 + Int64(n % 3) * 1_000_000),
        duration: .milliseconds(20), isKey: true)
    }
    let format = [MP4TestMedia.formats[1]]
    let growing = try mp4(format, frames, finish: false)
    #expect(growing.boxes.count { $0.type == "free" } >= 4)
    let file = try mp4(format, frames)
    let found = try MP4Probe.packets(try file.path("long.mp4"))
    #expect(found.count == frames.count)
    #expect(found.map(\.milliseconds) == frames.map(\.time.milliseconds))
    #expect(try recoverMP4(growing).file.bytes == file.bytes)
  }

  @Test func aCameraThatNeverCameIsNotInTheFinishedFile() throws {
    let frames = MP4TestMedia.moved(try TestMedia.audio.get(), track: 1)
    let path = try mp4(MP4TestMedia.formats, frames).path("never.mp4")
    #expect(try Probe.value(path, "stream=codec_name") == "opus")
    try Probe.decode(path, from: "4")
    // Without any frame there is nothing to choose by.
    #expect(try mp4(MP4TestMedia.formats, []).boxes.map(\.type) == ["ftyp", "mdat", "moov"])
  }

  @Test func whatMP4DoesNotHoldIsRefused() {
    for codec in Codec.allCases where !TapeContainer.mp4.holds(codec) {
      #expect(throws: MuxError.unsupported(codec)) { _ = try MP4Writer(tracks: [TrackFormat(codec: codec)]) }
    }
    #expect(TapeContainer.mp4.codecs == [.opus, .vp9, .h264, .av1, .h265])
    #expect(throws: MuxError.noTracks) { _ = try MP4Writer(tracks: []) }
  }

  @Test func framesOutOfPlaceAreRefusedAndTheFileGoesOn() throws {
    var writer = try MP4Writer(tracks: MP4TestMedia.formats)
    var frame = try TestMedia.audio.get()[0]
    frame.track = 2
    #expect(throws: MuxError.noSuchTrack(2)) { try writer.write(frame) }
    frame.track = 1
    frame.time = MediaTime(nanoseconds: -1)
    #expect(throws: MuxError.badTime(track: 1)) { try writer.write(frame) }
    frame.time = .zero
    let bytes = frame.bytes
    frame.bytes = []
    #expect(throws: MuxError.badFrame(track: 1)) { try writer.write(frame) }
    frame.bytes = bytes
    try writer.write(frame)
    _ = try writer.finish()
    #expect(throws: MuxError.finished) { try writer.write(frame) }
    #expect(throws: MuxError.finished) { _ = try writer.finish() }
  }
}

extension MP4TestMedia {
  /// The frames with everything from second 2 on so many milliseconds later, and the sound of second 4 gone.
  static func withHoles(_ hole: Int64, in frames: [EncodedFrame]) -> [EncodedFrame] {
    frames.filter { $0.track == 0 || !(4_000..<5_000).contains($0.time.milliseconds) }.map { frame in
      var frame = frame
      if frame.time.milliseconds >= 2_000 { frame.time = frame.time + .milliseconds(hole) }
      return frame
    }
  }
}
