/// A point on the machine's monotonic clock, in nanoseconds. Only the shells (`Loop`, `Replay`) make one from a clock.
public struct Instant: Hashable, Comparable, Sendable {
  /// Since an origin that only the machine knows.
  public var nanoseconds: UInt64

  /// The point `nanoseconds` after the clock's origin.
  @inlinable @inline(always) public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  @inlinable @inline(always) public static func < (a: Instant, b: Instant) -> Bool {
    a.nanoseconds < b.nanoseconds
  }
  @inlinable @inline(always) public static func - (a: Instant, b: Instant) -> TimeSpan {
    TimeSpan(nanoseconds: Int64(bitPattern: a.nanoseconds &- b.nanoseconds))
  }
  @inlinable @inline(always) public static func + (a: Instant, b: TimeSpan) -> Instant {
    Instant(nanoseconds: a.nanoseconds &+ UInt64(bitPattern: b.nanoseconds))
  }
  @inlinable @inline(always) public static func - (a: Instant, b: TimeSpan) -> Instant {
    Instant(nanoseconds: a.nanoseconds &- UInt64(bitPattern: b.nanoseconds))
  }
}

/// A signed length of time in nanoseconds.
public struct TimeSpan: Hashable, Comparable, Sendable {
  /// Negative for a span backwards.
  public var nanoseconds: Int64

  /// A span of `nanoseconds`.
  @inlinable @inline(always) public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
  /// A span of `n` milliseconds.
  @inlinable @inline(always) public static func milliseconds(_ n: Int64) -> TimeSpan {
    TimeSpan(nanoseconds: n &* 1_000_000)
  }
  /// A span of `n` microseconds.
  @inlinable @inline(always) public static func microseconds(_ n: Int64) -> TimeSpan {
    TimeSpan(nanoseconds: n &* 1_000)
  }
  /// A span of `n` seconds; a number too large for it, and one that is none, saturates.
  @inlinable public static func seconds(_ n: Double) -> TimeSpan {
    let ns = n * 1e9
    if !(ns < 9.2e18) { return TimeSpan(nanoseconds: .max) }
    if ns < -9.2e18 { return TimeSpan(nanoseconds: .min) }
    return TimeSpan(nanoseconds: Int64(ns.rounded()))
  }
  /// No time at all.
  public static let zero = TimeSpan(nanoseconds: 0)

  /// The span in seconds.
  @inlinable @inline(always) public var seconds: Double { Double(nanoseconds) / 1e9 }
  /// The span in milliseconds.
  @inlinable @inline(always) public var milliseconds: Double { Double(nanoseconds) / 1e6 }
  /// The span without its sign.
  @inlinable @inline(always) public var magnitude: TimeSpan {
    TimeSpan(nanoseconds: nanoseconds == .min ? .max : abs(nanoseconds))
  }

  @inlinable @inline(always) public static func < (a: TimeSpan, b: TimeSpan) -> Bool {
    a.nanoseconds < b.nanoseconds
  }
  @inlinable @inline(always) public static func + (a: TimeSpan, b: TimeSpan) -> TimeSpan {
    TimeSpan(nanoseconds: a.nanoseconds &+ b.nanoseconds)
  }
  @inlinable @inline(always) public static func - (a: TimeSpan, b: TimeSpan) -> TimeSpan {
    TimeSpan(nanoseconds: a.nanoseconds &- b.nanoseconds)
  }
  @inlinable @inline(always) public static prefix func - (a: TimeSpan) -> TimeSpan {
    TimeSpan(nanoseconds: 0 &- a.nanoseconds)
  }
  @inlinable @inline(always) public static func * (a: TimeSpan, n: Int64) -> TimeSpan {
    TimeSpan(nanoseconds: a.nanoseconds &* n)
  }
  @inlinable @inline(always) public static func += (a: inout TimeSpan, b: TimeSpan) { a = a + b }
  @inlinable @inline(always) public static func -= (a: inout TimeSpan, b: TimeSpan) { a = a - b }
}

/// A place on a recording's timeline, in nanoseconds from its zero. What every container timestamp is made from.
public struct MediaTime: Hashable, Comparable, Sendable {
  /// Since the timeline's zero.
  public var nanoseconds: Int64

  /// The place `nanoseconds` after the timeline's zero.
  @inlinable @inline(always) public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
  /// Where the timeline begins.
  public static let zero = MediaTime(nanoseconds: 0)
  /// Seconds since the timeline's zero.
  @inlinable @inline(always) public var seconds: Double { Double(nanoseconds) / 1e9 }
  /// Whole milliseconds, rounded to the nearest: the WebM timestamp scale.
  @inlinable @inline(always) public var milliseconds: Int64 {
    (nanoseconds &+ (nanoseconds >= 0 ? 500_000 : -500_000)) / 1_000_000
  }
  @inlinable @inline(always) public static func < (a: MediaTime, b: MediaTime) -> Bool {
    a.nanoseconds < b.nanoseconds
  }
  @inlinable @inline(always) public static func - (a: MediaTime, b: MediaTime) -> TimeSpan {
    TimeSpan(nanoseconds: a.nanoseconds &- b.nanoseconds)
  }
  @inlinable @inline(always) public static func + (a: MediaTime, b: TimeSpan) -> MediaTime {
    MediaTime(nanoseconds: a.nanoseconds &+ b.nanoseconds)
  }
  @inlinable @inline(always) public static func - (a: MediaTime, b: TimeSpan) -> MediaTime {
    MediaTime(nanoseconds: a.nanoseconds &- b.nanoseconds)
  }
}
