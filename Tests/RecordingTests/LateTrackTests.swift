import Codecs
import Foundation
import Ground
import JSON
import Recording
import Replay
import Testing
import Timeline
import Track

/// Sound that comes a minute after the picture, picture that comes a minute after the sound, and each alone: on tape and in HLS.
@Suite struct LateTrackTests {
  private struct Recorded {
    let folder: ScratchFolder
    let manifest: Manifest
    var file: FileStatus { manifest.files[0] }
    var path: String { folder.path("out/" + file.path) }
  }

  private func record(_ name: String, audio: Range<Int>, video: Range<Int>, hls: Bool = true) throws -> Recorded {
    let folder = try ScratchFolder()
    let capture = try StretchedCapture(name, audio: audio, video: video, into: folder)
    var options = FileReplay.Options(capture: capture.path, folder: folder.path("out"))
    if hls { options.hls = HLSOutput() }
    let manifest = try FileReplay.record(options)
    #expect(manifest.files.count == 1 && manifest.status == .completed)
    return Recorded(folder: folder, manifest: manifest)
  }

  /// Where a kind's first packet lies on tape, in seconds; nil where there is none.
  private func first(_ kind: String, _ path: String) throws -> Double? {
    guard let stream = try Tool.streams(path).firstIndex(of: kind) else { return nil }
    return try Tool.packets(path).filter { $0.stream == stream }.map(\.milliseconds).min().map { Double($0) / 1000 }
  }

  /// Each segment's packets of each stream, by reading it behind its initialization segment.
  private func segments(_ recorded: Recorded) throws -> [[Int]] {
    let text = String(decoding: try recorded.folder.bytes("out/hls/media.m3u8"), as: UTF8.self)
    var map: [UInt8] = []
    var counts: [[Int]] = []
    for line in text.split(separator: "\n") {
      if line.hasPrefix("#EXT-X-MAP:URI=\"") {
        map = try recorded.folder.bytes("out/hls/" + line.dropFirst(16).dropLast())
      } else if !line.hasPrefix("#") {
        let path = recorded.folder.path("segment.mp4")
        try Data(map + recorded.folder.bytes("out/hls/" + line)).write(to: URL(filePath: path))
        let packets = try Tool.packets(path)
        counts.append((0...(packets.map(\.stream).max() ?? 0)).map { stream in packets.count { $0.stream == stream } })
      }
    }
    return counts
  }

  private func seconds(of playlist: String) -> [Double] {
    playlist.split(separator: "\n").filter { $0.hasPrefix("#EXTINF:") }.compactMap { Double($0.dropFirst(8).dropLast()) }
  }

  /// The flashes and beeps of the last round, the one that has both, lie as the sender made them: `by_sender_reports` of the facts.
  private func expectTogether(_ pattern: Pattern, _ name: String, within limit: Double) throws {
    let told = try #require(Captures.committedFacts(name)["av_sync"]?["by_sender_reports"])
    let numbers = (told["flash_frame_numbers"]?.arrayValue ?? []).compactMap { $0.integerValue.map(Int.init) }
    let offsets = (told["all_ms"]?.arrayValue ?? []).compactMap(\.doubleValue)
    let want = Dictionary(uniqueKeysWithValues: zip(numbers, offsets))
    let errors = pattern.pairs.compactMap { pair in want[pair.number].map { pair.milliseconds - $0 } }
    #expect(errors.count >= want.count - 1 && errors.count >= 8, "\(errors.count) of \(want.count)")
    let steadiness = Steadiness(errors)
    #expect(abs(steadiness.mean) <= limit && steadiness.worst <= 80, "\(steadiness)")
  }

