import Ground
import RTP

/// The bits in which packets differ: what a correction says, with the packets that came taken out again. What is left is the one that did
/// not come, or nothing.
struct Difference: Sendable {
  private(set) var header = RTPCorrection.Header()
  private(set) var bytes: [UInt8] = []

  /// Whether nothing is left.
  var isNothing: Bool { header == RTPCorrection.Header() && bytes.allSatisfy { $0 == 0 } }

  /// Begins with what a level says.
  mutating func begin(_ header: RTPCorrection.Header, _ datagram: Span<UInt8>, _ level: RTPCorrection.Level) {
    self.header = header
    bytes.removeAll(keepingCapacity: true)
    bytes.append(copying: datagram, level.range)
  }

  /// Takes out a packet, or puts it back in. `offset`: where the level's bytes begin behind the fixed header.
  mutating func fold(_ packet: Span<UInt8>, offset: Int) {
    header.flags ^= packet[0] & 0x3f
    header.type ^= packet[1]
    header.timestamp ^= packet.u32(at: 4)
    header.length ^= UInt16(truncatingIfNeeded: packet.count - RTPPacket.minimumBytes)
    fold(packet, RTPPacket.minimumBytes..<packet.count, offset: offset)
  }

  /// The same for some bytes of it.
  mutating func fold(_ packet: Span<UInt8>, _ range: Range<Int>, offset: Int) {
    let shift = RTPPacket.minimumBytes + offset
    let from = max(range.lowerBound, shift)
    let to = min(range.upperBound, shift + bytes.count)
    guard from < to else { return }
    let source = packet.extracting(from..<to)
    var target = bytes.mutableSpan
    let start = from - shift
    for index in source.indices { target[start + index] ^= source[index] }
  }
}
