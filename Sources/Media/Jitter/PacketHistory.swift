import Ground

/// Which of the last thousand numbers of a stream came, and with which timestamps: tells a packet that came twice from one that is late,
/// and both from a sender that counts anew.
struct PacketHistory: Sendable {
  private static let capacity = 1024

  /// At a number's lower ten bits: the number's lower 32 bits, and the timestamp. Extended numbers are never 0.
  private var seen: [UInt64] = []

  /// The timestamp that the packet of this number had; nil where none came, or too long ago.
  func timestamp(of sequence: Int64) -> RTPTimestamp? {
    guard !seen.isEmpty else { return nil }
    let word = seen[slot(sequence)]
    return UInt32(truncatingIfNeeded: word >> 32) == UInt32(truncatingIfNeeded: sequence)
      ? RTPTimestamp(UInt32(truncatingIfNeeded: word)) : nil
  }

  mutating func note(_ sequence: Int64, _ timestamp: RTPTimestamp) {
    if seen.isEmpty { seen = [UInt64](repeating: 0, count: PacketHistory.capacity) }
    seen[slot(sequence)] = UInt64(UInt32(truncatingIfNeeded: sequence)) << 32 | UInt64(timestamp.value)
  }

  private func slot(_ sequence: Int64) -> Int { Int(truncatingIfNeeded: sequence) & (PacketHistory.capacity - 1) }
}
