import Codecs
import Foundation
import Ground
import HLSPlaylist
import Mux
import Testing

/// Presentations of picture and sound that come as they should: cutting, times, playlists.
@Suite struct HLSPackagerTests {
  @Test(arguments: [0, 1_300] as [Int64])
  func pictureAndSoundBecomeSegmentsThatEndAtKeyFrames(audioLagMilliseconds: Int64) throws {
    let video = try Media.video(seconds: 7, keysAt: [0, 2, 3, 4, 6])
    let audio = try Media.aac(seconds: 7)
    let pictures = video.frames(track: 0)
    let sounds = audio.frames(track: 1)
    var packaging = Packaging(frameRate: 30)
    try packaging.start([video.format, audio.format])
    try packaging.feed(Packaging.merged(pictures, sounds, lag: .milliseconds(audioLagMilliseconds)))
    #expect(packaging.packager.segmentCount == 3)
    #expect(try packaging.folder.playlist().kind == .event)
    #expect(try packaging.folder.playlist().isEnded == false)
    try packaging.finish()
    let folder = packaging.folder

    let playlist = try folder.playlist()
    #expect(playlist.kind == .vod && playlist.isEnded && playlist.version == 7 && playlist.hasIndependentSegments)
    #expect(playlist.targetDurationSeconds == 2)
    #expect(playlist.segments.map(\.durationMilliseconds) == [2_000, 2_000, 2_000, 1_000])
    #expect(playlist.segments.map(\.isDiscontinuous) == [false, false, false, false])
    #expect(playlist.segments.map { $0.programDateTime?.rfc3339 } == (0..<4).map { "2026-11-21T12:00:0\($0 * 2).000Z" })
    #expect(folder.announced.map(\.uri) == (0..<4).map { "seg-\($0).m4s" })
    #expect(folder.announced.map(\.sequence) == [0, 1, 2, 3])
    #expect(folder.announced.map(\.start) == (0..<4).map { .seconds(Double($0) * 2) })

    let reading = try Reading(folder)
    #expect(reading.complaints == "")
    #expect(reading.times(0) == pictures.map { $0.time.ticks(90_000) })
    #expect(reading.times(1) == sounds.map { $0.time.ticks(48_000) })
    #expect(packaging.packager.droppedFrames == 0 && packaging.packager.overlongSegments == 0)
  }

