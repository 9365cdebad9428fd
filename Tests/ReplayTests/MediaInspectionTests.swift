import Codecs
import Foundation
import Ground
import Impairment
import JSON
import Recording
import Replay
import Testing
import Track

/// What `tapedeck inspect` says of finished files: against what the recorder knows of them, and of files that are none.
@Suite struct MediaInspectionTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private func run(_ path: String, json: Bool = false) -> (code: Int32, output: [String], errors: [String]) {
    var output: [String] = []
    var errors: [String] = []
    let code = Inspect.run(Inspect.Options(capture: path, json: json), output: { output.append($0) }, errors: { errors.append($0) })
    return (code, output, errors)
  }

  private func record(_ name: String, _ impairment: String? = nil) throws -> (path: String, manifest: Manifest) {
    var options = FileReplay.Options(capture: Captures.committedPath(name), folder: folder.path(name))
    options.impairment = try impairment.map { try ImpairmentSpecification($0) }
    let manifest = try FileReplay.record(options)
    return (folder.path(name + "/" + (try #require(manifest.files.first)).path), manifest)
  }

  @Test func aWholeFileIsGood() throws {
    let (path, manifest) = try record("jan-vp8-opus")
    let inspection = try MediaInspection(of: path)
    #expect(inspection.container.contains("webm") && inspection.verdict == .good && inspection.damage == nil)
    #expect(inspection.tracks.map(\.codec) == ["vp8", "opus"])
    for track in inspection.tracks {
      let told = try #require(manifest.snapshot.tracks.first { $0.specification.kind == track.kind })
      #expect(UInt64(track.packets) == told.counters.frames + told.counters.packetsFilled)
      #expect(track.holeCount == 0 && track.overlaps == 0 && track.unordered == 0 && track.cadence > 90, "\(track)")
    }
    let video = inspection.tracks[0]
    #expect(video.keyFrames == 1 && video.size?.width == 320)
    let sound = try #require(inspection.tracks[1].soundAgainstClockPPM)
    #expect(abs(sound) < 500 && abs((inspection.tracks[1].interval?.milliseconds ?? 0) - 20) < 0.1)
    let result = run(path)
    #expect(result.code == 0 && result.errors.isEmpty)
    #expect(result.output.contains { $0.hasPrefix("verdict: good, cadence ") })
    #expect(result.output.contains { $0.hasPrefix("picture against sound: begins ") })
  }

  /// A burst takes two and a half seconds out: the file shows where the pictures stand still, as the recorder told it.
  @Test func holesAreWhereTheyWereTold() throws {
    let (path, manifest) = try record("gst-vp8-seqwrap", nil)
    let clean = try MediaInspection(of: path)
    #expect(clean.verdict == .good)
    let (lossy, told) = try record("gst-vp8-loss2-reorder")
    let inspection = try MediaInspection(of: lossy)
    let video = try #require(inspection.tracks.first { $0.kind == .video })
    let report = QualityReport(told.snapshot, files: told.files)
    let known = try #require(report.tracks.first { $0.kind == .video })
    #expect(manifest.snapshot.tracks.count == told.snapshot.tracks.count)
    #expect(video.holeCount > 0 && video.longestHole > .milliseconds(200))
    let longest = try #require(known.holes.longest)
    // The recorder counts from the last picture, the inspection from where the next one was due.
    #expect(abs((longest.duration - video.longestHole).milliseconds - (video.interval?.milliseconds ?? 0)) < 2)
    #expect(video.verdict == known.verdict && inspection.verdict > .good)
    let json = run(lossy, json: true)
    let parsed = try JSONValue(parsing: Array(json.output.joined(separator: "\n").utf8))
    #expect(parsed["verdict"] == .string(inspection.verdict.name))
    #expect(parsed["tracks"]?.arrayValue?.first?["holeCount"]?.integerValue == Int64(video.holeCount))
  }

  @Test func whatIsNoMediaFileIsSaid() throws {
    let empty = folder.path("empty.webm")
    try Data().write(to: URL(filePath: empty))
    #expect(run(empty).code == 1)
    let noise = folder.path("noise.webm")
    try Data([0x1a, 0x45, 0xdf, 0xa3] + [UInt8](repeating: 0x5a, count: 400)).write(to: URL(filePath: noise))
    let result = run(noise)
    #expect(result.code == 1 && result.errors.count == 1 && result.errors[0].hasPrefix(noise), "\(result.errors)")
    #expect(run(folder.path("none.webm")).code == 1)
  }

  /// A file that was cut off is read as far as it goes.
  @Test func aFileThatWasCutOff() throws {
    let (path, _) = try record("jan-vp8-opus")
    let whole = try MediaInspection(of: path)
    let bytes = try Data(contentsOf: URL(filePath: path))
    let cut = folder.path("cut.webm")
    try bytes.prefix(bytes.count / 2).write(to: URL(filePath: cut))
    let inspection = try MediaInspection(of: cut)
    #expect(inspection.tracks.count == 2)
    #expect(inspection.tracks[0].packets > 50 && inspection.tracks[0].packets < whole.tracks[0].packets)
  }

  /// Pictures that are stored in another order than they are shown in are no fault.
  @Test func picturesMayBeReordered() throws {
    let path = folder.path("reordered.mp4")
    let made = Process()
    made.executableURL = URL(filePath: "/usr/bin/env")
    made.arguments = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=160x120:r=25:d=3", "-c:v", "libx264", "-bf", "2", path]
    try made.run()
    made.waitUntilExit()
    let inspection = try MediaInspection(of: path)
    let track = try #require(inspection.tracks.first)
    #expect(track.packets == 75 && track.unordered == 0 && track.holeCount == 0 && track.cadence > 99.9)
    #expect(track.interval == .milliseconds(40) && inspection.verdict == .good)
  }
}
