import Ground
import Seeded
import Testing

/// Numbers that wrap (RFC 3550 §5.1, appendix A.1).
@Suite struct RTPNumbersTests {
  @Test(
    arguments: [
      (0, 0, 0), (1, 0, 1), (0, 1, -1), (0, 65_535, 1), (65_535, 0, -1), (5, 65_530, 11), (65_530, 5, -11),
      (32_767, 0, 32_767), (32_768, 0, -32_768), (0, 32_768, -32_768), (32_769, 0, -32_767), (0, 32_769, 32_767),
    ] as [(UInt16, UInt16, Int)]) func sequenceDistance(_ a: UInt16, _ b: UInt16, _ distance: Int)
  {
    #expect(SequenceNumber(a).distance(after: SequenceNumber(b)) == distance)
  }

  @Test func theNumberAfterTheLastIsTheFirst() {
    #expect(SequenceNumber(65_535).next == SequenceNumber(0))
    #expect(SequenceNumber(41).next == SequenceNumber(42))
  }

  @Test(
    arguments: [
      (0, 0, 0), (3000, 0, 3000), (0, 3000, -3000), (0, .max, 1), (.max, 0, -1), (100, 0xffff_ff00, 356),
      (0x7fff_ffff, 0, 0x7fff_ffff), (0x8000_0000, 0, -0x8000_0000), (0x8000_0001, 0, -0x7fff_ffff),
    ] as [(UInt32, UInt32, Int64)]) func timestampDistance(_ a: UInt32, _ b: UInt32, _ distance: Int64)
  {
    #expect(RTPTimestamp(a).distance(after: RTPTimestamp(b)) == distance)
  }

  @Test func identifiers() {
    #expect(PayloadType(0xe0) == PayloadType(96))
    #expect(PayloadType(127).description == "127")
    #expect(SSRC(.max).description == "4294967295")
    #expect(ClockRate(0).hertz == 1)
  }

  // MARK: Clock rates

  @Test(
    arguments: [
      (90_000, 90_000, 1_000_000_000), (90_000, 3003, 33_366_666), (90_000, -3003, -33_366_666), (48_000, 1, 20_833), (48_000, -1, -20_833),
      (48_000, 0, 0), (1, 5, 5_000_000_000), (.max, 4_294_967_295, 1_000_000_000), (.max, 1, 0),
      // 292 years, in ticks and in nanoseconds.
      (90_000, 830_000_000_000_000, 9_222_222_222_222_222_222),
    ] as [(UInt32, Int64, Int64)]) func spans(_ hertz: UInt32, _ ticks: Int64, _ nanoseconds: Int64)
  {
    #expect(ClockRate(hertz).span(ofTicks: ticks) == TimeSpan(nanoseconds: nanoseconds))
  }

  @Test func spansAreRightToTheNanosecond() {
    var random = SeededGenerator(1)
    for _ in 0..<5000 {
      let hertz = UInt32(random.pick(1...200_000))
      let ticks = Int64(random.pick(-1_000_000_000...1_000_000_000))
      // By 128 bits.
      let product = ticks.magnitude.multipliedFullWidth(by: 1_000_000_000)
      let exact = Int64(UInt64(hertz).dividingFullWidth(product).quotient) * ticks.signum()
      #expect(ClockRate(hertz).span(ofTicks: ticks).nanoseconds == exact)
    }
  }

  // MARK: Extenders

  /// A walk over many wraps with reorder and repeats: the extended number is always the true one, moved by a constant.
  @Test(arguments: [0, 1, 100, 32_768, 65_535]) func extendedSequence(_ start: Int) {
    var random = SeededGenerator(UInt64(start))
    var extender = SequenceExtender()
    func number(_ n: Int) -> SequenceNumber { SequenceNumber(UInt16(truncatingIfNeeded: n)) }
    #expect(extender.extend(number(start)) == Int64(start) + 65_536)
    var highest = start
    for _ in 0..<20_000 {
      let next = random.pick(0...9) == 0 ? highest - random.pick(0...2000) : highest + random.pick(0...200)
      #expect(extender.peek(number(next)) == Int64(next) + 65_536)
      #expect(extender.extend(number(next)) == Int64(next) + 65_536)
      highest = max(highest, next)
    }
    #expect(highest > 10 * 65_536)
  }

  @Test func theReferenceMovesForwardsOnly() {
    var extender = SequenceExtender()
    #expect(extender.extend(SequenceNumber(10)) == 65_546)
    // Before the first, and before the wrap: still positive, still in order.
    #expect(extender.extend(SequenceNumber(65_530)) == 65_530)
    #expect(extender.extend(SequenceNumber(65_531)) == 65_531)
    #expect(extender.extend(SequenceNumber(11)) == 65_547)
    // A packet so late that it is nearer from 10 than from its own past.
    #expect(extender.extend(SequenceNumber(11 &+ 32_768)) == 65_547 - 32_768)
    #expect(extender.extend(SequenceNumber(11 + 32_767)) == 65_547 + 32_767)
  }

  @Test func peekingChangesNothing() {
    var extender = SequenceExtender()
    #expect(extender.peek(SequenceNumber(7)) == 65_543)
    _ = extender.extend(SequenceNumber(60_000))
    for _ in 0..<3 { #expect(extender.peek(SequenceNumber(5)) == 2 * 65_536 + 5) }
    #expect(extender.extend(SequenceNumber(40_000)) == 65_536 + 40_000)

    var timestamps = TimestampExtender()
    #expect(timestamps.latest == nil)
    #expect(timestamps.peek(RTPTimestamp(7)) == 4_294_967_303)
    #expect(timestamps.latest == nil)
    _ = timestamps.extend(RTPTimestamp(.max))
    for _ in 0..<3 { #expect(timestamps.peek(RTPTimestamp(5)) == 2 * 4_294_967_296 + 5) }
    #expect(timestamps.latest == 2 * 4_294_967_296 - 1)
  }

  /// Timestamps go back too: the reference is whatever came last.
  @Test func extendedTimestamps() {
    var random = SeededGenerator(32)
    var extender = TimestampExtender()
    var time: Int64 = 0xffff_0000
    for _ in 0..<20_000 {
      #expect(extender.extend(RTPTimestamp(UInt32(truncatingIfNeeded: time))) == time + 4_294_967_296)
      #expect(extender.latest == time + 4_294_967_296)
      time += Int64(random.pick(-1_000_000...3_000_000))
    }
    #expect(time > 4 * 4_294_967_296)
  }

  @Test func halfWayRoundIsBackwards() {
    var extender = TimestampExtender()
    _ = extender.extend(RTPTimestamp(0))
    #expect(extender.extend(RTPTimestamp(0x8000_0000)) == 4_294_967_296 - 0x8000_0000)
    #expect(extender.extend(RTPTimestamp(0xffff_ffff)) == 4_294_967_296 - 1)
    #expect(extender.extend(RTPTimestamp(0x7fff_fffe)) == 4_294_967_296 + 0x7fff_fffe)
  }
}
