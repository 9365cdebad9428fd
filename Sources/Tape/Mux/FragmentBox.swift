import Ground

/// One box of an ISO base media file (ISO/IEC 14496-12 §4.2): its type and where its body lies in the bytes that it was found in.
///
///     0                   1                   2                   3
///     |            size (32)          |           type (32)           |
///     | where size is 1: the real size (64)                           |
struct FragmentBox {
  var type: UInt32
  var body: Range<Int>
  /// Where its header begins.
  let start: Int
  /// Header and body.
  var whole: Range<Int> { start..<body.upperBound }

  /// The whole box at `offset`, or nil where its header or its body reaches beyond `end`. A box without a size of its own (0: "to the
  /// end of the file") is none that a growing file may have.
  init?(at offset: Int, before end: Int, in bytes: Span<UInt8>) {
    guard offset >= 0, end <= bytes.count, offset <= end, end - offset >= 8 else { return nil }
    var header = 8
    var size = UInt64(bytes.u32(at: offset))
    type = bytes.u32(at: offset + 4)
    if size == 1 {
      guard end - offset >= 16 else { return nil }
      size = bytes.u64(at: offset + 8)
      header = 16
    }
    guard size >= UInt64(header), size <= UInt64(end - offset) else { return nil }
    body = offset + header..<offset + Int(size)
    start = offset
  }

  /// The first child of that type, nil where there is none before the first broken one. `skipping`: bytes of fields before the children.
  func child(_ name: StaticString, in bytes: Span<UInt8>, skipping: Int = 0) -> FragmentBox? {
    var found: FragmentBox?
    forEachChild(in: bytes, skipping: skipping) { box in
      if found == nil, box.isNamed(name) { found = box }
    }
    return found
  }

  /// Every child before the first broken one.
  func forEachChild(in bytes: Span<UInt8>, skipping: Int = 0, _ body: (FragmentBox) -> Void) {
    var offset = self.body.lowerBound + skipping
    while let box = FragmentBox(at: offset, before: self.body.upperBound, in: bytes) {
      body(box)
      offset = box.body.upperBound
    }
  }

  /// Whether the type is this four-character code.
  func isNamed(_ name: StaticString) -> Bool { type == FragmentBox.code(name) }

  static func code(_ name: StaticString) -> UInt32 {
    var code: UInt32 = 0
    for byte in name.description.utf8 { code = code << 8 | UInt32(byte) }
    return code
  }
}
