import Codecs
import Ground
import RTP

/// From AV1 packets in order to temporal units that can be decoded (AV1 RTP payload format 1.0).
///
/// The bitstream itself does not tell which frames a frame refers to without a whole decoder's state; the dependency descriptors of its packets
/// do, where they were agreed on.
struct AV1Depacketizer: PayloadFormatReader {
  private var assembler = AV1Assembler()
  private var gate = AV1Gate()
  private var structure: DependencyStructure?
  /// The frames of the temporal unit that is being assembled, as its packets describe them.
  private var frames: [AV1Gate.Frame] = []
  /// Every packet of it has told its frame, from the frame's first one on.
  private var isDescribed = true
  private var isWithinFrame = false
  /// The id of the header extension with the dependency descriptor; nil where none was agreed on.
  var descriptorID: UInt8?

  init() {}

  var pendingPackets: Int { assembler.packets }
  var pendingBytes: Int { assembler.byteCount }
  var isOpen: Bool { gate.isOpen }

  mutating func receive(
    _ packet: RTPPacket, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, pool: BufferPool, into out: inout [Depacketized]
  ) {
    if assembler.isOther(packet) {
      if assembler.isBetweenUnits { complete(pool: pool, into: &out) } else { drop(.incompleteFrame, pool: pool, into: &out) }
    }
    let before = assembler.packets
    if before == 0 { (frames, isDescribed, isWithinFrame) = ([], true, false) }
    describe(packet, datagram)
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
    gate.damaged()
    discard(unit, cause, pool: pool, into: &out)
  }

  mutating func missing(packets: Int64) { gate.missing(packets: packets) }

  mutating func close() {
    gate.close()
    structure = nil
  }

  /// Notes what a packet says of its frame.
  private mutating func describe(_ packet: RTPPacket, _ datagram: Span<UInt8>) {
    guard let descriptorID, let value = packet.extensionValue(id: descriptorID, in: datagram),
      let descriptor = try? DependencyDescriptor(parsing: datagram.extracting(value), structure: &structure),
      descriptor.startsFrame != isWithinFrame, descriptor.startsFrame || frames.last?.number == descriptor.frameNumber
    else {
      isDescribed = false
      return
    }
    if descriptor.startsFrame { frames.append(AV1Gate.Frame(number: descriptor.frameNumber, differences: descriptor.differences)) }
    isWithinFrame = !descriptor.endsFrame
  }

  mutating func openAnyway() { gate.openAnyway() }

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
    gate.damaged()
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
      gate.damaged()
      return discard(unit, .malformedPayload, pool: pool, into: &out)
    }
    switch gate.judge(isKey: unit.isKey, isDescribed && !isWithinFrame ? frames : []) {
    case .pass:
      out.append(
        .frame(
          AssembledFrame(
            bytes: unit.bytes, packets: unit.packets, timestamp: unit.timestamp, ticks: unit.ticks, arrival: unit.arrival,
            isKey: unit.isKey, size: unit.isKey ? unit.sequence?.size : nil, provesNothingLost: gate.provedNothingLost,
            isDegraded: gate.isDegraded)))
    case .awaitingKeyFrame: discard(unit, .awaitingKeyFrame, need: .keyFrame, pool: pool, into: &out)
    case .brokenReference: discard(unit, .brokenReference, need: .keyFrame, pool: pool, into: &out)
    }
  }
}
