package import Ground
package import RTCP

/// Places one RTP clock on the sender's wall clock from its reports (RFC 3550 §6.4.1).
///
/// Keeps the last `capacity` reports; the answer is the median of their offsets, each carried to the newest by the rate that the
/// window itself shows, so a single absurd report changes nothing.
package struct SenderClock: Sendable {
  private static let capacity = 20

  private struct Sample: Sendable {
    var ticks: Int64
    /// NTP time minus media time since the origin, in nanoseconds.
    var offset: Int64
    var ntp: Int64
  }

  private let rate: ClockRate
  private let originTicks: Int64
  private var samples: [Sample] = []

  package init(rate: ClockRate, originTicks: Int64) {
    self.rate = rate
    self.originTicks = originTicks
  }

  package var count: Int { samples.count }

  /// Takes in a report whose RTP timestamp has been extended. A repeated one is ignored; one that goes back in NTP time by more than a
  /// second means that the sender's wall clock was set, and all before it is forgotten.
  package mutating func observe(ticks: Int64, ntp: NTPTimestamp) {
    let nanoseconds = ntp.nanoseconds
    guard ntp.value != 0, samples.last?.ntp != nanoseconds else { return }
    if let last = samples.last, nanoseconds < last.ntp - 1_000_000_000 { samples.removeAll(keepingCapacity: true) }
    if samples.count == SenderClock.capacity { samples.removeFirst() }
    samples.append(Sample(ticks: ticks, offset: nanoseconds &- rate.span(ofTicks: ticks - originTicks).nanoseconds, ntp: nanoseconds))
  }

  /// NTP nanoseconds at the origin, valid around `ticks`; nil before the first report.
  package func offset(near ticks: Int64) -> Int64? {
    guard let newest = samples.last else { return nil }
    if samples.count < 4 { return median(samples.map(\.offset)) }
    // The slope between the halves' medians: the sender's RTP clock against its wall clock.
    let half = samples.count / 2
    let early = samples[..<half]
    let late = samples[half...]
    let earlyTicks = median(early.map(\.ticks))
    let lateTicks = median(late.map(\.ticks))
    let earlyOffset = median(early.map(\.offset))
    let lateOffset = median(late.map(\.offset))
    var slope = 0.0
    if lateTicks > earlyTicks + Int64(rate.hertz) * 5 {
      slope = Double(lateOffset - earlyOffset) / Double(lateTicks - earlyTicks)
      // Beyond 1000 ppm it is no oscillator but noise.
      let bound = 0.001 * 1e9 / Double(rate.hertz)
      slope = min(max(slope, -bound), bound)
    }
    let carried = samples.map { $0.offset + Int64(slope * Double(newest.ticks - $0.ticks)) }
    return median(carried) + Int64(slope * Double(ticks - newest.ticks))
  }

  private func median(_ values: [Int64]) -> Int64 {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : sorted[middle - 1] + (sorted[middle] - sorted[middle - 1]) / 2
  }
}
