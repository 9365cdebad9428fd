/// Takes an input apart from its front. Beyond its end there are zeros: every input is a good one.
struct InputReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position >= bytes.count }

  mutating func u8() -> UInt8 {
    guard position < bytes.count else { return 0 }
    defer { position += 1 }
    return bytes[position]
  }
  mutating func i8() -> Int { Int(Int8(bitPattern: u8())) }
  mutating func u16() -> Int { Int(u8()) << 8 | Int(u8()) }
  mutating func i16() -> Int { Int(Int16(truncatingIfNeeded: u16())) }

  /// The next `count` bytes, fewer at the end.
  mutating func take(_ count: Int) -> [UInt8] {
    let end = min(position + count, bytes.count)
    defer { position = end }
    return Array(bytes[position..<end])
  }
  mutating func rest() -> [UInt8] { take(bytes.count) }

  /// A place in `0...length`, of three bytes.
  mutating func place(in length: Int) -> Int { (Int(u8()) << 16 | u16()) % (length + 1) }
}
