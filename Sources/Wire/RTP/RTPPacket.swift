package import Ground

/// The facts of one RTP packet (RFC 3550 §5.1). It holds ranges, not bytes: they refer to the datagram it was parsed from.
///
///      0                   1                   2                   3
///     |V=2|P|X|  CC   |M|     PT      |       sequence number         |
///     |                           timestamp                           |
///     |                             SSRC                              |
///     |                      CSRCs, CC times                          |
///     |   extension profile (X)       |    extension length, words    |
package struct RTPPacket: Sendable, Equatable {
  /// How the payload is to be read.
  package var payloadType: PayloadType
  /// M: for pictures, the last packet of a frame (RFC 7741 §4.1).
  package var marker: Bool
  /// The packet's place in its stream.
  package var sequenceNumber: SequenceNumber
  /// When the payload was captured, in ticks of the payload's clock.
  package var timestamp: RTPTimestamp
  /// Which stream of the sender it belongs to.
  package var ssrc: SSRC
  /// How many contributing sources a mixer names; they lie from byte 12 on.
  package var csrcCount: Int
  /// Where the payload begins in the datagram; `payloadStart == payloadEnd` for a packet of padding only.
  package var payloadStart: Int
  /// Where the payload ends; padding follows.
  package var payloadEnd: Int
  /// The extension block's profile word, 0 where there is none.
  package var extensionProfile: UInt16
  /// The extension block's bytes after its four-byte head.
  package var extensionStart: Int
  /// Where the block ends.
  package var extensionEnd: Int

  /// The smallest RTP packet.
  package static let minimumBytes = 12

  /// Whether there is no payload: such a packet uses up a number and carries nothing.
  package var isPaddingOnly: Bool { payloadStart == payloadEnd }
  /// Bytes of payload.
  package var payloadCount: Int { payloadEnd - payloadStart }

  /// Reads the header and checks that CSRCs, extension and padding lie inside the datagram. Throws `truncated` where it ends too early,
  /// `badVersion`, and `badLength` where the padding counts none or more bytes than there are.
  package init(parsing datagram: Span<UInt8>) throws(WireError) {
    let count = datagram.count
    guard count >= 12 else { throw .truncated(needed: 12, have: count) }
    let first = datagram[0]
    guard first >> 6 == 2 else { throw .badVersion(first >> 6) }
    let second = datagram[1]
    payloadType = PayloadType(second)
    marker = second & 0x80 != 0
    sequenceNumber = SequenceNumber(datagram.u16(at: 2))
    timestamp = RTPTimestamp(datagram.u32(at: 4))
    ssrc = SSRC(datagram.u32(at: 8))
    csrcCount = Int(first & 0x0f)
    var offset = 12 + csrcCount * 4
    guard offset <= count else { throw .truncated(needed: offset, have: count) }
    extensionProfile = 0
    extensionStart = offset
    extensionEnd = offset
    if first & 0x10 != 0 {
      guard offset + 4 <= count else { throw .truncated(needed: offset + 4, have: count) }
      extensionProfile = datagram.u16(at: offset)
      extensionStart = offset + 4
      extensionEnd = extensionStart + Int(datagram.u16(at: offset + 2)) * 4
      offset = extensionEnd
      guard offset <= count else { throw .truncated(needed: offset, have: count) }
    }
    payloadStart = offset
    payloadEnd = count
    if first & 0x20 != 0 {
      // The last byte counts the padding, itself included; it must be there and must not reach into the header.
      guard offset < count else { throw .badLength }
      let padding = Int(datagram[count - 1])
      guard padding > 0, offset + padding <= count else { throw .badLength }
      payloadEnd = count - padding
    }
  }

  /// Where a header extension's value lies in the datagram, or nil where the packet does not carry that id. Both forms of
  /// RFC 8285: one-byte (profile 0xBEDE, ids 1 to 14) and two-byte (0x100X, ids 1 to 255). A block that ends inside an element is
  /// read up to there.
  package func extensionValue(id wanted: UInt8, in datagram: Span<UInt8>) -> Range<Int>? {
    var elements = RTPExtensionElements(self)
    while let element = elements.next(in: datagram) {
      if element.id == wanted { return element.value }
    }
    return nil
  }
}

/// Walks the elements of a packet's header-extension block (RFC 8285 §4.2, §4.3).
package struct RTPExtensionElements: Sendable {
  private var offset: Int
  private let end: Int
  private let form: Form
  private enum Form { case none, oneByte, twoByte }

  /// Stands before the first element.
  package init(_ packet: RTPPacket) {
    offset = packet.extensionStart
    end = packet.extensionEnd
    if packet.extensionProfile == 0xbede {
      form = .oneByte
    } else if packet.extensionProfile & 0xfff0 == 0x1000 {
      form = .twoByte
    } else {
      form = .none
    }
  }

  /// The next element's id and where its value lies, or nil at the block's end. `datagram` is the one that the packet was parsed from.
  package mutating func next(in datagram: Span<UInt8>) -> (id: UInt8, value: Range<Int>)? {
    guard form != .none, end <= datagram.count else { return nil }
    while offset < end {
      let head = datagram[offset]
      if head == 0 {  // padding between elements
        offset += 1
        continue
      }
      let id: UInt8
      let start: Int
      let length: Int
      if form == .oneByte {
        id = head >> 4
        // Id 15 is reserved, and id 0 has no value: both end the walk (RFC 8285 §4.2).
        if id == 15 || id == 0 { break }
        start = offset + 1
        length = Int(head & 0x0f) + 1
      } else {
        guard offset + 1 < end else { break }
        id = head
        start = offset + 2
        length = Int(datagram[offset + 1])
      }
      guard start + length <= end else { break }
      offset = start + length
      return (id, start..<start + length)
    }
    offset = end
    return nil
  }
}
