import Ground
import Jitter
import Seeded
import Testing

/// Random paths and random numbers; `JitterRig` checks its books at every packet.
@Suite struct JitterPropertyTests {
  /// Packets of one stream on a path that delays each by up to 450 ms, loses some and doubles some. All that comes is within the
  /// deadline, so all of it comes out, once, in order.
  @Test(arguments: 0..<60) func aPathThatShufflesWithinTheDeadline(seed: UInt64) {
    var random = SeededGenerator(seed)
    let count = 1500
    let first = UInt16.random(in: 0...65_535, using: &random)
    let interval = [0.6, 2, 20].randomElement(using: &random)!
    let loss = [0, 0.02, 0.3].randomElement(using: &random)!
    let spread = [5.0, 60, 450].randomElement(using: &random)!
    var arrivals: [(time: Double, index: Int)] = []
    var came = Set<Int>()
    for index in 0..<count where random.unit() >= loss {
      came.insert(index)
      let copies = random.unit() < 0.1 ? 2 : 1
      for _ in 0..<copies { arrivals.append((Double(index) * interval + random.unit() * spread, index)) }
    }
    arrivals.sort { ($0.time, $0.index) < ($1.time, $1.index) }
    var rig = JitterRig(patience: 500, capacity: 4096, maximumBytes: 16 << 20)
    var now = 0.0
    for (time, index) in arrivals {
      // The owner looks at deadlines in between, sometimes.
      if random.unit() < 0.3 {
        now = max(now, now + (time - now) * random.unit())
        rig.advance(to: now)
      }
      rig.send(first &+ UInt16(index), at: time, timestamp: UInt32(truncatingIfNeeded: index * 3000))
      now = time
    }
    rig.advance(to: now + 500)
    #expect(rig.buffer.count == 0 && rig.buffer.nextDeadline == nil)
    #expect(rig.numbers == came.sorted().map { first &+ UInt16($0) })
    let range = came.max()! - came.min()! + 1
    #expect(rig.lost == Int64(range - came.count))
    #expect(rig.duplicates == arrivals.count - came.count)
    #expect(rig.late == 0 && rig.strays == 0 && rig.restarts == 0)
    #expect(rig.faults.isEmpty, "\(rig.faults.prefix(3))")
  }

  /// The same path with a deadline that is too short: what comes too late is counted as late, the rest is in order.
  @Test(arguments: 0..<40) func aPathThatShufflesBeyondTheDeadline(seed: UInt64) {
    var random = SeededGenerator(seed + 1000)
    var arrivals: [(time: Double, index: Int)] = []
    for index in 0..<1500 where random.unit() >= 0.05 {
      arrivals.append((Double(index) * 5 + (random.unit() < 0.1 ? random.unit() * 200 : 0), index))
    }
    arrivals.sort { ($0.time, $0.index) < ($1.time, $1.index) }
    var rig = JitterRig(deadline: 50, patience: 50)
    for (time, index) in arrivals { rig.send(65_000 &+ UInt16(index), at: time) }
    rig.finish()
    #expect(rig.late > 0 && rig.restarts == 0 && rig.strays == 0 && rig.duplicates == 0)
    #expect(rig.released + rig.late == arrivals.count)
    #expect(rig.faults.isEmpty, "\(rig.faults.prefix(3))")
  }

  /// Numbers, timestamps and times that no sender sends.
  @Test(arguments: 0..<120) func numbersOutOfNowhere(seed: UInt64) {
    var random = SeededGenerator(seed + 2000)
    var rig = JitterRig(
      deadline: [0, 20, 500].randomElement(using: &random)!, patience: [0, 100].randomElement(using: &random)!,
      capacity: [3, 40, 2048].randomElement(using: &random)!, maximumBytes: [2000, 4 << 20].randomElement(using: &random)!)
    var next = UInt16.random(in: 0...65_535, using: &random)
    var now = 0.0
    var sent: [UInt16] = []
    for _ in 0..<3000 {
      var number: UInt16
      var stamp: UInt32?
      switch random.unit() {
      case ..<0.5:
        number = next
        next &+= 1
      case ..<0.6:
        next &+= UInt16.random(in: 0...3, using: &random)
        number = next &- UInt16.random(in: 0...20, using: &random)
      case ..<0.75: number = next &+ UInt16.random(in: 0...3100, using: &random)
      case ..<0.85: number = next &- UInt16.random(in: 0...1100, using: &random)
      case ..<0.95: number = sent.suffix(500).randomElement(using: &random) ?? next
      case ..<0.98: number = UInt16.random(in: 0...65_535, using: &random)
      default:
        next = UInt16.random(in: 0...65_535, using: &random)
        number = next
      }
      if random.unit() < 0.05 { stamp = UInt32.random(in: 0...9, using: &random) }
      sent.append(number)
      now += random.unit() < 0.02 ? random.unit() * 600 : random.unit()
      rig.send(number, at: now, timestamp: stamp, bytes: Int.random(in: 12...300, using: &random))
      if random.unit() < 0.1 { rig.advance(to: now) }
    }
    rig.finish()
    #expect(rig.faults.isEmpty, "\(rig.faults.prefix(3))")
    #expect(rig.released > 500)
  }
}
