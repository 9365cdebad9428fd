import Codecs
import Foundation
import Ground
import JSON
import Recording
import Replay
import Testing

/// The live presentation says what the tape says, at the same times.
@Suite struct PresentationTests {
  /// A media playlist, read line by line.
  private struct Playlist {
    var target = 0.0
    var durations: [Double] = []
    var maps: [String] = []
    var discontinuities = 0
    var isEnded = false
    var kind = ""
    init(_ text: String) {
      for line in text.split(separator: "\n") {
        func value(_ tag: String) -> Substring? { line.hasPrefix(tag) ? line.dropFirst(tag.count) : nil }
        if let v = value("#EXT-X-TARGETDURATION:") { target = Double(v) ?? 0 }
        if let v = value("#EXTINF:") { durations.append(Double(v.dropLast()) ?? -1) }
        if let v = value("#EXT-X-MAP:URI=\"") { maps.append(String(v.dropLast())) }
        if let v = value("#EXT-X-PLAYLIST-TYPE:") { kind = String(v) }
        if line == "#EXT-X-DISCONTINUITY" { discontinuities += 1 }
        if line == "#EXT-X-ENDLIST" { isEnded = true }
      }
    }
  }

  private static let presented = Captures.plain.filter { !Captures.recorded(Captures.facts($0)).isEmpty }

  @Test(arguments: presented)
  func saysWhatTheTapeSays(_ name: String) throws {
    let facts = Captures.facts(name)
    let folder = try ScratchFolder()
    var options = FileReplay.Options(capture: Captures.path(name), folder: folder.path)
    options.hls = HLSOutput()
    let manifest = try FileReplay.record(options)
    let hls = try #require(manifest.hls.first)
    #expect(hls.error == nil)
    #expect(hls.framesSkipped == 0)
    let playlist = Playlist(String(decoding: try folder.bytes("hls/media.m3u8"), as: UTF8.self))
    #expect(playlist.isEnded && playlist.kind == "VOD")
    #expect(playlist.durations.count == hls.segments)
    // Pictures that are copied can only be cut where their sender began anew, and no replay makes it.
    let isCopied = Captures.recorded(facts).contains { $0.isVideo && $0.codec.isPlayedInMP4 }
    #expect(isCopied ? playlist.target >= 4 : playlist.target == 4)
    #expect(playlist.durations.allSatisfy { $0 > 0 && (isCopied ? $0 < playlist.target + 0.5 : $0 <= 4) })
    let file = try #require(manifest.files.first)
    // The presentation begins with the tape, and ends within a segment's rounding of it.
    let length = playlist.durations.reduce(0, +)
    #expect(length >= file.durationSeconds - 0.1 && length <= file.durationSeconds + 0.5)
    let master = folder.path("hls/master.m3u8")
    #expect(Tool.decodeAsTimed(master).isEmpty)
    #expect(try Tool.run("ffprobe", ["-v", "error", "-show_packets", master]).complaints.isEmpty)
    let streams = Captures.recorded(facts)
    let sizes = streams.filter(\.isVideo).first?.facts["resolutions"]?.arrayValue?.count ?? 1
    let isSimulcast = streams.count { $0.isVideo } > 1 && name.contains("simulcast")
    if !isSimulcast {
      #expect(playlist.maps.count == sizes)
      #expect(Set(playlist.maps).count == sizes)
      #expect(playlist.discontinuities == sizes - 1)
    }
    let (hasVideo, hasAudio) = (streams.contains { $0.isVideo }, streams.contains { !$0.isVideo })
    let onTape = try Pattern(folder.path(file.path), hasVideo: hasVideo, hasAudio: hasAudio)
    let shown = try Pattern(master, hasVideo: hasVideo, hasAudio: hasAudio)
    Pattern.compare(tape: onTape, shown: shown, name)
  }

  @Test(arguments: [HLSOutput.Audio.aac, .opus])
  func soundAloneAndPicturesOff(_ audio: HLSOutput.Audio) throws {
    let folder = try ScratchFolder()
    var options = FileReplay.Options(capture: Captures.committedPath("chr-vp8-opus"), folder: folder.path)
    var output = HLSOutput()
    output.video = .off
    output.audio = audio
    output.segmentSeconds = 2
    options.hls = output
    let manifest = try FileReplay.record(options)
    let master = folder.path(try #require(manifest.hls.first).playlist)
    #expect(try Tool.streams(folder.path("hls/init-0.mp4")) == ["audio"])
    #expect(Tool.decodeAsTimed(master).isEmpty)
    let playlist = Playlist(String(decoding: try folder.bytes("hls/media.m3u8"), as: UTF8.self))
    #expect(playlist.durations.allSatisfy { $0 <= 2 })
    let onTape = try Pattern(folder.path("recording.webm"), hasVideo: false)
    let shown = try Pattern(master, hasVideo: false)
    #expect(shown.beeps.count == 12)
    for (a, b) in zip(onTape.beeps, shown.beeps) { #expect(abs(a.seconds - b.seconds) < 0.005) }
  }
}
