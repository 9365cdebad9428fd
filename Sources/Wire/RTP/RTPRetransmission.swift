package import Ground

/// What a packet of a retransmission stream repeats (RFC 4588 §4).
///
///     |                         RTP Header                            |
///     |            OSN                |                               |
///     |                  Original RTP Packet Payload                  |
package enum RTPRetransmission {
  /// The number of the packet that is repeated; nil for a packet that repeats nothing: padding, sent to probe the path.
  package static func originalNumber(_ packet: RTPPacket, in datagram: Span<UInt8>) -> SequenceNumber? {
    guard packet.payloadCount >= 2 else { return nil }
    return SequenceNumber(datagram.u16(at: packet.payloadStart))
  }

  /// Writes the packet that is repeated as it was, without its padding, behind what `bytes` holds: its number, payload type and SSRC are
  /// its own again, and all else is the retransmission's. False where nothing is repeated.
  package static func restore(
    _ packet: RTPPacket, in datagram: Span<UInt8>, payloadType: PayloadType, ssrc: SSRC, into bytes: inout [UInt8]
  ) -> Bool {
    guard let number = originalNumber(packet, in: datagram) else { return false }
    bytes.append(datagram[0] & ~0x20)
    bytes.append((packet.marker ? 0x80 : 0) | payloadType.value)
    bytes.appendU16(number.value)
    bytes.appendU32(packet.timestamp.value)
    bytes.appendU32(ssrc.value)
    bytes.append(copying: datagram, 12..<packet.payloadStart)
    bytes.append(copying: datagram, packet.payloadStart + 2..<packet.payloadEnd)
    return true
  }
}
