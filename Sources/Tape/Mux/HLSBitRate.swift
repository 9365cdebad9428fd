/// The bit rates of a presentation as its multivariant playlist states them (RFC 8216 §4.3.4.2).
struct HLSBitRate {
  private struct Segment {
    var bytes: Int
    var milliseconds: Int
  }
  private let targetMilliseconds: Int
  /// The last segments, as many as 1.5 target durations hold.
  private var recent: [Segment] = []
  private var total = Segment(bytes: 0, milliseconds: 0)
  private var measuredPeak: Int?

  init(targetSeconds: Int) { targetMilliseconds = max(1, targetSeconds) * 1_000 }

  mutating func add(bytes: Int, milliseconds: Int) {
    recent.append(Segment(bytes: bytes, milliseconds: milliseconds))
    total.bytes += bytes
    total.milliseconds += milliseconds
    // "The largest bit rate of any contiguous set of segments whose total duration is between 0.5 and 1.5 times the target duration":
    // of those sets, the ones that end with this segment.
    var sum = Segment(bytes: 0, milliseconds: 0)
    var kept = 0
    for segment in recent.reversed() {
      sum.bytes += segment.bytes
      sum.milliseconds += segment.milliseconds
      if sum.milliseconds * 2 > targetMilliseconds * 3 { break }
      kept += 1
      if sum.milliseconds * 2 >= targetMilliseconds { measuredPeak = max(measuredPeak ?? 0, HLSBitRate.rate(sum)) }
    }
    recent.removeFirst(recent.count - kept)
  }

  /// Bits per second of the busiest stretch; the average where no stretch is long enough to tell.
  var peak: Int { measuredPeak ?? average }
  /// Bits per second of everything; 0 where there is nothing.
  var average: Int { HLSBitRate.rate(total) }

  private static func rate(_ segment: Segment) -> Int {
    segment.milliseconds > 0 ? (segment.bytes * 8_000 + segment.milliseconds - 1) / segment.milliseconds : 0
  }
}
