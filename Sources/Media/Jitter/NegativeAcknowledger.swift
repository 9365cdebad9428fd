package import Ground

/// Decides which missing packets of one stream are asked for again, and when (RFC 4585 §6.2.1).
///
/// A packet is missing once a later one has come. It is asked for at once, then again after one and a half round trips, up to `tries` times
/// and no longer than `patience`: what comes later than that has no place any more. Bounded: at most `capacity` packets are asked for; a
/// larger hole is not worth asking for, and everything missing is given up then.
package struct NegativeAcknowledger: Sendable {
  package static let tries = 10
  package static let capacity = 1000
  private static let shortestRepeat = TimeSpan.milliseconds(20)
  private static let longestRepeat = TimeSpan.milliseconds(250)
  /// The most numbers of one message.
  private static let batch = 250

  private struct Missing: Sendable {
    var sequence: Int64
    var since: Instant
    var askedAt: Instant?
    var tries = 0
  }

  private let patience: TimeSpan
  private var extender = SequenceExtender()
  private var highest: Int64?
  /// In rising order.
  private var missing: [Missing] = []
  /// Smoothed time from asking to the answer, in nanoseconds; nil before the first.
  private var roundTrip: Int64?

  /// `patience`: how long a packet that is missing may still be of use.
  package init(patience: TimeSpan) { self.patience = patience }

  // MARK: Facts

  /// How many packets are missing and still awaited.
  package var count: Int { missing.count }

  /// How long the sender takes to answer, once known.
  package var answerTime: TimeSpan? { roundTrip.map { TimeSpan(nanoseconds: $0) } }

  /// When `popDue` has something to ask for, or nil.
  package var nextDeadline: Instant? { missing.lazy.map { $0.askedAt.map { $0 + repeatAfter } ?? $0.since }.min() }

  private var repeatAfter: TimeSpan {
    let span = TimeSpan(nanoseconds: (roundTrip ?? 40_000_000) * 3 / 2)
    return min(max(span, NegativeAcknowledger.shortestRepeat), NegativeAcknowledger.longestRepeat)
  }

  // MARK: World

  /// Takes in that a packet came, by itself or as an answer (`isAnswer`). Answers whether it had been asked for.
  @discardableResult package mutating func observe(_ number: SequenceNumber, isAnswer: Bool = false, at now: Instant) -> Bool {
    let sequence = extender.peek(number)
    guard let last = highest else {
      _ = extender.extend(number)
      highest = sequence
      return false
    }
    guard sequence > last else { return remove(sequence, isAnswer: isAnswer, at: now) }
    // A retransmission tells nothing new of the order.
    guard !isAnswer else { return false }
    _ = extender.extend(number)
    highest = sequence
    let hole = sequence - last - 1
    guard hole > 0 else { return false }
    guard missing.count + Int(hole) <= NegativeAcknowledger.capacity else {
      missing.removeAll(keepingCapacity: true)
      return false
    }
    for lost in last + 1..<sequence { missing.append(Missing(sequence: lost, since: now)) }
    return false
  }

  private mutating func remove(_ sequence: Int64, isAnswer: Bool, at now: Instant) -> Bool {
    guard let index = missing.firstIndex(where: { $0.sequence == sequence }) else { return false }
    let found = missing.remove(at: index)
    // Only one that was asked for once tells which question was answered.
    if isAnswer, found.tries == 1, let asked = found.askedAt, now > asked {
      let sample = (now - asked).nanoseconds
      roundTrip = roundTrip.map { $0 + (sample - $0) / 8 } ?? sample
    }
    return found.tries > 0
  }

  /// The numbering started anew, or nothing before `now` is wanted any more.
  package mutating func reset() {
    extender = SequenceExtender()
    highest = nil
    missing.removeAll(keepingCapacity: true)
  }

  // MARK: To do

  /// The numbers to ask for at `now`, in rising order; empty where nothing is due. They count as asked for.
  package mutating func popDue(at now: Instant) -> [SequenceNumber] {
    guard !missing.isEmpty else { return [] }
    let wait = repeatAfter
    let longest = patience
    missing.removeAll {
      now - $0.since > longest || ($0.tries >= NegativeAcknowledger.tries && now >= ($0.askedAt ?? now) + wait)
    }
    var due: [SequenceNumber] = []
    for i in missing.indices where due.count < NegativeAcknowledger.batch {
      guard missing[i].tries < NegativeAcknowledger.tries, missing[i].askedAt.map({ now >= $0 + wait }) ?? true else { continue }
      missing[i].askedAt = now
      missing[i].tries += 1
      due.append(SequenceNumber(UInt16(truncatingIfNeeded: missing[i].sequence)))
    }
    return due
  }
}
