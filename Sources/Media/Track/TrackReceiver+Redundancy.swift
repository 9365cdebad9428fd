package import Ground
import Jitter

extension TrackReceiver {
  /// How many numbers before a packet are looked at for what its redundancy repeats.
  private static let redundancyReach = 32

  /// Padding bears the timestamp of the payload before it: it must not be taken for that.
  mutating func notePadding(_ number: SequenceNumber) {
    if paddingNumbers.count < TrackReceiver.redundancyReach {
      paddingNumbers.append(number)
    } else {
      paddingNumbers[nextPadding] = number
      nextPadding = (nextPadding + 1) % TrackReceiver.redundancyReach
    }
  }

  /// The number of the missing packet that carried what was captured at `timestamp`; nil where that packet came, or none is missing there.
  /// Redundancy bears timestamps alone (RFC 2198 §3), and numbers are used up by packets without payload too, so the place is found
  /// between the packets that came: timestamps rise with numbers. `cursor` is the number that it must lie before; it is moved there, so
  /// that the next older block is looked for before this one.
  package func missingNumber(of timestamp: RTPTimestamp, before cursor: inout SequenceNumber) -> SequenceNumber? {
    var number = cursor
    var found: SequenceNumber?
    for _ in 0..<TrackReceiver.redundancyReach {
      number = SequenceNumber(number.value &- 1)
      switch jitter.standing(of: number) {
      case .came(let seen):
        let distance = timestamp.distance(after: seen)
        if distance < 0 {
          // What is missing after this one is newer.
          found = nil
          continue
        }
        if distance == 0, paddingNumbers.contains(number) { continue }
        guard distance > 0, let found else { return nil }
        cursor = found
        return found
      case .awaited: found = found ?? number
      case .unknown: continue
      }
    }
    return nil
  }
}
