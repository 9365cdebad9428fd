package import Ground

/// What an RTP payload of H.264 holds, in packetization modes 0 and 1 (RFC 6184 §5.4): one NAL unit, several (STAP-A), or a piece of one
/// (FU-A).
package enum H264Payload: Sendable, Equatable {
  /// The whole payload is a NAL unit (§5.6).
  case single
  /// NAL units, each behind 16 bits of length (§5.7.1); take them with `nextUnit`.
  case aggregate
  /// A piece of a NAL unit (§5.8).
  ///
  ///     | FU indicator: F NRI 28 | FU header: S E R type | the unit's bytes without its first
  case fragment(head: UInt8, isFirst: Bool, isLast: Bool)

  /// Reads `payload[start..<end]`. Throws on types of the interleaved mode and undefined ones, on units that are declared damaged (F), on
  /// lengths that lead outside, and on an aggregate that holds anything but whole units.
  package init(parsing payload: Span<UInt8>, from start: Int, to end: Int) throws(WireError) {
    guard start < end, end <= payload.count else { throw .truncated(needed: 1, have: 0) }
    let indicator = payload[start]
    guard indicator & 0x80 == 0 else { throw .badValue }
    switch indicator & 0x1f {
    case 1...23: self = .single
    case 24:
      var at = start + 1
      guard at < end else { throw .badLength }
      while at < end {
        guard at + 2 < end else { throw .truncated(needed: at + 3 - start, have: end - start) }
        let count = Int(payload.u16(at: at))
        guard count > 0, count <= end - at - 2 else { throw .badLength }
        guard payload[at + 2] & 0x80 == 0, (1...23).contains(payload[at + 2] & 0x1f) else { throw .badValue }
        at += 2 + count
      }
      self = .aggregate
    case 28:
      guard start + 1 < end else { throw .truncated(needed: 2, have: end - start) }
      let header = payload[start + 1]
      guard (1...23).contains(header & 0x1f), header & 0xc0 != 0xc0 else { throw .badValue }
      self = .fragment(head: indicator & 0x60 | header & 0x1f, isFirst: header & 0x80 != 0, isLast: header & 0x40 != 0)
    default: throw .badValue
    }
  }

  /// The next unit of an aggregate that was read without an error; `at` begins at the payload's first byte.
  package static func nextUnit(_ payload: Span<UInt8>, at: inout Int, start: Int, end: Int) -> Range<Int>? {
    if at == start { at += 1 }
    guard at + 2 < end else { return nil }
    let unit = at + 2..<at + 2 + Int(payload.u16(at: at))
    at = unit.upperBound
    return unit
  }

  /// Whether the payload `payload[start..<end]` holds the beginning of a unit whose type `matches`.
  package static func begins(
    _ payload: Span<UInt8>, from start: Int, to end: Int, where matches: (_ type: UInt8) -> Bool
  ) -> Bool {
    switch try? H264Payload(parsing: payload, from: start, to: end) {
    case .single: return matches(payload[start] & 0x1f)
    case .fragment(let head, let isFirst, _): return isFirst && matches(head & 0x1f)
    case .aggregate:
      var at = start
      while let unit = nextUnit(payload, at: &at, start: start, end: end) {
        if matches(payload[unit.lowerBound] & 0x1f) { return true }
      }
      return false
    case nil: return false
    }
  }
}
