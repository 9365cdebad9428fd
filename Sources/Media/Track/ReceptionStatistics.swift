package import Ground
package import RTCP

/// What a receiver report says of one SSRC (RFC 3550 §6.4.1, appendices A.3 and A.8).
package struct ReceptionStatistics: Sendable {
  private let rate: ClockRate
  private var extender = SequenceExtender()
  private var base: Int64?
  private var highest: Int64 = 0
  private var received: Int64 = 0
  private var expectedPrior: Int64 = 0
  private var receivedPrior: Int64 = 0
  private var transit: Int64?
  /// Interarrival jitter, in ticks times 16.
  private var jitter16: Int64 = 0
  private var lastReport: (ntp: NTPTimestamp, arrival: Instant)?

  /// Statistics of a stream that has not begun, whose timestamps run at `rate`.
  package init(rate: ClockRate) { self.rate = rate }

  /// Interarrival jitter in milliseconds.
  package var jitterMilliseconds: Double { Double(jitter16) / 16 * 1000 / Double(rate.hertz) }
  /// Whether a packet has come.
  package var hasReceived: Bool { base != nil }

  /// Takes in one packet of the stream, duplicates and late ones too (RFC 3550 appendix A.3), but none that may be another stream's.
  package mutating func observe(_ number: SequenceNumber, _ timestamp: RTPTimestamp, at arrival: Instant) {
    let sequence = extender.extend(number)
    if base == nil {
      base = sequence
      highest = sequence
    }
    highest = max(highest, sequence)
    received += 1
    let (seconds, rest) = arrival.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    // 2^32 ticks wrap like the timestamps do, so the difference is right across wraps.
    let ticks = Int64(truncatingIfNeeded: seconds &* UInt64(rate.hertz) &+ rest &* UInt64(rate.hertz) / 1_000_000_000)
    let now = Int64(Int32(truncatingIfNeeded: ticks &- Int64(timestamp.value)))
    if let before = transit {
      let d = Int64(Int32(truncatingIfNeeded: now &- before)).magnitude
      // A jump of the clock is no jitter.
      if d < UInt64(rate.hertz) * 5 { jitter16 += Int64(d) - ((jitter16 + 8) >> 4) }
    }
    transit = now
  }

  /// Takes in a sender report, whose age the next block tells.
  package mutating func observe(_ report: SenderReport, at arrival: Instant) { lastReport = (report.ntp, arrival) }

  /// The block for the next report; begins a new interval.
  package mutating func block(for ssrc: SSRC, at now: Instant) -> ReportBlock {
    let expected = highest - (base ?? highest) + 1
    let lost = expected - received
    let interval = expected - expectedPrior
    let lostInInterval = interval - (received - receivedPrior)
    expectedPrior = expected
    receivedPrior = received
    let fraction = interval > 0 && lostInInterval > 0 ? UInt8(min(255, lostInInterval * 256 / interval)) : 0
    var delay: UInt32 = 0
    if let lastReport {
      // 32 bits of 1/65536 s hold 18 hours.
      let since = min(max(0, (now - lastReport.arrival).nanoseconds), 65_536 * 1_000_000_000)
      delay = UInt32(clamping: since / 1_000 * 65_536 / 1_000_000)
    }
    return ReportBlock(
      ssrc: ssrc, fractionLost: fraction, cumulativeLost: Int32(clamping: lost),
      // The extender starts one cycle up.
      extendedHighestSequenceNumber: UInt32(truncatingIfNeeded: highest - 65_536),
      jitter: UInt32(clamping: jitter16 >> 4), lastSR: lastReport?.ntp.middle ?? 0, delaySinceLastSR: delay)
  }
}
