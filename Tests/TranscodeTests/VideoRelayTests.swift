import Codecs
import Ground
import Testing
import Transcode

/// H.264 goes into HLS as it is, and where there is none, black does.
@Suite struct VideoRelayTests {
  /// Access units with lengths, of ffmpeg's moving test pattern, at 30 frames a second, with a key frame each second.
  private static func units(_ size: PictureSize, seconds: Int, from: TimeSpan = .zero) throws -> [EncodedFrame] {
    let stream = try FFmpeg.run([
      "-f", "lavfi", "-i", "testsrc2=size=\(size.width)x\(size.height):rate=30", "-t", "\(seconds)", "-pix_fmt", "yuv420p", "-c:v",
      "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-x264-params", "aud=1:keyint=30:scenecut=0:repeat-headers=1", "-f",
      "h264",
      "{out}",
    ])
    var starts = stream.indices.dropLast(3).filter { stream[$0] == 0 && stream[$0 + 1] == 0 && stream[$0 + 2] == 1 }
    starts.append(stream.count)
    var frames: [EncodedFrame] = []
    for (start, end) in zip(starts, starts.dropFirst()) {
      var unit = Array(stream[start + 3..<end])
      while unit.last == 0 { unit.removeLast() }
      if unit[0] & 0x1f == 9 {
        let time = MediaTime(nanoseconds: Int64(frames.count) * 1_000_000_000 / 30) + from
        frames.append(EncodedFrame(bytes: [], track: 3, time: time, isKey: false))
      }
      let last = frames.count - 1
      frames[last].bytes.appendU32(UInt32(unit.count))
      frames[last].bytes += unit
      if unit[0] & 0x1f == 5 { (frames[last].isKey, frames[last].size) = (true, size) }
    }
    return frames
  }

  private static let size = PictureSize(width: 320, height: 240)

  private func run(_ frames: [EncodedFrame], advance: [TimeSpan] = [], end: TimeSpan? = nil) throws -> VideoRun {
    var relay = try VideoRelay(.h264, settings: TranscodeSettings())
    var run = VideoRun()
    var steps = advance.map { MediaTime.zero + $0 }
    func take() { while let output = relay.poll() { run.take(output) } }
    for frame in frames {
      while let step = steps.first, step <= frame.time {
        try relay.advance(to: steps.removeFirst())
        take()
      }
      try relay.receive(frame)
      take()
    }
    for step in steps {
      try relay.advance(to: step)
      take()
    }
    if let end { try relay.finish(at: .zero + end) }
    take()
    run.counters = relay.counters
    return run
  }

  @Test func framesPassUnchanged() throws {
    let frames = try Self.units(Self.size, seconds: 3, from: .milliseconds(20))
    let run = try run(frames, end: .seconds(3))
    #expect(run.parts.count == 1 && run.parts[0].from == .zero && run.parts[0].format.size == Self.size)
    #expect(run.parts[0].format.codec == .h264)
    let key = frames[0].bytes
    let told = H264AccessUnit.configuration(ofKeyFrame: key.span)
    #expect(run.parts[0].format.configuration == told)
    #expect(run.frames.map(\.bytes) == frames.map(\.bytes) && run.times == frames.map(\.time))
    #expect(run.frames.allSatisfy { $0.track == 0 } && run.keyTimes.count == 3 && run.isBalanced)
  }

  @Test func beforeALateCameraThereIsBlack() throws {
    let frames = try Self.units(Self.size, seconds: 1, from: .milliseconds(4500))
    let run = try run(frames, advance: (1...4).map { .seconds(Double($0)) }, end: .milliseconds(5500))
    try #require(run.parts.map(\.from) == [.zero, .zero + .milliseconds(4500)])
    #expect(run.parts[0].format.size != run.parts[1].format.size)
    #expect(run.parts[0].frames.first?.time == .zero && run.parts[0].frames.count >= 4)
    #expect(run.parts[1].frames.map(\.bytes) == frames.map(\.bytes))
    #expect(run.isRising && run.isBalanced)
  }

  /// After two seconds without pictures black stands in, and only a key frame ends it.
  @Test func aHoleIsBlackUntilAKeyFrame() throws {
    let first = try Self.units(Self.size, seconds: 1)
    let later = try Self.units(Self.size, seconds: 2, from: .seconds(6))
    let run = try run(first + later.dropFirst(10), advance: (1..<7).map { .seconds(Double($0)) }, end: .seconds(8))
    try #require(run.parts.count == 3)
    #expect(run.parts[1].from.seconds >= 2.9 && run.parts[1].frames.count >= 3)
    #expect(run.parts[2].from == .seconds(7) && run.parts[2].frames.first?.isKey == true)
    #expect(run.counters.skipped == 20 && run.isRising && run.isBalanced)
  }

  @Test func anotherSizeIsAnotherFormat() throws {
    let larger = PictureSize(width: 640, height: 480)
    let frames = try Self.units(Self.size, seconds: 2) + Self.units(larger, seconds: 2, from: .seconds(2))
    let run = try run(frames, end: .seconds(4))
    #expect(run.parts.map(\.from) == [.zero, .seconds(2)])
    #expect(run.parts.map(\.format.size) == [Self.size, larger])
    #expect(run.frames.map(\.bytes) == frames.map(\.bytes) && run.isBalanced)
  }

  /// A sender cannot have a new presentation with each picture.
  @Test func sizesThatFollowEachOtherTooSoonAreLeftOut() throws {
    let larger = PictureSize(width: 640, height: 480)
    let small = try Self.units(Self.size, seconds: 1)[0]
    let large = try Self.units(larger, seconds: 1)[0]
    let frames = (0..<60).map { index in
      var frame = index % 2 == 0 ? small : large
      frame.time = MediaTime(nanoseconds: Int64(index) * 1_000_000_000 / 30)
      return frame
    }
    let run = try run(frames, end: .seconds(2))
    #expect(run.parts.count <= 3 && run.isRising && run.isBalanced)
  }

  @Test func whatIsNoAccessUnitIsNotShown() throws {
    var broken = try Self.units(Self.size, seconds: 1)
    broken[0].bytes = [0, 0, 0, 2, 0x65, 0x88]
    let run = try run(broken, end: .seconds(1))
    #expect(run.frames.allSatisfy { !broken.map(\.bytes).contains($0.bytes) })
    #expect(run.counters.undecodable == 1 && run.counters.skipped == 29)
  }
}
