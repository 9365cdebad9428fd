import Codecs
import Ground
import HLSPlaylist
import Mux
import Testing

/// What is made of the files that a killed process leaves.
@Suite struct HLSRecoveryTests {
  /// A presentation of sound that was cut off `killedAt` seconds in: the writer had carried out every order until then.
  private static func killed(at seconds: Double, _ media: [Media], segmentSeconds: Int = 2) throws -> Folder {
    var packaging = Packaging(segmentSeconds: segmentSeconds)
    try packaging.start(media.map(\.format))
    let frames = media.enumerated().flatMap { $1.frames(track: $0) }.sorted { ($0.time, $0.track) < ($1.time, $1.track) }
    try packaging.feed(frames.filter { $0.time < .seconds(seconds) })
    return packaging.folder
  }

  private static func plan(_ folder: Folder, zero: WallTime? = Packaging.zero) -> HLSRecovery {
    HLSRecovery(files: folder.listing, wallClockZero: zero) { folder.files[$0] }
  }

  /// The folder after the plan, which must be final: whole, and with nothing left to do.
  private static func recovered(_ folder: Folder, zero: WallTime? = Packaging.zero) throws -> Folder {
    var after = folder
    try after.carryOut(plan(folder, zero: zero).orders)
    #expect(plan(after, zero: zero).orders == [])
    #expect(!after.files.keys.contains { $0.hasSuffix(".part") })
    let playlist = try after.playlist()
    #expect(playlist.kind == .vod && playlist.isEnded)
    #expect(playlist.segments.allSatisfy { $0.durationMilliseconds <= playlist.targetDurationSeconds * 1_000 })
    return after
  }

  @Test func aKilledPresentationIsClosedAndPlays() throws {
    let media = [try Media.video(seconds: 8, keysAt: [0, 2, 4, 6]), try Media.aac(seconds: 8)]
    let folder = try Self.killed(at: 7.3, media)
    #expect(folder.files["seg-3.m4s.part"] != nil)
    let after = try Self.recovered(folder)
    let playlist = try after.playlist()
    #expect(playlist.segments.count == 4)
    #expect(playlist.segments.dropLast().elementsEqual(try folder.playlist().segments))
    let last = try #require(playlist.segments.last)
    #expect(last.uri == "seg-3.m4s" && last.map == "init-0.mp4" && !last.isDiscontinuous)
    #expect(last.programDateTime?.rfc3339 == "2026-11-21T12:00:06.000Z")
    // At most a second of 7.3 s is lost, and no time is invented.
    let seconds = Double(playlist.segments.reduce(0) { $0 + $1.durationMilliseconds }) / 1_000
    #expect(seconds > 6.3 && seconds <= 7.35)
    #expect(Self.plan(folder).durationSeconds == seconds && Self.plan(folder).segmentCount == 4)
    let reading = try Reading(after)
    #expect(reading.complaints == "")
    #expect(reading.times(0) == media[0].frames.prefix(reading.times(0).count).map { $0.time.ticks(90_000) })
    #expect(reading.times(1) == media[1].frames.prefix(reading.times(1).count).map { $0.time.ticks(48_000) })
    let disk = try Disk(after)
    #expect(abs(try Tool.decodedSeconds(disk.path(HLSName.master)) - seconds) < 0.05)
    let variant = try after.multivariant().variants[0]
    #expect(variant.codecs == (try folder.multivariant().variants[0].codecs))
    #expect(variant.bandwidth > 0 && variant.bandwidth < 1_000_000)
    #expect(Self.plan(folder).byteCount == playlist.segments.reduce(0) { $0 + (after.files[$1.uri]?.count ?? 0) })
  }

