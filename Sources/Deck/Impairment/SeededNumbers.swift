/// Numbers that look random and are the same on every run (SplitMix64). One sequence for each purpose, told apart by `stream`.
struct SeededNumbers: RandomNumberGenerator, Sendable {
  private var state: UInt64

  init(seed: UInt64, stream: UInt64) { state = SeededNumbers.mixed(seed &+ SeededNumbers.mixed(stream)) }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return SeededNumbers.mixed(state)
  }

  /// True in a share of the cases; takes one number whatever the share.
  mutating func happens(_ share: Double) -> Bool { Double(next() >> 11) * 0x1p-53 < share }

  /// A number of -1 to 1.
  mutating func swing() -> Double { Double(next() >> 11) * 0x1p-52 - 1 }

  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
