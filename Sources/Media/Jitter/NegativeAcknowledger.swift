package import Ground

/// Decides which missing packets of one stream are asked for again, and when (RFC 4585 §6.2.1).
///
/// A packet is missing once a later one has come. It is asked for the next time that its owner looks, and again after one and a half times
/// as long as the sender takes to answer, up to `tries` times and no longer than `patience`: what comes later than that has no place
/// any more. A sender that gave no answer to the last few questions is asked less and less often: each wait for a packet is twice the one
/// before, up to a second. Bounded: at most `capacity` packets are asked for; a larger hole is not worth asking for, and everything missing is given up
/// then.
///
/// A packet that was only overtaken is asked for all the same if it comes after the owner has looked, every 20 ms: no more is sent
/// again for nothing than is reordered, and waiting longer would delay every repair.
package struct NegativeAcknowledger: Sendable {
  package static let tries = 10
  package static let capacity = 1000
  private static let shortestRepeat = TimeSpan.milliseconds(20)
  private static let longestRepeat = TimeSpan.milliseconds(1_000)
  /// How long an answer takes before any has come.
  private static let assumedAnswer = TimeSpan.milliseconds(40)
  /// So many questions without an answer make a sender a silent one.
  private static let silentAfter = 4
  /// And so many one that repeats nothing.
  private static let deafAfter = 20
  /// The most numbers of one message.
  private static let batch = 250
  /// Numbers so far from the expected one are of another numbering.
  private static let jump: Int64 = 3000
  private static let lateness: Int64 = 1000
  /// How far apart two packets may be to show that the numbering began anew.
  private static let confirmation = 16

  private struct Missing: Sendable {
    var sequence: Int64
    var since: Instant
    var firstAskedAt: Instant?
    var askedAt: Instant?
    var tries = 0
  }

  /// How long a packet that is missing may still be of use.
  package var patience: TimeSpan
  /// How long one is missing before it is asked for: something else may bring it back that soon.
  package var grace = TimeSpan.zero
  /// The sender repeats packets as they were, so that a packet that was asked for is an answer, however it comes.
  private let answersPlainly: Bool
  private var extender = SequenceExtender()
  private var highest: Int64?
  /// The last number that was too far from the others to be one of theirs.
  private var stray: SequenceNumber?
  /// In rising order.
  private var missing: [Missing] = []
  /// Smoothed time from asking to the answer, in nanoseconds; nil before the first.
  private var roundTrip: Int64?
  /// Answers since the last one of which it is known which question it answers.
  private var unclear = 0
  /// How often was asked since the last answer.
  private var asksWithoutAnswer = 0

  /// `answersPlainly`: the sender has no stream of retransmissions.
  package init(patience: TimeSpan, answersPlainly: Bool = false) {
    self.patience = patience
    self.answersPlainly = answersPlainly
  }

  // MARK: Facts

  /// How many packets are missing and still awaited.
  package var count: Int { missing.count }

  /// How long the sender takes to answer, once known.
  package var answerTime: TimeSpan? { roundTrip.map { TimeSpan(nanoseconds: $0) } }

  /// How long after a question the next one follows, while the sender answers.
  package var repeatTime: TimeSpan {
    let span = TimeSpan(nanoseconds: (roundTrip ?? NegativeAcknowledger.assumedAnswer.nanoseconds) * 3 / 2)
    return min(max(span, NegativeAcknowledger.shortestRepeat), NegativeAcknowledger.longestRepeat)
  }

  /// Whether the sender repeats nothing, as far as can be told.
  package var isDeaf: Bool { asksWithoutAnswer >= NegativeAcknowledger.deafAfter }

  /// When `popDue` has something to ask for, or nil.
  package var nextDeadline: Instant? { missing.lazy.map { due($0) }.min() }

  /// When a packet is to be asked for next.
  private func due(_ missing: Missing) -> Instant { missing.askedAt.map { $0 + wait(missing) } ?? missing.since + grace }

  private func wait(_ missing: Missing) -> TimeSpan {
    guard asksWithoutAnswer >= NegativeAcknowledger.silentAfter else { return repeatTime }
    return min(repeatTime * (1 << Int64(min(max(missing.tries - 2, 0), 6))), NegativeAcknowledger.longestRepeat)
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
    if !isAnswer, sequence - last > NegativeAcknowledger.jump || last - sequence > NegativeAcknowledger.lateness {
      doubt(number)
      return false
    }
    guard sequence > last else { return remove(sequence, isAnswer: isAnswer, at: now) }
    // A retransmission tells nothing new of the order.
    guard !isAnswer else { return false }
    stray = nil
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

  /// A number far from the others: the numbering has begun anew where the next one is near it.
  private mutating func doubt(_ number: SequenceNumber) {
    if let stray, abs(number.distance(after: stray)) <= NegativeAcknowledger.confirmation {
      reset()
      highest = extender.extend(number)
    } else {
      stray = number
    }
  }

  private mutating func remove(_ sequence: Int64, isAnswer: Bool, at now: Instant) -> Bool {
    guard let index = missing.firstIndex(where: { $0.sequence == sequence }) else { return false }
    let found = missing.remove(at: index)
    guard isAnswer || answersPlainly, let asked = found.askedAt, let first = found.firstAskedAt else { return found.tries > 0 }
    asksWithoutAnswer = 0
    if found.tries == 1 {
      learn(now - asked)
    } else if roundTrip == nil || unclear >= 2 {
      // Which question was answered is not known. The first is the safe guess: it makes the next wait long enough to know.
      learn(now - first)
    } else {
      unclear += 1
    }
    return true
  }

  /// A missing packet is known from elsewhere: it is asked for no more, and that says nothing of answers.
  package mutating func withdraw(_ number: SequenceNumber) {
    let sequence = extender.peek(number)
    missing.removeAll { $0.sequence == sequence }
  }

  private mutating func learn(_ answer: TimeSpan) {
    guard answer > .zero else { return }
    unclear = 0
    roundTrip = roundTrip.map { $0 + (answer.nanoseconds - $0) / 8 } ?? answer.nanoseconds
  }

  /// The numbering started anew, or nothing before `now` is wanted any more.
  package mutating func reset() {
    extender = SequenceExtender()
    highest = nil
    stray = nil
    missing.removeAll(keepingCapacity: true)
  }

  // MARK: To do

  /// The numbers to ask for at `now`, in rising order; empty where nothing is due. They count as asked for.
  package mutating func popDue(at now: Instant) -> [SequenceNumber] {
    guard !missing.isEmpty else { return [] }
    let longest = patience
    let asker = self
    missing.removeAll {
      now - $0.since > longest || ($0.tries >= NegativeAcknowledger.tries && now >= ($0.askedAt ?? now) + asker.wait($0))
    }
    var numbers: [SequenceNumber] = []
    for i in missing.indices where numbers.count < NegativeAcknowledger.batch {
      guard missing[i].tries < NegativeAcknowledger.tries, now >= due(missing[i]) else { continue }
      missing[i].askedAt = now
      if missing[i].firstAskedAt == nil { missing[i].firstAskedAt = now }
      missing[i].tries += 1
      numbers.append(SequenceNumber(UInt16(truncatingIfNeeded: missing[i].sequence)))
    }
    if !numbers.isEmpty { asksWithoutAnswer += 1 }
    return numbers
  }
}
