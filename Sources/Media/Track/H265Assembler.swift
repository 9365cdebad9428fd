import Codecs
import Ground
import RTP

/// Puts H.265 access units together from packets in order (RFC 7798 §4.4): by timestamp, to the marker.
///
/// The packets that it is given follow each other without a hole. Units that come before a picture under a timestamp of their own, as
/// parameter sets do with some senders, go into the access unit of the picture that follows. Units of layers above the lowest are left out,
/// as decoders leave them.
struct H265Assembler: Sendable {
  /// An access unit and what is known of it.
  struct Frame: Sendable {
    /// NAL units, each behind a length of 4 bytes; in storage of the pool.
    var bytes: [UInt8]
    var packets = 0
    var timestamp: RTPTimestamp
    var ticks: Int64
    /// When its first packet came.
    var arrival: Instant
    /// Its first slice segment's; nil before that.
    var slice: H265SliceHead?
    var hasSequenceSet = false
    var hasPictureSet = false
    /// Where parameter sets can be put: behind the access unit delimiter.
    var setsAt = 0
    /// The unit that is being put together from fragments: where its length stands, and its head.
    var fragment: (at: Int, head: UInt16)?
    /// A unit that cannot be read: the access unit is not to be used.
    var isDamaged = false
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

  var packets: Int { frame?.packets ?? 0 }
  var byteCount: Int { frame?.bytes.count ?? 0 }

  /// How the next packet in order lies to the access unit that is being put together.
  func relation(of packet: RTPPacket, _ payload: H265Payload) -> Relation {
    guard let frame else { return .continues }
    if let fragment = frame.fragment {
      // Fragments of a unit follow each other, under one timestamp (§4.4.3).
      guard case .fragment(false, _) = payload.kind, payload.head == fragment.head, packet.timestamp == frame.timestamp else {
        return .breaksOff
      }
      return .continues
    }
    return packet.timestamp == frame.timestamp || frame.slice == nil ? .continues : .follows
  }

  /// Takes in the next packet in order. An access unit that it does not continue must have been taken before.
  mutating func receive(
    _ packet: RTPPacket, _ payload: H265Payload, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant,
    sets: inout H265ParameterSets, pool: BufferPool
  ) -> Outcome {
    if case .fragment(false, _) = payload.kind, frame?.fragment == nil { return .orphaned }
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
    let needed = byteCount + 2 * count + 8
    guard needed <= H265Assembler.maximumFrameBytes else { return .oversized }
    if needed > frame?.bytes.capacity ?? 0 { grow(to: needed, pool) }
    switch payload.kind {
    case .single: append(payload.head, datagram, payload.body, &sets)
    case .aggregate:
      var at = payload.body.lowerBound
      while let unit = payload.nextUnit(datagram, at: &at) {
        append(datagram.u16(at: unit.lowerBound), datagram, unit.lowerBound + 2..<unit.upperBound, &sets)
      }
    case .fragment(let isFirst, let isLast):
      if isFirst {
        let start = byteCount
        frame?.fragment = (start, payload.head)
        begin(payload.head)
      }
      frame?.bytes.append(copying: datagram, payload.body)
      if isLast, let start = frame?.fragment?.at { end(from: start, &sets) }
    }
    return packet.marker && frame?.slice != nil && frame?.fragment == nil ? .whole : .pending
  }

  /// A length that is not known yet, and the head.
  private mutating func begin(_ head: UInt16) {
    frame?.bytes.appendU32(0)
    frame?.bytes.appendU16(head)
  }

  private mutating func append(_ head: UInt16, _ datagram: Span<UInt8>, _ body: Range<Int>, _ sets: inout H265ParameterSets) {
    let start = byteCount
    begin(head)
    frame?.bytes.append(copying: datagram, body)
    end(from: start, &sets)
  }

  /// The unit whose length stands at `start` is whole.
  private mutating func end(from start: Int, _ sets: inout H265ParameterSets) {
    frame?.fragment = nil
    // Taken out, so that what is noted can be read from it.
    var bytes: [UInt8] = []
    swap(&bytes, &frame!.bytes)
    defer { swap(&bytes, &frame!.bytes) }
    guard bytes.span.u16(at: start + 4) >> 3 & 63 == 0 else {
      bytes.removeSubrange(start...)
      return
    }
    let count = bytes.count - start - 4
    for i in 0..<4 { bytes[start + i] = UInt8(truncatingIfNeeded: count >> (24 - 8 * i)) }
    note(bytes.span.extracting(start + 4..<bytes.count), start: start, &sets)
  }

  /// Notes what a whole unit says of its access unit.
  private mutating func note(_ unit: Span<UInt8>, start: Int, _ sets: inout H265ParameterSets) {
    let type = H265UnitType.of(unit[0])
    if H265UnitType.isPicture(type) {
      guard let head = try? H265SliceHead(parsing: unit) else {
        frame?.isDamaged = true
        return
      }
      if frame?.slice == nil { frame?.slice = head }
    } else if H265UnitType.isParameterSet(type) {
      guard sets.take(unit) else {
        frame?.isDamaged = true
        return
      }
      if type == H265UnitType.sequenceParameterSet { frame?.hasSequenceSet = true }
      if type == H265UnitType.pictureParameterSet { frame?.hasPictureSet = true }
    } else if type == H265UnitType.accessUnitDelimiter, start == 0 {
      frame?.setsAt = unit.count + 4
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
