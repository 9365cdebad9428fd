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

  /// Begins with a packet of media time `media`, in nanoseconds since the origin of the clock that is observed.
  package init(media: Int64, arrival: Instant) {
    firstArrival = arrival
    lastImproved = arrival
    lastArrival = arrival
    offset = Int64(bitPattern: arrival.nanoseconds) &- media
    improvedOffset = offset
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
    if windows[slot] == window {
      guard sample < minima[slot] else { return }
      minima[slot] = sample
    } else {
      guard window > latest else { return }
      windows[slot] = window
      minima[slot] = sample
      latest = window
    }
    if sample < improvedOffset - ArrivalClock.improvement {
      lastImproved = arrival
      improvedOffset = sample
    }
    offset = smallest
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
