import Codecs
import Ground
import Testing
import Transcode

@Suite struct VideoTranscoderTests {
  @Test func picturesKeepTheirTimesAndLooks() throws {
    let frames = try Content.video(640, 360, seconds: 3)
    let run = try transcodeVideo(frames)
    #expect(run.parts.count == 1 && run.isRising && run.isBalanced)
    let format = run.parts[0].format
    #expect(format.codec == .h264 && format.size == PictureSize(width: 640, height: 360))
    #expect(format.configuration.prefix(2) == [1, 100] && format.configuration[4] == 0xff)  // High, lengths of 4 bytes
    #expect(run.times == frames.map(\.time))
    #expect(run.counters.encoded == 90 && run.counters.repeated == 0)
    let decoded = try Judge.luma(format, run.frames, 16, 9)
    let original = try referenceLuma(frames, 640, 360, 16, 9)
    #expect(decoded.count == 90 && original.count == 90)
    for (index, (mine, theirs)) in zip(decoded, original).enumerated() {
      let difference = zip(mine, theirs).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
      #expect(difference < 16 * 9 * 3, "frame \(index)")
    }
  }

  /// Frames that miss every boundary by 7 ms: the picture before is put out again exactly on it.
  @Test(arguments: [1, 2, 4]) func everyBoundaryIsAnIDR(segmentSeconds: Int) throws {
    let frames = try Content.video(320, 180, seconds: 9).map { $0.moved(by: .milliseconds(7)) }
    var settings = TranscodeSettings()
    settings.segmentSeconds = segmentSeconds
    let run = try transcodeVideo(frames, settings)
    let boundaries = stride(from: 0, through: 8, by: segmentSeconds).map { MediaTime.seconds(Int64($0)) }
    #expect(run.keyTimes == boundaries)
    #expect(run.counters.repeated == boundaries.count && run.counters.encoded == frames.count)
    #expect(run.isRising && run.isBalanced)
    let format = run.parts[0].format
    #expect(try Judge.luma(format, run.frames, 16, 9).count == run.frames.count)
    // Each segment decodes by itself.
    let last = run.frames.drop { $0.time < boundaries[boundaries.count - 1] }
    #expect(try Judge.luma(format, Array(last), 16, 9).count == last.count)
  }

  /// What WebM's milliseconds do not tell from a boundary is the boundary, on both sides of it.
  @Test(arguments: [-400_000, 400_000]) func timesRoundedAwayFromABoundaryAreIt(nanoseconds: Int64) throws {
    let frames = try Content.video(320, 180, seconds: 5).map { frame in
      frame.time > .zero ? frame.moved(by: TimeSpan(nanoseconds: nanoseconds)) : frame
    }
    let run = try transcodeVideo(frames)
    #expect(run.keyTimes == [.zero, .seconds(4)])
    #expect(run.counters.repeated == 0 && run.counters.encoded == frames.count)
  }

  @Test func framesAboveTheRateAreDropped() throws {
    var settings = TranscodeSettings()
    settings.video = .low
    let frames = try Content.video(320, 180, rate: 60, seconds: 5)
    let run = try transcodeVideo(frames, settings)
    #expect((116...121).contains(run.frames.count), "\(run.frames.count) frames at 24 fps in 5 s")
    for second in 0..<5 {
      let count = run.times.count { $0 >= .seconds(Int64(second)) && $0 < .seconds(Int64(second) + 1) }
      #expect(count <= 25)
    }
    #expect(run.counters.overRate + run.counters.encoded == frames.count && run.isRising)
    #expect(try Judge.luma(run.parts[0].format, run.frames, 16, 9).count == run.frames.count)
  }

  /// A camera at the preset's rate jitters by some milliseconds: none of its pictures is too many.
  @Test func jitterIsNotAHigherRate() throws {
    var random = Scrambler(state: 11)
    let frames = try Content.video(320, 180, seconds: 10).map { frame in
      frame.moved(by: .milliseconds(10) + .microseconds(Int64(random.next() % 14_000) - 7000))
    }
    let run = try transcodeVideo(frames)
    #expect(run.counters.overRate == 0)
    #expect(run.counters.encoded == frames.count)
  }

