import Ground
package import RTCP

/// Keeps one RTP clock's sender reports (RFC 3550 §6.4.1), to tell how it lies against another clock of the same sender.
///
/// Only reports that lie near each other in the sender's wall-clock time are compared, and the median of the comparisons is the answer:
/// a single absurd report changes nothing, and senders whose reports run at a wrong rate on all streams alike (GStreamer's webrtcbin
/// does) still come out right. Old reports are forgotten, so that the answer follows clocks that drift apart. A report whose wall-clock
/// time leaps is believed once the next one agrees with it: the sender's wall clock was set then, and all before is forgotten.
package struct SenderClock: Sendable {
  private static let capacity = 25
  fileprivate static let memory: Int64 = 25_000_000_000
  private static let longestReach: Int64 = 10_000_000_000
  /// Reports within this time are taken together, so that the noise in each counts less.
  private static let neighbourhood: Int64 = 2_500_000_000
  private static let shortestReach: Int64 = 50_000_000
  /// What a report may be wrong by, because it is made from the last packet's time.
  private static let noise: Int64 = 30_000_000

  private struct Sample: Sendable {
    /// NTP time minus media time since the origin, in nanoseconds.
    var offset: Int64
    var ntp: Int64
    /// Whether the clock has been learnt anew since.
    var isOld = false

    /// Whether the wall clock went on from `other` as clocks do. Reports may overtake each other a little, and stop for long.
    func follows(_ other: Sample) -> Bool {
      let elapsed = ntp - other.ntp
      guard elapsed > SenderClock.memory else { return elapsed > -1_000_000_000 }
      let difference = offset &- other.offset
      return difference != .min && abs(difference) <= 50_000_000 + elapsed / 1000
    }
  }

  private var samples: [Sample] = []
  /// A report whose wall-clock time does not follow the last one's.
  private var leapt: Sample?

  /// A clock without reports.
  package init() {}

  /// How many reports are kept.
  package var count: Int { samples.count }

  /// The RTP clock may have jumped: reports that come from here on are of the clock as it is now.
  package mutating func mark() {
    for i in samples.indices { samples[i].isOld = true }
  }

  /// The RTP clock had jumped at the last `mark`, and its origin lies so many nanoseconds later on the wall clock: reports from before are
  /// made to fit.
  package mutating func shift(by amount: Int64) {
    for i in samples.indices where samples[i].isOld {
      samples[i].offset &+= amount
      samples[i].isOld = false
    }
  }

  /// The last `count` reports are of a wall clock that was set: those from before say nothing of it.
  package mutating func keepLast(_ count: Int) { samples.removeFirst(max(0, samples.count - count)) }

  private mutating func forget() {
    samples.removeAll(keepingCapacity: true)
    leapt = nil
  }

  /// Takes in a report that gives media time `media`, in nanoseconds since the clock's origin; answers whether it counts. A repeated one
  /// is ignored, and one without a wall clock (NTP 0).
  package mutating func observe(media: Int64, ntp: NTPTimestamp) -> Bool {
    let sample = Sample(offset: ntp.nanoseconds &- media, ntp: ntp.nanoseconds)
    guard ntp.value != 0, samples.last?.ntp != sample.ntp else { return false }
    if let last = samples.last, !sample.follows(last) {
      guard let first = leapt, sample.follows(first), sample.ntp != first.ntp else {
        leapt = sample
        return false
      }
      forget()
      samples.append(first)
    }
    leapt = nil
    samples.removeAll { sample.ntp - $0.ntp > SenderClock.memory }
    if samples.count == SenderClock.capacity { samples.removeFirst() }
    samples.append(sample)
    return true
  }

  /// Media time zero of this clock minus that of `other`, by the sender's wall clock, in nanoseconds; nil without comparable reports.
  package func offset(from other: SenderClock) -> Int64? { differences(from: other).median }

  /// By how much the comparisons with `other` lie off their median, at the median, in nanoseconds; nil without comparable reports.
  package func spread(from other: SenderClock) -> Int64? { differences(from: other).deviation }

  private func differences(from other: SenderClock) -> Sorted {
    // Each report of the clock that has fewer counts once, so that an absurd one is one among many.
    let isFewer = samples.count <= other.samples.count
    let (fewer, more) = isFewer ? (self, other) : (other, self)
    let reach = min(reach, other.reach)
    var differences = Sorted()
    for sample in fewer.samples {
      guard let near = more.offset(near: sample.ntp, within: reach) else { continue }
      differences.insert(isFewer ? sample.offset &- near : near &- sample.offset)
    }
    return differences
  }

  /// How far apart two reports may be to be compared: ten seconds, in which a real oscillator goes wrong by some milliseconds, and the
  /// less the more this clock's own reports contradict each other.
  private var reach: Int64 {
    // By how much, in billionths, the reports run at another rate than the wall clock.
    var rates = Sorted()
    for (first, second) in zip(samples, samples.dropFirst()) where second.ntp - first.ntp > 200_000_000 {
      let wrong = abs(second.offset - first.offset) - SenderClock.noise
      rates.insert(wrong > 0 ? Int64(Double(wrong) / Double(second.ntp - first.ntp) * 1e9) : 0)
    }
    // The lower middle one: among two a single absurd report must not count.
    guard let rate = rates.lowerMiddle, rate > 0 else { return SenderClock.longestReach }
    // As far as the wrong rate makes 5 ms of it.
    let tolerated = 5_000_000 * 1e9 / Double(rate)
    return Int64(min(max(tolerated, Double(SenderClock.shortestReach)), Double(SenderClock.longestReach)))
  }

  /// What the reports about that time say: the median of those around it, else the nearest one.
  private func offset(near ntp: Int64, within reach: Int64) -> Int64? {
    let neighbourhood = min(reach, SenderClock.neighbourhood)
    var near = Sorted()
    var best: Sample?
    for sample in samples {
      let distance = abs(sample.ntp - ntp)
      if distance <= neighbourhood { near.insert(sample.offset) }
      if distance <= reach, best.map({ distance < abs($0.ntp - ntp) }) ?? true { best = sample }
    }
    return near.median ?? best?.offset
  }

  /// Some values in rising order, at most one for each report that is kept. In place: every report of every track needs several.
  private struct Sorted {
    private var values = InlineArray<25, Int64>(repeating: 0)
    private var count = 0

    mutating func insert(_ value: Int64) {
      precondition(count < SenderClock.capacity)
      var place = count
      while place > 0, values[place - 1] > value {
        values[place] = values[place - 1]
        place -= 1
      }
      values[place] = value
      count += 1
    }

    /// The middle one, or the mean of the two in the middle; nil without values.
    var median: Int64? {
      guard count > 0 else { return nil }
      let middle = count / 2
      return count % 2 == 1 ? values[middle] : values[middle - 1] + (values[middle] - values[middle - 1]) / 2
    }

    /// The median distance from the median; nil without values.
    var deviation: Int64? {
      guard let median else { return nil }
      var distances = Sorted()
      for i in 0..<count { distances.insert(abs(values[i] &- median)) }
      return distances.median
    }

    /// The middle one, or the lower of the two in the middle; nil without values.
    var lowerMiddle: Int64? { count > 0 ? values[(count - 1) / 2] : nil }
  }
}
