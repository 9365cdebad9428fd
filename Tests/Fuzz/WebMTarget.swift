import Codecs
import Ground
import Mux

extension FuzzTarget {
  /// The first byte chooses a file of ours to change by what follows, or, from 128, says that a file follows.
  static let webm = FuzzTarget(
    name: "webm", maximumBytes: 8192,
    seeds: { _ in
      WebMFiles.all.map { [0xff] + $0 }
        + (0..<UInt8(WebMFiles.all.count)).flatMap { file in (0..<9).map { [file, $0, 0, 11, 0xb8, 0, 40, 1, 2, 3, 4] } }
    }
  ) { bytes in
    var input = InputReader(bytes)
    let choice = Int(input.u8())
    guard choice < 128 else { return recover(input.rest()) }
    var file = WebMFiles.all[choice % WebMFiles.all.count]
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
    let whole = carryOut(plan, on: file, steps: .max)
    guard let again = Self.plan(whole) else { fatalError("a recovered file cannot be read") }
    require(again.isFinished, "a recovered file is finished")
    require(plan.isFinished || again.facts.clusters == plan.facts.clusters, "with the clusters that were kept")
    require(plan.isFinished || again.facts.duration == plan.facts.duration, "and the duration that was found")
    // A crash in the middle of recovery, and another recovery after it.
    let part = carryOut(plan, on: file, steps: stopAfter)
    guard let second = Self.plan(part) else { fatalError("a partly recovered file cannot be read") }
    // The segment's size is written last. Where it stood there before, and fits what is left, the cut alone has finished the file.
    if second.isFinished, WebMFiles.segmentSize(file) == WebMFiles.segmentSize(whole) { return }
    require(carryOut(second, on: part, steps: .max) == whole, "recovery that was interrupted comes to the same file")
  }

  private static func plan(_ file: [UInt8]) -> RecoveryPlan? {
    try? WebMRecovery.plan(length: Int64(file.count)) { offset, count in
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

/// Small WebM files as our writer makes them, with and without their ends.
enum WebMFiles {
  static let all: [[UInt8]] = [
    make(.sound, .picture), make(.sound, .picture, isFinished: false), make(.sound), make(.sound, isFinished: false), make(.picture),
    make(.picture, isFinished: false), make(.sound, .picture, frames: []), make(.sound, .picture, frames: [.sound], isFinished: false),
  ]

  /// Where the segment's size stands in them all.
  static func segmentSize(_ file: [UInt8]) -> ArraySlice<UInt8> { file.dropFirst(40).prefix(8) }

  private enum Kind { case sound, picture }

  private static func make(_ tracks: Kind..., frames kinds: [Kind] = [.sound, .picture], isFinished: Bool = true) -> [UInt8] {
    let formats = tracks.map { $0 == .sound ? TrackFormat(codec: .opus, channels: 2) : TrackFormat(codec: .vp8) }
    var frames: [EncodedFrame] = []
    for (track, kind) in tracks.enumerated() where kinds.contains(kind) {
      frames += kind == .sound ? sound(track) : pictures(track)
    }
    var file: [UInt8] = []
    do throws(MuxError) {
      var writer = try WebMWriter(tracks: formats)
      for frame in frames.sorted(by: { $0.time < $1.time }) { try writer.write(frame) }
      if isFinished { try writer.finish() } else { try writer.closeCluster() }
      writer.drain { offset, bytes in
        let end = Int(offset) + bytes.count
        if file.count < end { file += [UInt8](repeating: 0, count: end - file.count) }
        for i in bytes.indices { file[Int(offset) + i] = bytes[i] }
      }
    } catch {
      fatalError("no file to begin with: \(error)")
    }
    return file
  }

  private static func sound(_ track: Int) -> [EncodedFrame] {
    (0..<100).map { n in
      EncodedFrame(
        bytes: [0xfc, 0xff, 0xfe], track: track, time: MediaTime(nanoseconds: Int64(n) * 20_000_000), duration: .milliseconds(20),
        isKey: true)
    }
  }

  private static func pictures(_ track: Int) -> [EncodedFrame] {
    (0..<60).map { n in
      let size = PictureSize(width: 320, height: 240)
      let isKey = n % 25 == 0
      return EncodedFrame(
        bytes: TakeScript.picture(isKey: isKey, size: size, count: 24), track: track,
        time: MediaTime(nanoseconds: Int64(n) * 33_333_333 + 7_000_000), isKey: isKey, size: isKey ? size : nil)
    }
  }
}