  @Test(arguments: [
    (VideoQuality.low, 1920, 1080, 854, 480), (.low, 1080, 1920, 480, 854), (.low, 640, 480, 640, 480), (.low, 640, 360, 640, 360),
    (.medium, 1920, 1080, 1280, 720), (.medium, 1280, 720, 1280, 720), (.medium, 720, 1280, 720, 1280), (.medium, 1440, 1920, 720, 960),
    (.medium, 1279, 719, 1278, 718), (.medium, 2560, 1080, 1706, 720), (.high, 3840, 2160, 1920, 1080), (.high, 1280, 720, 1280, 720),
    (.ultra, 3840, 2160, 3840, 2160), (.ultra, 4096, 2304, 3840, 2160), (.ultra, 320, 240, 320, 240), (.low, 1, 1, 2, 2),
    (.low, 16_383, 2, 16_382, 2),
  ]) func sizesFit(quality: VideoQuality, width: Int, height: Int, fittedWidth: Int, fittedHeight: Int) {
    let fitted = quality.fitted(PictureSize(width: width, height: height))
    #expect(fitted == PictureSize(width: fittedWidth, height: fittedHeight))
  }

  @Test(arguments: [(1280, 720, 854, 480), (720, 1280, 480, 854), (175, 143, 174, 142), (16, 16, 16, 16), (34, 2, 34, 2), (2, 2, 2, 2)])
  func picturesAreScaledToFit(width: Int, height: Int, outWidth: Int, outHeight: Int) throws {
    let frames = try Content.video(width, height, rate: 10, seconds: 1, pattern: "mandelbrot")
    #expect(frames[0].size == PictureSize(width: width, height: height))
    var settings = TranscodeSettings()
    settings.video = .low
    let run = try transcodeVideo(frames, settings)
    #expect(run.parts.map(\.format.size) == [PictureSize(width: outWidth, height: outHeight)])
    #expect(run.counters.encoded == 10 && run.counters.formats == 1)
    // Small pictures are compared whole, large ones by their parts.
    let (w, h) = width > 200 ? (width / 40, height / 40) : (outWidth, outHeight)
    let decoded = try Judge.luma(run.parts[0].format, run.frames, w, h)
    let crop = width > 200 ? "null" : "crop=\(outWidth):\(outHeight):0:0:exact=1"
    let original = try referenceLuma(frames, width, height, w, h, crop: crop)
    let difference = zip(decoded[9], original[9]).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
    #expect(Double(difference) / Double(w * h) < 6)
  }

