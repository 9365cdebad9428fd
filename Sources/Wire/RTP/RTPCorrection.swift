package import Ground

/// What a packet of forward error correction says of the packets that it protects: the bits in which they differ, header by header and
/// byte by byte. It holds ranges, not bytes: they refer to the datagram it was parsed from.
///
/// `ulpfec` (RFC 5109 §7.3, §7.4), a header and then one level after another, each with the bytes that it protects by:
///
///     |E|L|P|X|  CC   |M| PT recovery |            SN base            |
///     |                          TS recovery                          |
///     |        length recovery        |
///     |       protection length       |             mask              |
///     |              mask, its other 32 bits (where L is set)         |
///
/// `flexfec-03` (draft-ietf-payload-flexible-fec-scheme-03 §4.2), of one protected stream:
///
///     |R|F|P|X|  CC   |M| PT recovery |        length recovery        |
///     |                          TS recovery                          |
///     |   SSRC count  |                    reserved                   |
///     |                             SSRC                              |
///     |            SN base            |k|          mask, 0 to 14      |
///     |k|                   mask, 15 to 45 (where the first k is 0)   |
///     |k|                   mask, 46 to 108 (where the second k is 0) |
package struct RTPCorrection: Sendable, Equatable {
  /// By its name in SDP.
  package enum Scheme: String, Sendable, Hashable, CaseIterable {
    case ulpfec
    case flexfec = "flexfec-03"
  }

  /// Which packets a stretch of bytes protects, and which of their bytes.
  package struct Level: Sendable, Equatable {
    /// The packets by their distance from `base`: the highest bit is the base itself.
    package var mask: UInt128
    /// Where the protected bytes begin in each packet, counted from behind the twelve bytes of its fixed header.
    package var offset: Int
    /// Where the bytes to protect by lie in the datagram.
    package var range: Range<Int>

    /// How many packets it protects.
    package var count: Int { mask.nonzeroBitCount }
  }

  /// The fields of the fixed header, and the length behind it, all in the bits in which the protected packets differ.
  package struct Header: Sendable, Equatable {
    /// P, X and CC, in the lower six bits.
    package var flags: UInt8
    /// M and PT.
    package var type: UInt8
    package var timestamp: UInt32
    /// Bytes behind the fixed header: CSRCs, extension, payload and padding.
    package var length: UInt16

    package init(flags: UInt8 = 0, type: UInt8 = 0, timestamp: UInt32 = 0, length: UInt16 = 0) {
      self.flags = flags
      self.type = type
      self.timestamp = timestamp
      self.length = length
    }
  }

  package let scheme: Scheme
  /// The first number that may be protected.
  package let base: SequenceNumber
  /// The stream that is protected, where the packet says it: `flexfec-03`.
  package let ssrc: SSRC?
  package let header: Header
  /// How many levels there are: one but for `ulpfec`, which may have up to `mostLevels`.
  package let levelCount: Int
  private let start: Int
  private let end: Int
  private let hasLongMask: Bool

  /// Levels beyond so many are refused: each costs a walk over those before it.
  package static let mostLevels = 8

  /// Reads the headers of a payload that lies at `range` of `datagram`. Throws `truncated` where they, or the bytes of a level, reach beyond
  /// it, `badLength` for too many levels, and `badValue` where the headers are of another form than `scheme` has: with an extension, a
  /// retransmission, a fixed mask, more than one stream, no end of the mask.
  package init(parsing range: Range<Int>, of datagram: Span<UInt8>, as scheme: Scheme) throws(WireError) {
    switch scheme {
    case .ulpfec: self = try RTPCorrection(levelled: range, datagram)
    case .flexfec: self = try RTPCorrection(flexible: range, datagram)
    }
  }

  private init(
    scheme: Scheme, base: SequenceNumber, ssrc: SSRC?, header: Header, levelCount: Int, start: Int, end: Int, hasLongMask: Bool
  ) {
    self.scheme = scheme
    self.base = base
    self.ssrc = ssrc
    self.header = header
    self.levelCount = levelCount
    self.start = start
    self.end = end
    self.hasLongMask = hasLongMask
  }

  private init(levelled range: Range<Int>, _ datagram: Span<UInt8>) throws(WireError) {
    let (from, to) = (range.lowerBound, range.upperBound)
    guard to <= datagram.count, from + 10 <= to else { throw .truncated(needed: from + 10, have: min(to, datagram.count)) }
    guard datagram[from] & 0x80 == 0 else { throw .badValue }
    let hasLongMask = datagram[from] & 0x40 != 0
    let levelHeader = hasLongMask ? 8 : 4
    var at = from + 10
    var levels = 0
    while at < to {
      guard at + levelHeader <= to else { throw .truncated(needed: at + levelHeader, have: to) }
      at += levelHeader + Int(datagram.u16(at: at))
      guard at <= to else { throw .truncated(needed: at, have: to) }
      levels += 1
      guard levels <= RTPCorrection.mostLevels else { throw .badLength }
    }
    guard levels > 0 else { throw .truncated(needed: from + 10 + levelHeader, have: to) }
    self.init(
      scheme: .ulpfec, base: SequenceNumber(datagram.u16(at: from + 2)), ssrc: nil,
      header: Header(
        flags: datagram[from] & 0x3f, type: datagram[from + 1], timestamp: datagram.u32(at: from + 4), length: datagram.u16(at: from + 8)),
      levelCount: levels, start: from + 10, end: to, hasLongMask: hasLongMask)
  }

  private init(flexible range: Range<Int>, _ datagram: Span<UInt8>) throws(WireError) {
    let (from, to) = (range.lowerBound, range.upperBound)
    guard to <= datagram.count, from + 20 <= to else { throw .truncated(needed: from + 20, have: min(to, datagram.count)) }
    // R and F: a packet that is sent again, and a mask that the session has agreed on.
    guard datagram[from] & 0xc0 == 0, datagram[from + 8] == 1 else { throw .badValue }
    let maskBytes = try RTPCorrection.flexibleMaskBytes(from + 18, to, datagram)
    self.init(
      scheme: .flexfec, base: SequenceNumber(datagram.u16(at: from + 16)), ssrc: SSRC(datagram.u32(at: from + 12)),
      header: Header(
        flags: datagram[from] & 0x3f, type: datagram[from + 1], timestamp: datagram.u32(at: from + 4), length: datagram.u16(at: from + 2)),
      levelCount: 1, start: from + 18, end: to, hasLongMask: maskBytes > 2)
  }

  /// How long the mask at `at` is: 2, 6 or 14 bytes, as its k bits say.
  private static func flexibleMaskBytes(_ at: Int, _ to: Int, _ datagram: Span<UInt8>) throws(WireError) -> Int {
    if datagram[at] & 0x80 != 0 { return 2 }
    guard at + 6 <= to else { throw .truncated(needed: at + 6, have: to) }
    if datagram[at + 2] & 0x80 != 0 { return 6 }
    guard at + 14 <= to else { throw .truncated(needed: at + 14, have: to) }
    guard datagram[at + 6] & 0x80 != 0 else { throw .badValue }
    return 14
  }

  /// The level of that number, from 0 to `levelCount - 1`. `datagram` is the one that was parsed.
  package func level(_ index: Int, in datagram: Span<UInt8>) -> Level {
    if scheme == .flexfec { return flexibleLevel(datagram) }
    let levelHeader = hasLongMask ? 8 : 4
    var at = start
    var offset = 0
    for _ in 0..<index {
      let length = Int(datagram.u16(at: at))
      offset += length
      at += levelHeader + length
    }
    var mask = UInt128(datagram.u16(at: at + 2)) << 112
    if hasLongMask { mask |= UInt128(datagram.u32(at: at + 4)) << 80 }
    let first = at + levelHeader
    return Level(mask: mask, offset: offset, range: first..<first + Int(datagram.u16(at: at)))
  }

  private func flexibleLevel(_ datagram: Span<UInt8>) -> Level {
    var mask = UInt128(datagram.u16(at: start) & 0x7fff) << 113
    var bytes = 2
    if hasLongMask {
      mask |= UInt128(datagram.u32(at: start + 2) & 0x7fff_ffff) << 82
      bytes = 6
      if datagram[start + 2] & 0x80 == 0 {
        mask |= UInt128(datagram.u64(at: start + 6) & 0x7fff_ffff_ffff_ffff) << 19
        bytes = 14
      }
    }
    return Level(mask: mask, offset: 0, range: start + bytes..<end)
  }
}
