package import Ground

/// How a VP9 frame's samples are coded (VP9 bitstream specification §7.2.2).
package struct VP9Color: Sendable, Hashable {
  /// 8, 10 or 12.
  package var bitDepth: UInt8 = 8
  /// color_space: 1 BT.601, 2 BT.709, 5 BT.2020, 7 RGB; 0 is not told.
  package var space: UInt8 = 0
  /// Samples use all of their range.
  package var isFullRange = false
  /// Chroma has half as many samples across, and down.
  package var isHalvedAcross = true
  package var isHalvedDown = true
  package init() {}
}

/// The sizes of the eight pictures that a VP9 decoder keeps, as frame headers tell them.
package struct VP9Slots: Sendable, Equatable {
  private var sizes = [PictureSize?](repeating: nil, count: 8)
  package init() {}
  /// The size in a slot, 0 to 7; nil while unknown.
  package subscript(slot: UInt8) -> PictureSize? { sizes[Int(slot & 7)] }
  /// A frame has been decoded.
  package mutating func receive(_ header: VP9FrameHeader) {
    for slot in 0..<8 where header.refreshedSlots & 1 << slot != 0 { sizes[slot] = header.size }
  }
}

/// The head of a VP9 frame, up to its size (VP9 bitstream specification §6.2): the uncompressed header goes on with what only a decoder needs.
package struct VP9FrameHeader: Sendable, Equatable {
  /// 0 to 3.
  package var profile: UInt8
  /// show_existing_frame: the frame has no picture of its own, and shows one that the decoder keeps.
  package var showsExisting: Bool
  /// Whether decoding can start here.
  package var isKey = false
  /// show_frame.
  package var isShown = true
  /// Nothing but the pictures that it names is needed of earlier frames: no probabilities, no motion.
  package var isErrorResilient = false
  package var isIntraOnly = false
  /// Bit n: the frame replaces the decoder's picture n.
  package var refreshedSlots: UInt8 = 0
  /// Told by key and intra-only frames.
  package var color: VP9Color?
  /// Nil where it is that of a picture whose size is not known.
  package var size: PictureSize?
  /// The bit of show_frame, and the place behind error_resilient_mode, where a hidden inter frame has one bit more.
  package private(set) var shownBit = 0
  /// The bit behind what has been read.
  package private(set) var endBit = 0

  /// Reads the frame at `frame[start..<end]`. Throws `truncated`, and `badValue` where it is no VP9 frame.
  package init(parsing frame: Span<UInt8>, from start: Int, to end: Int, slots: VP9Slots) throws(WireError) {
    var bits = VP9BitReader(frame, from: start, to: end)
    guard try bits.read(2) == 2 else { throw .badValue }
    let low = try bits.read(1)
    profile = UInt8(try bits.read(1) << 1 | low)
    if profile == 3, try bits.read(1) != 0 { throw .badValue }
    showsExisting = try bits.flag()
    guard !showsExisting else {
      size = slots[UInt8(try bits.read(3))]
      endBit = bits.position
      return
    }
    isKey = try !bits.flag()
    shownBit = bits.position
    isShown = try bits.flag()
    isErrorResilient = try bits.flag()
    if isKey {
      try VP9FrameHeader.checkSyncCode(&bits)
      color = try VP9FrameHeader.readColor(&bits, profile)
      size = try VP9FrameHeader.readSize(&bits)
      refreshedSlots = 0xff
    } else {
      try readInter(&bits, slots)
    }
    // render_and_frame_size_different: what a player is to scale to, which none does here.
    if try bits.flag() { _ = try bits.read(32) }
    endBit = bits.position
  }

  private mutating func readInter(_ bits: inout VP9BitReader, _ slots: VP9Slots) throws(WireError) {
    isIntraOnly = isShown ? false : try bits.flag()
    if !isErrorResilient { _ = try bits.read(2) }
    if isIntraOnly {
      try VP9FrameHeader.checkSyncCode(&bits)
      color = profile > 0 ? try VP9FrameHeader.readColor(&bits, profile) : VP9Color()
      refreshedSlots = UInt8(try bits.read(8))
      size = try VP9FrameHeader.readSize(&bits)
      return
    }
    refreshedSlots = UInt8(try bits.read(8))
    var references: UInt32 = 0
    for index in UInt32(0)..<3 {
      references |= try bits.read(3) << (8 * index)
      _ = try bits.read(1)
    }
    for index in UInt32(0)..<3 where try bits.flag() {
      size = slots[UInt8(truncatingIfNeeded: references >> (8 * index))]
      return
    }
    size = try VP9FrameHeader.readSize(&bits)
  }

  private static func checkSyncCode(_ bits: inout VP9BitReader) throws(WireError) {
    guard try bits.read(24) == 0x498342 else { throw .badValue }
  }

  private static func readColor(_ bits: inout VP9BitReader, _ profile: UInt8) throws(WireError) -> VP9Color {
    var color = VP9Color()
    if profile >= 2 { color.bitDepth = try bits.flag() ? 12 : 10 }
    color.space = UInt8(try bits.read(3))
    let isOdd = profile & 1 == 1
    if color.space == 7 {
      guard isOdd else { throw .badValue }
      color.isFullRange = true
      color.isHalvedAcross = false
      color.isHalvedDown = false
      _ = try bits.read(1)
    } else {
      color.isFullRange = try bits.flag()
      if isOdd {
        color.isHalvedAcross = try bits.flag()
        color.isHalvedDown = try bits.flag()
        _ = try bits.read(1)
      }
    }
    return color
  }

  private static func readSize(_ bits: inout VP9BitReader) throws(WireError) -> PictureSize {
    let width = Int(try bits.read(16)) + 1
    let height = Int(try bits.read(16)) + 1
    // No level allows more (VP9 bitstream specification, annex A).
    guard width <= 16_384, height <= 16_384 else { throw .badValue }
    return PictureSize(width: width, height: height)
  }
}

/// A cursor over bits, the highest of a byte first.
struct VP9BitReader: ~Escapable {
  private let bytes: Span<UInt8>
  /// In bits from the span's start.
  private(set) var position: Int
  private let end: Int

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>, from start: Int, to end: Int) {
    self.bytes = bytes
    position = start * 8
    self.end = min(end, bytes.count) * 8
  }

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>, atBit bit: Int, to end: Int) {
    self.bytes = bytes
    position = bit
    self.end = min(end, bytes.count) * 8
  }

  /// The next `count` bits, at most 32.
  @_lifetime(self: copy self)
  mutating func read(_ count: Int) throws(WireError) -> UInt32 {
    guard position + count <= end else { throw .truncated(needed: (position + count + 7) / 8, have: end / 8) }
    var value: UInt32 = 0
    for _ in 0..<count {
      value = value << 1 | UInt32(bytes[position >> 3] >> UInt8(7 - position & 7) & 1)
      position += 1
    }
    return value
  }

  @_lifetime(self: copy self)
  mutating func flag() throws(WireError) -> Bool { try read(1) == 1 }

  /// Passes a number of `count` bits and its sign, where a flag says that there is one.
  @_lifetime(self: copy self)
  mutating func skipOptional(_ count: Int) throws(WireError) {
    if try flag() { _ = try read(count) }
  }
}
