package import Ground

/// Places one RTP clock on ours from arrivals alone: the least delayed packets tell the offset, so jitter and queues do not.
///
/// Our clock is cut into windows of four seconds, the same for all tracks, and the smallest `arrival - media time` of each of the last
/// five is kept. The smallest of them is the offset: a tick rate that is wrong by 200 ppm moves 4 ms in them, so drift is followed without
/// being modelled, and a queue that stands for less moves nothing. Against another clock the windows are compared one by one, and the
/// median counts: what delays both tracks alike moves neither against the other.
package struct ArrivalClock: Sendable {
  private static let window: UInt64 = 4_000_000_000
  private static let count = 5
  /// What a clock may run wrong by over a silence, in millionths, where its drift is not known.
  private static let anyDrift = 250.0
  /// How much faster than at the last improvement a packet must come to count as another.
  private static let improvement: Int64 = 5_000_000

  /// When the first packet came.
  package let firstArrival: Instant
  /// When a packet last came markedly faster than all before it, by itself or with others since the last improvement.
  package private(set) var lastImproved: Instant
  private var improvedOffset: Int64
  /// When the last packet came.
  package private(set) var lastArrival: Instant
  /// Our clock at the media clock's origin, as far as arrivals tell, in nanoseconds.
  package private(set) var offset: Int64
  /// The windows' numbers and minima, each at its number modulo the count.
  private var windows: InlineArray<5, UInt64>
  private var minima: InlineArray<5, Int64>
  private var latest: UInt64
  private var drift = DriftEstimate()
  /// The least that came in the current window itself.
  private var observed: Int64

  /// A clock of which nothing is known, in the place of one that will be.
  init() { self.init(media: 0, arrival: Instant(nanoseconds: 0)) }

  /// Begins with a packet of media time `media`, in nanoseconds since the origin of the clock that is observed.
  package init(media: Int64, arrival: Instant) {
    firstArrival = arrival
    lastImproved = arrival
    lastArrival = arrival
    offset = Int64(bitPattern: arrival.nanoseconds) &- media
    improvedOffset = offset
    observed = offset
    latest = arrival.nanoseconds / ArrivalClock.window
    windows = InlineArray(repeating: .max)
    minima = InlineArray(repeating: 0)
    windows[Int(latest % UInt64(ArrivalClock.count))] = latest
    minima[Int(latest % UInt64(ArrivalClock.count))] = offset
  }

  /// How much later a packet comes than the least delayed ones say, in nanoseconds; negative where it comes earlier than any.
  package func lateness(media: Int64, arrival: Instant) -> Int64 { Int64(bitPattern: arrival.nanoseconds) &- media &- offset }

  /// Takes in one packet's arrival. Packets that waited for others may come a little after their time.
  package mutating func observe(media: Int64, arrival: Instant) {
    let sample = Int64(bitPattern: arrival.nanoseconds) &- media
    lastArrival = max(lastArrival, arrival)
    let window = arrival.nanoseconds / ArrivalClock.window
    let slot = Int(window % UInt64(ArrivalClock.count))
    if window == latest { observed = min(observed, sample) }
    if windows[slot] == window {
      guard sample < minima[slot] else { return }
      minima[slot] = sample
    } else {
      guard window > latest else { return }
      drift.observe(observed, at: latest &* ArrivalClock.window)
      observed = sample
      let silence = (window - latest) &* ArrivalClock.window
      windows[slot] = window
      // A packet after a long silence may be late: what was known before it says by how much at least.
      minima[slot] = window - latest > 1 ? min(sample, expected(after: Int64(clamping: silence))) : sample
      latest = window
    }
    if sample < improvedOffset - ArrivalClock.improvement {
      lastImproved = arrival
      improvedOffset = sample
    }
    offset = smallest
  }

  /// By how many millionths the observed clock runs faster than ours; nil while too little of it is known.
  package var driftPPM: Double? { drift.ppm?.value }

  /// The clock is the one that `former` observed, and stood still for `amount` nanoseconds in between.
  package mutating func continueDrift(of former: ArrivalClock, shiftedBy amount: Int64) {
    drift = former.drift
    drift.shift(by: amount)
  }

  /// By how much the finished windows that both have contradict each other about the offset from `other`, at the most, in nanoseconds.
  package func spread(from other: ArrivalClock) -> Int64 {
    var (least, most) = (Int64.max, Int64.min)
    for i in 0..<ArrivalClock.count where isRecent(windows[i]) && windows[i] == other.windows[i] {
      let difference = minima[i] &- other.minima[i]
      (least, most) = (min(least, difference), max(most, difference))
    }
    return least <= most ? most &- least : 0
  }

  /// The most that the offset can have become in a silence.
  private func expected(after silence: Int64) -> Int64 {
    let most = drift.ppm.map { $0.uncertainty - $0.value } ?? ArrivalClock.anyDrift
    return offset &+ Int64(Double(silence) * most * 1e-6)
  }

  /// The smallest minimum of the last windows. What lies before a long silence says nothing of a clock that drifted on.
  private var smallest: Int64 {
    var smallest = Int64.max
    for i in 0..<ArrivalClock.count where isRecent(windows[i]) { smallest = min(smallest, minima[i]) }
    return smallest
  }

  private func isRecent(_ window: UInt64) -> Bool { window <= latest && latest - window < UInt64(ArrivalClock.count) }

  /// Media time zero of this clock minus that of `other`, in nanoseconds: the median of the finished windows that both have, else what the
  /// current one says, else the difference of what is known of each.
  package func offset(from other: ArrivalClock) -> Int64 {
    var differences = InlineArray<5, Int64>(repeating: 0)
    var found = 0
    var current: Int64?
    for i in 0..<ArrivalClock.count where isRecent(windows[i]) && windows[i] == other.windows[i] {
      let difference = minima[i] &- other.minima[i]
      if windows[i] == max(latest, other.latest) {
        current = difference
        continue
      }
      var place = found
      while place > 0, differences[place - 1] > difference {
        differences[place] = differences[place - 1]
        place -= 1
      }
      differences[place] = difference
      found += 1
    }
    guard found > 0 else { return current ?? offset &- other.offset }
    if found % 2 == 1 { return differences[found / 2] }
    return differences[found / 2 - 1] + (differences[found / 2] - differences[found / 2 - 1]) / 2
  }
}
