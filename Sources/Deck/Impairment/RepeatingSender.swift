import Ground
import RTP

/// A sender that keeps its packets and repeats those that it is asked for (RFC 4585 §6.2.1): in a stream of retransmissions where it has
/// one (RFC 4588), else as they were.
struct RepeatingSender: Sendable {
  struct Packet: Sendable {
    var bytes: [UInt8]
    var tag: Int
    var sentAt: Instant
    var repeatedAt: Instant?
  }
  /// How many packets of a stream are kept, and how long.
  private static let capacity = 2048
  private static let keeping = TimeSpan.milliseconds(3_000)

  private struct Stream: Sendable {
    var packets: [SequenceNumber: Packet] = [:]
    /// In the order of sending, from `head` on.
    var order: [SequenceNumber] = []
    var head = 0
    var nextNumber: UInt16 = 1
  }
  private var streams: [SSRC: Stream] = [:]

  mutating func keep(_ bytes: [UInt8], _ number: SequenceNumber, of ssrc: SSRC, tag: Int, at now: Instant) {
    var stream = streams.removeValue(forKey: ssrc) ?? Stream()
    if stream.packets.updateValue(Packet(bytes: bytes, tag: tag, sentAt: now), forKey: number) == nil { stream.order.append(number) }
    while stream.order.count - stream.head > RepeatingSender.capacity
      || stream.packets[stream.order[stream.head]].map({ now - $0.sentAt > RepeatingSender.keeping }) == true
    {
      stream.packets[stream.order[stream.head]] = nil
      stream.head += 1
    }
    if stream.head > 1024 {
      stream.order.removeFirst(stream.head)
      stream.head = 0
    }
    streams[ssrc] = stream
  }

  enum Answer { case packet([UInt8], tag: Int), notKept, underWay }

  /// What is sent for a number that was asked for; what was repeated less than `roundTrip` ago is still on its way.
  mutating func answer(_ number: SequenceNumber, of ssrc: SSRC, _ repair: Impairment.Repair?, roundTrip: TimeSpan, at now: Instant)
    -> Answer
  {
    guard var packet = streams[ssrc]?.packets[number] else { return .notKept }
    if let last = packet.repeatedAt, now - last < roundTrip { return .underWay }
    packet.repeatedAt = now
    streams[ssrc]?.packets[number] = packet
    guard let repair else { return .packet(packet.bytes, tag: packet.tag) }
    let next = streams[ssrc]?.nextNumber ?? 1
    streams[ssrc]?.nextNumber = next &+ 1
    guard let wrapped = RepeatingSender.retransmission(of: packet.bytes, repair, number: next) else {
      return .packet(packet.bytes, tag: packet.tag)
    }
    return .packet(wrapped, tag: packet.tag)
  }

  /// RFC 4588 §4: the header with the retransmission's own type, number and SSRC, then the original number before the payload.
  private static func retransmission(of bytes: [UInt8], _ repair: Impairment.Repair, number: UInt16) -> [UInt8]? {
    guard let packet = try? RTPPacket(parsing: bytes.span), let type = repair.type(for: packet.payloadType) else { return nil }
    var out = Array(bytes[..<packet.payloadStart])
    out[1] = bytes[1] & 0x80 | type.value
    out[2] = UInt8(number >> 8)
    out[3] = UInt8(number & 0xff)
    for i in 0..<4 { out[8 + i] = UInt8(truncatingIfNeeded: repair.ssrc.value >> UInt32(24 - 8 * i)) }
    out.appendU16(packet.sequenceNumber.value)
    out += bytes[packet.payloadStart...]
    return out
  }
}
