import Codecs
import Ground
import RTP

/// From AV1 packets in order to temporal units that can be decoded (AV1 RTP payload format 1.0).
///
/// The bitstream itself does not tell which frames a frame refers to without a whole decoder's state, so after a loss nothing passes before
/// a new coded video sequence.
struct AV1Depacketizer: PayloadFormatReader {
  private enum Gate { case awaitingKeyFrame, open, broken, openAnyway }
  private var assembler = AV1Assembler()
  private var gate = Gate.awaitingKeyFrame

  init() {}

  var pendingPackets: Int { assembler.packets }
  var pendingBytes: Int { assembler.byteCount }
  var isOpen: Bool { gate == .open || gate == .openAnyway }

  mutating func receive(
    _ packet: RTPPacket, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, pool: BufferPool, into out: inout [Depacketized]
  ) {
    if assembler.isOther(packet) {
      if assembler.isBetweenUnits { complete(pool: pool, into: &out) } else { drop(.incompleteFrame, pool: pool, into: &out) }
    }
    let before = assembler.packets
    switch assembler.receive(packet, datagram: datagram, ticks: ticks, at: arrival, pool: pool) {
    case .pending: break
    case .whole: complete(pool: pool, into: &out)
    case .orphaned: lose(packet, .incompleteFrame, at: arrival, into: &out)
    case .malformed:
      let isAmongThem = assembler.packets > before
      drop(.malformedPayload, pool: pool, into: &out)
      if !isAmongThem { lose(packet, .malformedPayload, at: arrival, into: &out) }
    case .oversized: drop(.oversized, pool: pool, into: &out)
    }
  }

  mutating func drop(_ cause: PacketDiscard, pool: BufferPool, into out: inout [Depacketized]) {
    guard let unit = assembler.takeUnit() else { return }
    missing(packets: 1)
    discard(unit, cause, pool: pool, into: &out)
  }

  mutating func missing(packets: Int64) { if gate == .open { gate = .broken } }

  mutating func close() { gate = .awaitingKeyFrame }

  mutating func openAnyway() { if gate == .broken { gate = .openAnyway } }

  /// A new coded video sequence must be marked (§4.4, N).
  static func beginsKeyFrame(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> Bool {
    (try? AV1Payload(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd))?.beginsSequence == true
  }

  /// The size that the packet's sequence header declares; nil where it has none.
  static func sequenceSize(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> PictureSize? {
    guard var payload = try? AV1Payload(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd), !payload.continues else {
      return nil
    }
    while let element = try? payload.next(in: datagram), !(element.isLast && payload.isContinued) {
      let unit = datagram.extracting(element.range)
      guard let header = try? AV1UnitHeader(parsing: unit), header.kind == .sequenceHeader else { continue }
      var at = header.count
      if header.hasSize, (try? AV1Size.read(unit, at: &at, end: unit.count)) == nil { return nil }
      return (try? AV1SequenceHeader(parsing: unit.extracting(at..<unit.count)))?.size
    }
    return nil
  }

  /// A packet that no temporal unit can be made with.
  private mutating func lose(_ packet: RTPPacket, _ cause: PacketDiscard, at arrival: Instant, into out: inout [Depacketized]) {
    missing(packets: 1)
    out.append(.dropped(DroppedPackets(count: 1, cause: cause, timestamp: packet.timestamp, arrival: arrival, hadHead: false)))
  }

  private func discard(
    _ unit: AV1Assembler.TemporalUnit, _ cause: PacketDiscard, need: DroppedPackets.Need = .nothing, pool: BufferPool,
    into out: inout [Depacketized]
  ) {
    out.append(
      .dropped(DroppedPackets(count: unit.packets, cause: cause, timestamp: unit.timestamp, arrival: unit.arrival, need: need)))
    pool.give(unit.bytes)
  }

  private mutating func complete(pool: BufferPool, into out: inout [Depacketized]) {
    guard let unit = assembler.takeUnit() else { return }
    guard unit.frame != nil else {
      missing(packets: 1)
      return discard(unit, .malformedPayload, pool: pool, into: &out)
    }
    if unit.isKey { gate = .open }
    switch gate {
    case .open, .openAnyway:
      out.append(
        .frame(
          AssembledFrame(
            bytes: unit.bytes, packets: unit.packets, timestamp: unit.timestamp, ticks: unit.ticks, arrival: unit.arrival,
            isKey: unit.isKey, size: unit.isKey ? unit.sequence?.size : nil, isDegraded: gate == .openAnyway)))
    case .awaitingKeyFrame: discard(unit, .awaitingKeyFrame, need: .keyFrame, pool: pool, into: &out)
    case .broken: discard(unit, .brokenReference, need: .keyFrame, pool: pool, into: &out)
    }
  }
}
