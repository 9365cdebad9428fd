import Ground
import RTCP
import Seeded
import Testing
import Track

/// Receiver reports against RFC 3550 §6.4.1 and appendices A.3 and A.8, worked out anew.
@Suite struct ReceptionStatisticsTests {
  private static func time(_ seconds: Double) -> Instant { Instant(nanoseconds: 7_000_000_000_000) + .seconds(seconds) }
  private static let ssrc = SSRC(9)

  private static func observe(_ statistics: inout ReceptionStatistics, _ numbers: some Sequence<Int>) {
    for number in numbers {
      statistics.observe(
        SequenceNumber(UInt16(truncatingIfNeeded: number)), RTPTimestamp(UInt32(truncatingIfNeeded: number * 960)),
        at: time(Double(number) * 0.02))
    }
  }

  private static func block(_ statistics: inout ReceptionStatistics, at seconds: Double = 100) -> ReportBlock {
    statistics.block(for: ssrc, at: time(seconds))
  }

  @Test func aWholeStream() {
    var statistics = ReceptionStatistics(rate: ClockRate(48_000))
    #expect(!statistics.hasReceived)
    Self.observe(&statistics, 65_500..<65_530)
    #expect(statistics.hasReceived)
    var block = Self.block(&statistics)
    #expect(block.ssrc == Self.ssrc && block.fractionLost == 0 && block.cumulativeLost == 0 && block.jitter == 0)
    #expect(block.extendedHighestSequenceNumber == 65_529)
    #expect(block.lastSR == 0 && block.delaySinceLastSR == 0)
    // The upper half counts the wraps.
    Self.observe(&statistics, 65_530..<65_560)
    block = Self.block(&statistics)
    #expect(block.extendedHighestSequenceNumber == 1 << 16 | 23 && block.cumulativeLost == 0)
    Self.observe(&statistics, 65_560..<65_536 * 3 + 5)
    #expect(Self.block(&statistics).extendedHighestSequenceNumber == 3 << 16 | 4)
  }

  /// Losses, by interval and altogether (A.3).
  @Test func lossesByInterval() {
    var statistics = ReceptionStatistics(rate: ClockRate(48_000))
    Self.observe(&statistics, (0..<100).filter { $0 % 4 != 3 || $0 == 99 })
    // 24 of 100.
    var block = Self.block(&statistics)
    #expect(Int(block.fractionLost) == 24 * 256 / 100 && block.cumulativeLost == 24)
    // Nothing came since: no interval.
    block = Self.block(&statistics)
    #expect(block.fractionLost == 0 && block.cumulativeLost == 24)
    // One came of a hundred.
    Self.observe(&statistics, [199])
    block = Self.block(&statistics)
    #expect(Int(block.fractionLost) == 99 * 256 / 100 && block.cumulativeLost == 123)
    // What comes late after all makes up for it, and is no negative fraction.
    Self.observe(&statistics, 100..<150)
    block = Self.block(&statistics)
    #expect(block.fractionLost == 0 && block.cumulativeLost == 73)
    // Copies count as received: the sum may fall below zero.
    Self.observe(&statistics, (100..<199).flatMap { [$0, $0] })
    block = Self.block(&statistics)
    #expect(block.fractionLost == 0 && block.cumulativeLost == 73 - 198)
    #expect(block.extendedHighestSequenceNumber == 199)
  }

  @Test func allButOneOfThousandsLost() {
    var statistics = ReceptionStatistics(rate: ClockRate(48_000))
    Self.observe(&statistics, [0])
    _ = Self.block(&statistics)
    Self.observe(&statistics, [30_000])
    // 29999 of 30000 in 256ths: eight bits hold no 256.
    #expect(Self.block(&statistics).fractionLost == 255)
  }

