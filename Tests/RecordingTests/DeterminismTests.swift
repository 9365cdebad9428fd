import Foundation
import Recording
import Replay
import Testing

/// The same capture gives the same bytes.
@Suite struct DeterminismTests {
  @Test(arguments: ["jan-vp8-opus", "gst-vp8-loss2-reorder"])
  func aReplayIsTheSameTwice(_ name: String) throws {
    let first = try record(name)
    let second = try record(name)
    #expect(try first.files() == second.files())
    #expect(try first.files().contains { $0.hasSuffix(".m4s") })
    for file in try first.files() { #expect(try first.bytes(file) == second.bytes(file), "\(file)") }
  }

  /// A folder that has an earlier, longer recording in it gets the new one, and nothing of the old one shows in it.
  @Test func anEarlierReplaysFilesAreReplaced() throws {
    let used = try record("chr-vp8-opus")
    _ = try record("gst-vp8-seqwrap", into: used)
    let fresh = try record("gst-vp8-seqwrap")
    for file in try fresh.files() { #expect(try fresh.bytes(file) == used.bytes(file), "\(file)") }
  }

  private func record(_ name: String, into folder: ScratchFolder? = nil) throws -> ScratchFolder {
    let folder = try folder ?? ScratchFolder()
    var options = FileReplay.Options(capture: Captures.committedPath(name), folder: folder.path)
    options.hls = HLSOutput()
    _ = try FileReplay.record(options)
    return folder
  }
}
