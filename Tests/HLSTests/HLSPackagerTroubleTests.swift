import Codecs
import Ground
import HLSPlaylist
import Mux
import Testing

/// Presentations whose input is not as it should be: tracks that stop, holes, missing key frames, frames out of place.
@Suite struct HLSPackagerTroubleTests {
  private static func isBetween(_ frame: EncodedFrame, _ from: Double, _ to: Double) -> Bool {
    frame.time >= .seconds(from) && frame.time < .seconds(to)
  }

  /// The same frames with a hole: those from `time` on come later.
  private static func split(_ frames: [EncodedFrame], at time: Double, by seconds: Double) -> [EncodedFrame] {
    frames.map { frame in
      var moved = frame
      if frame.time >= .seconds(time) { moved.time = moved.time + .seconds(seconds) }
      return moved
    }
  }

  @Test func soundThatStopsForAWhileHoldsNothingUp() throws {
    let video = try Media.video(seconds: 12, keysAt: [0, 2, 4, 6, 8, 10])
    let audio = try Media.aac(seconds: 12)
    let sounds = audio.frames(track: 1).filter { !Self.isBetween($0, 3, 9) }
    var packaging = Packaging()
    try packaging.start([video.format, audio.format])
    let frames = Packaging.merged(video.frames(track: 0), sounds)
    try packaging.feed(frames.filter { $0.time < .seconds(8.5) })
    // The cut at 4 s waited two seconds for sound, those at 6 and 8 s did not.
    #expect(packaging.packager.segmentCount == 4)
    try packaging.feed(frames.filter { $0.time >= .seconds(8.5) })
    try packaging.finish()
    let playlist = try packaging.folder.playlist()
    #expect(playlist.segments.map(\.durationMilliseconds).dropLast() == [2_000, 2_000, 2_000, 2_000, 2_000])
    let reading = try Reading(packaging.folder)
    #expect(reading.complaints == "")
    #expect(reading.times(0) == video.frames.map { $0.time.ticks(90_000) })
    #expect(reading.times(1) == sounds.map { $0.time.ticks(48_000) })
  }

  @Test func pictureThatStopsForAWhileHoldsNothingUp() throws {
    let video = try Media.video(seconds: 14, keysAt: [0, 2, 4, 6, 8, 10, 12])
    let audio = try Media.aac(seconds: 14)
    // The picture comes back at 9 s, between key frames: what nothing can decode is dropped until the one at 10 s.
    let pictures = video.frames(track: 0).filter { !Self.isBetween($0, 2.5, 9) }
    let sounds = audio.frames(track: 1)
    var packaging = Packaging()
    try packaging.start([video.format, audio.format])
    try packaging.feed(Packaging.merged(pictures, sounds))
    try packaging.finish()
    let playlist = try packaging.folder.playlist()
    #expect(playlist.segments.map(\.durationMilliseconds).dropLast() == [2_000, 2_000, 2_000, 2_000, 2_000, 2_000])
    #expect(playlist.segments.allSatisfy { !$0.isDiscontinuous })
    #expect(packaging.packager.droppedFrames == 30)
    #expect(packaging.packager.overlongSegments == 0)
    let reading = try Reading(packaging.folder)
    #expect(reading.complaints == "")
    #expect(reading.times(0) == pictures.filter { !Self.isBetween($0, 9, 10) }.map { $0.time.ticks(90_000) })
    #expect(reading.times(1) == sounds.map { $0.time.ticks(48_000) })
  }

  @Test func aPictureThatBeginsLateIsNotWaitedForLong() throws {
    let video = try Media.video(seconds: 4, keysAt: [0, 2])
    let audio = try Media.aac(seconds: 9)
    var packaging = Packaging()
    try packaging.start([video.format, audio.format])
    try packaging.feed(Packaging.merged(video.frames(track: 0, from: .seconds(5)), audio.frames(track: 1)))
    try packaging.finish()
    let reading = try Reading(packaging.folder)
    #expect(reading.complaints == "")
    #expect(reading.times(0) == video.frames.map { (MediaTime.seconds(5) + ($0.time - .zero)).ticks(90_000) })
    #expect(reading.times(1) == audio.frames.map { $0.time.ticks(48_000) })
    #expect(try packaging.folder.playlist().segments.map(\.durationMilliseconds).prefix(3) == [2_000, 2_000, 3_000 - 1_000])
  }

  @Test func aMissingKeyFrameMakesALongSegmentThatIsCounted() throws {
    let video = try Media.video(seconds: 7, keysAt: [0, 5])
    let audio = try Media.aac(seconds: 7)
    var packaging = Packaging()
    try packaging.start([video.format, audio.format])
    try packaging.feed(Packaging.merged(video.frames(track: 0), audio.frames(track: 1)))
    try packaging.finish()
    #expect(packaging.packager.overlongSegments == 1)
    let playlist = try packaging.folder.playlist()
    #expect(playlist.segments.map(\.durationMilliseconds).first == 2_000)
    #expect(packaging.folder.announced.map(\.start).prefix(2) == [.zero, .seconds(5)])
    let reading = try Reading(packaging.folder)
    #expect(reading.complaints == "")
    #expect(reading.times(0) == video.frames.map { $0.time.ticks(90_000) })
  }

  @Test func aKeyFrameRoundedToJustBeforeTheBoundaryEndsTheSegment() throws {
    let video = try Media.video(seconds: 4, keysAt: [0, 2])
    var pictures = video.frames
    for n in pictures.indices where n > 0 { pictures[n].time = pictures[n].time - .microseconds(900) }
    var packaging = Packaging()
    try packaging.start([video.format])
    try packaging.feed(pictures)
    try packaging.finish()
    #expect(try packaging.folder.playlist().segments.map(\.durationMilliseconds) == [1_999, 2_000])
  }

