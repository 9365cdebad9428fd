import Codecs
import Ground
import RTP

/// From VP8 packets in order to frames that can be decoded (RFC 7741).
struct VP8Depacketizer: PayloadFormatReader {
  private var assembler = VP8Assembler()
  private var gate = VP8Gate()

  init() {}

  var pendingPackets: Int { assembler.packets }
  var pendingBytes: Int { assembler.byteCount }
  var isOpen: Bool { gate.isOpen }

  mutating func receive(
    _ packet: RTPPacket, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, pool: BufferPool, into out: inout [Depacketized]
  ) {
    guard let descriptor = try? VP8PayloadDescriptor(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd) else {
      drop(.incompleteFrame, pool: pool, into: &out)
      lose(packet, .malformedPayload, at: arrival, into: &out)
      return
    }
    switch assembler.relation(of: packet, descriptor) {
    case .continues: break
    case .follows: complete(pool: pool, into: &out)
    case .breaksOff: drop(.incompleteFrame, pool: pool, into: &out)
    }
    switch assembler.receive(packet, descriptor, datagram: datagram, ticks: ticks, at: arrival, pool: pool) {
    case .pending: break
    case .whole: complete(pool: pool, into: &out)
    case .orphaned: lose(packet, .incompleteFrame, at: arrival, into: &out)
    case .oversized: drop(.oversized, pool: pool, into: &out)
    }
  }

  mutating func drop(_ cause: PacketDiscard, pool: BufferPool, into out: inout [Depacketized]) {
    guard let frame = assembler.takeFrame() else { return }
    gate.lost(frame.descriptor)
    discard(frame, cause, pool: pool, into: &out)
  }

  mutating func missing(packets: Int64) { gate.missing(packets: packets) }

  mutating func close() { gate.close() }

  mutating func openAnyway() { gate.openAnyway() }

  /// RFC 7741 §4.3: P is 0.
  static func beginsKeyFrame(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> Bool {
    guard let descriptor = try? VP8PayloadDescriptor(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd),
      descriptor.startsFrame
    else { return false }
    return datagram[packet.payloadStart + descriptor.count] & 1 == 0
  }

  /// A packet that no frame can be made with: what refers to its frame cannot be decoded either.
  private mutating func lose(_ packet: RTPPacket, _ cause: PacketDiscard, at arrival: Instant, into out: inout [Depacketized]) {
    gate.missing(packets: 1)
    out.append(.dropped(DroppedPackets(count: 1, cause: cause, timestamp: packet.timestamp, arrival: arrival, hadHead: false)))
  }

  private func discard(
    _ frame: VP8Assembler.Frame, _ cause: PacketDiscard, need: DroppedPackets.Need = .nothing, pool: BufferPool,
    into out: inout [Depacketized]
  ) {
    out.append(
      .dropped(DroppedPackets(count: frame.packets, cause: cause, timestamp: frame.timestamp, arrival: frame.arrival, need: need)))
    pool.give(frame.bytes)
  }

  private mutating func complete(pool: BufferPool, into out: inout [Depacketized]) {
    guard let frame = assembler.takeFrame() else { return }
    guard let header = try? VP8FrameHeader(parsing: frame.bytes.span), header.headBytes + header.firstPartitionBytes <= frame.bytes.count
    else {
      gate.missing(packets: 1)
      discard(frame, .malformedPayload, pool: pool, into: &out)
      return
    }
    switch gate.judge(frame.descriptor, isKey: header.isKey) {
    case .pass:
      out.append(
        .frame(
          AssembledFrame(
            bytes: frame.bytes, packets: frame.packets, timestamp: frame.timestamp, ticks: frame.ticks, arrival: frame.arrival,
            isKey: header.isKey, size: header.size, provesNothingLost: gate.holeWasEmpty, isHealed: gate.isWhole,
            isDegraded: gate.isDegraded)))
    case .awaitingKeyFrame: discard(frame, .awaitingKeyFrame, need: .keyFrame, pool: pool, into: &out)
    case .brokenReference:
      discard(frame, .brokenReference, need: gate.isOpen ? .upperLayers : .keyFrame, pool: pool, into: &out)
    }
  }
}
