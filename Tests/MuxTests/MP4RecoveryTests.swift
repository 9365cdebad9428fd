import Codecs
import Foundation
import Ground
import Mux
import Testing

func planMP4(_ bytes: [UInt8]) throws -> RecoveryPlan {
  try MP4Recovery.plan(length: Int64(bytes.count)) { offset, count in
    Array(bytes[Int(offset)..<min(bytes.count, Int(offset) + count)])
  }
}

/// Plans a file's recovery and carries the plan out.
func recoverMP4(_ file: TestFile) throws -> (file: TestFile, plan: RecoveryPlan) {
  let plan = try planMP4(file.bytes)
  var file = file
  file.bytes.removeSubrange(Int(plan.truncateTo)...)
  file.bytes += plan.append
  for patch in plan.patches { file.write(patch.offset, patch.bytes.span) }
  return (file, plan)
}

@Suite struct MP4RecoveryTests {
  @Test(arguments: [[0, 1], [0], [1]])
  func whatLostNothingComesOutAsItsWriterWouldHaveEndedIt(tracks: [Int]) throws {
    let frames = try MP4TestMedia.both().filter { tracks.contains($0.track) }.map { frame in
      var frame = frame
      frame.track = tracks.firstIndex(of: frame.track) ?? 0
      return frame
    }
    let formats = tracks.map { MP4TestMedia.formats[$0] }
    let finished = try mp4(formats, frames)
    let (recovered, plan) = try recoverMP4(try mp4(formats, frames, finish: false))
    #expect(recovered.bytes == finished.bytes)
    #expect(plan.isFinished == false)
    let facts = try recoverMP4(finished).plan
    #expect(facts.isFinished)
    #expect(facts.patches.isEmpty && facts.append.isEmpty)
    #expect(facts.facts.duration == plan.facts.duration)
    #expect(facts.facts.clusters == plan.facts.clusters)
    #expect(facts.facts.keyFrames == (tracks.contains(0) ? 6 : 0))
    #expect(facts.facts.bytesKept == Int64(finished.bytes.count))
    #expect(facts.facts.tracks.map(\.codec) == formats.map(\.codec))
    if let video = tracks.firstIndex(of: 0) {
      #expect(facts.facts.tracks[video].size == PictureSize(width: 320, height: 240))
    }
  }

