package import Ground

/// Where the blocks of a payload with redundancy lie (RFC 2198 §3): one header of four bytes for each redundant block, oldest first, one
/// byte for the primary block, then the blocks in the same order.
///
///     |1|  block PT   |     timestamp offset      |   block length    |
///     |0|  block PT   |
package struct RTPRedundancy: Sendable, Equatable {
  /// A block that repeats what another packet carried, or carries.
  package struct Block: Sendable, Equatable {
    /// How the block is to be read.
    package var payloadType: PayloadType
    /// Ticks by which the block is older than its packet: 0 to 16383.
    package var age: UInt32
    /// Where the block lies in the datagram.
    package var range: Range<Int>
  }

  /// How the primary block is to be read.
  package let payloadType: PayloadType
  /// Where the primary block lies in the datagram; empty where there is none.
  package let primary: Range<Int>
  /// How many redundant blocks there are.
  package let redundantCount: Int
  private let start: Int
  private var headersEnd: Int { start + redundantCount * 4 + 1 }

  /// Reads the block headers of a packet's payload. Throws `truncated` where they, or the redundant blocks, reach beyond it.
  package init(parsing packet: RTPPacket, in datagram: Span<UInt8>) throws(WireError) {
    start = packet.payloadStart
    let end = packet.payloadEnd
    var at = start
    var count = 0
    var bytes = 0
    while at < end, datagram[at] & 0x80 != 0 {
      guard at + 4 <= end else { throw .truncated(needed: at + 4, have: end) }
      bytes += Int(datagram.u16(at: at + 2) & 0x3ff)
      count += 1
      at += 4
    }
    guard at < end else { throw .truncated(needed: at + 1, have: end) }
    guard at + 1 + bytes <= end else { throw .truncated(needed: at + 1 + bytes, have: end) }
    payloadType = PayloadType(datagram[at])
    redundantCount = count
    primary = at + 1 + bytes..<end
  }

  /// The redundant block of that number, from 0 for the oldest to `redundantCount - 1`. `datagram` is the one that was parsed.
  package func block(_ index: Int, in datagram: Span<UInt8>) -> Block {
    var from = headersEnd
    for before in 0..<index { from += Int(datagram.u16(at: start + before * 4 + 2) & 0x3ff) }
    let header = datagram.u32(at: start + index * 4)
    return Block(
      payloadType: PayloadType(UInt8(header >> 24 & 0x7f)), age: header >> 10 & 0x3fff, range: from..<from + Int(header & 0x3ff))
  }

  /// Writes the packet as if it carried nothing but its primary block, without padding, behind what `bytes` holds.
  package func writePrimary(of packet: RTPPacket, in datagram: Span<UInt8>, into bytes: inout [UInt8]) {
    bytes.append(datagram[0] & ~0x20)
    bytes.append((packet.marker ? 0x80 : 0) | payloadType.value)
    bytes.append(copying: datagram, 2..<packet.payloadStart)
    bytes.append(copying: datagram, primary)
  }

  /// Writes the packet that a redundant block repeats, as far as that is known, behind what `bytes` holds. Its number must be told: the
  /// block bears its timestamp alone.
  package func writePacket(
    repeatedBy block: Block, of packet: RTPPacket, in datagram: Span<UInt8>, number: SequenceNumber, into bytes: inout [UInt8]
  ) {
    bytes.append(0x80)
    bytes.append(block.payloadType.value)
    bytes.appendU16(number.value)
    bytes.appendU32(packet.timestamp.value &- block.age)
    bytes.appendU32(packet.ssrc.value)
    bytes.append(copying: datagram, block.range)
  }
}