  /// Random loss, reorder and copies against a count of the numbers.
  @Test(arguments: 0..<20) func randomLoss(seed: UInt64) {
    var random = SeededGenerator(seed)
    var statistics = ReceptionStatistics(rate: ClockRate(90_000))
    let first = Int.random(in: 0...65_535, using: &random)
    var received = 0
    var highest = first
    var prior = (expected: 0, received: 0)
    var number = first
    for _ in 0..<20 {
      for _ in 0..<Int.random(in: 1...300, using: &random) {
        if number == first || random.unit() > 0.2 {
          var now = [number]
          if random.unit() < 0.1 { now.append(max(first, number - Int.random(in: 0...20, using: &random))) }
          Self.observe(&statistics, now)
          received += now.count
          highest = max(highest, number)
        }
        number += 1
      }
      let block = Self.block(&statistics)
      let expected = highest - first + 1
      #expect(block.cumulativeLost == Int32(expected - received))
      #expect(block.extendedHighestSequenceNumber == UInt32(highest))
      let interval = expected - prior.expected
      let lost = interval - (received - prior.received)
      #expect(Int(block.fractionLost) == (interval == 0 || lost <= 0 ? 0 : lost * 256 / interval))
      prior = (expected, received)
    }
  }

  /// A.8 in floating point.
  @Test(arguments: [8_000, 48_000, 90_000] as [UInt32], 0..<6) func jitter(rate: UInt32, seed: UInt64) {
    var random = SeededGenerator(seed)
    var statistics = ReceptionStatistics(rate: ClockRate(rate))
    let start = UInt32.random(in: 0...UInt32.max, using: &random)
    var expected = 0.0
    var last: Double?
    for index in 0..<2000 {
      let media = Double(index) * 0.02
      let delay = random.exponential(mean: 0.004)
      // Whole ticks, as on the wire.
      let ticks = (media * Double(rate)).rounded()
      statistics.observe(
        SequenceNumber(UInt16(truncatingIfNeeded: index)), RTPTimestamp(start &+ UInt32(ticks)), at: Self.time(media + delay))
      let transit = (media + delay) * Double(rate) - ticks
      if let last { expected += (abs(transit - last) - expected) / 16 }
      last = transit
      // Each step cuts off less than a tick.
      let told = statistics.jitterMilliseconds * Double(rate) / 1000
      #expect(abs(told - expected) < 2, "at \(index)")
    }
    #expect(abs(Double(statistics.block(for: Self.ssrc, at: Self.time(99)).jitter) - expected) < 3)
    #expect(expected > 1)
  }

  /// The packets of one picture share a timestamp; what they take to come counts (RFC 3550 §6.4.1 counts every packet).
  @Test func aSteadyStreamHasNoJitter() {
    var statistics = ReceptionStatistics(rate: ClockRate(90_000))
    for index in 0..<1000 {
      statistics.observe(
        SequenceNumber(UInt16(index)), RTPTimestamp(UInt32.max - 5000 &+ UInt32(index) &* 3000), at: Self.time(Double(index) / 30))
    }
    #expect(statistics.jitterMilliseconds < 0.02)
    // A clock that jumps is no jitter; the stream goes on as before.
    for index in 0..<100 {
      statistics.observe(
        SequenceNumber(UInt16(1000 + index)), RTPTimestamp(0x8000_0000 &+ UInt32(index) &* 3000), at: Self.time(60 + Double(index) / 30))
    }
    #expect(statistics.jitterMilliseconds < 0.02)
  }

  @Test func theLastSenderReportIsTold() {
    var statistics = ReceptionStatistics(rate: ClockRate(48_000))
    Self.observe(&statistics, 0..<5)
    let report = SenderReport(
      ssrc: Self.ssrc, ntp: NTPTimestamp(0x0123_4567_89ab_cdef), rtp: RTPTimestamp(1), packetCount: 1, octetCount: 1)
    statistics.observe(report, at: Self.time(10))
    var block = statistics.block(for: Self.ssrc, at: Self.time(12.5))
    #expect(block.lastSR == 0x4567_89ab && block.delaySinceLastSR == 5 << 15)
    block = statistics.block(for: Self.ssrc, at: Self.time(10))
    #expect(block.delaySinceLastSR == 0)
    // Days later: as long as 32 bits can say.
    block = statistics.block(for: Self.ssrc, at: Self.time(10 + 100_000))
    #expect(block.delaySinceLastSR == .max)
    statistics.observe(report, at: Self.time(20))
    #expect(statistics.block(for: Self.ssrc, at: Self.time(20.25)).delaySinceLastSR == 1 << 14)
  }
}
