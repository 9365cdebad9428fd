package import Ground

/// Orders one stream's packets by extended sequence number and decides when a missing one is lost.
///
/// It never sees a packet's meaning. A packet that comes in order is answered `.next` and processed from where it lies; only packets
/// that overtook a missing one are copied and wait, until the hole closes, until `deadline` after the first of them came, or until a
/// bound is reached: `capacity` packets or `maximumBytes`. At the bound the oldest hole is given up at once.
///
/// A sequence number far from the expected one (more than `jump` ahead, or `lateness` behind) is believed only when the next packet
/// continues it (RFC 3550 appendix A.1's probation); then everything before it is released and the order starts anew there.
package struct JitterBuffer: Sendable {
  /// What to do with a packet.
  package enum Admission: Sendable, Equatable {
    /// The one expected: process it now, from the datagram. Then ask `popReady`.
    case next
    /// Kept until its turn.
    case held
    case duplicate
    /// Its place was given up before it came.
    case late
    /// Far off; kept aside until the next packet confirms or denies it.
    case probation
  }

  /// A packet whose turn has come.
  package struct Held: Sendable {
    package var sequence: Int64
    package var arrival: Instant
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

  private let deadline: TimeSpan
  private let capacity: Int
  private let maximumBytes: Int
  private var extender = SequenceExtender()
  private var expected: Int64?
  /// Waiting packets in rising order. Short: only what overtook a hole.
  private var waiting: [Held] = []
  private var waitingBytes = 0
  private var head = 0
  private var aside: Held?
  private var isRestarting = false
  /// Which of the last 64 numbers before `expected` came, newest in bit 0: tells a duplicate from a late packet.
  private var history: UInt64 = 0
  /// Storage for copies, given back by `recycle`.
  private var spare: [[UInt8]] = []

  package init(deadline: TimeSpan = .milliseconds(500), capacity: Int = 2048, maximumBytes: Int = 4 << 20) {
    self.deadline = deadline
    self.capacity = capacity
    self.maximumBytes = maximumBytes
  }

  // MARK: Facts

  /// Packets kept, aside included.
  package var count: Int { waiting.count - head + (aside == nil ? 0 : 1) }

  /// When the oldest hole is given up, or nil while nothing waits.
  package var nextDeadline: Instant? { head < waiting.count ? waiting[head].arrival + deadline : nil }

  // MARK: World

  /// Admits a packet; copies `datagram` only where it must wait. After it, call `popReady` until nil.
  package mutating func receive(_ number: SequenceNumber, datagram: Span<UInt8>, at arrival: Instant) -> Admission {
    guard let expected else {
      let first = extender.extend(number)
      self.expected = first + 1
      history = 1
      return .next
    }
    let sequence = extender.peek(number)
    let ahead = sequence - expected
    if ahead > JitterBuffer.jump || ahead < -JitterBuffer.lateness { return receiveFarOff(number, sequence, datagram, arrival) }
    if aside != nil { dropAside() }
    if ahead < 0 {
      let age = -ahead - 1
      return age < 64 && history >> UInt64(age) & 1 == 1 ? .duplicate : .late
    }
    _ = extender.extend(number)
    if ahead == 0, head == waiting.count {
      step()
      return .next
    }
    return hold(sequence, datagram, arrival)
  }

  private mutating func receiveFarOff(
    _ number: SequenceNumber, _ sequence: Int64, _ datagram: Span<UInt8>, _ arrival: Instant
  ) -> Admission {
    if let candidate = aside {
      let distance = number.distance(after: SequenceNumber(UInt16(truncatingIfNeeded: candidate.sequence)))
      if distance == 0 { return .duplicate }
      if distance > 0, distance < 16 {
        // Confirmed: the candidate and this packet begin the new order.
        isRestarting = true
        _ = hold(candidate.sequence + Int64(distance), datagram, arrival, restarted: true)
        return .held
      }
    }
    dropAside()
    var copy = spare.popLast() ?? []
    copy.append(copying: datagram, 0..<datagram.count)
    aside = Held(sequence: sequence, arrival: arrival, datagram: copy)
    return .probation
  }

  private mutating func hold(
    _ sequence: Int64, _ datagram: Span<UInt8>, _ arrival: Instant, restarted: Bool = false
  ) -> Admission {
    var place = waiting.count
    if !restarted {
      while place > head, waiting[place - 1].sequence >= sequence {
        if waiting[place - 1].sequence == sequence { return .duplicate }
        place -= 1
      }
    }
    var copy = spare.popLast() ?? []
    copy.append(copying: datagram, 0..<datagram.count)
    waitingBytes += copy.count
    if restarted {
      waitingAfterRestart.append(Held(sequence: sequence, arrival: arrival, datagram: copy))
    } else {
      waiting.insert(Held(sequence: sequence, arrival: arrival, datagram: copy), at: place)
    }
    return .held
  }

  /// The packets that confirmed a restart, to be ordered once the old ones are released.
  private var waitingAfterRestart: [Held] = []

  /// The candidate was a stray packet: it is told by `popStray`.
  private mutating func dropAside() {
    guard let stray = aside else { return }
    strays += 1
    recycle(stray.datagram)
    aside = nil
  }

  /// Packets that were kept aside and denied since the last `takeStrays`.
  private var strays = 0
  package mutating func takeStrays() -> Int {
    defer { strays = 0 }
    return strays
  }

  // MARK: To do

  /// What is due in order at `now`: waiting packets whose turn has come, and holes given up. Call until nil.
  package mutating func popReady(at now: Instant) -> Release? {
    guard let expected else { return nil }
    guard head < waiting.count else {
      compact()
      return isRestarting ? restart() : nil
    }
    let first = waiting[head].sequence
    if first == expected {
      step()
      head += 1
      let held = waiting[head - 1]
      waiting[head - 1].datagram = []
      waitingBytes -= held.datagram.count
      if head == waiting.count {
        compact()
      } else if head >= 256 {
        waiting.removeFirst(head)
        head = 0
      }
      return .packet(held)
    }
    let isDue = now >= waiting[head].arrival + deadline
    guard isDue || isRestarting || waiting.count - head > capacity || waitingBytes > maximumBytes else { return nil }
    let lost = first - expected
    for _ in 0..<min(lost, 64) { history <<= 1 }
    self.expected = first
    return .lost(count: lost)
  }

  private mutating func compact() {
    waiting.removeAll(keepingCapacity: true)
    head = 0
  }

  private mutating func restart() -> Release {
    isRestarting = false
    history = 0
    extender = SequenceExtender()
    var first = Int64.max
    var packets = waitingAfterRestart
    waitingAfterRestart.removeAll(keepingCapacity: true)
    if let candidate = aside {
      packets.insert(candidate, at: 0)
      aside = nil
    }
    for i in packets.indices {
      let sequence = extender.extend(SequenceNumber(UInt16(truncatingIfNeeded: packets[i].sequence)))
      packets[i].sequence = sequence
      first = min(first, sequence)
    }
    waiting = packets.sorted { $0.sequence < $1.sequence }
    waitingBytes = waiting.reduce(0) { $0 + $1.datagram.count }
    head = 0
    expected = first
    return .restarted
  }

  private mutating func step() {
    expected = (expected ?? 0) + 1
    history = history << 1 | 1
  }

  // MARK: Commands

  /// Gives up every hole at once: what waits is released in order. For the end of a stream.
  package mutating func popFlushing() -> Release? { popReady(at: Instant(nanoseconds: .max)) }

  /// Takes back a released packet's storage.
  package mutating func recycle(_ bytes: consuming [UInt8]) {
    guard spare.count < 64 else { return }
    bytes.removeAll(keepingCapacity: true)
    spare.append(bytes)
  }
}