  @Test func whereverThePartIsCutWholeFragmentsAreKept() throws {
    let folder = try Self.killed(at: 7.3, [try Media.video(seconds: 8, keysAt: [0, 2, 4, 6]), try Media.aac(seconds: 8)])
    let part = try #require(folder.files["seg-3.m4s.part"])
    let boxes = Box.ends(part)
    #expect(boxes.map(\.type) == ["moof", "mdat", "moof", "mdat"])
    let header = try #require(folder.files["init-0.mp4"])
    let disk = try Disk()
    for cut in Set(([0, 1, 7, 8] + boxes.flatMap { [$0.end - 1, $0.end, $0.end + 1] }).filter { $0 <= part.count }).sorted() {
      var broken = folder
      broken.files["seg-3.m4s.part"] = Array(part[..<cut])
      let after = try Self.recovered(broken)
      let whole = boxes.last { $0.type == "mdat" && $0.end <= cut }?.end ?? 0
      #expect(after.files["seg-3.m4s"]?.count ?? 0 == whole, "cut at \(cut)")
      #expect(try after.playlist().segments.count == (whole > 0 ? 4 : 3))
      if let bytes = after.files["seg-3.m4s"] { #expect(Tool.decode(try disk.put("cut.mp4", header + bytes)) == "", "cut at \(cut)") }
    }
  }

  @Test func aSegmentThatThePlaylistDoesNotNameYetIsTaken() throws {
    var folder = try Self.killed(at: 9, [Media.opus(seconds: 9)])
    let whole = try Self.recovered(folder)
    // Killed after the part was renamed, before the playlist was written; and while the next one grew.
    let previous = try #require(folder.playlists.dropLast().last)
    folder.files[HLSName.media] = Array(previous.text.utf8)
    let after = try Self.recovered(folder)
    #expect(try after.playlist() == whole.playlist())
    #expect(after.files == whole.files)
  }

  @Test func withoutPlaylistsEverythingIsReadFromTheSegments() throws {
    let small = try Media.video(seconds: 3, keysAt: [0, 2])
    let large = try Media.video(seconds: 3, keysAt: [0, 1], width: 640, height: 360)
    let audio = try Media.aac(seconds: 6)
    let cut = MediaTime.seconds(3)
    var packaging = Packaging()
    try packaging.start([small.format, audio.format])
    try packaging.feed(Packaging.merged(small.frames(track: 0), audio.frames(track: 1).filter { $0.time < cut }))
    try packaging.start([large.format, audio.format], at: cut)
    try packaging.feed(Packaging.merged(large.frames(track: 0, from: cut), audio.frames(track: 1).filter { $0.time >= cut }))
    var folder = packaging.folder
    let whole = try Self.recovered(folder)
    #expect(try whole.playlist().segments.map(\.isDiscontinuous) == [false, false, true, false])
    for garbage in [nil, Array("no playlist".utf8), [0xff, 0x00]] as [[UInt8]?] {
      folder.files[HLSName.media] = garbage
      folder.files[HLSName.master] = garbage
      folder.playlists = []
      let after = try Self.recovered(folder)
      #expect(try after.playlist().segments.map(\.map) == whole.playlist().segments.map(\.map))
      #expect(try after.playlist().segments.map(\.isDiscontinuous) == whole.playlist().segments.map(\.isDiscontinuous))
      #expect(try after.playlist().segments.map(\.programDateTime) == whole.playlist().segments.map(\.programDateTime))
      let variant = try after.multivariant().variants[0]
      #expect(Set(variant.codecs) == Set(try whole.multivariant().variants[0].codecs))
      #expect(variant.resolution == MultivariantPlaylist.Resolution(width: 640, height: 360))
      #expect(try Reading(after).complaints == "")
    }
  }

  @Test func theFirstSegmentsPartAloneIsAPresentation() throws {
    let folder = try Self.killed(at: 1.4, [Media.opus(seconds: 2)], segmentSeconds: 4)
    #expect(folder.files.keys.sorted() == ["init-0.mp4", "seg-0.m4s.part"])
    let after = try Self.recovered(folder, zero: nil)
    let playlist = try after.playlist()
    #expect(playlist.segments.map(\.durationMilliseconds) == [1_000])
    #expect(playlist.targetDurationSeconds == 1)
    #expect(playlist.segments[0].programDateTime == nil)
    #expect(try after.multivariant().variants[0].codecs == ["opus"])
  }

  @Test func withoutAWallClockTheSegmentBeginsWhenTheOneBeforeEnded() throws {
    let folder = try Self.killed(at: 7.3, [Media.opus(seconds: 8)])
    let playlist = try Self.recovered(folder, zero: nil).playlist()
    #expect(playlist.segments.map { $0.programDateTime?.rfc3339 } == (0..<4).map { "2026-11-21T12:00:0\($0 * 2).000Z" })
  }

  @Test func aRecoveryThatWasKilledItselfIsFinishedByTheNext() throws {
    let folder = try Self.killed(at: 7.3, [Media.opus(seconds: 8)])
    let whole = try Self.recovered(folder)
    let orders = Self.plan(folder).orders
    #expect(orders.count >= 3)
    for count in 0...orders.count {
      var half = folder
      try half.carryOut(Array(orders[..<count]))
      #expect(try Self.recovered(half).files == whole.files, "after \(count) orders")
    }
  }

  @Test func aFinishedOrEmptyPresentationIsLeftAlone() throws {
    var packaging = Packaging()
    let opus = Media.opus(seconds: 3)
    try packaging.start([opus.format])
    try packaging.feed(opus.frames)
    try packaging.finish()
    #expect(Self.plan(packaging.folder).orders == [])
    #expect(Self.plan(packaging.folder).segmentCount == 2)
    #expect(Self.plan(Folder()).orders == [])
    #expect(Self.plan(Folder()).segmentCount == 0)
  }

  @Test func segmentsThatAreGoneAreTakenFromThePlaylist() throws {
    var folder = try Self.killed(at: 7, [Media.opus(seconds: 7)])
    folder.files["seg-1.m4s"] = nil
    folder.playlists = []
    let playlist = try Self.recovered(folder).playlist()
    #expect(playlist.segments.map(\.uri) == ["seg-0.m4s", "seg-2.m4s", "seg-3.m4s"])
    #expect(playlist.segments.map(\.isDiscontinuous) == [false, true, false])
  }

  /// A damaged playlist whose last line is not its latest segment: none is listed twice.
  @Test func aPlaylistOutOfOrderGetsNoSegmentTwice() throws {
    var folder = try Self.killed(at: 9, [Media.opus(seconds: 9)])
    var playlist = try folder.playlist()
    playlist.segments.swapAt(0, playlist.segments.count - 1)
    folder.files[HLSName.media] = Array(playlist.text.utf8)
    folder.playlists = []
    let listed = try Self.recovered(folder).playlist().segments.map(\.uri)
    #expect(listed.sorted() == (0...4).map { "seg-\($0).m4s" })
  }

  @Test func garbageNeverTraps() throws {
    let folder = try Self.killed(at: 6.9, [try Media.video(seconds: 7, keysAt: [0, 2, 4, 6]), try Media.aac(seconds: 7)])
    var random = Random(state: 0x5eed)
    var kept = 0
    for _ in 0..<3_000 {
      var broken = folder
      broken.playlists = []
      for name in ["init-0.mp4", "seg-3.m4s.part", "seg-3.m4s.part", HLSName.media, HLSName.master] where random.next() % 2 == 0 {
        guard var bytes = broken.files[name] else { continue }
        for _ in 0..<1 + random.next() % 4 {
          // Mostly in the headers, where a byte means most.
          let reach = random.next() % 4 == 0 ? bytes.count : min(bytes.count, 700)
          bytes[Int(random.next() % UInt64(reach))] =
            [0, 1, 0x7f, 0x80, 0xff, UInt8(truncatingIfNeeded: random.next())][Int(random.next() % 6)]
        }
        if random.next() % 8 == 0 { bytes.removeLast(Int(random.next() % UInt64(bytes.count))) }
        broken.files[name] = bytes
      }
      let plan = Self.plan(broken)
      kept += plan.segmentCount
    }
    #expect(kept > 9_000)
  }

  /// A seeded generator (xorshift), so that a failure can be had again.
  private struct Random {
    var state: UInt64
    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }
}
