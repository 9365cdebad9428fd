/// Why bytes from the network were not a packet. Every case is counted by its name.
public enum WireError: Error, Hashable, Sendable {
  /// Fewer bytes than the format needs.
  case truncated(needed: Int, have: Int)
  /// A version field that is not the format's.
  case badVersion(UInt8)
  /// A length field that points outside the packet.
  case badLength
  /// A value that the format forbids.
  case badValue
}

/// A cursor over borrowed bytes, for layouts of varying length. Reads are big-endian, as all network formats here are.
public struct ByteReader: ~Escapable {
  @usableFromInline let bytes: Span<UInt8>
  @usableFromInline var position: Int
  /// How many bytes from the span's start have been passed.
  @inlinable @inline(always) public var offset: Int { position }
  @usableFromInline let end: Int

  /// A cursor over all of `bytes`.
  @_lifetime(copy bytes)
  @inlinable @inline(always) public init(_ bytes: Span<UInt8>) {
    self.init(bytes, from: 0, to: bytes.count)
  }
  /// A cursor over `bytes[from..<to]`. The bounds must lie in the span.
  @_lifetime(copy bytes)
  @inlinable @inline(always) public init(_ bytes: Span<UInt8>, from: Int, to: Int) {
    self.bytes = bytes
    self.position = from
    self.end = to
  }
  /// How many bytes are left.
  @inlinable @inline(always) public var remaining: Int { end - position }

  /// Reads the next byte; throws `truncated` where the end comes first.
  @_lifetime(self: copy self)
  @inlinable @inline(always) public mutating func u8() throws(WireError) -> UInt8 {
    guard remaining >= 1 else { throw .truncated(needed: offset + 1, have: end) }
    let v = bytes[offset]
    advance(1)
    return v
  }
  /// Reads the next two bytes; throws `truncated` where the end comes first.
  @_lifetime(self: copy self)
  @inlinable @inline(always) public mutating func u16() throws(WireError) -> UInt16 {
    guard remaining >= 2 else { throw .truncated(needed: offset + 2, have: end) }
    let v = bytes.u16(at: offset)
    advance(2)
    return v
  }
  /// Reads the next four bytes; throws `truncated` where the end comes first.
  @_lifetime(self: copy self)
  @inlinable @inline(always) public mutating func u32() throws(WireError) -> UInt32 {
    guard remaining >= 4 else { throw .truncated(needed: offset + 4, have: end) }
    let v = bytes.u32(at: offset)
    advance(4)
    return v
  }
  /// Passes `n` bytes; throws `truncated` where there are fewer, or `n` is negative.
  @_lifetime(self: copy self)
  @inlinable @inline(always) public mutating func skip(_ n: Int) throws(WireError) {
    guard n >= 0, remaining >= n else { throw .truncated(needed: offset &+ n, have: end) }
    advance(n)
  }
  @_lifetime(self: copy self)
  @inlinable @inline(always) mutating func advance(_ n: Int) { position += n }
}

extension Span where Element == UInt8 {
  /// The big-endian 16 bits at `i`; the caller has checked the length.
  @inlinable @inline(always) public func u16(at i: Int) -> UInt16 {
    UInt16(self[i]) << 8 | UInt16(self[i + 1])
  }
  /// The big-endian 24 bits at `i`; the caller has checked the length.
  @inlinable @inline(always) public func u24(at i: Int) -> UInt32 {
    UInt32(self[i]) << 16 | UInt32(self[i + 1]) << 8 | UInt32(self[i + 2])
  }
  /// The big-endian 32 bits at `i`; the caller has checked the length.
  @inlinable @inline(always) public func u32(at i: Int) -> UInt32 {
    UInt32(self[i]) << 24 | UInt32(self[i + 1]) << 16 | UInt32(self[i + 2]) << 8 | UInt32(self[i + 3])
  }
  /// The big-endian 64 bits at `i`; the caller has checked the length.
  @inlinable @inline(always) public func u64(at i: Int) -> UInt64 {
    UInt64(u32(at: i)) << 32 | UInt64(u32(at: i + 4))
  }
}

extension Array where Element == UInt8 {
  /// Appends two bytes, big-endian.
  @inlinable public mutating func appendU16(_ v: UInt16) {
    append(UInt8(truncatingIfNeeded: v >> 8))
    append(UInt8(truncatingIfNeeded: v))
  }
  /// Appends four bytes, big-endian.
  @inlinable public mutating func appendU32(_ v: UInt32) {
    appendU16(UInt16(truncatingIfNeeded: v >> 16))
    appendU16(UInt16(truncatingIfNeeded: v))
  }
  /// Appends eight bytes, big-endian.
  @inlinable public mutating func appendU64(_ v: UInt64) {
    appendU32(UInt32(truncatingIfNeeded: v >> 32))
    appendU32(UInt32(truncatingIfNeeded: v))
  }
}
