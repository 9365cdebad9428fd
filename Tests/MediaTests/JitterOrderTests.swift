import Ground
import Jitter
import Testing

/// Reorder, duplicates, deadlines and wraps: what comes out, in which order, and when.
@Suite struct JitterOrderTests {
  @Test func whatComesInOrderIsNeverKept() {
    var rig = JitterRig()
    for number in UInt16(0)..<3000 {
      #expect(rig.send(number, at: Double(number)) == .next)
      #expect(rig.buffer.count == 0 && rig.buffer.keptBytes == 0 && rig.buffer.nextDeadline == nil)
    }
    #expect(rig.numbers == Array(0..<3000))
  }

  /// One packet comes behind the `depth` ones that follow it.
  @Test(arguments: Array(1...80) + [127, 128, 255, 256, 257, 511, 1000, 1023, 1024, 2000])
  func aPacketThatWasOvertaken(depth: Int) {
    var rig = JitterRig()
    let first: UInt16 = 65_000
    rig.send(first)
    for step in 1...depth { #expect(rig.send(first &+ 1 &+ UInt16(step), at: 1) == .held) }
    #expect(rig.numbers == [first])
    #expect(rig.send(first &+ 1, at: 400) == .heldOutOfOrder)
    #expect(rig.numbers == (0...depth + 1).map { first &+ UInt16($0) })
    #expect(rig.buffer.count == 0 && rig.buffer.nextDeadline == nil)
    #expect(rig.lost == 0 && rig.faults.isEmpty)
    #expect(rig.send(first &+ UInt16(depth) &+ 2, at: 401) == .next)
  }

  @Test(arguments: [2, 3, 4, 7, 16, 33, 100, 300, 1500]) func blocksThatComeBackwards(size: Int) {
    var rig = JitterRig()
    rig.send(65_535)
    for block in 0..<3 {
      let numbers = (0..<size).map { UInt16(truncatingIfNeeded: block * size + $0) }
      rig.send(numbers.reversed(), at: Double(block) * 100)
    }
    #expect(rig.numbers == [65_535] + Array(0..<UInt16(3 * size)))
    #expect(rig.lost == 0 && rig.faults.isEmpty && rig.buffer.count == 0)
  }

  @Test func duplicatesAreToldWhereverTheFirstIs() {
    var rig = JitterRig()
    rig.send(100)
    #expect(rig.send(100) == .duplicate)
    rig.send([103, 105])
    // Of waiting ones.
    #expect(rig.send(105) == .duplicate)
    #expect(rig.send(103) == .duplicate)
    rig.send([102, 101])
    // Of one that came before its turn and is gone, and of one whose turn it was.
    #expect(rig.send(103) == .duplicate)
    #expect(rig.send(101) == .duplicate)
    rig.send(104)
    rig.send(106..<1100)
    #expect(rig.send(105) == .duplicate)
    #expect(rig.numbers == Array(100..<1100))
    #expect(rig.duplicates == 6 && rig.faults.isEmpty)
  }

  /// As many packets wait as may: far more than the numbers that are remembered.
  @Test(arguments: [1024, 2048]) func aDuplicateOfWhatHasWaitedLong(distance: UInt16) {
    var rig = JitterRig()
    rig.send(100)
    rig.send(200)
    rig.send(200 + distance)
    #expect(rig.send(200) == .duplicate)
    #expect(rig.send(200, timestamp: 77) != .held)
    rig.finish()
    #expect(rig.numbers == [100, 200, 200 + distance])
    #expect(rig.lost == 99 + Int64(distance) - 1 && rig.faults.isEmpty)
  }

  @Test func aHoleIsGivenUpAtItsDeadline() {
    var rig = JitterRig()
    rig.send(10, at: 0)
    #expect(rig.deadlineMilliseconds == nil)
    rig.send(13, at: 20)
    #expect(rig.deadlineMilliseconds == 520)
    // Neither what comes later nor a hole that gets smaller puts it off.
    rig.send(14, at: 300)
    rig.send(12, at: 310)
    #expect(rig.deadlineMilliseconds == 520)
    rig.advance(to: 519.999_999)
    #expect(rig.events == [.packet(10)])
    rig.advance(to: 520)
    #expect(rig.events == [.packet(10), .lost(1), .packet(12), .packet(13), .packet(14)])
    #expect(rig.deadlineMilliseconds == nil)
    #expect(rig.send(11, at: 521) == .late)
    #expect(rig.send(15, at: 522) == .next)
    #expect(rig.faults.isEmpty)
  }

  @Test func eachHoleHasItsOwnDeadline() {
    var rig = JitterRig()
    rig.send(10, at: 0)
    rig.send(12, at: 100)
    rig.send(15, at: 250)
    rig.send(16, at: 260)
    rig.send(20, at: 90)
    // 20 overtook all that is missing first.
    #expect(rig.deadlineMilliseconds == 590)
    rig.send(21, at: 270)
    rig.advance(to: 590)
    #expect(rig.lost == 6 && rig.buffer.count == 0)

    rig = JitterRig()
    rig.send(10, at: 0)
    rig.send(12, at: 100)
    rig.send(15, at: 250)
    rig.advance(to: 600)
    #expect(rig.events == [.packet(10), .lost(1), .packet(12)])
    #expect(rig.deadlineMilliseconds == 750)
    // The first one filled in time, the second is not.
    rig.send(13, at: 700)
    #expect(rig.deadlineMilliseconds == 750)
    rig.advance(to: 750)
    #expect(rig.events == [.packet(10), .lost(1), .packet(12), .packet(13), .lost(1), .packet(15)])
    #expect(rig.faults.isEmpty)
  }

  @Test func aPacketThatComesAfterTheDeadlineReleasesTheRest() {
    var rig = JitterRig()
    rig.send([10, 12], at: 0)
    rig.send(13, at: 500)
    #expect(rig.events == [.packet(10), .lost(1), .packet(12), .packet(13)])
    // The missing one itself, in time by its number alone: nobody has given its place up yet.
    rig.send(15, at: 600)
    rig.send(14, at: 1_200)
    #expect(rig.numbers == [10, 12, 13, 14, 15])
    #expect(rig.late == 0 && rig.faults.isEmpty)
  }

  @Test(arguments: [0, 1, 50, 500]) func theDeadlineIsTheOnesGiven(deadline: Int64) {
    var rig = JitterRig(deadline: deadline)
    rig.send([1, 3], at: 7)
    rig.advance(to: 7 + Double(deadline) - 0.001)
    #expect(rig.numbers.count == (deadline == 0 ? 2 : 1))
    rig.advance(to: 7 + Double(deadline))
    #expect(rig.events == [.packet(1), .lost(1), .packet(3)])
  }

  /// The wrap lies before, in and behind every place of a stretch with a swap, a hole, a duplicate and a late packet.
  @Test func numbersWrapAnywhere() {
    for shift in 0..<40 {
      let first = UInt16(truncatingIfNeeded: 65_536 - shift)
      let at = { (index: Int) in first &+ UInt16(index) }
      var rig = JitterRig()
      rig.send([0, 1, 3, 2, 4, 6, 7, 5, 8, 11, 11, 12, 15, 13].map(at), at: 0)
      rig.advance(to: 500)
      #expect(rig.send(at(9), at: 501) == .late)
      #expect(rig.send(at(14), at: 502) == .late)
      #expect(rig.send(at(8), at: 502) == .duplicate)
      rig.send((16..<40).map(at), at: 503)
      #expect(rig.numbers == ([0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13] + Array(15..<40)).map(at))
      #expect(rig.lost == 3 && rig.restarts == 0 && rig.faults.isEmpty, "first \(first)")
    }
  }

  /// Three times round, with a swap at every hundredth place and a loss at every thousandth.
  @Test func aLongStreamWrapsAgainAndAgain() {
    var rig = JitterRig(deadline: 10)
    var kept = 0
    for index in 0..<200_000 where index % 1000 != 500 {
      let swapped = index % 100 == 30 ? index + 1 : index % 100 == 31 ? index - 1 : index
      rig.send(UInt16(truncatingIfNeeded: swapped + 60_000), at: Double(index), timestamp: UInt32(truncatingIfNeeded: swapped &* 960_000))
      kept += 1
    }
    rig.finish()
    #expect(rig.released == kept && rig.lost == 200 && rig.restarts == 0)
    #expect(rig.late == 0 && rig.duplicates == 0 && rig.strays == 0 && rig.faults.isEmpty)
  }

  /// Timestamps are only compared, so that their wrap means nothing; nor does 0.
  @Test func timestampsWrap() {
    var rig = JitterRig()
    for (index, stamp) in [UInt32.max - 960, .max, 959, 0, 1919].enumerated() {
      let number = UInt16(65_534) &+ UInt16(index)
      #expect(rig.send(number, timestamp: stamp) == .next)
      #expect(rig.send(number, timestamp: stamp) == .duplicate)
    }
    #expect(rig.numbers == [65_534, 65_535, 0, 1, 2] && rig.faults.isEmpty)
  }

  @Test func theStreamBeginsAtTheLowestNumberOfItsFirstMoments() {
    var rig = JitterRig(patience: 100)
    rig.send([2, 0, 65_535], at: 0)
    #expect(rig.deadlineMilliseconds == 100)
    rig.send(1, at: 99)
    rig.advance(to: 99.9)
    #expect(rig.events.isEmpty)
    rig.advance(to: 100)
    #expect(rig.numbers == [65_535, 0, 1, 2])
    #expect(rig.send(65_534, at: 101) == .late)
    #expect(rig.send(3, at: 102) == .next)
    #expect(rig.faults.isEmpty)
  }

  @Test func patienceIsNeverLongerThanTheDeadline() {
    var rig = JitterRig(deadline: 40, patience: 100)
    rig.send(1, at: 0)
    rig.advance(to: 39)
    #expect(rig.numbers.isEmpty)
    rig.advance(to: 40)
    #expect(rig.numbers == [1])
  }

  @Test func theEndOfAStreamReleasesWhatWaits() {
    var rig = JitterRig(patience: 100)
    rig.send([5, 3, 9], at: 0)
    rig.send(40_000, at: 1)
    rig.finish()
    #expect(rig.events == [.packet(3), .lost(1), .packet(5), .lost(3), .packet(9)])
    #expect(rig.strays == 1 && rig.faults.isEmpty)
  }
}
