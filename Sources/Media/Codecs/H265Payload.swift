package import Ground

/// What an RTP payload of H.265 holds (RFC 7798 §4.4): one NAL unit, several (AP), or a piece of one (FU). What a PACI packet carries is
/// read like the rest; what it says beside that is passed over.
package struct H265Payload: Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    /// A NAL unit (§4.4.1): its head and then `body`.
    case single
    /// NAL units, each behind 16 bits of length (§4.4.2); take them with `nextUnit`.
    case aggregate
    /// A piece of a NAL unit (§4.4.3).
    ///
    ///     | head: F 49 layer TID | S E type | the unit's bytes without its head
    case fragment(isFirst: Bool, isLast: Bool)
  }
  package let kind: Kind
  /// The unit's head; of a fragment, that of the unit which it is a piece of.
  package let head: UInt16
  /// The bytes behind the head, and behind what else stands in front.
  package let body: Range<Int>
  /// Where the first unit is in the order of decoding; nil where the stream has no such numbers, and for later fragments.
  package private(set) var orderNumber: UInt16?
  private let hasOrderNumbers: Bool

  package var type: UInt8 { UInt8(truncatingIfNeeded: head >> 9 & 63) }

  /// Reads `payload[start..<end]`. `hasOrderNumbers`: the stream was signalled to have them (sprop-max-don-diff over 0, §7.1). Throws on
  /// reserved types, on units that are declared damaged (F), on lengths that lead outside, and on an aggregate of anything but whole units.
  package init(parsing payload: Span<UInt8>, from start: Int, to end: Int, hasOrderNumbers: Bool = false) throws(WireError) {
    guard start <= end, end <= payload.count, end - start >= 2 else { throw .truncated(needed: 2, have: max(0, end - start)) }
    self.hasOrderNumbers = hasOrderNumbers
    var head = payload.u16(at: start)
    var at = start + 2
    if head >> 9 & 63 == 50 {
      // |A|  cType  | PHSsize |F0-2 |Y|, so many bytes of extension, and what is carried without its head (§4.4.4).
      guard end - at >= 2 else { throw .truncated(needed: 4, have: end - start) }
      let fields = payload.u16(at: at)
      at += 2 + Int(fields >> 4 & 31)
      guard at < end else { throw .badLength }
      head = head & 0x1ff | fields & 0xfe00
    }
    guard head & 0x8000 == 0 else { throw .badValue }
    var number: UInt16?
    func readNumber() throws(WireError) {
      guard hasOrderNumbers else { return }
      guard end - at > 2 else { throw .truncated(needed: at + 3 - start, have: end - start) }
      number = payload.u16(at: at)
      at += 2
    }
    switch head >> 9 & 63 {
    case 0...47:
      try readNumber()
      kind = .single
    case 48:
      try readNumber()
      kind = .aggregate
    case 49:
      guard at < end else { throw .truncated(needed: at + 1 - start, have: end - start) }
      let header = payload[at]
      at += 1
      guard header & 63 < 48, header & 0xc0 != 0xc0 else { throw .badValue }
      let isFirst = header & 0x80 != 0
      if isFirst { try readNumber() }
      guard at < end else { throw .badLength }
      head = head & 0x1ff | UInt16(header & 63) << 9
      kind = .fragment(isFirst: isFirst, isLast: header & 0x40 != 0)
    default: throw .badValue
    }
    self.head = head
    body = at..<end
    orderNumber = number
    if kind == .aggregate { try check(payload) }
  }

  private func check(_ payload: Span<UInt8>) throws(WireError) {
    var at = body.lowerBound
    guard at < body.upperBound else { throw .badLength }
    while at < body.upperBound {
      guard let unit = nextUnit(payload, at: &at) else { throw .badLength }
      guard payload[unit.lowerBound] & 0x80 == 0, H265UnitType.of(payload[unit.lowerBound]) < 48 else { throw .badValue }
    }
  }

  /// The next unit of an aggregate; `at` begins where the body does. Nil at the end.
  package func nextUnit(_ payload: Span<UInt8>, at: inout Int) -> Range<Int>? {
    let start = at + (hasOrderNumbers && at > body.lowerBound ? 1 : 0)
    guard start + 4 <= body.upperBound else { return nil }
    let count = Int(payload.u16(at: start))
    guard count >= 2, count <= body.upperBound - start - 2 else { return nil }
    at = start + 2 + count
    return start + 2..<at
  }

  /// Whether the payload holds the beginning of a unit whose type `matches`.
  package func begins(_ payload: Span<UInt8>, where matches: (_ type: UInt8) -> Bool) -> Bool {
    switch kind {
    case .single: return matches(type)
    case .fragment(let isFirst, _): return isFirst && matches(type)
    case .aggregate:
      var at = body.lowerBound
      while let unit = nextUnit(payload, at: &at) {
        if matches(H265UnitType.of(payload[unit.lowerBound])) { return true }
      }
      return false
    }
  }
}
