import Codecs
import Ground
import Mux

extension FuzzTarget {
  /// The first byte chooses a file of ours to change by what follows, or, from 128, says that a file follows.
  static let mp4 = FuzzTarget(
    name: "mp4", maximumBytes: 8192,
    seeds: { _ in
      MP4Files.all.map { [0xff] + $0 }
        + (0..<UInt8(MP4Files.all.count)).flatMap { file in (0..<9).map { [file, $0, 0, 11, 0xb8, 0, 40, 1, 2, 3, 4] } }
    }
  ) { bytes in
    var input = InputReader(bytes)
    let choice = Int(input.u8())
    guard choice < 128 else { return recover(input.rest()) }
    var file = MP4Files.all[choice % MP4Files.all.count]
    var left = 16
    while left > 0, !input.isAtEnd {
      Mutation.apply(&input, to: &file)
      left -= 1
    }
    recover(file, stopAfter: choice / 8)
  }

  private static func recover(_ file: [UInt8], stopAfter: Int = 0) {
    guard let plan = plan(file) else { return }
    require(plan.truncateTo >= 0 && plan.truncateTo <= Int64(file.count), "a file is only cut")
    require(plan.facts.duration >= .zero && plan.facts.clusters >= 0 && plan.facts.keyFrames >= 0, "no negative facts")
    require(plan.append.count <= 16 * file.count + 4096, "an index is bounded by what it lists")
    let whole = carryOut(plan, on: file, steps: .max)
    guard let again = Self.plan(whole) else { fatalError("a recovered file cannot be read") }
    require(again.isFinished, "a recovered file is finished")
    require(plan.isFinished || again.facts.clusters == plan.facts.clusters, "with the fragments that were kept")
    require(plan.isFinished || again.facts.duration == plan.facts.duration, "and the duration that was found")
    // A crash in the middle of recovery, and another recovery after it.
    let part = carryOut(plan, on: file, steps: stopAfter)
    guard let second = Self.plan(part) else { fatalError("a partly recovered file cannot be read") }
    require(carryOut(second, on: part, steps: .max) == whole, "recovery that was interrupted comes to the same file")
  }

  private static func plan(_ file: [UInt8]) -> RecoveryPlan? {
    try? MP4Recovery.plan(length: Int64(file.count)) { offset, count in
      require(offset >= 0 && offset <= Int64(file.count) && count >= 0, "reads inside the file")
      return Array(file[Int(offset)..<min(file.count, Int(offset) + count)])
    }
  }

  private static func carryOut(_ plan: RecoveryPlan, on file: [UInt8], steps: Int) -> [UInt8] {
    var file = file
    guard !plan.isFinished, steps > 0 else { return file }
    file.removeSubrange(Int(plan.truncateTo)...)
    guard steps > 1 else { return file }
    guard steps > 2 else { return file + plan.append.prefix(plan.append.count / 2) }
    file += plan.append
    for patch in plan.patches.prefix(steps - 3) {
      let end = patch.offset + Int64(patch.bytes.count)
      require(patch.offset >= 0 && end <= Int64(file.count), "patches lie inside the file")
      file.replaceSubrange(Int(patch.offset)..<Int(end), with: patch.bytes)
    }
    return file
  }
}

/// Small MP4 files as our writer makes them, with and without their ends.
enum MP4Files {
  static let all: [[UInt8]] = [
    make(.picture, .sound), make(.picture, .sound, isFinished: false), make(.sound), make(.sound, isFinished: false), make(.picture),
    make(.picture, isFinished: false), make(.picture, .sound, frames: []), make(.picture, .sound, frames: [.sound], isFinished: false),
  ]

  private enum Kind { case sound, picture }

  private static func make(_ tracks: Kind..., frames kinds: [Kind] = [.sound, .picture], isFinished: Bool = true) -> [UInt8] {
    let formats = tracks.map { $0 == .sound ? TrackFormat(codec: .opus, channels: 2) : TrackFormat(codec: .h264, channels: 1) }
    var frames: [EncodedFrame] = []
    for (track, kind) in tracks.enumerated() where kinds.contains(kind) {
      frames += kind == .sound ? sound(track) : pictures(track)
    }
    var file: [UInt8] = []
    func put(_ offset: Int64, _ bytes: [UInt8]) {
      let end = Int(offset) + bytes.count
      if file.count < end { file += [UInt8](repeating: 0, count: end - file.count) }
      file.replaceSubrange(Int(offset)..<end, with: bytes)
    }
    do throws(MuxError) {
      var writer = try MP4Writer(tracks: formats)
      for frame in frames.sorted(by: { $0.time < $1.time }) { try writer.write(frame) }
      var steps: [FinishingStep] = []
      if isFinished { steps = try writer.finish() } else { try writer.closeFragment() }
      writer.drain { offset, bytes in put(offset, bytes.indices.map { bytes[$0] }) }
      for case .write(let offset, let bytes) in steps { put(offset, bytes) }
    } catch {
      fatalError("no file to begin with: \(error)")
    }
    return file
  }

  private static func sound(_ track: Int) -> [EncodedFrame] {
    (0..<50).map { n in
      EncodedFrame(
        bytes: [0xfc, 0xff, 0xfe], track: track, time: MediaTime(nanoseconds: Int64(n) * 20_000_000), duration: .milliseconds(20),
        isKey: true)
    }
  }

  /// Key frames of two sizes by turns, with the parameter sets of each, and pictures of some bytes.
  private static func pictures(_ track: Int) -> [EncodedFrame] {
    let sets: [(size: PictureSize, sequence: [UInt8])] = [
      // Baseline profile, level 1.0: 320x240 and 160x128.
      (PictureSize(width: 320, height: 240), [0x67, 66, 0xc0, 10, 0xf4, 0x0a, 0x0f, 0xc8]),
      (PictureSize(width: 160, height: 128), [0x67, 66, 0xc0, 10, 0xf4, 0x14, 0x23, 0x90]),
    ]
    return (0..<40).map { n in
      let isKey = n % 10 == 0
      let set = sets[n / 10 % 2]
      var bytes: [UInt8] = []
      for unit in (isKey ? [set.sequence, [0x68, 0xce, 0x38, 0x80]] : []) + [[isKey ? 0x65 : 0x41, 0x88, UInt8(n), 0x10, 0x20]] {
        bytes.appendU32(UInt32(unit.count))
        bytes += unit
      }
      return EncodedFrame(
        bytes: bytes, track: track, time: MediaTime(nanoseconds: Int64(n) * 33_333_333 + 7_000_000), isKey: isKey,
        size: isKey ? set.size : nil)
    }
  }
}
