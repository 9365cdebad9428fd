import Codecs
import Ground
import Testing
import Transcode

/// What cannot be decoded, should not be, or is not worth the work.
@Suite struct VideoDamageTests {
  @Test func undecodableFramesHoldThePicture() throws {
    let frames = try Content.video(320, 180, seconds: 6, keyEvery: 30)
    var random = Scrambler(state: 5)
    let broken = frames.enumerated().map { index, frame in
      var frame = frame
      switch index {
      case 10: frame.bytes = []
      case 11: frame.bytes = [0x01]
      case 40: frame.bytes = Array(frame.bytes.prefix(4))
      case 60: frame.bytes[3] = 0  // a key frame without its start code
      case 70..<80: frame.bytes = frame.bytes.map { _ in UInt8(truncatingIfNeeded: random.next()) }
      default: break
      }
      return frame
    }
    let run = try transcodeVideo(broken)
    #expect(run.counters.undecodable >= 4)
    #expect(run.isBalanced && run.isRising)
    #expect(run.keyTimes == [.zero, .seconds(4)])
    #expect(run.frames.count > 150)
    for part in run.parts { #expect(try Judge.luma(part.format, part.frames, 16, 9).count == part.frames.count) }
  }

  @Test func nothingIsDecodedBeforeAKeyFrame() throws {
    let frames = try Content.video(320, 180, seconds: 2, keyEvery: 30)
    let run = try transcodeVideo(Array(frames.dropFirst(5)))
    #expect(run.counters.skipped == 25 && run.isBalanced)
    #expect(run.times.filter { $0 >= .seconds(1) } == frames.map(\.time).filter { $0 >= .seconds(1) })
  }

  @Test func absurdSizesAreRefused() throws {
    let frames = try Content.video(320, 180, seconds: 3, keyEvery: 30)
    let hostile = frames.enumerated().map { index, frame in
      var frame = frame
      if index == 30 { frame.bytes.replaceSubrange(6..<10, with: [0xff, 0x3f, 0xff, 0x3f]) }  // 16383 x 16383
      return frame
    }
    let run = try transcodeVideo(hostile)
    #expect(run.counters.refusedSize == 1)
    #expect(run.counters.skipped == 29)  // what refers to it
    #expect(run.counters.encoded == 60 && run.isBalanced && run.isRising)
    #expect(run.parts.count == 1)
  }

  /// A sender that changes its size with each frame gets one new format a second.
  @Test func sizesThatFlipAreTakenOnceASecond() throws {
    let small = try Content.video(160, 90, seconds: 3, keyEvery: 1)
    let large = try Content.video(320, 180, seconds: 3, keyEvery: 1)
    let flipping = zip(small, large).enumerated().map { $0 % 2 == 0 ? $1.0 : $1.1 }
    let run = try transcodeVideo(flipping)
    #expect(run.counters.formats <= 4 && run.counters.overRate >= 40)
    #expect(run.isBalanced && run.isRising)
    for part in run.parts { #expect(try Judge.luma(part.format, part.frames, 16, 9).count == part.frames.count) }
  }

  @Test func framesInThePastAreLateAndStillReferredTo() throws {
    let frames = try Content.video(320, 180, seconds: 3)
    var transcoder = try VideoTranscoder(settings: .init())
    var run = VideoRun()
    for frame in frames {
      // At 1 s the driver goes on to 3 s, which puts pictures out a frame's length before 2 s and 3 s.
      if frame.time == .seconds(1) { try transcoder.advance(to: .seconds(3)) }
      try transcoder.receive(frame)
    }
    try transcoder.advance(to: .seconds(4))
    while let output = transcoder.poll() { run.take(output) }
    run.counters = transcoder.counters
    #expect(run.counters.late > 25 && run.isBalanced && run.isRising)
    #expect(try Judge.luma(run.parts[0].format, run.frames, 16, 9).count == run.frames.count)
    let shown = try Judge.luma(run.parts[0].format, run.frames, 16, 9)
    let original = try referenceLuma(frames, 320, 180, 16, 9)
    let difference = zip(shown[shown.count - 1], original[original.count - 1]).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
    #expect(difference < 16 * 9 * 3)
  }

  @Test func skippingWaitsForAKeyFrame() throws {
    let frames = try Content.video(320, 180, seconds: 6, keyEvery: 60)
    let run = try transcodeVideo(frames) { index, transcoder in
      if index == 70 { transcoder.skipToKeyFrame() }
      #expect(transcoder.awaitsKeyFrame == (index == 0 || (70...120).contains(index)))
    }
    #expect(run.counters.skipped == 50 && run.isBalanced && run.isRising)
    #expect(run.keyTimes == [.zero, .seconds(4)])
    #expect(run.counters.repeated == 1)  // at 3.3 s; the boundary follows within its second, with a key frame of its own
    #expect(try Judge.luma(run.parts[0].format, run.frames, 16, 9).count == run.frames.count)
  }

  @Test(arguments: [
    (ShedLevel.nothing, 240, 0, 0), (.thinned, 80, 160, 0), (.boundariesOnly, 2, 238, 0), (.keyFramesOnly, 4, 0, 236),
  ]) func sheddingLeavesOut(level: ShedLevel, encoded: Int, thinned: Int, skipped: Int) throws {
    let frames = try Content.video(320, 180, seconds: 8, keyEvery: 60)
    let run = try transcodeVideo(frames, end: .seconds(8)) { index, transcoder in if index == 0 { transcoder.shed(level) } }
    #expect(abs(run.counters.encoded - encoded) <= 2)
    #expect(abs(run.counters.thinned - thinned) <= 2)
    #expect(run.counters.skipped == skipped)
    #expect(run.isBalanced && run.isRising)
    #expect(run.keyTimes == [.zero, .seconds(4), .seconds(8)])
    #expect(zip(run.times, run.times.dropFirst()).allSatisfy { $1 - $0 < .milliseconds(1300) })
    #expect(try Judge.luma(run.parts[0].format, run.frames, 16, 9).count == run.frames.count)
  }

  @Test func sheddingEndsCleanly() throws {
    let frames = try Content.video(320, 180, seconds: 6, keyEvery: 60)
    let run = try transcodeVideo(frames) { index, transcoder in
      if index == 30 { transcoder.shed(.keyFramesOnly) }
      if index == 90 { transcoder.shed(.nothing) }
    }
    // From frame 90 on nothing is shed, but what is not decodable before key frame 120 is not decoded.
    #expect(run.counters.skipped == 30 + 59 && run.isBalanced)
    #expect(run.counters.encoded == 180 - 89)
  }
}
