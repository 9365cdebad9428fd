package import Ground

/// Orders one stream's packets by extended sequence number and decides when a missing one is lost.
///
/// It never sees a packet's meaning. A packet that comes in order is answered `.next` and processed from where it lies; only packets
/// that overtook a missing one are copied and wait, until the hole closes, until `deadline` after the first packet that overtook it came,
/// or until a bound is reached: `capacity` packets, or `maximumBytes` of storage. At a bound the oldest hole is given up at once.
///
/// The order begins at the lowest number that comes within `patience` of the first packet: the packets of that time wait too, so that a
/// stream whose first packets are out of order begins whole. (Their frames would wait for the clock to settle anyway.)
///
/// A packet that cannot belong to the order is kept aside and believed only when the next such packet continues it (RFC 3550 appendix
/// A.1's probation); then all that waits is released, and the order starts anew there. Such is a number far from the expected one (more
/// than `jump` ahead, or `lateness` behind), one that came before under another timestamp, and the last of `lateRun` consecutive
/// numbers that all came late.
package struct JitterBuffer: Sendable {
  /// What to do with a packet.
  package enum Admission: Sendable, Equatable {
    /// The one expected: process it now, from the datagram. No other waits.
    case next
    /// Kept until its turn.
    case held
    /// Kept until its turn; it came after a packet with a higher number.
    case heldOutOfOrder
    case duplicate
    /// Its place was given up before it came.
    case late
    /// Does not belong to the order; kept aside until the next packet confirms or denies it.
    case probation
    /// The packet that is kept aside, once more. It says nothing of the order either.
    case duplicateAside
  }

  /// A packet whose turn has come.
  package struct Held: Sendable {
    /// Its extended number; numbers before and after a restart are unrelated.
    package var sequence: Int64
    /// What tells it from another packet of its number.
    package var timestamp: RTPTimestamp
    /// When it came.
    package var arrival: Instant
    /// The whole datagram, in storage of the pool that it was received with.
    package var datagram: [UInt8]
  }

  /// What comes next in order.
  package enum Release: Sendable {
    case packet(Held)
    /// So many packets are given up; the next release is a packet.
    case lost(count: Int64)
    /// The sender's numbering started anew; what comes next is unrelated to what was before.
    case restarted
  }

  private static let jump: Int64 = 3000
  private static let lateness: Int64 = 1000
  private static let lateRun = 16
  /// How far apart two packets may be to confirm each other.
  private static let confirmation = 16

  /// How long a missing packet's place is kept.
  package var deadline: TimeSpan
  private let patience: TimeSpan
  private let capacity: Int
  private let maximumBytes: Int

  private var extender = SequenceExtender()
  /// The number whose turn is next; nil while the order has not begun.
  private var expected: Int64?
  private var beganAt: Instant?
  /// Waiting packets in rising order, from `head` on. Short: only what overtook a hole.
  private var waiting: [Held] = []
  private var head = 0
  private var waitingBytes = 0
  /// When the first of the waiting packets came: since then the hole before them is known. Nil where that must be found out.
  private var holeSince: Instant?
  private var history = PacketHistory()
  private var lastLate: Int64 = 0
  private var lateCount = 0
  private var aside: Held?
  /// The packet that confirmed the one kept aside: the order starts anew with the two once all that waits is released.
  private var confirming: Held?
  private var strays = 0
  /// The last places that were given up, oldest first.
  private var givenUp: [GivenUp] = []

  private struct GivenUp: Sendable {
    var numbers: Range<Int64>
    /// When it was seen that they are missing.
    var since: Instant
  }
  private static let givenUpCapacity = 32

  /// `patience` is cut to the deadline.
  package init(
    deadline: TimeSpan = .milliseconds(500), patience: TimeSpan = .milliseconds(100), capacity: Int = 2048, maximumBytes: Int = 4 << 20
  ) {
    self.deadline = deadline
    self.patience = min(patience, deadline)
    self.capacity = capacity
    self.maximumBytes = maximumBytes
  }

  // MARK: Facts

  /// Packets kept, those aside included.
  package var count: Int { waiting.count - head + (aside == nil ? 0 : 1) + (confirming == nil ? 0 : 1) }

  /// Bytes of storage behind them.
  package var keptBytes: Int { waitingBytes + (aside?.datagram.capacity ?? 0) + (confirming?.datagram.capacity ?? 0) }

  /// When `popReady` has something to answer although no packet comes, or nil.
  package var nextDeadline: Instant? {
    guard head < waiting.count else { return nil }
    if expected == nil { return beganAt.map { $0 + patience } }
    return holeSince.map { $0 + deadline }
  }

  /// Whether a packet of this number would still find its place: it is missing, or the order has not come to it yet.
  package func awaits(_ number: SequenceNumber) -> Bool {
    guard let reference = expected ?? (head < waiting.count ? waiting[head].sequence : nil) else { return false }
    let sequence = extender.peek(number)
    return sequence >= reference && sequence - reference < JitterBuffer.lateness && timestampSeen(of: sequence) == nil
  }

  /// Since when a packet has been missing that packets with higher numbers overtook; nil for one that none overtook.
  package func overtakenSince(_ number: SequenceNumber) -> Instant? {
    guard expected != nil, head < waiting.count else { return nil }
    let place = place(of: extender.peek(number))
    // The first to overtake it is among the next ones, unless more than so many were lost on end.
    return waiting[place..<min(place + 32, waiting.count)].lazy.map(\.arrival).min()
  }

  /// Since when the packet was missing whose place was given up before it came; nil for any other packet, and for one given up long ago.
  package func missedSince(_ number: SequenceNumber) -> Instant? {
    let sequence = extender.peek(number)
    return givenUp.last { $0.numbers.contains(sequence) }?.since
  }

  /// What is known of a number.
  package enum Standing: Sendable, Equatable {
    /// Its packet came, with this timestamp.
    case came(RTPTimestamp)
    /// It is missing, and would still find its place.
    case awaited
    /// Given up, or too long ago to be remembered, or of no order that has begun.
    case unknown
  }

  /// What is known of a number near those that come.
  package func standing(of number: SequenceNumber) -> Standing {
    guard let reference = expected ?? (head < waiting.count ? waiting[head].sequence : nil) else { return .unknown }
    let sequence = extender.peek(number)
    if let seen = timestampSeen(of: sequence) { return .came(seen) }
    return sequence >= reference ? .awaited : .unknown
  }

  // MARK: World

  /// Admits a packet; copies `datagram` into the pool's storage only where it must wait. After it, call `popReady` until nil. The
  /// timestamp is only compared: one number with two timestamps is two packets.
  package mutating func receive(
    _ number: SequenceNumber, _ timestamp: RTPTimestamp, datagram: Span<UInt8>, at arrival: Instant, pool: BufferPool
  ) -> Admission {
    guard let reference = expected ?? waiting.last?.sequence else {
      beganAt = arrival
      let first = extender.extend(number)
      guard patience > .zero else {
        expected = first
        step(timestamp)
        return .next
      }
      return hold(first, timestamp, datagram, arrival, pool)
    }
    let sequence = extender.peek(number)
    let ahead = sequence - reference
    if ahead > JitterBuffer.jump || ahead < -JitterBuffer.lateness { return doubt(sequence, timestamp, datagram, arrival, pool) }
    if let seen = timestampSeen(of: sequence) {
      return seen == timestamp ? .duplicate : doubt(sequence, timestamp, datagram, arrival, pool)
    }
    if let expected, sequence < expected {
      lateCount = sequence == lastLate + 1 ? lateCount + 1 : 1
      lastLate = sequence
      // The last number that is too far back, and the first that is not, agree as well.
      let follows = sequence - 1 == aside?.sequence
      return lateCount >= JitterBuffer.lateRun || follows ? doubt(sequence, timestamp, datagram, arrival, pool) : .late
    }
    if aside != nil { dropAside(pool) }
    lateCount = 0
    _ = extender.extend(number)
    if sequence == expected, head == waiting.count {
      step(timestamp)
      return .next
    }
    return hold(sequence, timestamp, datagram, arrival, pool)
  }

  /// The timestamp of the packet that came with this number; nil where none did. More may wait than are remembered.
  private func timestampSeen(of sequence: Int64) -> RTPTimestamp? {
    if let seen = history.timestamp(of: sequence) { return seen }
    let place = place(of: sequence)
    return place > head && waiting[place - 1].sequence == sequence ? waiting[place - 1].timestamp : nil
  }

  /// Where a packet of this number stands among the waiting ones: behind all that are not higher.
  private func place(of sequence: Int64) -> Int {
    var place = waiting.count
    while place > head, waiting[place - 1].sequence > sequence { place -= 1 }
    return place
  }

  /// A packet that does not belong to the order: the first is kept aside, the next confirms or replaces it.
  private mutating func doubt(
    _ sequence: Int64, _ timestamp: RTPTimestamp, _ datagram: Span<UInt8>, _ arrival: Instant, _ pool: BufferPool
  ) -> Admission {
    if let candidate = aside {
      let number = SequenceNumber(UInt16(truncatingIfNeeded: sequence))
      let distance = number.distance(after: SequenceNumber(UInt16(truncatingIfNeeded: candidate.sequence)))
      if distance == 0 { return .duplicateAside }
      if abs(distance) < JitterBuffer.confirmation {
        confirming = held(sequence, timestamp, datagram, arrival, pool)
        return .held
      }
      dropAside(pool)
    }
    aside = held(sequence, timestamp, datagram, arrival, pool)
    return .probation
  }

  private mutating func hold(
    _ sequence: Int64, _ timestamp: RTPTimestamp, _ datagram: Span<UInt8>, _ arrival: Instant, _ pool: BufferPool
  ) -> Admission {
    let isOutOfOrder = waiting.last.map { $0.sequence > sequence } ?? false
    insert(held(sequence, timestamp, datagram, arrival, pool))
    return isOutOfOrder ? .heldOutOfOrder : .held
  }

  private func held(
    _ sequence: Int64, _ timestamp: RTPTimestamp, _ datagram: Span<UInt8>, _ arrival: Instant, _ pool: BufferPool
  ) -> Held {
    var copy = pool.take(atLeast: datagram.count)
    copy.append(copying: datagram, 0..<datagram.count)
    return Held(sequence: sequence, timestamp: timestamp, arrival: arrival, datagram: copy)
  }

  private mutating func insert(_ packet: consuming Held) {
    history.note(packet.sequence, packet.timestamp)
    let place = place(of: packet.sequence)
    waitingBytes += packet.datagram.capacity
    if head == waiting.count || holeSince.map({ packet.arrival < $0 }) == true { holeSince = packet.arrival }
    waiting.insert(packet, at: place)
  }

  /// The candidate was a stray packet: it is told by `takeStrays`.
  private mutating func dropAside(_ pool: BufferPool) {
    guard let stray = aside else { return }
    strays += 1
    aside = nil
    pool.give(stray.datagram)
  }

  /// How many packets that were kept aside have been denied since the last call.
  package mutating func takeStrays() -> Int {
    defer { strays = 0 }
    return strays
  }

  // MARK: To do

  /// What is due in order at `now`: waiting packets whose turn has come, and holes given up. Call until nil.
  package mutating func popReady(at now: Instant) -> Release? {
    guard head < waiting.count else { return confirming == nil ? nil : restart() }
    if expected == nil {
      guard let beganAt, now >= beganAt + patience || isFull || confirming != nil else { return nil }
      expected = waiting[head].sequence
    }
    let first = waiting[head].sequence
    if first == expected {
      expected = first + 1
      return .packet(takeFirst())
    }
    if holeSince == nil { holeSince = waiting[head...].reduce(waiting[head].arrival) { min($0, $1.arrival) } }
    guard isFull || confirming != nil || holeSince.map({ now >= $0 + deadline }) == true else { return nil }
    let lost = first - (expected ?? first)
    if let holeSince, lost > 0 {
      if givenUp.count == JitterBuffer.givenUpCapacity { givenUp.removeFirst() }
      givenUp.append(GivenUp(numbers: first - lost..<first, since: holeSince))
    }
    expected = first
    return .lost(count: lost)
  }

  private var isFull: Bool { waiting.count - head > capacity || waitingBytes > maximumBytes }

  private mutating func takeFirst() -> Held {
    // Swapped out, so that nothing else refers to its bytes.
    var taken = Held(sequence: 0, timestamp: RTPTimestamp(0), arrival: Instant(nanoseconds: 0), datagram: [])
    swap(&taken, &waiting[head])
    waitingBytes -= taken.datagram.capacity
    head += 1
    holeSince = nil
    if head == waiting.count {
      waiting.removeAll(keepingCapacity: true)
      head = 0
    } else if head >= 256 {
      waiting.removeFirst(head)
      head = 0
    }
    return taken
  }

  /// The order begins anew as it once began: with the candidate, the packet that confirmed it, and what comes soon after.
  private mutating func restart() -> Release {
    extender = SequenceExtender()
    history = PacketHistory()
    expected = nil
    givenUp.removeAll()
    lateCount = 0
    beganAt = aside?.arrival
    let first = aside
    let second = confirming
    aside = nil
    confirming = nil
    for packet in [first, second] {
      guard var packet else { continue }
      packet.sequence = extender.extend(SequenceNumber(UInt16(truncatingIfNeeded: packet.sequence)))
      insert(packet)
    }
    return .restarted
  }

  /// The expected packet has come.
  private mutating func step(_ timestamp: RTPTimestamp) {
    guard let sequence = expected else { return }
    history.note(sequence, timestamp)
    expected = sequence + 1
  }

  // MARK: Commands

  /// Gives up every hole at once: what waits is released in order. For the end of a stream; call until nil.
  package mutating func popFlushing() -> Release? { popReady(at: Instant(nanoseconds: .max)) }

  /// Gives back the packet that is still aside at the end of a stream; answers whether there was one.
  package mutating func takeAside(pool: BufferPool) -> Bool {
    guard let packet = aside else { return false }
    aside = nil
    pool.give(packet.datagram)
    return true
  }
}
