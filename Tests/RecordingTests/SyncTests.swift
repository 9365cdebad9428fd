import Foundation
import Ground
import JSON
import Recording
import Replay
import Testing
import Timeline

/// How far some offsets, in milliseconds, lie from where they should be.
struct Steadiness: CustomStringConvertible {
  let mean: Double
  let worst: Double
  /// The standard deviation.
  let deviation: Double

  init(_ errors: [Double]) {
    let count = Double(max(errors.count, 1))
    let mean = errors.reduce(0, +) / count
    self.mean = mean
    worst = errors.map(abs).max() ?? 0
    deviation = (errors.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / count).squareRoot()
  }

  var description: String { "mean \(mean), worst \(worst), standard deviation \(deviation)" }
}

/// Sound and picture lie on tape as they were made: measured by the flashes and beeps that the senders burnt in.
@Suite struct SyncTests {
  @Test func thereAreCaptures() { #expect(Captures.synchronised.count >= 4) }

  @Test(arguments: Captures.synchronised)
  func flashesAndBeepsAreTogether(_ name: String) throws {
    let sync = try #require(Captures.facts(name)["av_sync"])
    let folder = try ScratchFolder()
    let manifest = try FileReplay.record(FileReplay.Options(capture: Captures.path(name), folder: folder.path))
    let path = folder.path(try #require(manifest.files.first).path)
    let pattern = try Pattern(path)
    let pairs = pattern.pairs
    // What the sender's own clock says where it reports it, else what arrival says.
    let bySender = sync["by_sender_reports"]?["mean_ms"]?.doubleValue != nil
    let told = try #require(sync[bySender ? "by_sender_reports" : "by_first_packet_arrival"])
    let numbers = (told["flash_frame_numbers"]?.arrayValue ?? []).compactMap { $0.integerValue.map(Int.init) }
    let offsets = (told["all_ms"]?.arrayValue ?? []).compactMap(\.doubleValue)
    let want = Dictionary(uniqueKeysWithValues: zip(numbers, offsets))
    // Both were measured on what the Opus decoder puts out for a packet at the packet's time.
    let errors = pairs.compactMap { pair in
      want[pair.number].map { Pattern.Pair(number: pair.number, milliseconds: pair.milliseconds - $0) }
    }
    let isWhole = Captures.recorded(Captures.facts(name)).allSatisfy { $0.facts["missing_seq"]?.integerValue == 0 }
    #expect(errors.count >= (isWhole ? want.count : 0))
    let steadiness = Steadiness(errors.map(\.milliseconds))
    // A browser first reports on its sound after two to five seconds: until then there is only arrival to go by, and then pictures are slewed.
    let start = pattern.pictures.lazy.compactMap(\.number).first ?? 0
    let later = errors.filter { $0.number - start > 180 }
    let steady = bySender && later.count >= 3 ? Steadiness(later.map(\.milliseconds)) : steadiness
    #expect(abs(steady.mean) <= (bySender ? 20 : 40), "\(steady)")
    #expect(abs(steadiness.mean) <= (bySender ? 20 : 40), "\(steadiness)")
    if !bySender || later.count >= 3 { #expect(steady.deviation < 10, "\(steady)") }
    #expect(steadiness.worst <= 80, "\(steadiness)")
    // It has settled within the first second: from the first flash on it is as good as arrival allows.
    if let first = errors.first { #expect(abs(first.milliseconds) <= 40, "\(first)") }
    // Nobody's clock failed.
    for track in manifest.snapshot.tracks {
      #expect(track.clock.corrections == 0 && track.clock.wallClockSteps == 0, "\(track.id): \(track.clock)")
    }
    if ProcessInfo.processInfo.environment["TAPEDECK_FIGURES"] != nil {
      let source = bySender ? "reports" : "arrival"
      print("sync \(name): \(source) n=\(errors.count)/\(want.count) \(steadiness); later \(steady)")
    }
    try checkNumbers(pattern, name)
  }

  /// The pictures' own numbers, read from the tape, rise as the facts say.
  private func checkNumbers(_ pattern: Pattern, _ name: String) throws {
    let facts = Captures.facts(name)
    let video = Captures.recorded(facts).filter { $0.isVideo && $0.facts["missing_seq"]?.integerValue == 0 }
    guard video.count == 1, let told = video[0].facts["frame_numbers"] else { return }
    let numbers = pattern.pictures.compactMap(\.number)
    #expect(numbers.first == told["first"]?.integerValue.map(Int.init))
    #expect(numbers.last == told["last"]?.integerValue.map(Int.init))
    #expect(numbers.count == told["readable"]?.integerValue.map(Int.init))
  }
}
