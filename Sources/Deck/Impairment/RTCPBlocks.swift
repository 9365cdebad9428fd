import Ground

/// Where the packets of an RTCP datagram lie (RFC 3550 §6.1); ends at the first that is broken.
struct RTCPBlocks {
  struct Block {
    var type: UInt8
    /// The count, or the format of feedback.
    var format: UInt8
    var start: Int
    var end: Int
  }
  private var offset = 0

  mutating func next(in datagram: Span<UInt8>) -> Block? {
    guard offset + 8 <= datagram.count, datagram[offset] >> 6 == 2 else { return nil }
    let start = offset
    let end = start + (Int(datagram.u16(at: start + 2)) + 1) * 4
    guard end <= datagram.count else { return nil }
    offset = end
    return Block(type: datagram[start + 1], format: datagram[start] & 0x1f, start: start, end: end)
  }
}
