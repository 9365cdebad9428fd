import Codecs
import Ground
import RTP

/// Puts H.264 access units together from packets in order (RFC 6184 §5.1): by timestamp, to the marker.
///
/// The packets that it is given follow each other without a hole. Units that come before a picture under a timestamp of their own, as
/// parameter sets do with some senders, go into the access unit of the picture that follows.
struct H264Assembler: Sendable {
  /// An access unit and what is known of it.
  struct Frame: Sendable {
    /// NAL units, each behind a length of 4 bytes; in storage of the pool.
    var bytes: [UInt8]
    var packets = 0
    var timestamp: RTPTimestamp
    var ticks: Int64
    /// When its first packet came.
    var arrival: Instant
    /// Its first slice; nil before that.
    var slice: Slice?
    /// Whether all its slices refer to no other picture.
    var isIntra = true
    /// Whether another picture may refer to it, or parameter sets came in it.
    var isReference = false
    var isRecoveryPoint = false
    var hasSequenceSet = false
    var hasPictureSet = false
    /// Where parameter sets can be put: behind the access unit delimiter.
    var setsAt = 0
    /// The unit that is being put together from fragments: where its length stands, and its first byte.
    var fragment: (at: Int, head: UInt8)?
    /// A unit that cannot be read: the access unit is not to be used.
    var isDamaged = false
  }
  struct Slice: Sendable {
    var type: UInt8
    var head: H264SliceHead
  }
  enum Outcome: Sendable, Equatable {
    case pending
    case whole
    /// A piece of a unit whose beginning is missing.
    case orphaned
    case oversized
  }
  enum Relation: Sendable, Equatable { case continues, follows, breaksOff }

  static let maximumFrameBytes = VP8Assembler.maximumFrameBytes

  private var frame: Frame?
  private var usualBytes = 4096
  /// Markers stand within access units too: only the next timestamp ends one.
  var ignoresMarkers = false

  var packets: Int { frame?.packets ?? 0 }
  var byteCount: Int { frame?.bytes.count ?? 0 }

  /// How the next packet in order lies to the access unit that is being put together.
  func relation(of packet: RTPPacket, _ payload: H264Payload) -> Relation {
    guard let frame else { return .continues }
    if frame.fragment != nil {
      // Fragments of a unit follow each other, under one timestamp (RFC 6184 §5.8).
      guard case .fragment(let head, let isFirst, _) = payload, !isFirst, head & 0x1f == (frame.fragment?.head ?? 0) & 0x1f,
        packet.timestamp == frame.timestamp
      else { return .breaksOff }
      return .continues
    }
    return packet.timestamp == frame.timestamp || frame.slice == nil ? .continues : .follows
  }

  /// Takes in the next packet in order. An access unit that it does not continue must have been taken before.
  mutating func receive(
    _ packet: RTPPacket, _ payload: H264Payload, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant,
    sets: inout H264ParameterSets, pool: BufferPool
  ) -> Outcome {
    if case .fragment(_, false, _) = payload, frame?.fragment == nil { return .orphaned }
    let count = packet.payloadCount
    if frame == nil {
      let bytes = pool.take(atLeast: packet.marker ? count + 64 : max(2 * count, usualBytes))
      frame = Frame(bytes: bytes, timestamp: packet.timestamp, ticks: ticks, arrival: arrival)
    } else if packet.timestamp != frame?.timestamp {
      frame?.timestamp = packet.timestamp
      frame?.ticks = ticks
      frame?.arrival = arrival
    }
    frame?.packets += 1
    // An aggregate's lengths grow from two bytes to four: at most by as much as it has.
    let needed = byteCount + 2 * count + 4
    guard needed <= H264Assembler.maximumFrameBytes else { return .oversized }
    if needed > frame?.bytes.capacity ?? 0 { grow(to: needed, pool) }
    let (start, end) = (packet.payloadStart, packet.payloadEnd)
    switch payload {
    case .single: append(start..<end, of: datagram, &sets)
    case .aggregate:
      var at = start
      while let unit = H264Payload.nextUnit(datagram, at: &at, start: start, end: end) { append(unit, of: datagram, &sets) }
    case .fragment(let head, let isFirst, let isLast):
      if isFirst {
        let start = byteCount
        frame?.fragment = (start, head)
        frame?.bytes.appendU32(0)
        frame?.bytes.append(head)
      }
      frame?.bytes.append(copying: datagram, start + 2..<end)
      if isLast { endFragment(&sets) }
    }
    return packet.marker && !ignoresMarkers && frame?.slice != nil && frame?.fragment == nil ? .whole : .pending
  }

  private mutating func append(_ unit: Range<Int>, of datagram: Span<UInt8>, _ sets: inout H264ParameterSets) {
    frame?.bytes.appendU32(UInt32(unit.count))
    frame?.bytes.append(copying: datagram, unit)
    note(datagram.extracting(unit), &sets)
  }

  private mutating func endFragment(_ sets: inout H264ParameterSets) {
    guard let start = frame?.fragment?.at else { return }
    frame?.fragment = nil
    let count = byteCount - start - 4
    for i in 0..<4 { frame?.bytes[start + i] = UInt8(truncatingIfNeeded: count >> (24 - 8 * i)) }
    // Taken out, so that what is noted can be read from it.
    var bytes: [UInt8] = []
    swap(&bytes, &frame!.bytes)
    note(bytes.span.extracting(start + 4..<bytes.count), &sets)
    swap(&bytes, &frame!.bytes)
  }

  /// Notes what a whole unit says of its access unit.
  private mutating func note(_ unit: Span<UInt8>, _ sets: inout H264ParameterSets) {
    let type = unit[0] & 0x1f
    switch type {
    case 1...5:
      if unit[0] & 0x60 != 0 { frame?.isReference = true }
      // The second and third part of a slice in three begin otherwise.
      guard type != 3, type != 4 else { return }
      let known = sets
      guard let head = try? H264SliceHead(parsing: unit, sequence: { known.sequence(ofPicture: $0) }) else {
        frame?.isDamaged = true
        return
      }
      if !head.isIntra { frame?.isIntra = false }
      if frame?.slice == nil { frame?.slice = Slice(type: type, head: head) }
    case H264UnitType.supplementalInformation:
      if H264RecoveryPoint.isExactHere(unit) { frame?.isRecoveryPoint = true }
    case H264UnitType.sequenceParameterSet, H264UnitType.pictureParameterSet:
      frame?.isReference = true
      guard sets.take(unit) else {
        frame?.isDamaged = true
        return
      }
      if type == H264UnitType.sequenceParameterSet { frame?.hasSequenceSet = true } else { frame?.hasPictureSet = true }
    case H264UnitType.accessUnitDelimiter:
      let end = byteCount
      if end == unit.count + 4 { frame?.setsAt = end }
    default: break
    }
  }

  private mutating func grow(to needed: Int, _ pool: BufferPool) {
    var bytes = pool.take(atLeast: needed * 2)
    if frame != nil { swap(&frame!.bytes, &bytes) }
    frame?.bytes.append(copying: bytes.span, 0..<bytes.count)
    pool.give(consume bytes)
  }

  /// Hands the access unit out; there is none afterwards.
  mutating func takeFrame() -> Frame? {
    if let count = frame?.bytes.count, frame?.packets ?? 0 > 1 { usualBytes += (min(count, 1 << 16) - usualBytes) / 8 }
    return frame.take()
  }
}