  @Test(arguments: [true, false])
  func aHoleInEverythingIsADiscontinuity(hasVideo: Bool) throws {
    let video = try Media.video(seconds: 4, keysAt: [0, 2, 3])
    let audio = try Media.aac(seconds: 4)
    let pictures = hasVideo ? Self.split(video.frames(track: 1), at: 3, by: 59.5) : []
    let sounds = Self.split(audio.frames(track: 0), at: 3, by: 59.45)
    var packaging = Packaging()
    try packaging.start(hasVideo ? [audio.format, video.format] : [audio.format])
    try packaging.feed(Packaging.merged(sounds, pictures))
    try packaging.finish()
    let playlist = try packaging.folder.playlist()
    #expect(playlist.segments.map(\.isDiscontinuous) == [false, false, true])
    let third = try #require(playlist.segments[2].programDateTime)
    #expect(abs((third - Packaging.zero).seconds - 62.45) < 0.022)
    #expect(abs(playlist.segments[1].durationMilliseconds - 1_010) < 30)
    #expect(packaging.packager.overlongSegments == 0)
    let reading = try Reading(packaging.folder)
    #expect(reading.complaints == "")
    #expect(reading.times(0) == sounds.map { $0.time.ticks(48_000) })
    #expect(reading.times(1) == pictures.map { $0.time.ticks(90_000) })
  }

  @Test func videoBeforeItsFirstKeyFrameIsDropped() throws {
    let video = try Media.video(seconds: 3, keysAt: [0, 1, 2])
    var packaging = Packaging()
    try packaging.start([video.format])
    try packaging.feed(Array(video.frames.dropFirst(20)))
    try packaging.finish()
    #expect(packaging.packager.droppedFrames == 10)
    #expect(try packaging.folder.playlist().segments.map(\.durationMilliseconds) == [1_000, 1_000])
    #expect(try Reading(packaging.folder).times(0).first == 90_000)
  }

  @Test func aFrameOfTooMuchLengthIsASegmentOfItsOwn() throws {
    let opus = Media.opus(seconds: 0.1)
    var frames = opus.frames
    frames[1].duration = .seconds(50)
    var packaging = Packaging()
    try packaging.start([opus.format])
    try packaging.feed(frames)
    try packaging.finish()
    #expect(try packaging.folder.playlist().segments.allSatisfy { $0.durationMilliseconds <= 2_000 })
    #expect(try Reading(packaging.folder).times(0).count == frames.count)
  }

  @Test func framesOutOfPlaceChangeNothing() throws {
    let opus = Media.opus(seconds: 3)
    var packaging = Packaging()
    #expect(throws: MuxError.noSuchTrack(0)) { try packaging.packager.write(opus.frames[0]) }
    #expect(throws: MuxError.badFormat(track: 1)) {
      try packaging.packager.start([TrackFormat(codec: .opus), TrackFormat(codec: .aac, configuration: [0x11, 0x90])], at: .zero)
    }
    #expect(throws: MuxError.unsupported(.vp8)) { try packaging.packager.start([TrackFormat(codec: .vp8)], at: .zero) }
    try packaging.start([opus.format])
    try packaging.feed(Array(opus.frames[..<100]))
    var frame = opus.frames[100]
    frame.time = MediaTime(nanoseconds: -1)
    try packaging.feed([opus.frames[99], opus.frames[5], frame])
    frame.time = MediaTime(nanoseconds: .max)
    try packaging.feed([frame])
    #expect(packaging.packager.misplacedFrames == 4)
    frame.bytes = []
    #expect(throws: MuxError.badFrame(track: 0)) { try packaging.packager.write(frame) }
    frame.track = 7
    #expect(throws: MuxError.noSuchTrack(7)) { try packaging.packager.write(frame) }
    try packaging.feed(Array(opus.frames[100...]))
    try packaging.finish()
    #expect(try Reading(packaging.folder).times(0) == opus.frames.map { $0.time.ticks(48_000) })
  }

  /// A frame's bytes belong to nobody once they are in a fragment: changed in place, they stay where they are, as they do only for a sole owner.
  @Test func noFrameIsKeptForever() throws {
    let format = TrackFormat(
      codec: .h264, size: PictureSize(width: 320, height: 180),
      configuration: [1, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0, 4, 0x67, 0x42, 0xc0, 0x0d, 1, 0, 4, 0x68, 0xcb, 0x83, 0xcb])
    var units: [[UInt8]] = (0..<4).map { [0, 0, 0, 200, $0 == 0 ? 0x65 : 0x41] + [UInt8](repeating: 0x9a, count: 199) }
    try present(units, format)
    for n in units.indices {
      let before = place(of: units[n])
      units[n][5] = 0
      #expect(place(of: units[n]) == before, "frame \(n)")
    }
  }

  /// A whole presentation of these frames, gone when this returns.
  private func present(_ units: [[UInt8]], _ format: TrackFormat) throws {
    var packaging = Packaging()
    try packaging.start([format])
    for (n, unit) in units.enumerated() {
      try packaging.feed([EncodedFrame(bytes: unit, track: 0, time: Media.time(Int64(n), per: 30), isKey: n == 0)])
    }
    try packaging.finish()
  }

  private func place(of bytes: [UInt8]) -> UInt {
    unsafe bytes.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
  }
}
