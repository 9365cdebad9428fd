import Codecs
import Ground
import Mux
import Testing

/// Fragmented MP4: times to the tick, clean decoding, errors.
@Suite struct FragmentWriterTests {
  /// Initialization segment and fragments of at most `framesPerFragment` frames, as one file.
  private static func file(_ formats: [TrackFormat], _ frames: [EncodedFrame], framesPerFragment: Int) throws -> [UInt8] {
    var writer = try FragmentWriter(tracks: formats)
    var bytes = writer.initSegment
    for (n, frame) in frames.enumerated() {
      let next = frames[(n + 1)...].first { $0.track == frame.track }
      try writer.write(frame, duration: next.map { $0.time - frame.time } ?? frame.duration)
      if (n + 1) % framesPerFragment == 0 { bytes += try writer.flushFragment() }
    }
    return bytes + (try writer.flushFragment())
  }

  private static func merged(_ a: [EncodedFrame], _ b: [EncodedFrame]) -> [EncodedFrame] {
    (a + b).sorted { ($0.time, $0.track) < ($1.time, $1.track) }
  }

  @Test(arguments: [0, 3723.5, 86_400.123_456_789])
  func timesAreTheTimelinesToTheTick(start: Double) throws {
    let video = try Media.video(seconds: 3, keysAt: [0, 1.5])
    let audio = try Media.aac(seconds: 3)
    let pictures = video.frames(track: 0, from: .seconds(start))
    let sounds = audio.frames(track: 1, from: .seconds(start + 0.0075))
    let bytes = try Self.file([video.format, audio.format], Self.merged(pictures, sounds), framesPerFragment: 29)
    let disk = try Disk()
    let path = try disk.put("file.mp4", bytes)
    let packets = try Tool.packets(path)
    for (stream, frames, rate) in [(0, pictures, Int64(90_000)), (1, sounds, 48_000)] {
      let found = packets.filter { $0.stream == stream }
      #expect(found.map(\.pts) == frames.map { $0.time.ticks(rate) })
      #expect(found.map(\.dts) == found.map(\.pts))
      #expect(found.map(\.isKey) == frames.map(\.isKey))
      // Of the last frame of each fragment too: it ends where the next one begins.
      for (packet, next) in zip(found, found.dropFirst()) { #expect(packet.pts + packet.duration == next.pts) }
    }
    #expect(Tool.decode(path) == "")
  }

  @Test(arguments: [30, -30, -2_000, 700_000] as [Int64])
  func opusKeepsItsTimesWhileTheClockIsSlewed(microsecondsAFrame: Int64) throws {
    let opus = Media.opus(seconds: 1)
    var writer = try FragmentWriter(tracks: [opus.format])
    var bytes = writer.initSegment
    var frames = opus.frames(track: 0, from: .seconds(10))
    for n in frames.indices {
      frames[n].time = frames[n].time + .microseconds(Int64(n) * microsecondsAFrame)
      // The codec's duration, whatever the next frame will say: the clock is slewed, or runs away.
      try writer.write(frames[n], duration: frames[n].duration)
      if n % 7 == 6 { bytes += try writer.flushFragment() }
    }
    bytes += try writer.flushFragment()
    let disk = try Disk()
    let path = try disk.put("file.mp4", bytes)
    #expect(try Tool.packets(path).map(\.pts) == frames.map { $0.time.ticks(48_000) })
    #expect(Tool.decode(path) == "")
    let probe = try Tool.run("ffprobe", ["-v", "error", "-show_entries", "stream=codec_name,channels", "-of", "csv=p=0", path])
    #expect(String(decoding: probe.output, as: UTF8.self) == "opus,2\n")
  }

  @Test func aJumpOfManyHoursIsKept() throws {
    let opus = Media.opus(seconds: 0.2)
    let frames = opus.frames + opus.frames(track: 0, from: .seconds(100_000))
    let bytes = try Self.file([opus.format], frames, framesPerFragment: 10)
    let disk = try Disk()
    #expect(try Tool.packets(try disk.put("file.mp4", bytes)).map(\.pts) == frames.map { $0.time.ticks(48_000) })
    var writer = try FragmentWriter(tracks: [opus.format])
    try writer.write(frames[0], duration: .milliseconds(20))
    #expect(throws: MuxError.badTime(track: 0)) { try writer.write(frames[10], duration: .milliseconds(20)) }
  }

  @Test func theInitializationSegmentIsTheSameEachTimeAndHoldsNoMedia() throws {
    let audio = try Media.aac(seconds: 0.1)
    let first = try FragmentWriter(tracks: [audio.format])
    let second = try FragmentWriter(tracks: [audio.format])
    let one = first.initSegment
    let two = second.initSegment
    #expect(one == two)
    #expect(Box.types(one) == ["ftyp", "moov"])
    var writer = try FragmentWriter(tracks: [audio.format])
    #expect(try writer.flushFragment() == [])
    try writer.write(audio.frames[0], duration: audio.frames[0].duration)
    #expect(writer.pendingFrames == 1)
    let fragment = try writer.flushFragment()
    #expect(Box.types(fragment) == ["moof", "mdat"])
    #expect(try writer.flushFragment() == [])
  }

  @Test func formatsThatTheContainerCannotSayAreRefused() {
    let avcC: [UInt8] = [1, 66, 192, 31, 0xff, 0xe1, 0]
    let size = PictureSize(width: 64, height: 64)
    let table: [([TrackFormat], MuxError)] = [
      ([], .noTracks),
      ([TrackFormat(codec: .vp8)], .unsupported(.vp8)),
      ([TrackFormat(codec: .h264, size: size)], .badFormat(track: 0)),
      ([TrackFormat(codec: .h264, configuration: avcC)], .badFormat(track: 0)),
      ([TrackFormat(codec: .h264, size: size, configuration: [1, 66, 192, 31, 0xfc, 0xe1, 0])], .badFormat(track: 0)),
      ([TrackFormat(codec: .opus), TrackFormat(codec: .aac)], .badFormat(track: 1)),
      // 44.1 kHz.
      ([TrackFormat(codec: .aac, configuration: [0x12, 0x10])], .badFormat(track: 0)),
      ([TrackFormat(codec: .opus, channels: 3)], .badFormat(track: 0)),
    ]
    for (formats, error) in table {
      #expect(throws: error) { _ = try FragmentWriter(tracks: formats) }
    }
  }

  @Test func framesOutOfPlaceAreRefused() throws {
    let opus = Media.opus(seconds: 0.1)
    var writer = try FragmentWriter(tracks: [opus.format])
    try writer.write(opus.frames[1], duration: .milliseconds(20))
    var frame = opus.frames[0]
    #expect(throws: MuxError.badTime(track: 0)) { try writer.write(frame, duration: .zero) }
    frame.time = MediaTime(nanoseconds: -1)
    #expect(throws: MuxError.badTime(track: 0)) { try writer.write(frame, duration: .zero) }
    frame.time = MediaTime(nanoseconds: .max)
    #expect(throws: MuxError.badTime(track: 0)) { try writer.write(frame, duration: .zero) }
    frame = opus.frames[2]
    frame.track = 1
    #expect(throws: MuxError.noSuchTrack(1)) { try writer.write(frame, duration: .zero) }
    frame = opus.frames[2]
    frame.bytes = []
    #expect(throws: MuxError.badFrame(track: 0)) { try writer.write(frame, duration: .zero) }
    try writer.write(opus.frames[2], duration: TimeSpan(nanoseconds: .max))
    try writer.write(opus.frames[3], duration: TimeSpan(nanoseconds: .min))
    #expect(writer.pendingFrames == 3)
  }
}

/// The top-level boxes of a file.
enum Box {
  static func ends(_ bytes: [UInt8]) -> [(type: String, end: Int)] {
    var found: [(String, Int)] = []
    var at = 0
    while at + 8 <= bytes.count {
      let size = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
      guard size >= 8 else { break }
      found.append((String(decoding: bytes[at + 4..<at + 8], as: UTF8.self), at + size))
      at += size
    }
    return found
  }
  static func types(_ bytes: [UInt8]) -> [String] { ends(bytes).map(\.type) }
}

/// Tracks whose pictures must be turned.
@Suite struct FragmentRotationTests {
  /// What ffmpeg shows of the first picture, as brightness over a grid.
  private static func looks(_ path: String) throws -> [UInt8] {
    try Tool.ffmpeg(["-i", path, "-frames:v", "1", "-vf", "scale=12:12:flags=area", "-pix_fmt", "gray", "-f", "rawvideo", "-"])
  }

  @Test(arguments: [PictureRotation.quarter, .half, .threeQuarters])
  func playersTurnThem(rotation: PictureRotation) throws {
    let video = try Media.video(seconds: 1, keysAt: [0])
    let disk = try Disk()
    var shown: [[UInt8]] = []
    for turn in [PictureRotation.none, rotation] {
      var format = video.format
      format.rotation = turn
      var writer = try FragmentWriter(tracks: [format])
      var bytes = writer.initSegment
      let frames = video.frames(track: 0)
      for frame in frames { try writer.write(frame, duration: .milliseconds(33)) }
      bytes += try writer.flushFragment()
      let path = try disk.put("\(turn.rawValue).mp4", bytes)
      #expect(Tool.decode(path) == "")
      shown.append(try Self.looks(path))
    }
    var expected = shown[0]
    for _ in 0..<rotation.rawValue / 90 {
      let old = expected
      for row in 0..<12 { for column in 0..<12 { expected[row * 12 + column] = old[(11 - column) * 12 + row] } }
    }
    let difference = zip(shown[1], expected).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
    #expect(difference < 144 * 6, "\(difference)")
  }
}
