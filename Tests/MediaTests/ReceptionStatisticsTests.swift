import Ground
import RTCP
import Testing
import Track

/// What receiver reports say of a stream.
@Suite struct ReceptionStatisticsTests {
  private static let start = Instant(nanoseconds: 1_000_000_000_000)

  /// RFC 3550 §6.4.1: the delay since the last SR is in units of 1/65536 s, of which 32 bits hold 18 hours.
  @Test(arguments: [
    (TimeSpan.zero, 0 as UInt32), (.milliseconds(-20), 0), (.milliseconds(1_500), 98_304), (.seconds(65_535), 65_535 << 16),
    (.seconds(65_536), UInt32.max), (.seconds(20 * 365 * 86_400), UInt32.max),
  ])
  func theAgeOfASenderReportIsTold(age: TimeSpan, wanted: UInt32) {
    var statistics = ReceptionStatistics(rate: ClockRate(48_000))
    statistics.observe(SequenceNumber(1), RTPTimestamp(0), at: Self.start)
    let report = SenderReport(
      ssrc: SSRC(1), ntp: NTPTimestamp(nanoseconds: 2_000_000_000_500_000_000), rtp: RTPTimestamp(0), packetCount: 1, octetCount: 1)
    statistics.observe(report, at: Self.start)
    let block = statistics.block(for: SSRC(1), at: Self.start + age)
    #expect(block.delaySinceLastSR == wanted)
    #expect(block.lastSR == report.ntp.middle)
  }

  @Test func lossIsToldPerIntervalAndInAll() {
    var statistics = ReceptionStatistics(rate: ClockRate(48_000))
    for n in 0..<100 where n % 4 != 0 || n == 0 {
      statistics.observe(SequenceNumber(UInt16(truncatingIfNeeded: 65_500 + n)), RTPTimestamp(UInt32(n) * 960), at: Self.start)
    }
    let first = statistics.block(for: SSRC(1), at: Self.start)
    #expect(first.cumulativeLost == 24)
    #expect(first.fractionLost == 24 * 256 / 100)
    #expect(first.extendedHighestSequenceNumber == 65_599)
    let second = statistics.block(for: SSRC(1), at: Self.start)
    #expect(second.cumulativeLost == 24)
    #expect(second.fractionLost == 0)
  }
}
