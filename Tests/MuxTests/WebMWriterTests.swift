import Codecs
import Foundation
import Ground
import Mux
import Testing

/// Writes the frames to a file in memory, draining after each; `finish` nil leaves it unfinished.
func webM(
  _ formats: [TrackFormat], _ frames: [EncodedFrame], finish: Bool = true, clusterMilliseconds: Int64 = 500,
  container: TapeContainer = .webm
) throws -> TestFile {
  var writer = try WebMWriter(tracks: formats, clusterMilliseconds: clusterMilliseconds, container: container)
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

/// What a `drain` body throws in these tests.
private struct Full: Error {}

@Suite struct WebMWriterTests {
  @Test func everyFrameComesOutAsItWentIn() throws {
    let frames = try TestMedia.both()
    let path = try webM(TestMedia.bothFormats, frames).path("both.webm")
    #expect(try Probe.packets(path) == expected(frames))
    #expect(try Probe.value(path, "format=duration") == "6.020000")
    #expect(try Probe.value(path, "stream=codec_name,width,height", stream: "v") == "vp8,320,240")
    try Probe.decode(path)
    try Probe.decode(path, from: "3.3")
  }

  @Test(arguments: [1, 2])
  func opusIsDeclaredAsRFC7845Says(channels: Int) throws {
    let file = try webM([TrackFormat(codec: .opus, channels: channels)], try TestMedia.audio.get())
    let head = Array("OpusHead".utf8) + [1, UInt8(channels), 0x38, 0x01, 0x80, 0xBB, 0, 0, 0, 0, 0]
    #expect(contains(file, [0x63, 0xA2, 0x80 + 19] + head), "CodecPrivate")
    #expect(contains(file, [0x56, 0xAA, 0x83, 0x63, 0x2E, 0xA0]), "CodecDelay of 6500000 ns")
    #expect(contains(file, [0x56, 0xBB, 0x84, 0x04, 0xC4, 0xB4, 0x00]), "SeekPreRoll of 80000000 ns")
    let path = try file.path("opus\(channels).webm")
    #expect(
      try Probe.value(path, "stream=sample_rate,channels", stream: "a") == "48000,\(channels)")
  }

  @Test func theSameFramesGiveTheSameBytes() throws {
    let frames = try TestMedia.both()
    #expect(try webM(TestMedia.bothFormats, frames).bytes == webM(TestMedia.bothFormats, frames).bytes)
  }

  @Test func theFileSaysWhoWroteItAndItsTitle() throws {
    var writer = try WebMWriter(tracks: TestMedia.bothFormats, title: "Algebra 101: Wörter")
    var file = TestFile()
    for frame in try TestMedia.both().prefix(20) { try writer.write(frame) }
    try writer.finish()
    writer.drain { file.write($0, $1) }
    #expect(contains(file, [0x57, 0x41, 0x88] + Array("Tapedeck".utf8)))
    #expect(try Probe.value(file.path("title.webm"), "format_tags=title") == "Algebra 101: Wörter")
  }

  /// Sound first, the camera later: the header's placeholder gives way to the key frame's size, in the file as it grows.
  @Test func aPictureSizeThatComesLateIsPatchedInPlace() throws {
    var frames = try TestMedia.both().filter { $0.track == 0 || $0.time.milliseconds >= 2_000 }
    var writer = try WebMWriter(tracks: TestMedia.bothFormats)
    var file = TestFile()
    let first = try #require(frames.firstIndex { $0.track == 1 })
    for frame in frames[..<first] { try writer.write(frame) }
    try writer.closeCluster()
    writer.drain { file.write($0, $1) }
    #expect(contains(file, [0xB0, 0x82, 0x02, 0x80, 0xBA, 0x82, 0x01, 0x68]))
    let length = file.bytes.count
    try writer.write(frames[first])
    writer.drain { file.write($0, $1) }
    #expect(contains(file, [0xB0, 0x82, 0x01, 0x40, 0xBA, 0x82, 0x00, 0xF0]))
    #expect(file.bytes.count == length)
    for frame in frames[(first + 1)...] { try writer.write(frame) }
    try writer.finish()
    writer.drain { file.write($0, $1) }
    #expect(contains(file, [0xB0, 0x82, 0x01, 0x40, 0xBA, 0x82, 0x00, 0xF0]))
    let path = try file.path("late.webm")
    #expect(try Probe.packets(path) == expected(frames))
    try Probe.decode(path)
    // Sound has cues of its own where there is no picture, and a picture's cue is its key frame.
    #expect(try plan(file.bytes).facts.keyFrames == 4)
    frames.removeAll { $0.track == 1 }
    #expect(frames.count == 301)
  }

  /// Declared, and never switched on: browsers could not seek in a file with an empty picture track.
  @Test func aCameraThatNeverCameIsNotInTheFinishedFile() throws {
    let frames = try TestMedia.audio.get()
    let file = try webM(TestMedia.bothFormats, frames)
    let path = try file.path("never.webm")
    #expect(try Probe.value(path, "stream=codec_name") == "opus")
    #expect(try Probe.packets(path) == expected(frames))
    try Probe.decode(path, from: "4")
    let (recovered, plan) = try recover(try webM(TestMedia.bothFormats, frames, finish: false))
    #expect(recovered.bytes == file.bytes)
    #expect(plan.facts.tracks.map(\.codec) == [.opus])
    // Without any frame there is nothing to choose by.
    let empty = try webM(TestMedia.bothFormats, [])
    #expect(try MuxTests.plan(empty.bytes).facts.tracks.count == 2)
  }

  @Test func aSizeThatIsKnownIsInTheHeaderFromTheStart() throws {
    var formats = TestMedia.bothFormats
    formats[1].size = PictureSize(width: 160, height: 90)
    var file = try webM(formats, [], finish: false)
    #expect(contains(file, [0xB0, 0x82, 0x00, 0xA0, 0xBA, 0x82, 0x00, 0x5A]))
    var writer = try WebMWriter(tracks: formats)
    try writer.setPictureSize(PictureSize(width: 1920, height: 1080), track: 1)
    file = TestFile()
    writer.drain { file.write($0, $1) }
    #expect(contains(file, [0xB0, 0x82, 0x07, 0x80, 0xBA, 0x82, 0x04, 0x38]))
  }

  @Test func aLaterSizePassesAndTheHeaderTellsTheLargest() throws {
    var frames = try TestMedia.video.get()
    for var frame in try TestMedia.largerVideo.get() {
      frame.time = frame.time + .milliseconds(6_000)
      frames.append(frame)
    }
    let path = try webM([TrackFormat(codec: .vp8)], frames).path("resized.webm")
    #expect(try Probe.packets(path) == expected(frames))
    #expect(try Probe.value(path, "stream=width,height", stream: "v") == "640,480")
    try Probe.decode(path)
    let sizes = try TestMedia.run(
      "ffprobe", ["-v", "error", "-show_entries", "frame=width", "-of", "csv=p=0", path])
    #expect(Set(sizes.split(whereSeparator: { !$0.isNumber })) == ["320", "640"])
  }

  @Test func framesThatShareAMillisecondAreMovedOnAndCatchUp() throws {
    let microseconds: [Int64] = [0, 300, 400, 10_000, 9_000, 10_900, 20_000]
    let audio = try TestMedia.audio.get()
    let frames = microseconds.enumerated().map { index, time in
      EncodedFrame(bytes: audio[index].bytes, track: 0, time: MediaTime(nanoseconds: time * 1_000), isKey: true)
    }
    var writer = try WebMWriter(tracks: [TrackFormat(codec: .opus)])
    var file = TestFile()
    for frame in frames { try writer.write(frame) }
    #expect(writer.nudgedFrames == 4)
    try writer.finish()
    writer.drain { file.write($0, $1) }
    let path = try file.path("nudged.webm")
    #expect(try Probe.packets(path).map(\.milliseconds) == [0, 1, 2, 10, 11, 12, 20])
  }

  @Test func aFileMayBeginAnywhereOnTheTimeline() throws {
    let frames = try TestMedia.both().map { frame in
      var frame = frame
      frame.time = frame.time + .milliseconds(90_000)
      return frame
    }
    let path = try webM(TestMedia.bothFormats, frames).path("offset.webm")
    #expect(try Probe.packets(path) == expected(frames))
    #expect(try Probe.value(path, "format=start_time") == "90.000000")
    try Probe.decode(path)
  }

  /// Each cluster is short, and begins with the key frame where there is one; what is drained so far is always a readable file.
  @Test func clustersAreShortAndBeginAtKeyFrames() throws {
    let frames = try TestMedia.both()
    var writer = try WebMWriter(tracks: TestMedia.bothFormats, clusterMilliseconds: 400)
    var file = TestFile()
    var written = 0
    var clusters = 0
    for frame in frames {
      try writer.write(frame)
      written += 1
      guard writer.pendingBytes > 100 else { continue }
      writer.drain { file.write($0, $1) }
      clusters += 1
      guard clusters % 5 == 0 else { continue }
      // The header came with the first; the frame that closed the cluster is not in it.
      let path = try file.path("live.webm")
      #expect(try Probe.packets(path) == Array(expected(frames).prefix(written - 1)))
    }
    try writer.finish()
    writer.drain { file.write($0, $1) }
    let starts = frames.indices.filter { frames[$0].track == 1 && frames[$0].isKey }
    #expect(starts.count == 6)
    // 6 s make 15 clusters of 400 ms, and each key frame ends one early: 3 in each second, and the sound before the first picture.
    #expect(clusterOffsets(file).count == 6 * 3 + 1)
    #expect(clusters >= 6 * 3)
  }

  @Test func aClusterThatGrowsLargeClosesEarly() throws {
    var writer = try WebMWriter(tracks: [TrackFormat(codec: .vp8)])
    writer.drain { _, _ in }
    let frame = [0x11, 0, 0] + [UInt8](repeating: 3, count: 400_000)
    for i in 0..<20 {
      try writer.write(EncodedFrame(bytes: frame, track: 0, time: MediaTime(nanoseconds: Int64(i) * 10_000_000), isKey: false))
      #expect((writer.pendingBytes > 0) == (i >= 2 && i % 2 == 0))
      #expect(writer.pendingBytes < 1 << 20)
      writer.drain { _, _ in }
    }
  }

  @Test func closingAClusterLeavesNothingBehind() throws {
    let frames = Array(try TestMedia.audio.get().prefix(3))
    var writer = try WebMWriter(tracks: [TrackFormat(codec: .opus)])
    var file = TestFile()
    for frame in frames {
      try writer.write(frame)
      #expect(writer.hasOpenCluster == true)
      try writer.closeCluster()
      #expect(writer.hasOpenCluster == false)
    }
    try writer.closeCluster()
    #expect(writer.duration == .milliseconds(60))
    writer.drain { file.write($0, $1) }
    #expect(try Probe.packets(file.path("three.webm")) == expected(frames))
  }

  @Test func aRefusedOrderStaysPending() throws {
    var writer = try WebMWriter(tracks: TestMedia.bothFormats)
    for frame in try TestMedia.both().prefix(90) { try writer.write(frame) }
    try writer.finish()
    var whole = TestFile()
    var pieces = TestFile()
    var twin = try WebMWriter(tracks: TestMedia.bothFormats)
    for frame in try TestMedia.both().prefix(90) { try twin.write(frame) }
    try twin.finish()
    twin.drain { whole.write($0, $1) }
    var refusals = 0
    while writer.pendingBytes > 0 {
      var allowed = 1
      do {
        try writer.drain { (offset, bytes) throws(Full) in
          guard allowed > 0 else { throw Full() }
          allowed -= 1
          pieces.write(offset, bytes)
        }
      } catch {
        refusals += 1
      }
    }
    #expect(refusals >= 3)
    #expect(pieces.bytes == whole.bytes)
  }

  @Test func whatCannotBeWrittenIsRefusedAndTheFileGoesOn() throws {
    #expect(throws: MuxError.noTracks) { _ = try WebMWriter(tracks: []) }
    #expect(throws: MuxError.unsupported(.h264)) { _ = try WebMWriter(tracks: [TrackFormat(codec: .h264)]) }
    #expect(throws: MuxError.badFormat(track: 1)) {
      _ = try WebMWriter(tracks: [TrackFormat(codec: .vp8), TrackFormat(codec: .opus, channels: 6)])
    }
    #expect(throws: MuxError.badFormat(track: 0)) {
      _ = try WebMWriter(tracks: [TrackFormat(codec: .vp8, size: PictureSize(width: 0, height: 70_000))])
    }
    let good = try TestMedia.both()
    var writer = try WebMWriter(tracks: TestMedia.bothFormats)
    var file = TestFile()
    func refusal(_ frame: EncodedFrame) -> MuxError? {
      do throws(MuxError) {
        try writer.write(frame)
        return nil
      } catch {
        return error
      }
    }
    var bad = good[0]
    bad.track = 2
    #expect(refusal(bad) == .noSuchTrack(2))
    bad = good[0]
    bad.bytes = []
    #expect(refusal(bad) == .badFrame(track: 0))
    bad = good[0]
    bad.time = MediaTime(nanoseconds: -1)
    #expect(refusal(bad) == .badTime(track: 0))
    bad.time = MediaTime(nanoseconds: .max)
    #expect(refusal(bad) == .badTime(track: 0))
    for frame in good { #expect(refusal(frame) == nil) }
    do throws(MuxError) {
      try writer.setPictureSize(PictureSize(width: 1, height: 1), track: 0)
      Issue.record("sound has no size")
    } catch {
      #expect(error == .badFormat(track: 0))
    }
    try writer.finish()
    #expect(refusal(good[0]) == .finished)
    writer.drain { file.write($0, $1) }
    #expect(try Probe.packets(file.path("refusals.webm")) == expected(good))
  }

  /// A day of frames that come in jumps, backwards too: whatever the distance, no cluster gets a block that it cannot address.
  @Test func jumpsOfAnySizeStayAddressable() throws {
    let seconds: [Int64] = [0, 1, 40, 41, 86_400, 86_401, 86_402]
    let audio = try TestMedia.audio.get()
    let video = try TestMedia.video.get()
    var frames: [EncodedFrame] = []
    for (index, second) in seconds.enumerated() {
      let time = MediaTime(nanoseconds: second * 1_000_000_000)
      frames.append(EncodedFrame(bytes: audio[index].bytes, track: 0, time: time, duration: .milliseconds(20), isKey: true))
    }
    // The pictures come after all of the sound: an hour late by the clock of the file.
    for (index, second) in seconds.enumerated() {
      let time = MediaTime(nanoseconds: second * 1_000_000_000)
      frames.append(EncodedFrame(bytes: video[index].bytes, track: 1, time: time, isKey: index == 0, size: video[index].size))
    }
    let path = try webM(TestMedia.bothFormats, frames).path("jumps.webm")
    #expect(try Probe.packets(path) == expected(frames))
  }

  /// Ending an hour costs a few small orders: what is on the disk already is not touched but in the header.
  @Test func endingAnHourIsAFewSmallOrders() throws {
    var writer = try WebMWriter(tracks: TestMedia.bothFormats)
    let key: [UInt8] = [0x10, 0, 0, 0x9D, 1, 0x2A, 64, 1, 240, 0]
    for tick in 0..<3600 * 30 {
      let time = MediaTime(nanoseconds: Int64(tick) * 33_333_333)
      let isKey = tick % 90 == 0
      try writer.write(EncodedFrame(bytes: isKey ? key : [0x11, 0, 0], track: 1, time: time, isKey: isKey))
      if tick % 3 < 2 { try writer.write(EncodedFrame(bytes: [0xF8, 1], track: 0, time: time, duration: .milliseconds(20), isKey: true)) }
      if writer.pendingBytes > 0 { writer.drain { _, _ in } }
    }
    try writer.closeCluster()
    writer.drain { _, _ in }
    let before = writer.fileBytes
    try writer.finish()
    #expect(writer.pendingBytes < 64 << 10)
    var orders: [Int64] = []
    writer.drain { offset, _ in orders.append(offset) }
    #expect(orders.count <= 4)
    #expect(orders.first == before)
    #expect(orders.dropFirst().allSatisfy { $0 < 1_000 })
  }

  private func contains(_ file: TestFile, _ bytes: [UInt8]) -> Bool {
    Data(file.bytes).range(of: Data(bytes)) != nil
  }
}
