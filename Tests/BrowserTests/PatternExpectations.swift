import Foundation
import Testing

extension Published.Publisher {
  /// Holds a recording's file of this publisher against what the browser says it sent: from the first key frame that came on, each
  /// picture is there as the encoder made it, at its time, with its sound. Answers how many had been made before.
  @discardableResult func expectOnTape(_ recording: [String: Any], in folder: String, offsetCount: Int) throws -> Int {
    let files = recording["files"] as? [[String: Any]] ?? []
    let own = files.filter { $0["kind"] as? String == "media" && $0["participant"] as? String == name }
    #expect(own.count == 1, "\(name) has \(own.count) files")
    let tape = try PatternTape(folder + "/" + (try #require(own.first?["path"] as? String)))
    let start = try #require(
      tape.place(in: frames), "\(name): \(tape.frames.count) pictures are no run of the \(frames.count) that were sent")
    #expect(start + tape.frames.count == frames.count, "\(name): the last pictures are missing")
    #expect(frames[start].isKey)
    let gaps = tape.gaps(frames[start...])
    #expect(gaps.error < 0.1, "\(name): times between pictures differ from the sender's by \(gaps.error) s")
    #expect(tape.complaints() == "")
    let offsets = try tape.offsets()
    #expect(offsets.count >= offsetCount)
    // A busy machine draws a flash late now and then; no file can be blamed for that.
    let middle = PatternTape.median(offsets)
    #expect(abs(middle - PatternTape.median(late)) < 0.04, "\(name): flashes after their beeps by \(offsets), drawn late by \(late)")
    func milliseconds(_ seconds: Double?) -> String { String(format: "%.1f ms", (seconds ?? 0) * 1000) }
    print(
      """
      \(name): \(tape.frames.count) of \(frames.count) pictures, from number \(start) on; longest gap \(milliseconds(gaps.longest)), \
      \(milliseconds(gaps.error)) from the sender's at most; \(offsets.count) flashes \(milliseconds(middle)) after their beeps, \
      \(milliseconds(offsets.min())) to \(milliseconds(offsets.max())); NACKs \(nacks ?? 0), sent again \(repeated ?? 0), PLIs \(plis ?? 0)
      """)
    return start
  }
}
