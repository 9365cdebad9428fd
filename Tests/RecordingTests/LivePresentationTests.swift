import Codecs
import Foundation
import Ground
import Recording
import Synchronization
import Testing

/// Presentations of recordings to which something happens: a camera that comes late, a pause, a microphone that comes late.
@Suite struct LivePresentationTests {
  /// One participant's presentation beside the tape, as the replay and the loop drive it.
  private final class Presenter: TapeListener {
    let hls: ParticipantHLS
    init(_ files: MemoryFiles, output: HLSOutput) {
      hls = ParticipantHLS(participant: "p1", folder: "hls", output: output, files: files, wallClockZero: Rig.wall)
    }
    func open(participant: String, formats: [TrackFormat]) { hls.open(formats) }
    func receive(participant: String, _ frame: EncodedFrame) -> Bool {
      hls.receive(frame)
      return false
    }
    func advance(to time: MediaTime) { hls.advance(to: time) }
    func wallClock(zero: WallTime) { hls.setWallClock(zero: zero) }
  }

  /// A capture's packets on the way to a rig, with a presentation.
  private struct Stage {
    let rig: Rig
    let folder: ScratchFolder
    private let presenter: Presenter
    let video: TrackSpecification
    let audio: TrackSpecification

    /// `declared`: the kinds that are known from the start.
    init(_ name: String, declared: [MediaKind] = [.video, .audio], output: HLSOutput = HLSOutput(), dropsVideoBefore: Double = 0) throws {
      rig = Rig()
      folder = try ScratchFolder()
      rig.isChecking = false
      presenter = Presenter(rig.files, output: output)
      rig.listener = presenter
      let streams = Captures.recorded(Captures.committedFacts(name))
      let pictures = try #require(streams.first { $0.isVideo })
      let sound = try #require(streams.first { !$0.isVideo })
      video = TrackSpecification(participant: "p1", codec: .vp8, payloadType: PayloadType(pictures.payloadType), ssrc: SSRC(pictures.ssrc))
      audio = TrackSpecification(participant: "p1", codec: .opus, payloadType: PayloadType(sound.payloadType), ssrc: SSRC(sound.ssrc))
      _ = rig.take.addSource(id: "s1", SourceSpecification(tracks: []))
      try rig.addLeg(declared.map { $0 == .video ? video : audio })
      let packets = try CapturedPackets(path: Captures.committedPath(name)).packets
      let first = packets[0].seconds
      for packet in packets where packet.ssrc == pictures.ssrc || packet.ssrc == sound.ssrc {
        let at = (packet.seconds - first) * 1000
        if packet.ssrc == pictures.ssrc, at < dropsVideoBefore { continue }
        rig.deliver(packet.datagram, at: Rig.at(at))
      }
    }

    /// Ends the recording and puts all files into the folder.
    func finish() throws -> [FileStatus] {
      rig.stop()
      presenter.hls.finish()
      #expect(presenter.hls.failure == nil)
      try FileManager.default.createDirectory(atPath: folder.path("hls"), withIntermediateDirectories: true)
      for (path, bytes) in rig.files.files { try Data(bytes).write(to: URL(filePath: folder.path(path))) }
      return rig.accounts.state.withLock { $0.files }
    }

    /// What all parts of the tape hold.
    func tape(_ files: [FileStatus]) throws -> Pattern {
      Pattern(
        joining: try files.map { file in
          let streams = try Tool.streams(folder.path(file.path))
          return try Pattern(folder.path(file.path), hasVideo: streams.contains("video"), hasAudio: streams.contains("audio"))
        })
    }

    /// The tape, and what the presentation shows.
    func patterns(_ files: [FileStatus]) throws -> (tape: Pattern, shown: Pattern) {
      (try tape(files), try Pattern(folder.path("hls/master.m3u8")))
    }

    /// A file for each stretch of the presentation that has an initialization segment of its own.
    func sections() throws -> [String] {
      var made: [String] = []
      var bytes: [UInt8] = []
      func end() throws {
        guard !bytes.isEmpty else { return }
        made.append(folder.path("section-\(made.count).mp4"))
        try Data(bytes).write(to: URL(filePath: made[made.count - 1]))
        bytes = []
      }
      for line in playlist.split(separator: "\n") {
        if line.hasPrefix("#EXT-X-MAP:URI=\"") {
          try end()
          bytes = rig.files.files["hls/" + line.dropFirst(16).dropLast()] ?? []
        } else if !line.hasPrefix("#") {
          bytes += rig.files.files["hls/" + line] ?? []
        }
      }
      try end()
      return made
    }

    var playlist: String { String(decoding: rig.files.files["hls/media.m3u8"] ?? [], as: UTF8.self) }
  }

