import Ground

/// Reads the fields of an AV1 header, most significant bit first (AV1 §4.10). Past the end all bits are zero, and `isOver` says so: headers
/// are read to their end before they are believed.
struct AV1BitReader: ~Escapable {
  private let bytes: Span<UInt8>
  private var at = 0
  private let end: Int

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>) {
    self.bytes = bytes
    end = bytes.count * 8
  }

  /// Whether more was read than there is.
  var isOver: Bool { at > end }

  mutating func flag() -> Bool { bits(1) == 1 }

  /// `f(n)`, n up to 32.
  mutating func bits(_ count: Int) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<count {
      let bit = at < end ? bytes[at >> 3] >> UInt8(7 - at & 7) & 1 : 0
      value = value << 1 | UInt32(bit)
      at += 1
    }
    return value
  }

  /// `ns(n)`: a number below `count`, in as many bits as that takes or one less.
  mutating func nonSymmetric(_ count: UInt32) -> UInt32 {
    let width = UInt32.bitWidth - count.leadingZeroBitCount
    let short = UInt32((UInt64(1) << UInt64(width)) - UInt64(count))
    let value = bits(width - 1)
    return value < short ? value : value << 1 - short + bits(1)
  }

  /// `uvlc()`: as many bits again as there are zeros before the first one. Its value is of no use here.
  mutating func skipUVLC() {
    var zeros = 0
    while !flag(), !isOver { zeros += 1 }
    if zeros < 32 { _ = bits(zeros) }
  }
}
