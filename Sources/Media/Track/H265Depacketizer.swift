import Codecs
import Ground
import RTP

/// From H.265 packets in order to access units that can be decoded (RFC 7798, one stream, units in the order of decoding).
///
/// A key frame is a picture where decoding can start (IDR, CRA, BLA) whose parameter sets are known, and has them in front: its own, or those
/// that came before.
struct H265Depacketizer: PayloadFormatReader {
  private var assembler = H265Assembler()
  private var gate = H265Gate()
  private var sets = H265ParameterSets()
  private var hasOrderNumbers = false
  private var lastOrderNumber: UInt16?

  init() {}

  /// Takes what came otherwise than in the stream (RFC 7798 §7.1): NAL units of sprop-vps, sprop-sps and sprop-pps, and whether
  /// sprop-max-don-diff is over 0.
  mutating func learn(_ units: [[UInt8]], hasOrderNumbers: Bool) {
    for unit in units { _ = sets.take(unit.span) }
    self.hasOrderNumbers = hasOrderNumbers
  }

  var pendingPackets: Int { assembler.packets }
  var pendingBytes: Int { assembler.byteCount }
  var isOpen: Bool { gate.isOpen }

  mutating func receive(
    _ packet: RTPPacket, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, pool: BufferPool, into out: inout [Depacketized]
  ) {
    let (start, end) = (packet.payloadStart, packet.payloadEnd)
    let payload = try? H265Payload(parsing: datagram, from: start, to: end, hasOrderNumbers: hasOrderNumbers)
    guard let payload, isInOrder(payload) else {
      drop(.incompleteFrame, pool: pool, into: &out)
      lose(packet, .malformedPayload, at: arrival, into: &out)
      return
    }
    switch assembler.relation(of: packet, payload) {
    case .continues: break
    case .follows: complete(pool: pool, into: &out)
    case .breaksOff: drop(.incompleteFrame, pool: pool, into: &out)
    }
    switch assembler.receive(packet, payload, datagram: datagram, ticks: ticks, at: arrival, sets: &sets, pool: pool) {
    case .pending: break
    case .whole: complete(pool: pool, into: &out)
    case .orphaned: lose(packet, .incompleteFrame, at: arrival, into: &out)
    case .oversized: drop(.oversized, pool: pool, into: &out)
    }
  }

  /// Units that are sent out of the order of decoding would have to wait for those that come later: nobody who sends live does that.
  private mutating func isInOrder(_ payload: H265Payload) -> Bool {
    guard let number = payload.orderNumber else { return true }
    defer { lastOrderNumber = number }
    return lastOrderNumber.map { Int16(bitPattern: number &- $0) >= 0 } ?? true
  }

  mutating func drop(_ cause: PacketDiscard, pool: BufferPool, into out: inout [Depacketized]) {
    guard let frame = assembler.takeFrame() else { return }
    gate.missing()
    discard(frame, cause, pool: pool, into: &out)
  }

  mutating func missing(packets: Int64) {
    lastOrderNumber = nil
    gate.missing()
  }

  mutating func close() { gate.close() }

  mutating func openAnyway() { gate.openAnyway() }

  /// A slice where decoding can start, or the parameter sets before it.
  static func beginsKeyFrame(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> Bool {
    let payload = try? H265Payload(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd)
    return payload?.begins(datagram) { H265UnitType.isRandomAccess($0) || H265UnitType.isParameterSet($0) } ?? false
  }

  /// The size that a sequence parameter set in the packet says.
  static func sequenceSetSize(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> PictureSize? {
    guard let payload = try? H265Payload(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd) else { return nil }
    switch payload.kind {
    case .fragment: return nil
    case .single:
      return (try? H265SequenceParameterSet(parsing: datagram.extracting(packet.payloadStart..<packet.payloadEnd)))?.size
    case .aggregate:
      var at = payload.body.lowerBound
      while let unit = payload.nextUnit(datagram, at: &at) {
        if let set = try? H265SequenceParameterSet(parsing: datagram.extracting(unit)) { return set.size }
      }
      return nil
    }
  }

  /// A packet that no access unit can be made with.
  private mutating func lose(_ packet: RTPPacket, _ cause: PacketDiscard, at arrival: Instant, into out: inout [Depacketized]) {
    gate.missing()
    out.append(.dropped(DroppedPackets(count: 1, cause: cause, timestamp: packet.timestamp, arrival: arrival, hadHead: false)))
  }

  private func discard(
    _ frame: H265Assembler.Frame, _ cause: PacketDiscard, need: DroppedPackets.Need = .nothing, pool: BufferPool,
    into out: inout [Depacketized]
  ) {
    out.append(
      .dropped(DroppedPackets(count: frame.packets, cause: cause, timestamp: frame.timestamp, arrival: frame.arrival, need: need)))
    pool.give(frame.bytes)
  }

  private mutating func complete(pool: BufferPool, into out: inout [Depacketized]) {
    guard var frame = assembler.takeFrame(), let slice = frame.slice else { return }
    guard !frame.isDamaged, slice.isFirst else {
      gate.missing()
      // Without its beginning a picture is not whole although its packets are.
      return discard(frame, frame.isDamaged ? .malformedPayload : .incompleteFrame, need: .keyFrame, pool: pool, into: &out)
    }
    let sequence = sets.sequence(ofPicture: slice.pictureSetID)
    switch gate.judge(frame, slice, isKnown: sequence != nil) {
    case .pass:
      let isKey = H265UnitType.isRandomAccess(slice.type)
      if isKey, let sequence { addSets(to: &frame, sequence, pool) }
      out.append(
        .frame(
          AssembledFrame(
            bytes: frame.bytes, packets: frame.packets, timestamp: frame.timestamp, ticks: frame.ticks, arrival: frame.arrival,
            isKey: isKey, size: isKey ? sequence?.size : nil, isDegraded: gate.isDegraded)))
    case .leading: discard(frame, .brokenReference, pool: pool, into: &out)
    case .awaitingKeyFrame: discard(frame, .awaitingKeyFrame, need: .keyFrame, pool: pool, into: &out)
    case .brokenReference: discard(frame, .brokenReference, need: .keyFrame, pool: pool, into: &out)
    }
  }

  /// Puts the parameter sets of a key frame in front of it, where they came apart from it.
  private func addSets(to frame: inout H265Assembler.Frame, _ sequence: H265SequenceParameterSet, _ pool: BufferPool) {
    var there: Set<H265ParameterSets.Key> = []
    if frame.hasSequenceSet || frame.hasPictureSet {
      let bytes = frame.bytes.span
      var at = 0
      while let unit = H264AccessUnit.nextUnit(bytes, at: &at) {
        if let key = H265ParameterSets.key(bytes.extracting(unit)) { there.insert(key) }
      }
    }
    let prefix = sets.prefix(sequence, without: there)
    guard !prefix.isEmpty else { return }
    var bytes = pool.take(atLeast: frame.bytes.count + prefix.count)
    bytes.append(copying: frame.bytes.span, 0..<frame.setsAt)
    bytes += prefix
    bytes.append(copying: frame.bytes.span, frame.setsAt..<frame.bytes.count)
    swap(&bytes, &frame.bytes)
    pool.give(consume bytes)
  }
}
