package import Ground

/// Places one RTP clock on ours from arrivals alone: the least delayed packets tell the offset, so jitter and queues do not.
///
/// The offset is the smallest `arrival - media time` of the last one to two windows. Ten times a wrong tick rate of 200 ppm moves less
/// than 2 ms in a window, so drift is followed without being modelled.
package struct ArrivalClock: Sendable {
  private static let improvement: Int64 = 5_000_000
  private static let window = TimeSpan.milliseconds(2_500)

  package let rate: ClockRate
  /// The extended timestamp that all spans are counted from, so that ticks of days stay exact.
  package private(set) var originTicks: Int64
  /// When the first packet came.
  package let firstArrival: Instant
  /// When a packet last came markedly faster than all before it.
  package private(set) var lastImproved: Instant
  private var previous: Int64?
  private var current: Int64
  private var windowStart: Instant

  package init(rate: ClockRate, ticks: Int64, arrival: Instant) {
    self.rate = rate
    originTicks = ticks
    firstArrival = arrival
    lastImproved = arrival
    current = Int64(bitPattern: arrival.nanoseconds)
    windowStart = arrival
  }

  /// The media time of `ticks` since the clock's origin.
  @inline(__always) package func span(to ticks: Int64) -> TimeSpan { rate.span(ofTicks: ticks - originTicks) }

  /// Our clock at the origin, as far as arrivals tell, in nanoseconds.
  package var offset: Int64 { min(previous ?? current, current) }

  /// Takes in one packet's arrival; answers how much later it came than the least delayed one said.
  package mutating func observe(ticks: Int64, arrival: Instant) -> TimeSpan {
    let sample = Int64(bitPattern: arrival.nanoseconds) &- span(to: ticks).nanoseconds
    if arrival - windowStart >= ArrivalClock.window {
      previous = current
      current = sample
      windowStart = arrival
    } else if sample < current {
      if sample < current - ArrivalClock.improvement { lastImproved = arrival }
      current = sample
    }
    return TimeSpan(nanoseconds: sample &- offset)
  }
}
