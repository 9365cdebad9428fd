import Ground
import Jitter
import Testing

/// Drives a `JitterBuffer` as a track receiver does, and holds its books at every step: what was taken in is released, discarded for a
/// cause, or waits; what is released goes on from what was released before.
struct JitterRig {
  enum Event: Equatable {
    /// The packet's number on the wire.
    case packet(UInt16)
    case lost(Int64)
    case restarted
  }

  private(set) var buffer: JitterBuffer
  let pool = BufferPool()
  /// What came out, in order.
  private(set) var events: [Event] = []
  /// The wire numbers that came out.
  var numbers: [UInt16] {
    events.compactMap { if case .packet(let number) = $0 { number } else { nil } }
  }
  var lost: Int64 {
    events.reduce(0) { if case .lost(let count) = $1 { $0 + count } else { $0 } }
  }
  var restarts: Int { events.count { $0 == .restarted } }
  private(set) var received = 0
  private(set) var released = 0
  private(set) var duplicates = 0
  private(set) var late = 0
  private(set) var strays = 0
  /// Broken promises, in words; a test expects none.
  private(set) var faults: [String] = []
  private var last: UInt16?
  private var lostSince: Int64 = 0

  static let origin = Instant(nanoseconds: 1_000_000_000_000)
  static func time(_ milliseconds: Double) -> Instant { origin + .seconds(milliseconds / 1000) }

  init(deadline: Int64 = 500, patience: Int64 = 0, capacity: Int = 2048, maximumBytes: Int = 4 << 20) {
    buffer = JitterBuffer(
      deadline: .milliseconds(deadline), patience: .milliseconds(patience), capacity: capacity, maximumBytes: maximumBytes)
  }

  var deadlineMilliseconds: Double? { buffer.nextDeadline.map { ($0 - JitterRig.origin).milliseconds } }

  /// Takes in packet `number` at `time` milliseconds. Without a timestamp it has the one that all packets of its number have.
  @discardableResult mutating func send(
    _ number: UInt16, at time: Double = 0, timestamp: UInt32? = nil, bytes count: Int = 40
  ) -> JitterBuffer.Admission {
    var datagram = [UInt8](repeating: 0, count: count)
    datagram[0] = UInt8(number >> 8)
    datagram[1] = UInt8(number & 0xff)
    let stamp = RTPTimestamp(timestamp ?? UInt32(number) &* 960)
    received += 1
    let admission = buffer.receive(SequenceNumber(number), stamp, datagram: datagram.span, at: JitterRig.time(time), pool: pool)
    switch admission {
    case .next: release(.packet(number))
    case .duplicate, .duplicateAside: duplicates += 1
    case .late: late += 1
    case .held, .heldOutOfOrder, .probation: break
    }
    strays += buffer.takeStrays()
    advance(to: time)
    return admission
  }

  mutating func send(_ numbers: some Sequence<UInt16>, at time: Double = 0) {
    for number in numbers { send(number, at: time) }
  }

  mutating func advance(to time: Double) {
    while let next = buffer.popReady(at: JitterRig.time(time)) { take(next) }
    balance()
  }

  mutating func finish() {
    while let next = buffer.popFlushing() { take(next) }
    if buffer.takeAside(pool: pool) { strays += 1 }
    balance()
    if buffer.count != 0 || buffer.keptBytes != 0 { faults.append("\(buffer.count) packets are left at the end") }
  }

  private mutating func take(_ next: JitterBuffer.Release) {
    switch next {
    case .packet(let held):
      let number = UInt16(held.datagram[0]) << 8 | UInt16(held.datagram[1])
      if UInt16(truncatingIfNeeded: held.sequence) != number { faults.append("\(number) came out as \(held.sequence)") }
      release(.packet(number))
      pool.give(held.datagram)
    case .lost(let count): release(.lost(count))
    case .restarted: release(.restarted)
    }
  }

  private mutating func release(_ event: Event) {
    events.append(event)
    switch event {
    case .packet(let number):
      released += 1
      if let last, Int64(number &- last) != (lostSince + 1) & 0xffff { faults.append("\(number) after \(last) and \(lostSince) lost") }
      last = number
      lostSince = 0
    case .lost(let count):
      if count <= 0 || lostSince != 0 { faults.append("\(count) lost after \(lostSince)") }
      lostSince += count
    case .restarted:
      if lostSince != 0 { faults.append("\(lostSince) lost before a restart") }
      (last, lostSince) = (nil, 0)
    }
  }

  private mutating func balance() {
    let told = released + duplicates + late + strays + buffer.count
    if told != received { faults.append("\(received) received, \(told) told") }
    if buffer.count == 0, buffer.keptBytes != 0 { faults.append("\(buffer.keptBytes) bytes kept for nothing") }
  }
}
