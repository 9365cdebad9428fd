import Ground

/// Reads the bits of a NAL unit's payload (ITU-T H.264 §7.2, H.265 §7.2): most significant first, without the emulation prevention bytes
/// that keep start codes out of it.
struct RBSPReader: ~Escapable {
  private let bytes: Span<UInt8>
  private var at: Int
  private let end: Int
  /// Zero bytes that were read in a row.
  private var zeros = 0
  private var current: UInt8 = 0
  private var bitsLeft = 0

  /// Reads `bytes[start..<end]`, which must lie in the span.
  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>, from start: Int, to end: Int) {
    self.bytes = bytes
    at = start
    self.end = end
  }

  /// The next bit. Throws `truncated` at the end.
  @_lifetime(self: copy self)
  mutating func bit() throws(WireError) -> UInt32 {
    if bitsLeft == 0 {
      if zeros >= 2, at < end, bytes[at] == 3 {
        at += 1
        zeros = 0
      }
      guard at < end else { throw .truncated(needed: at + 1, have: end) }
      current = bytes[at]
      at += 1
      zeros = current == 0 ? zeros + 1 : 0
      bitsLeft = 8
    }
    bitsLeft -= 1
    return UInt32(current >> UInt8(bitsLeft)) & 1
  }

  /// The next bit as a flag. Throws `truncated` at the end.
  @_lifetime(self: copy self)
  mutating func flag() throws(WireError) -> Bool { try bit() == 1 }

  /// The next `count` bits, at most 32, as a number. Throws `truncated` at the end.
  @_lifetime(self: copy self)
  mutating func bits(_ count: Int) throws(WireError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<count { value = value << 1 | (try bit()) }
    return value
  }

  /// An unsigned Exp-Golomb number of at most `limit` (§9.1). Throws `truncated`, and `badValue` beyond the limit.
  @_lifetime(self: copy self)
  mutating func unsigned(atMost limit: UInt32 = .max - 1) throws(WireError) -> UInt32 {
    var length = 0
    while try bit() == 0 {
      length += 1
      guard length < 32 else { throw .badValue }
    }
    let value = (UInt64(1) << UInt64(length)) - 1 + UInt64(try bits(length))
    guard value <= UInt64(limit) else { throw .badValue }
    return UInt32(value)
  }

  /// A signed Exp-Golomb number (§9.1.1). Throws `truncated`, `badValue`.
  @_lifetime(self: copy self)
  mutating func signed() throws(WireError) -> Int64 {
    let code = Int64(try unsigned())
    return code & 1 == 1 ? (code + 1) / 2 : -(code / 2)
  }
}
