package import Ground

/// One packet of a compound or reduced-size RTCP datagram: what a recorder needs of it (RFC 3550 §6, RFC 5506).
package enum RTCPPacket: Sendable, Equatable {
  /// Its blocks are about streams that we do not send; only its head is kept.
  case senderReport(SenderReport)
  /// Report blocks are about streams that we do not send; only the reporter is kept.
  case receiverReport(ssrc: SSRC)
  /// One chunk's CNAME; `cname` is the range of its bytes in the datagram.
  case cname(ssrc: SSRC, range: Range<Int>)
  /// One of the sources that leave (RFC 3550 §6.6).
  case goodbye(ssrc: SSRC)
  /// A feedback message (RFC 4585 §6.1): transport-layer (205) or payload-specific (206), by its format.
  case feedback(packetType: UInt8, format: UInt8, sender: SSRC, media: SSRC)
  /// APP, XR and types unknown to us.
  case other(packetType: UInt8)
}

/// A sender report's head: which RTP timestamp belongs to which wall-clock time of the sender (RFC 3550 §6.4.1).
///
///     |V=2|P|   RC    |   PT=SR=200   |             length            |
///     |                         SSRC of sender                        |
///     |              NTP timestamp, most significant word             |
///     |             NTP timestamp, least significant word             |
///     |                         RTP timestamp                         |
///     |                     sender's packet count                     |
///     |                      sender's octet count                     |
package struct SenderReport: Sendable, Equatable, Hashable {
  /// The stream that is reported.
  package var ssrc: SSRC
  /// The sender's wall clock at the moment of the report; 0 where it has none.
  package var ntp: NTPTimestamp
  /// The stream's own clock at the same moment.
  package var rtp: RTPTimestamp
  /// Packets sent since the stream began.
  package var packetCount: UInt32
  /// Bytes of payload sent since the stream began.
  package var octetCount: UInt32
  /// A report with these fields.
  package init(ssrc: SSRC, ntp: NTPTimestamp, rtp: RTPTimestamp, packetCount: UInt32, octetCount: UInt32) {
    self.ssrc = ssrc
    self.ntp = ntp
    self.rtp = rtp
    self.packetCount = packetCount
    self.octetCount = octetCount
  }
}

/// Walks the packets of one RTCP datagram: a compound one (RFC 3550 §6.1) or one of reduced size (RFC 5506), which may begin with any type.
///
/// Padding is taken off any packet, and in any number of bytes. RFC 3550 §6.4.1 has it at the end of the datagram only and in whole words,
/// but Chromium pads each of its transport-wide feedback messages by one to three bytes, and may send several in one datagram.
package struct RTCPReader: Sendable {
  private var offset = 0
  /// Chunks of a source description or a goodbye that are still to be told, before the next packet.
  private var pending: Pending?

  private struct Pending: Sendable {
    var packetType: UInt8
    var left: Int
    var offset: Int
    var end: Int
  }

  /// Stands before the datagram's first packet.
  package init() {}

  /// Whether the datagram is RTCP by its first two bytes: version 2 and a packet type that no RTP payload type can look like
  /// (RFC 5761 §4).
  package static func looksLikeRTCP(_ datagram: Span<UInt8>) -> Bool {
    datagram.count >= 4 && datagram[0] >> 6 == 2 && (192...223).contains(datagram[1])
  }

  /// The next packet, or nil at the datagram's end. Throws where the framing is broken; what was told before stands.
  package mutating func next(in datagram: Span<UInt8>) throws(WireError) -> RTCPPacket? {
    while true {
      if let packet = try nextPending(in: datagram) { return packet }
      guard offset < datagram.count else { return nil }
      guard offset + 4 <= datagram.count else { throw .truncated(needed: offset + 4, have: datagram.count) }
      let start = offset
      let first = datagram[start]
      guard first >> 6 == 2 else { throw .badVersion(first >> 6) }
      let end = start + (Int(datagram.u16(at: start + 2)) + 1) * 4
      guard end <= datagram.count else { throw .truncated(needed: end, have: datagram.count) }
      var contentEnd = end
      if first & 0x20 != 0 {
        let padding = Int(datagram[end - 1])
        guard padding > 0, start + 4 + padding <= end else { throw .badLength }
        contentEnd = end - padding
      }
      offset = end
      let count = Int(first & 0x1f)
      let type = datagram[start + 1]
      let body = start + 4
      switch type {
      case 200:
        return .senderReport(try RTCPReader.senderReport(in: datagram, body, contentEnd, blocks: count))
      case 201:
        guard body + 4 + 24 * count <= contentEnd else { throw .badLength }
        return .receiverReport(ssrc: SSRC(datagram.u32(at: body)))
      case 202, 203:
        pending = Pending(packetType: type, left: count, offset: body, end: contentEnd)
      case 205, 206:
        guard body + 8 <= contentEnd else { throw .badLength }
        return .feedback(
          packetType: type, format: first & 0x1f, sender: SSRC(datagram.u32(at: body)), media: SSRC(datagram.u32(at: body + 4)))
      default:
        return .other(packetType: type)
      }
    }
  }

  private static func senderReport(in datagram: Span<UInt8>, _ body: Int, _ end: Int, blocks: Int) throws(WireError) -> SenderReport {
    guard body + 24 + 24 * blocks <= end else { throw .badLength }
    return SenderReport(
      ssrc: SSRC(datagram.u32(at: body)), ntp: NTPTimestamp(datagram.u64(at: body + 4)), rtp: RTPTimestamp(datagram.u32(at: body + 12)),
      packetCount: datagram.u32(at: body + 16), octetCount: datagram.u32(at: body + 20))
  }

  /// The next goodbye or CNAME of the packet that was begun.
  private mutating func nextPending(in datagram: Span<UInt8>) throws(WireError) -> RTCPPacket? {
    while var chunks = pending, chunks.left > 0 {
      chunks.left -= 1
      guard chunks.offset + 4 <= chunks.end else {
        pending = nil
        throw .badLength
      }
      let ssrc = SSRC(datagram.u32(at: chunks.offset))
      if chunks.packetType == 203 {
        chunks.offset += 4
        pending = chunks
        return .goodbye(ssrc: ssrc)
      }
      // A source description chunk: items of type, length, text, ended by a zero byte and padded to a word (RFC 3550 §6.5).
      var at = chunks.offset + 4
      var cname: Range<Int>?
      while at < chunks.end, datagram[at] != 0 {
        guard at + 2 <= chunks.end, at + 2 + Int(datagram[at + 1]) <= chunks.end else {
          pending = nil
          throw .badLength
        }
        let text = at + 2..<at + 2 + Int(datagram[at + 1])
        if datagram[at] == 1, cname == nil { cname = text }
        at = text.upperBound
      }
      chunks.offset += (at - chunks.offset) / 4 * 4 + 4
      pending = chunks
      if let cname { return .cname(ssrc: ssrc, range: cname) }
    }
    pending = nil
    return nil
  }
}
