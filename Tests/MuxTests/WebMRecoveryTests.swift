import Codecs
import Foundation
import Ground
import Mux
import Testing

/// Plans a file's recovery and carries the plan out.
func recover(_ file: TestFile) throws -> (file: TestFile, plan: RecoveryPlan) {
  let plan = try plan(file.bytes)
  var file = file
  file.bytes.removeSubrange(Int(plan.truncateTo)...)
  file.bytes += plan.append
  for patch in plan.patches { file.write(patch.offset, patch.bytes.span) }
  return (file, plan)
}

func plan(_ bytes: [UInt8]) throws -> RecoveryPlan {
  try WebMRecovery.plan(length: Int64(bytes.count)) { offset, count in
    Array(bytes[Int(offset)..<min(bytes.count, Int(offset) + count)])
  }
}

/// The offsets at which the Matroska element IDs of clusters stand.
func clusterOffsets(_ file: TestFile) -> [Int] {
  let id: [UInt8] = [0x1F, 0x43, 0xB6, 0x75]
  return file.bytes.indices.dropLast(3).filter { file.bytes[$0] == id[0] && Array(file.bytes[$0..<$0 + 4]) == id }
}

@Suite struct WebMRecoveryTests {
  @Test(arguments: [[0, 1], [0], [1]])
  func whatLostNothingComesOutAsItsWriterWouldHaveEndedIt(tracks: [Int]) throws {
    let frames = try TestMedia.both().filter { tracks.contains($0.track) }.map { frame in
      var frame = frame
      frame.track = tracks.firstIndex(of: frame.track) ?? 0
      return frame
    }
    let formats = tracks.map { TestMedia.bothFormats[$0] }
    let finished = try webM(formats, frames)
    let (recovered, plan) = try recover(try webM(formats, frames, finish: false))
    #expect(recovered.bytes == finished.bytes)
    #expect(plan.isFinished == false)
    let facts = try recover(finished)
    #expect(facts.plan.isFinished)
    #expect(facts.plan.patches.isEmpty && facts.plan.append.isEmpty)
    #expect(facts.plan.facts.duration == plan.facts.duration)
    #expect(facts.plan.facts.clusters == plan.facts.clusters)
    #expect(facts.plan.facts.keyFrames == (tracks.contains(1) ? 6 : 0))
    #expect(facts.plan.facts.bytesKept == Int64(finished.bytes.count))
    #expect(facts.plan.facts.tracks.map(\.codec) == formats.map(\.codec))
    if let video = tracks.firstIndex(of: 1) {
      #expect(facts.plan.facts.tracks[video].size == PictureSize(width: 320, height: 240))
    }
  }

  /// Cut at a whole cluster's end, inside heads, inside blocks, and everywhere in between.
  @Test func aFileCutAnywhereKeepsItsWholeFrames() throws {
    let frames = try TestMedia.both()
    let whole = try webM(TestMedia.bothFormats, frames, finish: false)
    let starts = clusterOffsets(whole)
    let headerEnd = try #require(starts.first)
    let last = starts[starts.count - 1]
    var cuts = [headerEnd, last, last - 1, last + 1, last + 4, last + 6, last + 9, last + 12, whole.bytes.count - 1]
    cuts += stride(from: headerEnd + 777, to: whole.bytes.count, by: 14_983)
    for cut in cuts {
      let (file, plan) = try recover(TestFile(bytes: Array(whole.bytes[..<cut])))
      #expect(plan.truncateTo <= Int64(cut))
      let path = try file.path("cut.webm")
      if plan.facts.clusters > 0 { try Probe.decode(path) }
      let packets = plan.facts.clusters > 0 ? try Probe.packets(path) : []
      #expect(packets == Array(expected(frames).prefix(packets.count)), "cut at \(cut)")
      // What is missing is at most the frame that the cut went through, with its head and its cluster's.
      if packets.count < frames.count {
        #expect(Int64(cut) - plan.truncateTo < Int64(frames[packets.count].bytes.count + 30), "cut at \(cut)")
      }
      #expect(try self.plan(file).isFinished, "cut at \(cut)")
    }
  }

