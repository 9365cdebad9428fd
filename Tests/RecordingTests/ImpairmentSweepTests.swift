import Foundation
import Ground
import Impairment
import Recording
import Replay
import Testing
import Track

/// Every capture under loss: what is on tape is what was sent, bit by bit and in order, and what is missing is what is told.
@Suite struct ImpairmentSweepTests {
  static let losses = [1, 5, 10, 20]

  @Test(arguments: Captures.all)
  func withoutRepetitionOnlyWholeFramesAreOnTapeAndHolesAreTold(_ name: String) throws {
    let clean = try ImpairedRun(Captures.path(name))
    for loss in Self.losses {
      let run = try ImpairedRun(Captures.path(name), "loss=\(loss)%,reorder=1%,duplicate=1%,seed=\(loss)")
      check(run, against: clean, "\(name), \(loss) %")
    }
  }

  @Test(arguments: Captures.all)
  func aSenderThatAnswersNACKIsRecordedNearlyWhole(_ name: String) throws {
    let clean = try ImpairedRun(Captures.path(name))
    for loss in Self.losses {
      // What is lost before the first packet of all, nobody knows of, and a capture answers no request for a key frame.
      let run = try ImpairedRun(Captures.path(name), "loss=\(loss)%,from=500ms,nack=on,rtt=60ms,seed=\(loss)")
      check(run, against: clean, "\(name), \(loss) % and NACK")
      let recovered = run.tracks.reduce(0) { $0 + $1.counters.packetsRecovered - $1.counters.packetsFromRedundancy }
      let repeated = try #require(run.impaired).repeated
      #expect(recovered * 2 >= repeated, "\(name), \(loss) %: \(recovered) of \(repeated) recovered")
      // What was lost before the capture was made, nobody has any more.
      guard clean.tracks.allSatisfy({ $0.counters.packetsLost == 0 && $0.counters.packetsRecovered == 0 }) else { continue }
      #expect(run.frameCount * 100 >= clean.frameCount * 99, "\(name), \(loss) %: \(run.frameCount) of \(clean.frameCount) frames")
    }
  }

  private func check(_ run: ImpairedRun, against clean: ImpairedRun, _ what: Comment) {
    #expect(run.tracks.count == clean.tracks.count, what)
    for (index, track) in run.tracks.enumerated() {
      let counters = track.counters
      #expect(
        counters.packetsReceived == counters.packetsInFrames + counters.packetsDiscarded + UInt64(track.packetsPending), what)
      #expect(Int(counters.frames) == run.frames[index].count, what)
      #expect(Int(counters.gaps) == run.gaps[index].count, what)
      checkFrames(run.frames[index], run.gaps[index], clean.frames[index], clean.gaps[index], what)
    }
  }

  /// Holds frames on tape against those of the clean run, and holes told against frames that are missing.
  private func checkFrames(
    _ frames: [ImpairedRun.Frame], _ gaps: [ImpairedRun.Gap], _ clean: [ImpairedRun.Frame], _ cleanGaps: [ImpairedRun.Gap],
    _ what: Comment
  ) {
    let offset = ImpairmentSweepTests.offset(of: frames, to: clean)
    var last: Int?
    var lastFrame: ImpairedRun.Frame?
    var told = gaps[...]
    for frame in frames {
      guard let place = ImpairmentSweepTests.place(of: frame, in: clean, offset, after: last) else {
        Issue.record("\(what): a frame of \(frame.bytes.count) bytes at \(frame.time.seconds) s is none of the clean run's")
        return
      }
      defer {
        last = place
        lastFrame = frame
      }
      guard let before = last, let beforeFrame = lastFrame else { continue }
      let start = (beforeFrame.time + beforeFrame.duration).seconds
      let isTold = told.first.map { abs($0.start - start) < 0.002 && abs($0.end - frame.time.seconds) < 0.002 } ?? false
      let isMissing = place > before + 1
      let wasMissing = cleanGaps.contains { $0.start >= clean[before].time.seconds - 0.002 && $0.end <= clean[place].time.seconds + 0.002 }
      if isTold { told.removeFirst() }
      if isMissing, !isTold {
        Issue.record("\(what): \(place - before - 1) frames are missing before \(frame.time.seconds) s, and no hole is told")
      }
      if isTold, !isMissing, !wasMissing {
        Issue.record("\(what): a hole is told before \(frame.time.seconds) s, and nothing is missing")
      }
    }
    // What no frame follows is missing up to the last packet that came.
    if let gap = told.first, told.count == 1, let last, let lastFrame {
      let end = max(clean[clean.count - 1].time.seconds, cleanGaps.last?.end ?? 0) - offset
      let isAtEnd = abs(gap.start - (lastFrame.time + lastFrame.duration).seconds) < 0.002 && gap.end <= end + 0.06
      let isMissing = last + 1 < clean.count || cleanGaps.contains { $0.start >= clean[last].time.seconds - 0.002 }
      if isAtEnd, isMissing { told.removeFirst() }
    }
    if !told.isEmpty { Issue.record("\(what): holes are told where there is none: \(told.first!)") }
  }

  /// How much later frames lie in the clean run: its timeline may begin with one that the other has not.
  private static func offset(of frames: [ImpairedRun.Frame], to clean: [ImpairedRun.Frame]) -> Double {
    var places: [[UInt8]: [Double]] = [:]
    for frame in clean { places[frame.bytes, default: []].append(frame.time.seconds) }
    let offsets = frames.compactMap { frame in
      places[frame.bytes].flatMap { $0.count == 1 ? $0[0] - frame.time.seconds : nil }
    }.sorted()
    return offsets.isEmpty ? 0 : offsets[offsets.count / 2]
  }

  /// Where the same bytes are in the clean run: of equal frames, the nearest in time.
  private static func place(of frame: ImpairedRun.Frame, in clean: [ImpairedRun.Frame], _ offset: Double, after last: Int?) -> Int? {
    var best: Int?
    var distance = 0.06
    for index in ((last ?? -1) + 1)..<max(clean.count, (last ?? -1) + 1) {
      let away = clean[index].time.seconds - frame.time.seconds - offset
      if away > distance { break }
      if abs(away) < distance, clean[index].bytes == frame.bytes {
        best = index
        distance = abs(away)
      }
    }
    return best
  }

  /// One spot where the pictures are decoded: each that the impaired tape shows is one that the whole tape shows.
  @Test(arguments: ["chr-vp8-l1t3", "gst-vp9-opus", "chr-h264", "ffx-av1-opus", "gst-h265-opus"])
  func everyPictureThatIsDecodedWasSent(_ name: String) throws {
    func pictures(_ text: String?) throws -> [String] {
      let folder = try ScratchFolder()
      var options = FileReplay.Options(capture: Captures.committedPath(name), folder: folder.path)
      options.limits.degradedAfterSeconds = 0
      options.impairment = try text.map { try ImpairmentSpecification($0) }
      let manifest = try FileReplay.record(options)
      return try Tool.pictures(folder.path(try #require(manifest.files.first).path))
    }
    let clean = try pictures(nil)
    let impaired = try pictures("video.loss=4%,from=500ms,seed=3")
    #expect(impaired.count > 5 && impaired.count < clean.count)
    var place = clean.startIndex
    for picture in impaired {
      guard let found = clean[place...].firstIndex(of: picture) else {
        Issue.record("a picture is none of those that were sent")
        return
      }
      place = found + 1
    }
  }
}
