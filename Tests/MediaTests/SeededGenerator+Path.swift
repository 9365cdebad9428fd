import Foundation
import Seeded

extension SeededGenerator {
  mutating func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }

  /// What queues on a path add: mostly little, sometimes much.
  mutating func exponential(mean: Double) -> Double { mean > 0 ? -mean * log(1 - unit()) : 0 }
}
