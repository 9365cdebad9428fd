package import Ground

/// Several VP9 frames in one (VP9 bitstream specification, annex B): the frames, and an index of their sizes behind them.
///
///     | frames … | 110 S S N N N | sizes, SS + 1 bytes each, low byte first, NNN + 1 of them | 110 S S N N N |
package enum VP9Superframe {
  /// How many frames `bytes[start..<end]` is by its index; 1 where there is none.
  package static func count(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
    guard let index = index(bytes, from: start, to: end) else { return 1 }
    return index.frames
  }

  /// Calls `body` with each frame's range in `bytes[start..<end]`; with the whole of it where there is no index, or one that does not fit.
  package static func forEachFrame(
    _ bytes: Span<UInt8>, from start: Int, to end: Int, _ body: (Range<Int>) throws(WireError) -> Void
  ) throws(WireError) {
    guard let index = index(bytes, from: start, to: end) else { return try body(start..<end) }
    var at = start
    for number in 0..<index.frames {
      let size = index.size(number, bytes)
      // An index entry of no bytes is a frame that was left out.
      if size > 0 { try body(at..<at + size) }
      at += size
    }
  }

  private struct Index {
    var frames: Int
    var sizeBytes: Int
    /// Where the sizes begin.
    var start: Int
    func size(_ number: Int, _ bytes: Span<UInt8>) -> Int {
      var size = 0
      for byte in 0..<sizeBytes { size |= Int(bytes[start + number * sizeBytes + byte]) << (8 * byte) }
      return size
    }
  }

  private static func index(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Index? {
    guard end - start > 2, end <= bytes.count, bytes[end - 1] & 0xe0 == 0xc0 else { return nil }
    let marker = bytes[end - 1]
    let index = Index(frames: Int(marker & 7) + 1, sizeBytes: Int(marker >> 3 & 3) + 1, start: 0)
    let length = 2 + index.frames * index.sizeBytes
    guard end - start >= length, bytes[end - length] == marker else { return nil }
    var placed = index
    placed.start = end - length + 1
    let sum = (0..<placed.frames).reduce(0) { $0 + placed.size($1, bytes) }
    return sum > 0 && sum <= end - start - length ? placed : nil
  }

  /// Appends the index of frames of these sizes, at most eight.
  package static func appendIndex(_ sizes: [Int], to bytes: inout [UInt8]) {
    let largest = sizes.max() ?? 0
    let sizeBytes = largest < 1 << 8 ? 1 : largest < 1 << 16 ? 2 : largest < 1 << 24 ? 3 : 4
    let marker = 0xc0 | UInt8(truncatingIfNeeded: sizeBytes - 1) << 3 | UInt8(truncatingIfNeeded: sizes.count - 1)
    bytes.append(marker)
    for size in sizes {
      for byte in 0..<sizeBytes { bytes.append(UInt8(truncatingIfNeeded: size >> (8 * byte))) }
    }
    bytes.append(marker)
  }

  /// Appends `frame[range]`, a shown frame with a size, made into a hidden one: it decodes to the same picture, which only later frames
  /// see. False, and nothing appended, where its header cannot be read to the end.
  ///
  /// In a key frame only show_frame changes. In an inter frame intra_only follows it as one bit more, so that the rest of the uncompressed
  /// header moves by one; what is behind the header begins at a byte.
  package static func appendHidden(
    _ frame: Span<UInt8>, _ range: Range<Int>, _ header: VP9FrameHeader, to bytes: inout [UInt8]
  ) -> Bool {
    guard !header.showsExisting, header.isShown else { return false }
    if header.isKey {
      let start = bytes.count
      bytes.append(copying: frame, range)
      bytes[start] &= ~(0x80 >> UInt8(header.shownBit & 7))
      return true
    }
    guard let end = try? headerEnd(frame, range, header) else { return false }
    let inserted = header.shownBit + 2
    var bit = range.lowerBound * 8
    var value: UInt8 = 0
    var filled = 0
    func put(_ next: UInt8) {
      value = value << 1 | next
      filled += 1
      if filled == 8 {
        bytes.append(value)
        value = 0
        filled = 0
      }
    }
    while bit < end {
      if bit == inserted { put(0) }
      put(bit == header.shownBit ? 0 : frame[bit >> 3] >> UInt8(7 - bit & 7) & 1)
      bit += 1
    }
    while filled != 0 { put(0) }
    bytes.append(copying: frame, (end + 7) / 8..<range.upperBound)
    return true
  }

  /// The bit behind the uncompressed header (VP9 bitstream specification §6.2).
  private static func headerEnd(_ frame: Span<UInt8>, _ range: Range<Int>, _ header: VP9FrameHeader) throws(WireError) -> Int {
    guard let size = header.size else { throw .badValue }
    var bits = VP9BitReader(frame, atBit: header.endBit, to: range.upperBound)
    if !header.isIntraOnly {
      _ = try bits.read(1)  // allow_high_precision_mv
      if try !bits.flag() { _ = try bits.read(2) }  // interpolation filter
    }
    if !header.isErrorResilient { _ = try bits.read(2) }
    _ = try bits.read(2)  // frame_context_idx
    _ = try bits.read(9)  // loop filter: level, sharpness
    if try bits.flag(), try bits.flag() {
      for _ in 0..<6 { try bits.skipOptional(7) }
    }
    _ = try bits.read(8)  // base_q_idx
    for _ in 0..<3 { try bits.skipOptional(5) }
    if try bits.flag() { try skipSegmentation(&bits) }
    // Tiles are at least 256 and at most 4096 pixels wide.
    let blocks = (size.width + 63) / 64
    var least = 0
    while 64 << least < blocks { least += 1 }
    var most = 1
    while blocks >> most >= 4 { most += 1 }
    while least < most - 1, try bits.flag() { least += 1 }
    if try bits.flag() { _ = try bits.read(1) }
    _ = try bits.read(16)  // header_size_in_bytes
    return bits.position
  }

  private static func skipSegmentation(_ bits: inout VP9BitReader) throws(WireError) {
    if try bits.flag() {
      for _ in 0..<7 { try bits.skipOptional(8) }
      if try bits.flag() {
        for _ in 0..<3 { try bits.skipOptional(8) }
      }
    }
    guard try bits.flag() else { return }
    _ = try bits.read(1)
    for _ in 0..<8 {
      // Quantizer and loop filter with their signs, reference, skip.
      for length in [9, 7, 2, 0] { try bits.skipOptional(length) }
    }
  }
}