  @Test func aChangeOfSizeIsANewFormat() throws {
    let second = TimeSpan.milliseconds(1000)
    let frames =
      try Content.video(640, 360, seconds: 1) + Content.video(320, 180, seconds: 1).map { $0.moved(by: second) }
      + Content.video(360, 640, seconds: 1).map { $0.moved(by: second * 2) }
    let run = try transcodeVideo(frames)
    #expect(
      run.parts.map(\.format.size) == [.init(width: 640, height: 360), .init(width: 320, height: 180), .init(width: 360, height: 640)])
    #expect(run.parts.map(\.from) == [.zero, .seconds(1), .seconds(2)])
    #expect(run.keyTimes == [.zero, .seconds(1), .seconds(2)])
    #expect(run.counters.formats == 3 && run.isRising && run.isBalanced)
    for part in run.parts {
      #expect(part.frames.count == 30 && part.frames[0].time == part.from)
      #expect(try Judge.luma(part.format, part.frames, 16, 9).count == 30)
    }
  }

  /// 1080p and 720p both come out as 720p: no new format for players to stumble over.
  @Test func aChangeOfSizeAboveTheBoundIsNone() throws {
    let frames =
      try Content.video(1920, 1080, rate: 10, seconds: 0.5)
      + Content.video(1280, 720, rate: 10, seconds: 0.5).map { $0.moved(by: .milliseconds(500)) }
    let run = try transcodeVideo(frames)
    #expect(run.parts.count == 1 && run.frames.count == 10 && run.keyTimes == [.zero])
    #expect(try Judge.luma(run.parts[0].format, run.frames, 16, 9).count == 10)
  }

  @Test func theLastPictureIsHeldWhileNoneComes() throws {
    let frames = try Content.video(320, 180, seconds: 7)
    // The camera is muted from 1.5 s to 6 s (inter frames after it refer to what never came: a new key frame opens it again).
    let first = frames.filter { $0.time < .milliseconds(1500) }
    let again = try Content.video(320, 180, seconds: 1).map { $0.moved(by: .milliseconds(6010)) }
    let run = try transcodeVideo(first + again, end: .milliseconds(9500))
    let held = run.times.filter { $0 > first[44].time && $0 < .milliseconds(6010) }
    // Once a second; the boundary takes the place of what would come shortly before it.
    #expect(held.map(\.milliseconds) == [2467, 3467, 4000, 5000, 6000])
    #expect(run.keyTimes == [.zero, .seconds(4), .seconds(8)])
    #expect(run.isRising && run.isBalanced)
    let decoded = try Judge.luma(run.parts[0].format, run.frames, 16, 9)
    let at = try #require(run.times.firstIndex(of: .seconds(5)))
    // It is the picture from before the mute.
    let difference = zip(decoded[at], decoded[44]).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
    #expect(difference < 16 * 9 * 3)
  }

  @Test func beforeTheFirstPictureItIsBlack() throws {
    let frames = try Content.video(320, 180, seconds: 1).map { $0.moved(by: .milliseconds(6500)) }
    // Told to go on without a picture: the size is not known.
    var transcoder = try VideoTranscoder(settings: .init())
    var run = VideoRun()
    for now in 0...6 {
      try transcoder.advance(to: .seconds(Int64(now)))
      while let output = transcoder.poll() { run.take(output) }
    }
    for frame in frames { try transcoder.receive(frame) }
    while let output = transcoder.poll() { run.take(output) }
    #expect(run.parts.map(\.format.size) == [PictureSize(width: 640, height: 360), PictureSize(width: 320, height: 180)])
    #expect(run.parts[0].frames.map(\.time) == (0...6).map { MediaTime.seconds($0) })
    #expect(run.keyTimes == [.zero, .seconds(4), .milliseconds(6500)])
    #expect(try Judge.luma(run.parts[0].format, run.parts[0].frames, 16, 9).allSatisfy { $0.allSatisfy { $0 <= 18 } })
    #expect(try Judge.luma(run.parts[1].format, run.parts[1].frames, 16, 9).count == 30)
    // Told of a picture before anything had to be put out: black has its size, and no format changes.
    let prompt = try transcodeVideo(frames)
    #expect(prompt.parts.map(\.format.size) == [PictureSize(width: 320, height: 180)])
    #expect(prompt.times.prefix(8).map(\.milliseconds) == [0, 1000, 2000, 3000, 4000, 5000, 6000, 6500])
    #expect(try Judge.luma(prompt.parts[0].format, prompt.frames, 16, 9)[6].allSatisfy { $0 <= 18 })
  }

  @Test func twiceTheSameIsTheSame() throws {
    let frames = try Content.video(640, 360, seconds: 2)
    let first = try transcodeVideo(frames, end: .seconds(5))
    let second = try transcodeVideo(frames, end: .seconds(5))
    #expect(first.frames.map(\.bytes) == second.frames.map(\.bytes))
    #expect(first.parts.map(\.format) == second.parts.map(\.format))
  }

  @Test func anUnknownPresetIsRefused() throws {
    var settings = TranscodeSettings()
    settings.encoderPreset = "as fast as you can"
    var transcoder = try VideoTranscoder(settings: settings)
    #expect(throws: TranscodeError.self) { try transcoder.advance(to: .zero) }
  }
}

/// The luma of VP8 frames by ffmpeg's own decoder.
func referenceLuma(
  _ frames: [EncodedFrame], _ width: Int, _ height: Int, _ toWidth: Int, _ toHeight: Int, crop: String = "null"
) throws -> [[UInt8]] {
  func little(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
  var file = Array("DKIF".utf8) + little(0, 2) + little(32, 2) + Array("VP80".utf8) + little(width, 2) + little(height, 2)
  file += little(30, 4) + little(1, 4) + little(frames.count, 4) + little(0, 4)
  for (index, frame) in frames.enumerated() { file += little(frame.bytes.count, 4) + little(index, 8) + frame.bytes }
  let pixels = try FFmpeg.run(
    [
      "-f", "ivf", "-i", "{in}", "-vf", "\(crop),scale=\(toWidth):\(toHeight):flags=area", "-fps_mode", "passthrough", "-pix_fmt", "gray",
      "-color_range", "tv", "-f", "rawvideo", "{out}",
    ], input: file)
  return stride(from: 0, to: pixels.count, by: toWidth * toHeight).map { Array(pixels[$0..<($0 + toWidth * toHeight)]) }
}