  /// A camera that is switched on later: the tape goes on in a second part, the presentation behind a discontinuity, and neither loses a
  /// moment of sound.
  @Test func aLateCamera() throws {
    let stage = try Stage("chr-vp8-opus", declared: [.audio], dropsVideoBefore: 1000)
    stage.rig.run(until: Rig.at(2000))
    stage.rig.addTrack(stage.video)
    stage.rig.run(until: Rig.at(13_000))
    let files = try stage.finish()
    #expect(files.map(\.path) == ["recording.webm", "recording.part2.webm"])
    #expect(files[1].startSeconds.map { $0 > 2 } == true)
    for file in files { #expect(Tool.decode(stage.folder.path(file.path)).isEmpty) }
    let tape = try stage.tape(files)
    #expect(tape.beeps.count == 12)
    // ffmpeg takes a playlist's tracks from its first part, so the parts are read one by one.
    let sections = try stage.sections()
    #expect(sections.count == 2)
    for path in sections { #expect(Tool.decodeAsTimed(path).isEmpty) }
    let shown = Pattern(joining: [try Pattern(sections[0], hasVideo: false), try Pattern(sections[1])])
    Pattern.compare(tape: tape, shown: shown, "late camera")
    #expect(stage.playlist.components(separatedBy: "#EXT-X-DISCONTINUITY\n").count == 2)
    #expect(stage.playlist.components(separatedBy: "#EXT-X-MAP").count == 3)
  }

  /// A second track of a kind that is presented already changes nothing in the presentation.
  @Test func aLateSecondTrackLeavesThePresentationAlone() throws {
    let stage = try Stage("chr-vp8-opus")
    stage.rig.run(until: Rig.at(1500))
    var second = Sender.audio("p1", ssrc: 77, payloadType: 112)
    stage.rig.addTrack(second.specification)
    stage.rig.play(&second, from: 2000, to: 12_000)
    stage.rig.run(until: Rig.at(13_000))
    let files = try stage.finish()
    #expect(files.count == 2)
    #expect(!stage.playlist.contains("#EXT-X-DISCONTINUITY\n"))
    let shown = try Pattern(stage.folder.path("hls/master.m3u8"))
    #expect(shown.beeps.count == 12)
    #expect(Tool.decodeAsTimed(stage.folder.path("hls/master.m3u8")).isEmpty)
  }

  @Test(arguments: PauseMode.allCases)
  func aPause(_ mode: PauseMode) throws {
    let stage = try Stage("chr-vp8-opus")
    stage.rig.run(until: Rig.at(3500))
    stage.rig.pause(mode)
    stage.rig.run(until: Rig.at(5500))
    stage.rig.resume()
    stage.rig.run(until: Rig.at(13_000))
    let files = try stage.finish()
    let path = stage.folder.path(files[0].path)
    #expect(Tool.decode(path).isEmpty)
    let (tape, shown) = try stage.patterns(files)
    #expect(tape.beeps.count == 10)
    Pattern.compare(tape: tape, shown: shown, "pause \(mode)")
    #expect(Tool.decodeAsTimed(stage.folder.path("hls/master.m3u8")).isEmpty)
    #expect(abs((tape.beeps.last?.seconds ?? 0) - (shown.beeps.last?.seconds ?? 0)) < 0.005)
    // The wall-clock times of the segments: those that begin after the resume are later by what was cut.
    let length = try #require(files.first).durationSeconds
    #expect(abs(length - (mode == .cut ? 10 : 12)) < 0.1)
    let dates = stage.playlist.split(separator: "\n").filter { $0.hasPrefix("#EXT-X-PROGRAM-DATE-TIME:") }
      .compactMap { WallTime(rfc3339: String($0.dropFirst(25))) }
    let span = try #require(dates.last) - (try #require(dates.first))
    let begins = stage.playlist.split(separator: "\n").filter { $0.hasPrefix("#EXTINF:") }.compactMap { Double($0.dropFirst(8).dropLast()) }
    #expect(abs(span.seconds - begins.dropLast().reduce(0, +) - (mode == .cut ? 2 : 0)) < 0.002)
  }

  /// A start burst whose clock takes a second to learn is not too late for the presentation.
  @Test func aStartBurstIsInThePresentation() throws {
    let stage = try Stage("chr-vp8-opus")
    // All of the first two seconds' pictures come at once, at the end of them; sound comes in time.
    stage.rig.holdBack(ssrc: stage.video.ssrc!.value, until: Rig.at(2000))
    stage.rig.run(until: Rig.at(13_000))
    let files = try stage.finish()
    let (tape, shown) = try stage.patterns(files)
    let early = tape.pictures.filter { $0.seconds < 1 }.count
    #expect(early > 25)
    Pattern.compare(tape: tape, shown: shown, "burst")
  }
}
