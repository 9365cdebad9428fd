package import Ground

/// An open bitstream unit's head (AV1 §5.3.2).
///
///     |0| type  |X|S|-|   X: another byte with the layers follows; S: the size follows
package struct AV1UnitHeader: Sendable, Equatable {
  /// What kinds of units there are (AV1 §6.2.2), as far as they matter here.
  package enum Kind: UInt8, Sendable {
    case sequenceHeader = 1
    case temporalDelimiter = 2
    case frameHeader = 3
    case tileGroup = 4
    case metadata = 5
    case frame = 6
    case redundantFrameHeader = 7
    case tileList = 8
    case padding = 15
  }
  /// Nil for a kind that is reserved.
  package var kind: Kind?
  package var hasSize: Bool
  package var temporalLayer: UInt8 = 0
  package var spatialLayer: UInt8 = 0
  /// Bytes of the head itself, without the size: 1 or 2.
  package var count: Int

  /// Reads the head at the beginning of `unit`. Throws `truncated`, and `badValue` where the forbidden bit is set.
  package init(parsing unit: Span<UInt8>) throws(WireError) {
    guard unit.count >= 1 else { throw .truncated(needed: 1, have: 0) }
    let first = unit[0]
    guard first & 0x80 == 0 else { throw .badValue }
    kind = Kind(rawValue: first >> 3 & 15)
    hasSize = first & 2 != 0
    count = 1
    guard first & 4 != 0 else { return }
    guard unit.count >= 2 else { throw .truncated(needed: 2, have: unit.count) }
    temporalLayer = unit[1] >> 5
    spatialLayer = unit[1] >> 3 & 3
    count = 2
  }
}

/// Numbers of seven bits to a byte, least significant first (AV1 §4.10.5).
package enum AV1Size {
  /// The number at `at`, which is moved behind it. Throws `truncated`, and `badValue` where it does not fit 32 bits or takes more than
  /// eight bytes.
  package static func read(_ bytes: Span<UInt8>, at: inout Int, end: Int) throws(WireError) -> Int {
    var value: UInt64 = 0
    for i in 0..<8 {
      guard at < end else { throw .truncated(needed: at + 1, have: end) }
      let byte = bytes[at]
      at += 1
      value |= UInt64(byte & 0x7f) << UInt64(7 * i)
      guard byte & 0x80 != 0 else {
        guard value <= UInt64(UInt32.max) else { throw .badValue }
        return Int(value)
      }
    }
    throw .badValue
  }

  /// The number's bytes, as few as there can be.
  package static func bytes(_ value: Int) -> [UInt8] {
    var out: [UInt8] = []
    var rest = value
    repeat {
      out.append(UInt8(rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
      rest >>= 7
    } while rest > 0
    return out
  }
}

/// Walks the units of a frame as containers hold it: each with its size (AV1 §5.3).
package struct AV1Units: Sendable {
  private var at = 0
  package init() {}

  /// The next unit: its head, all of it, and its payload. Nil at the end, or where what follows is no unit with a size.
  package mutating func next(in frame: Span<UInt8>) -> (header: AV1UnitHeader, unit: Range<Int>, payload: Range<Int>)? {
    let start = at
    guard start < frame.count, let header = try? AV1UnitHeader(parsing: frame.extracting(start..<frame.count)), header.hasSize else {
      return nil
    }
    var place = start + header.count
    guard let size = try? AV1Size.read(frame, at: &place, end: frame.count), size <= frame.count - place else { return nil }
    at = place + size
    return (header, start..<at, place..<at)
  }

  /// The codec configuration record of the sequence that begins in `frame`; nil where none does.
  package static func configuration(of frame: Span<UInt8>) -> [UInt8]? {
    var units = AV1Units()
    while let found = units.next(in: frame) {
      guard found.header.kind == .sequenceHeader else { continue }
      let header = try? AV1SequenceHeader(parsing: frame.extracting(found.payload))
      return header?.configuration(unit: frame.extracting(found.unit))
    }
    return nil
  }
}

/// What a frame header begins with (AV1 §5.9.2).
package struct AV1FrameHead: Sendable, Equatable {
  package var isKey: Bool
  package var isShown: Bool
  /// Reads the payload of a frame or of a frame header, in a sequence whose pictures are not single stills.
  package init(parsing payload: Span<UInt8>) throws(WireError) {
    guard payload.count >= 1 else { throw .truncated(needed: 1, have: 0) }
    // A frame that was decoded before is shown.
    guard payload[0] & 0x80 == 0 else {
      isKey = false
      isShown = true
      return
    }
    isKey = payload[0] >> 5 & 3 == 0
    isShown = payload[0] & 0x10 != 0
  }
}
