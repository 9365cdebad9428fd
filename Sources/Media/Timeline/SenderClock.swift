package import Ground
package import RTCP

/// Keeps one RTP clock's sender reports (RFC 3550 §6.4.1), to tell how it lies against another clock of the same sender.
///
/// Only reports that lie near each other in the sender's wall-clock time are compared, and the median of the comparisons is the answer:
/// a single absurd report changes nothing, and senders whose reports run at a wrong rate on all streams alike (GStreamer's webrtcbin
/// does) still come out right.
package struct SenderClock: Sendable {
  private static let capacity = 20

  private struct Sample: Sendable {
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
    samples.append(Sample(offset: nanoseconds &- rate.span(ofTicks: ticks - originTicks).nanoseconds, ntp: nanoseconds))
  }

  /// Media time zero of this clock minus that of `other`, by the sender's wall clock, in nanoseconds; nil without comparable reports.
  package func offset(from other: SenderClock) -> Int64? {
    let reach = min(reach, other.reach)
    var differences: [Int64] = []
    for sample in samples {
      if let near = other.nearest(to: sample.ntp, within: reach) { differences.append(sample.offset &- near.offset) }
    }
    for sample in other.samples {
      if let near = nearest(to: sample.ntp, within: reach) { differences.append(near.offset &- sample.offset) }
    }
    return differences.isEmpty ? nil : median(differences)
  }

  /// How far apart two reports may be to be compared: ten seconds, in which a real oscillator goes wrong by some milliseconds, or next to
  /// nothing where this clock's own reports contradict each other.
  private var reach: Int64 {
    guard let first = samples.first, let last = samples.last, last.ntp - first.ntp > 200_000_000 else { return 10_000_000_000 }
    let wrong = abs(last.offset - first.offset)
    return wrong > 2_000_000 + (last.ntp - first.ntp) / 500 ? 50_000_000 : 10_000_000_000
  }

  private func nearest(to ntp: Int64, within reach: Int64) -> Sample? {
    guard let best = samples.min(by: { abs($0.ntp - ntp) < abs($1.ntp - ntp) }), abs(best.ntp - ntp) <= reach else { return nil }
    return best
  }

  private func median(_ values: [Int64]) -> Int64 {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : sorted[middle - 1] + (sorted[middle] - sorted[middle - 1]) / 2
  }
}
