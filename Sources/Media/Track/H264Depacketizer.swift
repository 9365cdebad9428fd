import Codecs
import Ground
import RTP

/// From H.264 packets in order to access units that can be decoded (RFC 6184, packetization modes 0 and 1).
///
/// A key frame is an IDR picture whose parameter sets are known, and has them in front: its own, or those that came before.
struct H264Depacketizer: PayloadFormatReader {
  private var assembler = H264Assembler()
  private var gate = H264Gate()
  private var sets = H264ParameterSets()
  /// The last access unit that was ended by a marker, while no packet was missing since.
  private var lastWhole: RTPTimestamp?

  init() {}

  /// Takes NAL units of parameter sets that came otherwise than in the stream: sprop-parameter-sets (RFC 6184 §8.1).
  mutating func learn(_ units: [[UInt8]]) {
    for unit in units { _ = sets.take(unit.span) }
  }

  var pendingPackets: Int { assembler.packets }
  var pendingBytes: Int { assembler.byteCount }
  var isOpen: Bool { gate.isOpen }

  mutating func receive(
    _ packet: RTPPacket, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, pool: BufferPool, into out: inout [Depacketized]
  ) {
    guard let payload = try? H264Payload(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd) else {
      drop(.incompleteFrame, pool: pool, into: &out)
      lose(packet, .malformedPayload, at: arrival, into: &out)
      return
    }
    switch assembler.relation(of: packet, payload) {
    case .continues: break
    case .follows: complete(pool: pool, into: &out)
    case .breaksOff: drop(.incompleteFrame, pool: pool, into: &out)
    }
    let outcome = assembler.receive(packet, payload, datagram: datagram, ticks: ticks, at: arrival, sets: &sets, pool: pool)
    switch outcome {
    case .pending: break
    case .whole:
      complete(pool: pool, into: &out)
      lastWhole = packet.timestamp
    case .orphaned: lose(packet, .incompleteFrame, at: arrival, into: &out)
    case .oversized: drop(.oversized, pool: pool, into: &out)
    }
  }

  mutating func drop(_ cause: PacketDiscard, pool: BufferPool, into out: inout [Depacketized]) {
    guard let frame = assembler.takeFrame() else { return }
    gate.lost(frame)
    discard(frame, cause, pool: pool, into: &out)
  }

  mutating func missing(packets: Int64) {
    lastWhole = nil
    gate.missing(packets: packets)
  }

  mutating func close() { gate.close() }

  mutating func openAnyway() { gate.openAnyway() }

  /// A slice of an IDR picture, or the parameter sets before it.
  static func beginsKeyFrame(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> Bool {
    H264Payload.begins(datagram, from: packet.payloadStart, to: packet.payloadEnd) {
      $0 == H264UnitType.idrSlice || $0 == H264UnitType.sequenceParameterSet
    }
  }

  /// The size that a sequence parameter set in the packet says, as one does before each key frame of browsers.
  static func sequenceSetSize(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> PictureSize? {
    let (start, end) = (packet.payloadStart, packet.payloadEnd)
    var unit: Range<Int>?
    switch try? H264Payload(parsing: datagram, from: start, to: end) {
    case .single: unit = start..<end
    case .aggregate:
      var at = start
      repeat {
        unit = H264Payload.nextUnit(datagram, at: &at, start: start, end: end)
      } while unit.map {
        datagram[$0.lowerBound] & 0x1f != H264UnitType.sequenceParameterSet
      } ?? false
    case .fragment, nil: break
    }
    return unit.flatMap { (try? H264SequenceParameterSet(parsing: datagram.extracting($0)))?.size }
  }

  /// A packet that no access unit can be made with.
  private mutating func lose(_ packet: RTPPacket, _ cause: PacketDiscard, at arrival: Instant, into out: inout [Depacketized]) {
    gate.missing(packets: 1)
    out.append(.dropped(DroppedPackets(count: 1, cause: cause, timestamp: packet.timestamp, arrival: arrival, hadHead: false)))
  }

  private func discard(
    _ frame: H264Assembler.Frame, _ cause: PacketDiscard, need: DroppedPackets.Need = .nothing, pool: BufferPool,
    into out: inout [Depacketized]
  ) {
    out.append(
      .dropped(DroppedPackets(count: frame.packets, cause: cause, timestamp: frame.timestamp, arrival: frame.arrival, need: need)))
    pool.give(frame.bytes)
  }

  private mutating func complete(pool: BufferPool, into out: inout [Depacketized]) {
    guard var frame = assembler.takeFrame(), let slice = frame.slice else { return }
    guard !frame.isDamaged else {
      gate.missing(packets: Int64(frame.packets))
      discard(frame, .malformedPayload, pool: pool, into: &out)
      return
    }
    // The beginning of the picture is missing: or it was taken for whole because of a marker within it.
    guard slice.head.firstMacroblock == 0 else {
      if lastWhole == frame.timestamp { assembler.ignoresMarkers = true }
      gate.missing(packets: Int64(frame.packets))
      discard(frame, .incompleteFrame, need: .keyFrame, pool: pool, into: &out)
      return
    }
    let sequence = sets.sequence(ofPicture: slice.head.pictureSetID)
    switch gate.judge(frame, slice, sequence) {
    case .pass:
      let isKey = slice.type == H264UnitType.idrSlice
      if isKey, let sequence { addSets(to: &frame, sequence.id, pool) }
      out.append(
        .frame(
          AssembledFrame(
            bytes: frame.bytes, packets: frame.packets, timestamp: frame.timestamp, ticks: frame.ticks, arrival: frame.arrival,
            isKey: isKey, size: isKey ? sequence?.size : nil, isDegraded: gate.isDegraded)))
    case .awaitingKeyFrame: discard(frame, .awaitingKeyFrame, need: .keyFrame, pool: pool, into: &out)
    case .brokenReference: discard(frame, .brokenReference, need: .keyFrame, pool: pool, into: &out)
    }
  }

  /// Puts the parameter sets of a key frame in front of it, where they came apart from it.
  private func addSets(to frame: inout H264Assembler.Frame, _ sequenceID: Int, _ pool: BufferPool) {
    var there: Set<Int> = []
    let type = { (bytes: Span<UInt8>, unit: Range<Int>) in bytes[unit.lowerBound] & 0x1f }
    if frame.hasSequenceSet || frame.hasPictureSet {
      let bytes = frame.bytes.span
      var at = 0
      while let unit = H264AccessUnit.nextUnit(bytes, at: &at) {
        let found = bytes.extracting(unit)
        if type(bytes, unit) == H264UnitType.sequenceParameterSet, let set = try? H264SequenceParameterSet(parsing: found) {
          there.insert(set.id)
        } else if type(bytes, unit) == H264UnitType.pictureParameterSet, let set = try? H264PictureParameterSet(parsing: found) {
          there.insert(0x100 | set.id)
        }
      }
    }
    let prefix = sets.prefix(sequenceID: sequenceID) {
      there.contains($0 == H264UnitType.sequenceParameterSet ? $1 : 0x100 | $1)
    }
    guard !prefix.isEmpty else { return }
    var bytes = pool.take(atLeast: frame.bytes.count + prefix.count)
    bytes.append(copying: frame.bytes.span, 0..<frame.setsAt)
    bytes += prefix
    bytes.append(copying: frame.bytes.span, frame.setsAt..<frame.bytes.count)
    swap(&bytes, &frame.bytes)
    pool.give(consume bytes)
  }
}