  /// Cut at fragments' ends, inside their heads and inside their media: what stays are all fragments before the cut.
  @Test func aFileCutAnywhereKeepsItsWholeFragments() throws {
    let frames = try MP4TestMedia.both()
    let whole = try mp4(MP4TestMedia.formats, frames, finish: false)
    let boxes = whole.boxes
    let ends = boxes.filter { $0.type == "mdat" }.map(\.range.upperBound)
    let headerEnd = boxes[3].range.upperBound
    let last = boxes[boxes.count - 2].range.lowerBound
    var cuts = [headerEnd, last, last - 1, last + 1, last + 4, last + 8, last + 40, ends[ends.count - 1] - 1]
    cuts += stride(from: headerEnd + 777, to: whole.bytes.count, by: 24_983)
    for cut in cuts {
      let (file, plan) = try recoverMP4(TestFile(bytes: Array(whole.bytes[..<cut])))
      #expect(plan.truncateTo == Int64(ends.last { $0 <= cut } ?? headerEnd), "cut at \(cut)")
      #expect(try planMP4(file.bytes).isFinished, "cut at \(cut)")
      #expect(file.boxes.map(\.type) == ["ftyp", "mdat", "moov"])
      guard plan.facts.clusters > 0 else { continue }
      let path = try file.path("cut.mp4")
      try Probe.decode(path)
      let packets = byTrack(try MP4Probe.packets(path))
      let wanted = byTrack(expected(frames))
      for track in 0..<2 { #expect(packets[track] == Array(wanted[track].prefix(packets[track].count)), "cut at \(cut)") }
    }
  }

  /// A recorder that is killed in the middle of the end, after each of its steps and inside them: the file plays whole at every point, and recovery
  /// makes of it what the recorder would have.
  @Test func aCrashDuringTheEndLosesNothing() throws {
    let frames = try MP4TestMedia.both()
    var writer = try MP4Writer(tracks: MP4TestMedia.formats)
    var file = TestFile()
    for frame in frames { try writer.write(frame) }
    let steps = try writer.finish()
    writer.drain { file.write($0, $1) }
    let finished = try mp4(MP4TestMedia.formats, frames)
    let wanted = byTrack(expected(frames))
    var states = [file]
    for step in steps {
      if case .write(let offset, let bytes) = step, bytes.count > 100 {
        for part in [5, 8, 100, bytes.count / 2, bytes.count - 1] {
          var torn = file
          torn.write(offset, Array(bytes.prefix(part)).span)
          states.append(torn)
        }
      }
      file.carryOut(step)
      states.append(file)
    }
    #expect(file.bytes == finished.bytes)
    for (number, state) in states.enumerated() {
      #expect(try recoverMP4(state).file.bytes == finished.bytes, "state \(number)")
      let path = try state.path("ending-\(number).mp4")
      let packets = try TestMedia.run("ffprobe", ["-v", "quiet", "-show_entries", "packet=stream_index", "-of", "csv=p=0", path])
      let streams = packets.split(separator: "\n").map { $0.prefix { $0.isNumber } }
      for track in 0..<2 { #expect(streams.count { $0 == "\(track)" } == wanted[track].count, "state \(number)") }
    }
  }

  /// Recovery that is itself interrupted comes to the same file.
  @Test func recoveryMayBeInterrupted() throws {
    let whole = try mp4(MP4TestMedia.formats, try MP4TestMedia.both(), finish: false)
    let torn = TestFile(bytes: Array(whole.bytes.dropLast(3_000)))
    let (recovered, plan) = try recoverMP4(torn)
    var file = TestFile(bytes: Array(torn.bytes[..<Int(plan.truncateTo)]))
    #expect(try recoverMP4(file).file.bytes == recovered.bytes)
    for part in [4, 8, 500, plan.append.count - 1, plan.append.count] {
      let partly = TestFile(bytes: file.bytes + plan.append.prefix(part))
      #expect(try recoverMP4(partly).file.bytes == recovered.bytes)
    }
    // The mark came to disk, and what it promises did not.
    for patch in plan.patches { file.write(patch.offset, patch.bytes.span) }
    #expect(try recoverMP4(file).file.bytes == recovered.bytes)
    file.bytes += [UInt8](repeating: 0, count: plan.append.count)
    #expect(try recoverMP4(file).file.bytes == recovered.bytes)
  }

  /// Every state that a recovery of `torn` can stop in comes to the file that it would have come to.
  private func expectTheSameAfterEachStep(_ torn: TestFile) throws {
    let (recovered, plan) = try recoverMP4(torn)
    #expect(try planMP4(recovered.bytes).isFinished)
    let cut = TestFile(bytes: Array(torn.bytes[..<Int(plan.truncateTo)]))
    for part in [0, 1, 8, plan.append.count / 2, plan.append.count] {
      let partly = TestFile(bytes: cut.bytes + plan.append.prefix(part))
      #expect(try recoverMP4(partly).file.bytes == recovered.bytes, "\(part) bytes of the index")
    }
    // The index's place came to disk, and what stands there did not.
    let hollow = TestFile(bytes: cut.bytes + [UInt8](repeating: 0, count: plan.append.count))
    #expect(try recoverMP4(hollow).file.bytes == recovered.bytes)
  }

  /// Frames may end with zeros of their own, as Opus pads: they are not taken for what a crash leaves.
  @Test func framesThatEndWithZerosAreKept() throws {
    let frames = (0..<100).map { n in
      EncodedFrame(
        bytes: [0xfc, 1] + [UInt8](repeating: 0, count: 60), track: 0, time: MediaTime(nanoseconds: Int64(n) * 20_000_000),
        duration: .milliseconds(20), isKey: true)
    }
    let whole = try mp4([MP4TestMedia.formats[1]], frames, finish: false)
    let starts = whole.boxes.filter { $0.type == "moof" }.map(\.range.lowerBound)
    #expect(starts.count == 4)
    for (lost, kept) in [(0, 4), (1, 3), (whole.bytes.count - starts[3] - 1, 3), (whole.bytes.count - starts[3], 3)] {
      for tail in [[], [1, 2, 3], [UInt8](repeating: 0, count: 5_000)] where lost == 0 || tail.isEmpty {
        let torn = TestFile(bytes: Array(whole.bytes.dropLast(lost)) + tail)
        #expect(try planMP4(torn.bytes).facts.clusters == kept, "\(lost) bytes lost, \(tail.count) behind")
        try expectTheSameAfterEachStep(torn)
      }
    }
  }

  /// Zeros where the last frames' bytes did not come to disk: their fragment goes, whatever stands behind it.
  @Test(arguments: [0, 1])
  func aFragmentWhoseLastFrameIsOfZerosGoes(track: Int) throws {
    var frames = try MP4TestMedia.both().filter { $0.track == track && $0.time.milliseconds < 1_800 }
    for index in frames.indices { frames[index].track = 0 }
    let whole = try mp4([MP4TestMedia.formats[track]], frames, finish: false)
    let last = try #require(whole.boxes.last { $0.type == "moof" }).range.lowerBound
    // Of a picture's bytes some are enough.
    let lastFrame = try #require(frames.last).bytes.count
    for lost in [track == 0 ? 32 : lastFrame, lastFrame + 100] {
      for tail in [[], [1, 2, 3], [UInt8](repeating: 0, count: 5_000)] {
        let hollow = whole.bytes.dropLast(lost) + [UInt8](repeating: 0, count: lost)
        let torn = TestFile(bytes: hollow + tail)
        #expect(try planMP4(torn.bytes).truncateTo == Int64(last), "\(lost) bytes lost, \(tail.count) behind")
        try expectTheSameAfterEachStep(torn)
      }
    }
  }

  @Test(arguments: ["garbage", "zeros"])
  func whatACrashLeavesBehindTheLastFragmentIsCutOff(tail: String) throws {
    let whole = try mp4(MP4TestMedia.formats, try MP4TestMedia.both(), finish: false)
    let clean = try recoverMP4(whole)
    var state: UInt64 = 7
    var file = whole
    file.bytes += (0..<50_000).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return tail == "zeros" ? 0 : UInt8(truncatingIfNeeded: state >> 56)
    }
    #expect(try recoverMP4(file).file.bytes == clean.file.bytes)
  }

  /// Files of ours with bytes changed, taken out and repeated: recovery refuses them or comes to a finished file, the same when it is interrupted.
  @Test func damageIsRecoveredFromOrRefused() throws {
    let frames = try MP4TestMedia.both().filter { $0.time.milliseconds < 2_500 }.map { frame in
      var frame = frame
      // What counts are the boxes: little media, so that damage meets them.
      if !frame.isKey { frame.bytes = Array(frame.bytes.prefix(8)) }
      return frame
    }
    let files = try [true, false].map { try mp4(MP4TestMedia.formats, frames, finish: $0).bytes }
    var state: UInt64 = 11
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % max(1, bound)
    }
    // Where boxes' heads and fields are: in the header, behind each `mdat`, and the index.
    var refused = 0
    for round in 0..<300 {
      var file = files[round % 2]
      let places = TestFile(bytes: files[1]).boxes.filter { $0.type != "mdat" }.map(\.range)
      for _ in 0...random(3) {
        let place = places[random(places.count)]
        let at = min(place.lowerBound + random(place.count), file.count - 9)
        switch random(5) {
        case 0: file[at] = UInt8(random(256))
        case 1: file.replaceSubrange(at..<at + 4, with: [0, 0, 0, UInt8(random(256))])
        case 2: file.replaceSubrange(at..<at + 4, with: [0xff, 0xff, 0xff, 0xff])
        case 3: file.removeSubrange(at..<min(file.count, at + 1 + random(40)))
        default: file.insert(contentsOf: file[at..<min(file.count, at + 1 + random(400))], at: at)
        }
      }
      guard let plan = try? planMP4(file) else {
        refused += 1
        continue
      }
      #expect(plan.truncateTo <= Int64(file.count) && plan.append.count < 2 * file.count + 4_096)
      let whole = try recoverMP4(TestFile(bytes: file)).file
      let again = try planMP4(whole.bytes)
      #expect(
        again.isFinished && again.facts.clusters == plan.facts.clusters && again.facts.duration == plan.facts.duration, "round \(round)")
      guard !plan.isFinished else { continue }
      let part = TestFile(bytes: Array(file[..<Int(plan.truncateTo)]) + plan.append.prefix(random(plan.append.count)))
      #expect(try recoverMP4(part).file.bytes == whole.bytes, "round \(round)")
    }
    #expect((1..<250).contains(refused))
  }

  @Test func otherFilesAreLeftAlone() throws {
    #expect(throws: RecoveryError.otherFile) { try planMP4([]) }
    #expect(throws: RecoveryError.otherFile) { try planMP4([UInt8](repeating: 0, count: 5000)) }
    let file = try mp4(MP4TestMedia.formats, [])
    #expect(throws: RecoveryError.headerCut) { try planMP4(Array(file.bytes.prefix(300))) }
    // As others lay an MP4 out.
    let other = TestMedia.folder.appending(path: "other.mp4").path()
    try TestMedia.run("ffmpeg", ["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=64x64:d=0.2", "-c:v", "libx264", other])
    #expect(throws: RecoveryError.foreignLayout) { try planMP4([UInt8](try Data(contentsOf: URL(filePath: other)))) }
    #expect(throws: RecoveryError.unreadable(offset: 0)) { try MP4Recovery.plan(length: 100) { _, _ in nil } }
  }
}
