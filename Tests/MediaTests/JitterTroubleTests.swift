import Ground
import Jitter
import Testing

/// Jumps of any size, strays and bounds.
@Suite struct JitterTroubleTests {
  /// Up to 3000 numbers are missing: a hole like any other.
  @Test(arguments: [1, 2, 100, 1023, 1024, 1025, 2999, 3000]) func aJumpThatMayBeLoss(size: UInt16) {
    for first in [UInt16(0), 65_535 - size / 2] {
      var rig = JitterRig()
      rig.send(first, at: 0)
      rig.send(first &+ size, at: 1)
      rig.send(first &+ size &+ 1, at: 2)
      rig.advance(to: 501)
      #expect(rig.lost == Int64(size) - 1 && rig.restarts == 0)
      #expect(rig.send(first &+ size &+ 2, at: 502) == .next)
      #expect(rig.numbers == [first, first &+ size, first &+ size &+ 1, first &+ size &+ 2])
      #expect(rig.faults.isEmpty)
    }
  }

  /// Further than that, either way: the sender counts anew. Two packets that agree are enough, and none of them is lost.
  @Test(arguments: [3001, 3002, 5000, 10_000, 32_767, 32_768, 32_769, 50_000, 60_000, 64_000, 65_536 - 1001])
  func aJumpOfTheNumbering(size: Int) {
    for first in [UInt16(0), 1000, 20_000, 65_530] {
      var rig = JitterRig()
      rig.send(first..<first + 5, at: 0)
      let next = UInt16(truncatingIfNeeded: Int(first) + 5 + size)
      // 0 to 5 of the old numbers stand in the way of none of the new ones.
      #expect(rig.send(next, at: 1, timestamp: 1) == .probation)
      #expect(rig.send(next &+ 1, at: 2, timestamp: 2) == .held)
      rig.send(next &+ 2, at: 3, timestamp: 3)
      #expect(Array(rig.events.dropFirst(5)) == [.restarted, .packet(next), .packet(next &+ 1), .packet(next &+ 2)])
      #expect(rig.lost == 0 && rig.strays == 0 && rig.faults.isEmpty)
    }
  }

  /// Back to numbers that came before: told by their timestamps.
  @Test(arguments: [1, 2, 15, 16, 17, 100, 900, 999]) func aJumpBackOntoKnownNumbers(size: UInt16) {
    var rig = JitterRig()
    rig.send(60_000..<61_000, at: 0)
    let next = 60_999 - size
    #expect(rig.send(next, at: 1, timestamp: 5) == .probation)
    // Its own copy confirms nothing.
    #expect(rig.send(next, at: 1, timestamp: 5) == .duplicateAside)
    let followers = (UInt16(1)..<40).map { next &+ $0 }
    for (index, number) in followers.enumerated() { rig.send(number, at: 2, timestamp: 6 + UInt32(index)) }
    #expect(Array(rig.numbers.dropFirst(1000)) == [next] + followers)
    #expect(rig.restarts == 1 && rig.lost == 0 && rig.duplicates == 1 && rig.faults.isEmpty)
  }

