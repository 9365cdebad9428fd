import Foundation
import Ground
import JSON
import Recording
import Replay
import Testing

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
    let errors = pairs.compactMap { pair in want[pair.number].map { pair.milliseconds - $0 } }
    let isWhole = Captures.recorded(Captures.facts(name)).allSatisfy { $0.facts["missing_seq"]?.integerValue == 0 }
    #expect(errors.count >= (isWhole ? want.count : 0))
    let limit = bySender ? 20.0 : 40.0
    let mean = errors.reduce(0, +) / Double(max(errors.count, 1))
    #expect(abs(mean) <= limit)
    #expect(errors.allSatisfy { abs($0) <= limit + 10 })
    if ProcessInfo.processInfo.environment["TAPEDECK_FIGURES"] != nil {
      let worst = errors.map(abs).max() ?? 0
      print("sync \(name): \(bySender ? "reports" : "arrival") n=\(errors.count)/\(want.count) mean \(mean) worst \(worst)")
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