  @Test func everySegmentStandsAloneAndThePlaylistPlays() throws {
    let video = try Media.video(seconds: 5, keysAt: [0, 2, 4])
    let audio = try Media.aac(seconds: 5)
    var packaging = Packaging()
    try packaging.start([audio.format, video.format])
    try packaging.feed(Packaging.merged(audio.frames(track: 0), video.frames(track: 1)))
    try packaging.finish()
    let folder = packaging.folder
    let disk = try Disk(folder)
    let header = try #require(folder.files["init-0.mp4"])
    for (n, segment) in try folder.playlist().segments.enumerated() {
      let path = try disk.put("alone-\(n).mp4", header + (try #require(folder.files[segment.uri])))
      #expect(Tool.decode(path) == "", "segment \(n)")
      #expect(try Tool.packets(path).first { $0.stream == 1 }?.isKey == true)
    }
    for name in [HLSName.media, HLSName.master] {
      #expect(Tool.decode(disk.path(name)) == "")
      #expect(abs(try Tool.decodedSeconds(disk.path(name)) - 5) < 0.05)
    }
    let probe = try Tool.run("ffprobe", ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", disk.path(HLSName.media)])
    let duration = Double(String(decoding: probe.output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    #expect(abs((duration ?? 0) - 5) < 0.05)
  }

  @Test func aPresentationThatBeginsInTheSecondHourKeepsItsTimes() throws {
    // Key frames at the multiples of 2 s: 3724, 3726.
    let video = try Media.video(seconds: 3, keysAt: [0, 0.5, 2.5])
    let audio = try Media.aac(seconds: 3)
    let pictures = video.frames(track: 0, from: .seconds(3723.5))
    let sounds = audio.frames(track: 1, from: .seconds(3723.51))
    var packaging = Packaging()
    try packaging.start([video.format, audio.format], at: .seconds(3723.5))
    try packaging.feed(Packaging.merged(pictures, sounds))
    try packaging.finish()
    let playlist = try packaging.folder.playlist()
    #expect(playlist.segments.map(\.durationMilliseconds).prefix(2) == [500, 2_000])
    #expect(playlist.segments.count == 3)
    #expect(playlist.segments[0].programDateTime?.rfc3339 == "2026-11-21T13:02:03.500Z")
    let reading = try Reading(packaging.folder)
    #expect(reading.complaints == "")
    #expect(reading.times(0) == pictures.map { $0.time.ticks(90_000) })
    #expect(reading.times(1) == sounds.map { $0.time.ticks(48_000) })
  }

  @Test(arguments: [MediaTime.seconds(3), nil])
  func newFormatsBeginANewInitializationSegment(at said: MediaTime?) throws {
    let small = try Media.video(seconds: 3, keysAt: [0, 2])
    let large = try Media.video(seconds: 3, keysAt: [0, 1], width: 640, height: 360)
    let audio = try Media.aac(seconds: 6)
    let sounds = audio.frames(track: 1)
    let first = small.frames(track: 0)
    let second = large.frames(track: 0, from: .seconds(3))
    let cut = MediaTime.seconds(3)
    var packaging = Packaging()
    try packaging.start([small.format, audio.format])
    try packaging.feed(Packaging.merged(first, sounds.filter { $0.time < cut }))
    // Said again, nothing changes; nor by formats that no frame had before others were said.
    try packaging.start([small.format, audio.format])
    try packaging.start([audio.format])
    try packaging.start([large.format, audio.format], at: said)
    try packaging.feed(Packaging.merged(second, sounds.filter { $0.time >= cut }))
    try packaging.finish()
    let playlist = try packaging.folder.playlist()
    #expect(playlist.segments.map(\.durationMilliseconds).prefix(3) == [2_000, 1_000, 1_000])
    #expect(playlist.segments.map(\.isDiscontinuous) == [false, false, true, false])
    #expect(playlist.segments.map(\.map) == ["init-0.mp4", "init-0.mp4", "init-1.mp4", "init-1.mp4"])
    let reading = try Reading(packaging.folder)
    #expect(reading.complaints == "")
    #expect(reading.packets.count == 2)
    #expect(reading.times(0) == (first + second).map { $0.time.ticks(90_000) })
    #expect(reading.times(1) == sounds.map { $0.time.ticks(48_000) })
    let variant = try packaging.folder.multivariant().variants[0]
    #expect(variant.resolution == MultivariantPlaylist.Resolution(width: 640, height: 360))
    #expect(variant.codecs.count == 3 && Set(variant.codecs).count == 3)
    let disk = try Disk(packaging.folder)
    // This reader does not take the second header; it decodes on with what the key frames bring.
    let complaints = Tool.decode(disk.path(HLSName.media)).split(separator: "\n").filter { !$0.contains("Found duplicated MOOV Atom") }
    #expect(complaints == [])
  }

  @Test(arguments: [Codec.aac, .opus])
  func soundAloneIsCutSoThatNoSegmentIsTooLong(codec: Codec) throws {
    let audio = codec == .aac ? try Media.aac(seconds: 7) : Media.opus(seconds: 7)
    let sounds = audio.frames(track: 0, from: .seconds(0.25))
    var packaging = Packaging()
    try packaging.start([audio.format])
    try packaging.feed(sounds)
    try packaging.finish()
    let folder = packaging.folder
    let playlist = try folder.playlist()
    #expect(playlist.segments.count == 4)
    let header = try #require(folder.files["init-0.mp4"])
    let disk = try Disk()
    for segment in playlist.segments {
      let packets = try Tool.packets(try disk.put("one.mp4", header + (try #require(folder.files[segment.uri]))))
      let last = try #require(packets.last)
      let ticks = last.pts - packets[0].pts + (codec == .aac ? 1_024 : 960)
      #expect(ticks <= 96_000, "longer than the target")
      #expect(abs(Double(ticks) / 48 - Double(segment.durationMilliseconds)) <= 1)
    }
    let reading = try Reading(folder)
    #expect(reading.complaints == "")
    #expect(reading.times(0) == sounds.map { $0.time.ticks(48_000) })
    let variant = try folder.multivariant().variants[0]
    #expect(variant.codecs == [codec == .aac ? "mp4a.40.2" : "opus"])
    #expect(variant.resolution == nil && variant.frameRate == nil)
  }

  @Test func fragmentsHoldAtMostASecondAndGrowThePart() throws {
    let video = try Media.video(seconds: 5, keysAt: [0, 4])
    let audio = try Media.aac(seconds: 5)
    var packaging = Packaging(segmentSeconds: 4)
    try packaging.start([video.format, audio.format])
    try packaging.feed(Packaging.merged(video.frames(track: 0), audio.frames(track: 1)))
    // What is not yet in a part is younger than a second.
    let part = try #require(packaging.folder.files["seg-1.m4s.part"])
    #expect(!part.isEmpty)
    try packaging.finish()
    let folder = packaging.folder
    let header = try #require(folder.files["init-0.mp4"])
    let disk = try Disk()
    #expect(folder.appends.count >= 9)
    for fragment in folder.appends {
      #expect(fragment.path.hasSuffix(".part"))
      #expect(Box.types(fragment.bytes) == ["moof", "mdat"])
      let packets = try Tool.packets(try disk.put("one.mp4", header + fragment.bytes)).filter { $0.stream == 0 }
      #expect(packets.reduce(0) { $0 + $1.duration } <= 90_000)
    }
  }

  @Test func theMultivariantPlaylistSaysWhatIsTrue() throws {
    let video = try Media.video(seconds: 8, keysAt: [0, 2, 4, 6])
    let audio = try Media.aac(seconds: 8)
    var packaging = Packaging(bitsPerSecond: 1_000, frameRate: 30)
    try packaging.start([video.format, audio.format])
    try packaging.feed(Packaging.merged(video.frames(track: 0), audio.frames(track: 1)))
    let live = try packaging.folder.multivariant().variants[0]
    try packaging.finish()
    let folder = packaging.folder
    let final = try folder.multivariant().variants[0]
    let avcC = video.format.configuration
    let name = "avc1." + avcC[1...3].map { String(format: "%02X", $0) }.joined()
    #expect(final.codecs == [name, "mp4a.40.2"])
    #expect(final.resolution == MultivariantPlaylist.Resolution(width: 320, height: 180))
    #expect(final.frameRate == 30)
    #expect(final.uri == HLSName.media)
    // Each segment of 2 s is a set of its own between 0.5 and 1.5 target durations; two together are too long.
    let sizes = try folder.playlist().segments.map { Double(folder.files[$0.uri]!.count * 8) / (Double($0.durationMilliseconds) / 1_000) }
    #expect(final.bandwidth == Int(sizes.max()!.rounded(.up)))
    #expect(live.bandwidth >= Int(sizes.dropLast().max()!))
    let bytes = folder.announced.reduce(0) { $0 + $1.byteCount }
    let seconds = folder.announced.reduce(0.0) { $0 + Double($1.durationMilliseconds) / 1_000 }
    #expect(abs(Double(final.averageBandwidth ?? 0) - Double(bytes * 8) / seconds) <= 1)
  }

  @Test func theConfiguredBandwidthHoldsUntilMoreWasNeeded() throws {
    let audio = try Media.aac(seconds: 7)
    var packaging = Packaging(bitsPerSecond: 5_000_000)
    try packaging.start([audio.format])
    try packaging.feed(audio.frames)
    let live = try packaging.folder.multivariant().variants[0].bandwidth
    #expect((5_000_000...5_400_000).contains(live))
    try packaging.finish()
    #expect(try packaging.folder.multivariant().variants[0].bandwidth < 200_000)
  }

  @Test func theWallClockChangesFromTheNextSegmentOn() throws {
    let audio = Media.opus(seconds: 6)
    var packaging = Packaging()
    try packaging.start([audio.format])
    try packaging.feed(audio.frames.filter { $0.time < .seconds(3) })
    packaging.packager.setWallClock(zero: Packaging.zero + .milliseconds(60_000))
    try packaging.feed(audio.frames.filter { $0.time >= .seconds(3) })
    try packaging.finish()
    let segments = try packaging.folder.playlist().segments
    #expect(
      segments.map { $0.programDateTime?.rfc3339 } == [
        "2026-11-21T12:00:00.000Z", "2026-11-21T12:00:02.000Z", "2026-11-21T12:01:04.000Z",
      ])
    #expect(segments.map(\.isDiscontinuous) == [false, false, false])
  }

  @Test func aPlaylistIsPublishedOnceThePlayersCanBegin() throws {
    let opus = Media.opus(seconds: 9)
    var packaging = Packaging()
    try packaging.start([opus.format])
    try packaging.feed(opus.frames.filter { $0.time < .seconds(5) })
    #expect(packaging.packager.segmentCount == 2 && packaging.packager.publishedSegmentCount == 0)
    #expect(packaging.folder.files[HLSName.media] == nil && packaging.folder.files[HLSName.master] == nil)
    #expect(packaging.folder.announced.isEmpty)
    try packaging.feed(opus.frames.filter { $0.time >= .seconds(5) })
    #expect(packaging.folder.announced.map(\.sequence) == [0, 1, 2, 3])
    #expect(packaging.packager.publishedSegmentCount == 4)
    #expect(packaging.folder.playlists.map(\.segments.count) == [3, 4])
    var short = Packaging()
    try short.start([opus.format])
    try short.feed(opus.frames.filter { $0.time < .seconds(3) })
    try short.finish()
    #expect(short.folder.announced.map(\.sequence) == [0, 1])
  }

  @Test func nothingIsMadeOfNothing() throws {
    var packaging = Packaging()
    try packaging.finish()
    #expect(packaging.folder.files.isEmpty)
    var started = Packaging()
    try started.start([TrackFormat(codec: .opus)])
    try started.finish()
    try started.finish()
    #expect(started.folder.files.isEmpty)
    #expect(throws: MuxError.finished) { try started.packager.write(Media.opus(seconds: 1).frames[0]) }
    #expect(throws: MuxError.finished) { try started.packager.start([TrackFormat(codec: .opus)], at: .zero) }
  }
}