  /// Back to numbers shortly before the stream's first: late, until there are too many of them in a row.
  @Test(arguments: [40, 100, 900]) func aJumpBackOntoUnknownNumbers(size: UInt16) {
    var rig = JitterRig()
    rig.send(30_000..<30_010, at: 0)
    let next = 30_000 - size
    for step in UInt16(0)..<15 { #expect(rig.send(next + step, at: 1, timestamp: 5) == .late) }
    #expect(rig.send(next + 15, at: 1, timestamp: 5) == .probation)
    #expect(rig.send(next + 16, at: 1, timestamp: 5) == .held)
    #expect(rig.send(next + 17, at: 1, timestamp: 5) == .next)
    #expect(Array(rig.numbers.dropFirst(10)) == [next + 15, next + 16, next + 17])
    #expect(rig.restarts == 1 && rig.lost == 0 && rig.late == 15 && rig.faults.isEmpty)
  }

  /// Late packets among those of the stream itself are no new numbering, however many.
  @Test func latePacketsAmongTimelyOnesAreNoRestart() {
    var rig = JitterRig()
    rig.send(1000..<1010)
    for step in UInt16(0)..<100 {
      #expect(rig.send(900 + step, at: 1) == .late)
      #expect(rig.send(1010 + step, at: 1) == .next)
    }
    #expect(rig.restarts == 0 && rig.late == 100 && rig.faults.isEmpty)
  }

  @Test func whatWaitsIsReleasedBeforeTheOrderStartsAnew() {
    var rig = JitterRig(patience: 100)
    rig.send(10, at: 0)
    rig.send([12, 15], at: 101)
    rig.send(40_001, at: 102)
    rig.send(40_000, at: 103)
    #expect(rig.events == [.packet(10), .lost(1), .packet(12), .lost(2), .packet(15), .restarted])
    // It begins as it once began: with the lowest number of its first moments.
    rig.send(39_999, at: 104)
    #expect(rig.deadlineMilliseconds == 202)
    rig.advance(to: 202)
    #expect(rig.numbers == [10, 12, 15, 39_999, 40_000, 40_001])
    #expect(rig.send(40_002, at: 203) == .next)
    #expect(rig.strays == 0 && rig.faults.isEmpty)
  }

  /// The two packets that proved the new numbering are known like all others.
  @Test(arguments: [0, 100] as [Int64]) func duplicatesOfThePacketsThatStartedAnew(patience: Int64) {
    var rig = JitterRig(patience: patience)
    rig.send(10, at: 0)
    rig.advance(to: 100)
    rig.send(40_000, at: 102)
    rig.send(40_001, at: 103)
    #expect(rig.restarts == 1)
    #expect(rig.send(40_000, at: 104) == .duplicate)
    #expect(rig.send(40_001, at: 105) == .duplicate)
    rig.advance(to: 202)
    #expect(rig.send(40_001, at: 203) == .duplicate)
    #expect(rig.send(40_002, at: 204) == .next)
    #expect(rig.numbers == [10, 40_000, 40_001, 40_002])
    #expect(rig.duplicates == 3 && rig.lost == 0 && rig.faults.isEmpty)
  }

  @Test func straysChangeNothing() {
    var rig = JitterRig()
    rig.send(10)
    #expect(rig.send(40_000) == .probation)
    #expect(rig.send(11) == .next)
    #expect(rig.strays == 1)
    // One after the other, too far apart to agree.
    #expect(rig.send(40_000) == .probation)
    #expect(rig.send(40_016) == .probation)
    #expect(rig.send(20_000) == .probation)
    #expect(rig.strays == 3)
    // Late packets and duplicates deny nothing.
    #expect(rig.send(9) == .late)
    #expect(rig.send(11) == .duplicate)
    #expect(rig.strays == 3 && rig.buffer.count == 1)
    #expect(rig.send(20_000) == .duplicateAside)
    #expect(rig.send(12) == .next)
    #expect(rig.strays == 4 && rig.buffer.count == 0 && rig.buffer.keptBytes == 0)
    #expect(rig.restarts == 0 && rig.faults.isEmpty)
  }

  @Test func aStrayThatCameFirstIsLeftBehind() {
    var rig = JitterRig(patience: 100)
    rig.send(50_000, at: 0)
    rig.send(100..<110, at: 10)
    rig.advance(to: 200)
    #expect(rig.events.prefix(2) == [.packet(50_000), .restarted])
    #expect(Array(rig.numbers.dropFirst()) == Array(100..<110))
    #expect(rig.faults.isEmpty)
  }

  // MARK: Bounds

  @Test(arguments: [1, 2, 16, 2048]) func asManyPacketsWaitAsMay(capacity: Int) {
    var rig = JitterRig(capacity: capacity)
    rig.send(0)
    for step in 0..<capacity { #expect(rig.send(UInt16(step + 2)) == .held) }
    #expect(rig.buffer.count == capacity && rig.numbers == [0])
    // One too many: the hole is given up at once, and all behind it are released.
    rig.send(UInt16(capacity + 2))
    #expect(rig.events.prefix(2) == [.packet(0), .lost(1)])
    #expect(rig.numbers.count == capacity + 2 && rig.buffer.count == 0)
    #expect(rig.send(UInt16(capacity + 2)) == .duplicate)
    #expect(rig.faults.isEmpty)
  }

  @Test func onlyTheOldestHolesAreGivenUpAtABound() {
    var rig = JitterRig(capacity: 6)
    rig.send(0)
    rig.send([2, 3, 5, 7, 9, 11])
    #expect(rig.events == [.packet(0)])
    rig.send(13)
    #expect(rig.events == [.packet(0), .lost(1), .packet(2), .packet(3)])
    #expect(rig.buffer.count == 5)
    rig.send([15, 17])
    #expect(rig.events.suffix(2) == [.lost(1), .packet(5)])
    // What is missing further on may still come.
    rig.send([6, 8, 10, 12, 14, 16])
    #expect(rig.numbers == [0, 2, 3] + Array(5...17) && rig.lost == 2 && rig.faults.isEmpty)
  }

  @Test(arguments: [128, 1200, 1500, 9000, 60_000]) func asManyBytesWaitAsMay(size: Int) {
    let bound = 256 << 10
    var rig = JitterRig(maximumBytes: bound)
    rig.send(0, bytes: size)
    var number: UInt16 = 2
    while rig.lost == 0 {
      rig.send(number, bytes: size)
      number += 1
      #expect(rig.buffer.keptBytes <= bound)
    }
    // Storage is counted, not payload; a pool's storage is less than twice as large.
    #expect(Int(number - 2) * size > bound / 2)
    #expect(Int(number - 3) * size <= bound)
    #expect(rig.buffer.count == 0 && rig.buffer.keptBytes == 0 && rig.faults.isEmpty)
  }

  @Test func theBoundsHoldBeforeTheStreamHasBegun() {
    var rig = JitterRig(patience: 100, capacity: 10)
    rig.send((UInt16(0)..<10).reversed())
    #expect(rig.numbers.isEmpty)
    rig.send(10)
    #expect(rig.numbers == Array(0...10) && rig.faults.isEmpty)
  }
}
