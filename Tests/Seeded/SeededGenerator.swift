/// SplitMix64: the same numbers on every run.
package struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  /// The sequence that belongs to `seed`.
  package init(_ seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// So many random bytes.
  package mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }

  /// A random number of the range.
  package mutating func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

  /// What hostile or broken senders make of a packet: some bytes changed, the end cut off, or something added.
  package mutating func damaged(_ packet: [UInt8]) -> [UInt8] {
    var out = packet
    for _ in 0..<pick(0...3) where !out.isEmpty {
      // The head decides over lengths, so it is hit more often.
      let at = pick(0...(pick(0...1) == 0 ? out.count - 1 : min(15, out.count - 1)))
      out[at] = pick(0...1) == 0 ? out[at] ^ (1 << UInt8(pick(0...7))) : UInt8(truncatingIfNeeded: next())
    }
    switch pick(0...3) {
    case 0: out.removeLast(pick(0...out.count))
    case 1: out += bytes(pick(0...40))
    default: break
    }
    return out
  }
}
