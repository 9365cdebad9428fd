package import Codecs
package import Ground
package import RTP

/// Puts AV1 temporal units together from packets in order (AV1 RTP payload format 1.0), with their units' sizes, as containers hold them.
///
/// The packets that it is given follow each other without a hole. A temporal unit is whole at its marker, or, with senders that set none, at
/// the next one's first packet. Its owner drops what is being assembled wherever a packet is missing.
package struct AV1Assembler: Sendable {
  /// What a packet led to.
  package enum Outcome: Sendable, Equatable {
    /// Part of a temporal unit that is not yet whole.
    case pending
    /// The temporal unit is whole: take it with `takeUnit`.
    case whole
    /// The packet goes on with what never began.
    case orphaned
    /// Its elements are no units, or do not fit those before: drop what is being assembled.
    case malformed
    /// The temporal unit is larger than one may be; drop it.
    case oversized
  }

  /// A temporal unit and what is known of it.
  package struct TemporalUnit: Sendable {
    /// Units with sizes, without temporal delimiters, in storage of the pool.
    package var bytes: [UInt8]
    /// How many packets it came in.
    package var packets: Int
    /// As its packets bear it.
    package var timestamp: RTPTimestamp
    /// Its extended timestamp.
    package var ticks: Int64
    /// When its first packet came.
    package var arrival: Instant
    /// What its sequence header says, where it has one.
    package var sequence: AV1SequenceHeader?
    /// What its first frame begins with.
    package var frame: AV1FrameHead?
    /// Whether a coded video sequence begins here: its first frame is a key frame that is shown, and nothing before it is needed.
    package var isKey: Bool { sequence != nil && frame?.isKey == true && frame?.isShown == true }
  }

  /// No real temporal unit is larger.
  package static let maximumBytes = 4 << 20
  /// What is kept free for a size that is not known yet: enough for a unit as large as a temporal unit may be.
  private static let sizeBytes = 4

  private var current: TemporalUnit?
  /// Where the unit lies whose rest is to come; nil between units. Its size is not known yet, and room for it follows its head.
  private var openUnit: (start: Int, headBytes: Int)?
  private var usualBytes = 4096

  package init() {}

  /// Packets of what is being assembled.
  package var packets: Int { current?.packets ?? 0 }
  /// Its bytes so far.
  package var byteCount: Int { current?.bytes.count ?? 0 }

  /// Whether the packet is of another temporal unit than what is being assembled.
  package func isOther(_ packet: RTPPacket) -> Bool { current.map { $0.timestamp != packet.timestamp } ?? false }
  /// Whether no unit of it is in part.
  package var isBetweenUnits: Bool { openUnit == nil }

  /// Takes in the next packet in order. A temporal unit that it is not part of must have been taken or dropped before.
  package mutating func receive(
    _ packet: RTPPacket, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, pool: BufferPool
  ) -> Outcome {
    guard var payload = try? AV1Payload(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd) else { return .malformed }
    guard payload.continues == (openUnit != nil) else { return payload.continues && current == nil ? .orphaned : .malformed }
    if current == nil {
      let bytes = pool.take(atLeast: max(packet.payloadCount + 16, packet.marker ? 0 : usualBytes))
      current = TemporalUnit(bytes: bytes, packets: 0, timestamp: packet.timestamp, ticks: ticks, arrival: arrival)
    }
    current?.packets += 1
    let needed = byteCount + packet.payloadCount * 2 + 16
    guard needed <= AV1Assembler.maximumBytes else { return .oversized }
    if needed > current?.bytes.capacity ?? 0 { grow(to: needed, pool) }
    do throws(WireError) {
      while let element = try payload.next(in: datagram) {
        if !(element.isFirst && payload.continues) { try begin(datagram, element.range) }
        let body = bodyRange(element.range, isRest: element.isFirst && payload.continues)
        current?.bytes.append(copying: datagram, body)
        if !(element.isLast && payload.isContinued) { try endUnit() }
      }
    } catch {
      return .malformed
    }
    guard packet.marker else { return .pending }
    return openUnit == nil ? .whole : .malformed
  }

  /// What of an element is copied behind the head that `begin` wrote.
  private func bodyRange(_ range: Range<Int>, isRest: Bool) -> Range<Int> {
    guard !isRest, let openUnit else { return range }
    return range.lowerBound + openUnit.headBytes..<range.upperBound
  }

  /// Writes a unit's head, with room for its size.
  private mutating func begin(_ datagram: Span<UInt8>, _ range: Range<Int>) throws(WireError) {
    let header = try AV1UnitHeader(parsing: datagram.extracting(range))
    openUnit = (byteCount, header.count)
    current?.bytes.append(datagram[range.lowerBound] | 2)
    if header.count == 2 { current?.bytes.append(datagram[range.lowerBound + 1]) }
    // One that has its size keeps it for now: `endUnit` checks it and takes it out.
    current?.bytes.append(header.hasSize ? 1 : 0)
    current?.bytes.append(contentsOf: repeatElement(0, count: AV1Assembler.sizeBytes - 1))
  }

  /// The last byte of a unit has come: writes its size, or takes it out again where it has no place in a container.
  private mutating func endUnit() throws(WireError) {
    guard let (start, headBytes) = openUnit, var unit = current else { return }
    openUnit = nil
    current = nil
    defer { current = unit }
    let sizeAt = start + headBytes
    let body = sizeAt + AV1Assembler.sizeBytes
    var from = body
    if unit.bytes[sizeAt] == 1 {
      let size = try AV1Size.read(unit.bytes.span, at: &from, end: unit.bytes.count)
      guard size == unit.bytes.count - from else { throw .badLength }
    }
    let header = try AV1UnitHeader(parsing: unit.bytes.span.extracting(start..<sizeAt))
    switch header.kind {
    case .temporalDelimiter, .tileList, .padding:
      unit.bytes.removeSubrange(start...)
      return
    case .sequenceHeader:
      unit.sequence = try AV1SequenceHeader(parsing: unit.bytes.span.extracting(from..<unit.bytes.count))
    case .frame, .frameHeader:
      if unit.frame == nil { unit.frame = try AV1FrameHead(parsing: unit.bytes.span.extracting(from..<unit.bytes.count)) }
    case .tileGroup, .metadata, .redundantFrameHeader, nil: break
    }
    unit.bytes.replaceSubrange(sizeAt..<from, with: AV1Size.bytes(unit.bytes.count - from))
  }

  private mutating func grow(to needed: Int, _ pool: BufferPool) {
    var bytes = pool.take(atLeast: needed * 2)
    if current != nil { swap(&current!.bytes, &bytes) }
    current?.bytes.append(copying: bytes.span, 0..<bytes.count)
    pool.give(consume bytes)
  }

  /// Hands the temporal unit out, or what there is of it; there is none afterwards.
  package mutating func takeUnit() -> TemporalUnit? {
    if packets > 1 { usualBytes += (min(byteCount, 1 << 16) - usualBytes) / 8 }
    openUnit = nil
    return current.take()
  }
}
