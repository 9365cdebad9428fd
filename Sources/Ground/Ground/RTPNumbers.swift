/// An RTP sequence number: 16 bits that wrap (RFC 3550 §5.1).
public struct SequenceNumber: Hashable, Sendable {
  /// As it stands in the packet.
  public var value: UInt16
  /// The number `value`.
  @inlinable @inline(always) public init(_ value: UInt16) { self.value = value }
  /// How far `self` lies after `other` on the shorter way round: -32768 to 32767.
  @inlinable @inline(always) public func distance(after other: SequenceNumber) -> Int {
    Int(Int16(bitPattern: value &- other.value))
  }
  /// The number after this one.
  @inlinable @inline(always) public var next: SequenceNumber { SequenceNumber(value &+ 1) }
}

/// An RTP media timestamp: 32 bits that wrap, in units of the payload's clock rate (RFC 3550 §5.1).
public struct RTPTimestamp: Hashable, Sendable {
  /// As it stands in the packet.
  public var value: UInt32
  /// The timestamp `value`.
  @inlinable @inline(always) public init(_ value: UInt32) { self.value = value }
  /// How far `self` lies after `other` on the shorter way round, in clock ticks.
  @inlinable @inline(always) public func distance(after other: RTPTimestamp) -> Int64 {
    Int64(Int32(bitPattern: value &- other.value))
  }
}

/// A synchronization source identifier (RFC 3550 §3).
public struct SSRC: Hashable, Sendable, CustomStringConvertible {
  /// As it stands in the packet.
  public var value: UInt32
  /// The identifier `value`.
  @inlinable @inline(always) public init(_ value: UInt32) { self.value = value }
  /// The identifier in decimal, as `a=ssrc` writes it.
  public var description: String { String(value) }
}

/// An RTP payload type: 0 to 127 (RFC 3550 §5.1).
public struct PayloadType: Hashable, Sendable, CustomStringConvertible {
  /// 0 to 127.
  public var value: UInt8
  /// The lower seven bits of `value`: the eighth is the packet's marker.
  @inlinable @inline(always) public init(_ value: UInt8) { self.value = value & 0x7f }
  /// The type in decimal.
  public var description: String { String(value) }
}

/// RTP clock ticks per second.
public struct ClockRate: Hashable, Sendable {
  /// At least 1.
  public let hertz: UInt32
  /// A rate of `hertz`; 0, which no clock has, becomes 1.
  @inlinable @inline(always) public init(_ hertz: UInt32) { self.hertz = max(1, hertz) }
  /// The time that `ticks` take, rounded towards zero.
  @inlinable @inline(always) public func span(ofTicks ticks: Int64) -> TimeSpan {
    // Split so that a tick count of days cannot overflow when multiplied by 10^9.
    let hz = Int64(hertz)
    return TimeSpan(nanoseconds: ticks / hz &* 1_000_000_000 &+ ticks % hz &* 1_000_000_000 / hz)
  }
}

/// Unwraps sequence numbers into a count that only ever means one packet. Starts at 2^16 so that packets before the first stay positive.
public struct SequenceExtender: Sendable {
  @usableFromInline var last: Int64?
  /// An extender that has seen nothing.
  @inlinable public init() {}
  /// The extended number of `s`, nearest to the last one seen; advances the reference only forwards.
  @inlinable public mutating func extend(_ s: SequenceNumber) -> Int64 {
    guard let reference = last else {
      last = 65_536 + Int64(s.value)
      return 65_536 + Int64(s.value)
    }
    let extended = reference + Int64(s.distance(after: SequenceNumber(UInt16(truncatingIfNeeded: reference))))
    if extended > reference { last = extended }
    return extended
  }
  /// The same without moving the reference.
  @inlinable public func peek(_ s: SequenceNumber) -> Int64 {
    guard let reference = last else { return 65_536 + Int64(s.value) }
    return reference + Int64(s.distance(after: SequenceNumber(UInt16(truncatingIfNeeded: reference))))
  }
}

/// Unwraps RTP timestamps into ticks that never wrap. Starts at 2^32.
public struct TimestampExtender: Sendable {
  @usableFromInline var last: Int64?
  /// An extender that has seen nothing.
  @inlinable public init() {}
  /// The extended timestamp of `t`, nearest to the last one given, which it becomes.
  @inlinable public mutating func extend(_ t: RTPTimestamp) -> Int64 {
    let extended = peek(t)
    last = extended
    return extended
  }
  /// The last extended timestamp, or nil before the first.
  @inlinable public var latest: Int64? { last }
  /// The extended timestamp of `t`, leaving the reference where it is.
  @inlinable public func peek(_ t: RTPTimestamp) -> Int64 {
    guard let reference = last else { return 4_294_967_296 + Int64(t.value) }
    return reference + t.distance(after: RTPTimestamp(UInt32(truncatingIfNeeded: reference)))
  }
}