  @Test func aRecoveredFileSaysItsLengthAndSeeks() throws {
    let frames = try TestMedia.both()
    let whole = try webM(TestMedia.bothFormats, frames, finish: false)
    let (file, plan) = try recover(TestFile(bytes: Array(whole.bytes[..<(whole.bytes.count / 2)])))
    let path = try file.path("half.webm")
    let packets = try Probe.packets(path)
    let end = try #require(packets.map { $0.milliseconds + ($0.stream == 0 ? 20 : 34) }.max())
    let duration = try #require(Double(try Probe.value(path, "format=duration")))
    #expect(abs(duration - Double(end) / 1000) < 0.002)
    #expect(abs(plan.facts.duration.seconds - duration) < 0.0005)
    try Probe.decode(path, from: "1.5")
    // A seek lands on the key frame before: no packet of the first second is read for one at 2.2 s.
    let sought = try TestMedia.run(
      "ffprobe",
      ["-v", "error", "-read_intervals", "2.2%+#1", "-select_streams", "1", "-show_entries", "packet=pts", "-of", "csv=p=0", path])
    #expect(sought.trimmingCharacters(in: .whitespacesAndNewlines) == "2000")
  }

  @Test(arguments: ["garbage", "zeros"], [0, 3000])
  func whatACrashLeavesBehindTheLastFrameIsCutOff(tail: String, missing: Int) throws {
    let frames = try TestMedia.both()
    var file = try webM(TestMedia.bothFormats, frames, finish: false)
    file.bytes.removeLast(missing)
    let clean = try recover(file)
    var state: UInt64 = 7
    file.bytes += (0..<50_000).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return tail == "zeros" ? 0 : UInt8(truncatingIfNeeded: state >> 56)
    }
    let (recovered, plan) = try recover(file)
    // Garbage in a frame's place cannot be told from the frame; zeros can, but for those that a frame itself may end with.
    if tail == "zeros" || missing == 0 {
      #expect(clean.plan.truncateTo - plan.truncateTo < 2000)
      #expect(plan.truncateTo <= clean.plan.truncateTo)
    }
    let path = try recovered.path("tail-\(tail)-\(missing).webm")
    let packets = try Probe.packets(path)
    if tail == "zeros" || missing == 0 {
      try Probe.decode(path)
      #expect(packets == Array(expected(frames).prefix(packets.count)))
    } else {
      #expect(packets.dropLast() == expected(frames).prefix(packets.count - 1))
    }
    #expect(try self.plan(recovered).isFinished)
  }

  /// A writer killed while it ended its file: some of the last orders are done.
  @Test func anEndingThatWasInterruptedIsEndedAgain() throws {
    let frames = try TestMedia.both()
    let finished = try webM(TestMedia.bothFormats, frames)
    var writer = try WebMWriter(tracks: TestMedia.bothFormats)
    var file = TestFile()
    for frame in frames { try writer.write(frame) }
    try writer.closeCluster()
    writer.drain { file.write($0, $1) }
    try writer.finish()
    var orders: [(Int64, [UInt8])] = []
    writer.drain { offset, bytes in orders.append((offset, bytes.indices.map { bytes[$0] })) }
    #expect(orders.count >= 3)
    for (done, order) in orders.enumerated() {
      #expect(try recover(file).file.bytes == finished.bytes, "after \(done) orders")
      var half = file
      half.write(order.0, Array(order.1.prefix(order.1.count / 2)).span)
      if done == 0 { #expect(try recover(half).file.bytes == finished.bytes, "after half the first order") }
      file.write(order.0, order.1.span)
    }
    #expect(file.bytes == finished.bytes)
  }

  @Test func soundAloneHasCuesToo() throws {
    let frames = try TestMedia.audio.get()
    let (file, plan) = try recover(try webM([TestMedia.bothFormats[0]], frames, finish: false))
    let path = try file.path("sound.webm")
    try Probe.decode(path, from: "5.5")
    #expect(plan.facts.keyFrames == 0)
    #expect(try Probe.packets(path) == expected(frames))
    // Cues: 7 ms of codec delay after the times 0 and 5 s, in cluster heads of their own.
    #expect(cueTimes(plan.append) == [7, 5_007])
  }

  @Test func whatIsNoWebMIsRefusedByItsReason() throws {
    #expect(throws: RecoveryError.otherFile) { try self.plan(TestFile()) }
    #expect(throws: RecoveryError.otherFile) { try self.plan(TestFile(bytes: [UInt8](repeating: 0, count: 5000))) }
    #expect(throws: RecoveryError.otherFile) { try self.plan(TestFile(bytes: Array("not a film".utf8))) }
    let whole = try webM(TestMedia.bothFormats, [], finish: false)
    for length in 5..<whole.bytes.count - 140 {
      #expect(throws: RecoveryError.self) { try self.plan(TestFile(bytes: Array(whole.bytes[..<length]))) }
    }
    #expect(throws: RecoveryError.unreadable(offset: 0)) { try WebMRecovery.plan(length: 10_000) { _, _ in nil } }
  }

  /// Damage has written a part of the header again behind it: no seek head must go over what stands between.
  @Test func aHeaderWithSomethingTwiceIsRefused() throws {
    let header = try webM(TestMedia.bothFormats, [], finish: false).bytes
    // Where the Info and Tracks elements begin.
    let places = try [[0x15, 0x49, 0xa9, 0x66], [0x16, 0x54, 0xae, 0x6b] as [UInt8]].map { id in
      try #require(header.indices.dropLast(3).first { header[$0..<$0 + 4].elementsEqual(id) })
    }
    for place in places {
      #expect(throws: RecoveryError.foreignLayout) { try self.plan(TestFile(bytes: header + header[place...])) }
    }
  }

  @Test func aFileWithoutFramesIsEndedAndSaysSo() throws {
    let (file, plan) = try recover(try webM(TestMedia.bothFormats, [], finish: false))
    #expect(plan.facts.clusters == 0)
    #expect(plan.facts.duration == .zero)
    #expect(try self.plan(file).isFinished)
  }

  /// The header ends in zeros of its own: they are not taken for what a crash left.
  @Test(arguments: [0, 1, 512, 4096, 50_000])
  func zerosBehindTheHeaderDoNotShortenIt(zeros: Int) throws {
    let header = try webM(TestMedia.bothFormats, [], finish: false)
    let (clean, _) = try recover(header)
    let (file, plan) = try recover(TestFile(bytes: header.bytes + [UInt8](repeating: 0, count: zeros)))
    #expect(plan.truncateTo == Int64(header.bytes.count))
    #expect(file.bytes == clean.bytes)
  }

  /// A finished file that has lost all its frames since: its header must not tell the time that it had.
  @Test func aFinishedFileWithoutItsFramesHasNoDuration() throws {
    let finished = try webM(TestMedia.bothFormats, try TestMedia.both())
    let cut = try #require(clusterOffsets(finished).first) + 20
    let (file, plan) = try recover(TestFile(bytes: Array(finished.bytes[..<cut])))
    #expect(plan.facts.clusters == 0)
    #expect(plan.facts.duration == .zero)
    let again = try self.plan(file)
    #expect(again.isFinished)
    #expect(again.facts.duration == .zero)
  }

  /// A header in which damage has taken the place for the duration: the file is finished without, once.
  @Test func aHeaderWithoutPlaceForADurationIsFinishedOnce() throws {
    var file = try webM(TestMedia.bothFormats, try TestMedia.both(), finish: false)
    let space: [UInt8] = [0xec, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0]
    let offset = try #require(file.bytes.indices.dropLast(space.count).first { file.bytes[$0..<$0 + space.count].elementsEqual(space) })
    file.write(Int64(offset), ([0xec, 0x84, 0, 0, 0, 0, 0xec, 0x83, 0, 0, 0] as [UInt8]).span)
    let (recovered, plan) = try recover(file)
    #expect(plan.facts.duration.seconds > 5)
    let again = try self.plan(recovered)
    #expect(again.isFinished)
    #expect(again.facts.duration == plan.facts.duration)
  }

  /// Damage in a cluster that is there in full, and recovery killed after it has cut the file there.
  @Test func aRecoveryThatIsInterruptedAfterTheCutComesToTheSameFile() throws {
    let frames = (0..<100).map { n in
      EncodedFrame(
        bytes: [0xfc, 0xff, 0xfe], track: 0, time: MediaTime(nanoseconds: Int64(n) * 20_000_000), duration: .milliseconds(20), isKey: true)
    }
    var file = try webM([TestMedia.bothFormats[0]], frames, finish: false)
    // A block is 9 bytes. The third last is none any more, and the one before it is no Opus packet: 0 frames.
    let block = 9
    file.write(Int64(file.bytes.count - 3 * block), ([0] as [UInt8]).span)
    file.write(Int64(file.bytes.count - 4 * block + 6), ([0xff, 0] as [UInt8]).span)
    let (whole, plan) = try recover(file)
    #expect(plan.truncateTo == Int64(file.bytes.count - 4 * block))
    let (again, _) = try recover(TestFile(bytes: Array(file.bytes[..<Int(plan.truncateTo)])))
    #expect(again.bytes == whole.bytes)
  }

  /// Bytes changed at random: any answer but a trap, and what comes out is finished.
  @Test func hostileBytesNeverTrap() throws {
    let whole = try webM(TestMedia.bothFormats, Array(try TestMedia.both().prefix(60)), finish: false)
    var state: UInt64 = 42
    func random(_ n: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % n
    }
    var planned = 0
    for round in 0..<4000 {
      var file = whole
      let reach = round % 2 == 0 ? 700 : file.bytes.count
      for _ in 0..<1 + random(6) { file.bytes[random(reach)] = [0, 0xFF, 0x01, 0x80, UInt8(random(256))][random(5)] }
      guard let (recovered, plan) = try? recover(file) else { continue }
      planned += 1
      #expect(plan.truncateTo >= 0 && plan.truncateTo <= Int64(file.bytes.count))
      #expect(plan.isFinished || (try? self.plan(recovered)) != nil)
    }
    #expect(planned > 1000)
  }

  /// However long the file, only little of it is read: the clusters' heads, and the last ones whole.
  @Test func readingIsBounded() throws {
    let frames = (0..<9000).map { i in
      let isKey = i % 90 == 0
      let head: [UInt8] = isKey ? [0x10, 0, 0, 0x9D, 1, 0x2A, 64, 1, 240, 0] : [0x11, 0, 0]
      return EncodedFrame(
        bytes: head + [UInt8](repeating: 5, count: 2000), track: 0, time: MediaTime(nanoseconds: Int64(i) * 33_333_333), isKey: isKey)
    }
    let file = try webM([TrackFormat(codec: .vp8)], frames, finish: false)
    let counter = Counter()
    let plan = try WebMRecovery.plan(length: Int64(file.bytes.count)) { offset, count in
      counter.add(count)
      return Array(file.bytes[Int(offset)..<min(file.bytes.count, Int(offset) + count)])
    }
    #expect(plan.facts.keyFrames == 100)
    #expect(counter.longest <= 64 << 10)
    #expect(counter.total < file.bytes.count / 3)
  }

  /// The times in a cues element whose points all have sizes of one byte.
  private func cueTimes(_ cues: [UInt8]) -> [Int] {
    guard cues.starts(with: [0x1C, 0x53, 0xBB, 0x6B]) else { return [] }
    var times: [Int] = []
    var at = 5
    while at + 4 < cues.count, cues[at] == 0xBB {
      let time = cues[(at + 4)..<(at + 4 + Int(cues[at + 3] & 0x7F))]
      times.append(time.reduce(0) { $0 << 8 | Int($1) })
      at += 2 + Int(cues[at + 1] & 0x7F)
    }
    return times
  }

  private func plan(_ file: TestFile) throws -> RecoveryPlan { try MuxTests.plan(file.bytes) }
}

private final class Counter {
  private(set) var total = 0
  private(set) var longest = 0
  func add(_ n: Int) {
    total += n
    longest = max(longest, n)
  }
}