  /// A playlist of the segments that end after `start` seconds.
  private func tail(_ recorded: Recorded, from start: Double) throws -> String {
    var end = 0.0
    var pending: [Substring] = []
    var lines: [Substring] = []
    for line in String(decoding: try recorded.folder.bytes("out/hls/media.m3u8"), as: UTF8.self).split(separator: "\n") {
      if line.hasPrefix("#EXTINF:") { end += Double(line.dropFirst(8).dropLast()) ?? 0 }
      let isOfSegment = line.hasPrefix("#EXTINF:") || line.hasPrefix("#EXT-X-PROGRAM") || !line.hasPrefix("#")
      if isOfSegment { pending.append(line) } else { lines.append(line) }
      guard !line.hasPrefix("#") else { continue }
      if end > start { lines += pending }
      pending = []
    }
    let path = recorded.folder.path("out/hls/tail.m3u8")
    try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: path))
    return path
  }

  @Test(arguments: [("chr-vp8-opus", "video"), ("chr-h264", "audio"), ("chr-h264", "video")])
  func aMinuteLater(_ name: String, _ late: String) throws {
    let round = StretchedCapture.roundMilliseconds(name)
    let rounds = (60_000 + round - 1) / round
    let delay = Double(rounds * round) / 1000
    let (short, long) = (rounds..<rounds + 1, 0..<rounds + 1)
    let recorded = try record(name, audio: late == "audio" ? short : long, video: late == "video" ? short : long)
    // What is late by itself is as late as it is in the capture that nobody has stretched, which begins with its earlier track.
    let usual = try record(name, audio: 0..<1, video: 0..<1, hls: false)
    let early = late == "audio" ? "video" : "audio"
    let (before, after) = (try #require(try first(early, usual.path)), try #require(try first(late, usual.path)))
    let (zero, place) = (try #require(try first(early, recorded.path)), try #require(try first(late, recorded.path)))
    #expect(zero == 0)
    // Until its sender reports a picture is placed by arrival, which tells the delay of an encoder too.
    let error = place - (delay + after - before)
    #expect(abs(error) <= (late == "audio" ? 0.001 : 0.04), "\(place) for \(delay + after - before)")
    let both = delay + usual.file.durationSeconds
    #expect(abs(recorded.file.durationSeconds - both) < 0.05, "\(recorded.file.durationSeconds) for \(both)")
    #expect(abs(try Tool.duration(recorded.path) - recorded.file.durationSeconds) < 0.002)
    #expect(Tool.decodeAsTimed(recorded.path).isEmpty)
    for track in recorded.manifest.snapshot.tracks {
      #expect(track.counters.packetsLost == 0 && track.clock.corrections == 0, "\(track.id): \(track.clock)")
    }
    let tape = try Pattern(recorded.path, from: delay - 0.5)
    try expectTogether(tape, name, within: 20)
    try expectPresented(recorded, name, from: delay - 0.5, tape)
  }

  /// HLS says what the tape says, for as long, and each of its segments has sound and picture, whatever was there.
  private func expectPresented(_ recorded: Recorded, _ name: String, from start: Double, _ tape: Pattern) throws {
    let counts = try segments(recorded)
    #expect(counts.allSatisfy { $0.count == 2 && $0.allSatisfy { $0 > 0 } }, "\(counts)")
    let durations = seconds(of: String(decoding: try recorded.folder.bytes("out/hls/media.m3u8"), as: UTF8.self))
    #expect(abs(durations.reduce(0, +) - recorded.file.durationSeconds) < 0.5, "\(durations)")
    let master = recorded.folder.path("out/hls/master.m3u8")
    #expect(Tool.decodeAsTimed(master).isEmpty)
    let shown = try Pattern(try tail(recorded, from: start))
    try expectTogether(shown, name, within: 20)
    // The first of these segments begins before, and the tape may be read from within a beep on.
    let (taped, there) = (tape.beeps.filter { $0.seconds > start + 0.3 }, shown.beeps.filter { $0.seconds > start + 0.3 })
    #expect(taped.count == there.count)
    for (one, other) in zip(taped, there) { #expect(abs(one.seconds - other.seconds) < 0.015) }
  }

  @Test(arguments: ["chr-vp8-opus", "chr-h264"], ["audio", "video"])
  func alone(_ name: String, _ kind: String) throws {
    let recorded = try record(name, audio: kind == "audio" ? 0..<1 : 0..<0, video: kind == "video" ? 0..<1 : 0..<0)
    #expect(try Tool.streams(recorded.path) == [kind])
    #expect(try first(kind, recorded.path) == 0)
    let length = Captures.committedFacts(name)["capture_seconds"]?.doubleValue ?? 0
    #expect(abs(recorded.file.durationSeconds - length) < 0.1 && Tool.decodeAsTimed(recorded.path).isEmpty)
    #expect(try segments(recorded).allSatisfy { $0.count == 1 && $0[0] > 0 })
    let master = recorded.folder.path("out/hls/master.m3u8")
    #expect(Tool.decodeAsTimed(master).isEmpty)
    let (tape, shown) = (
      try Pattern(recorded.path, hasVideo: kind == "video", hasAudio: kind == "audio"),
      try Pattern(master, hasVideo: kind == "video", hasAudio: kind == "audio")
    )
    Pattern.compare(tape: tape, shown: shown, name)
    #expect(tape.beeps.count + tape.pictures.count { $0.isWhite } >= 10)
  }
}
