import CLinux
package import Ground

/// The machine's clocks: the only place where the time is asked.
package enum Clocks {
  package static func now() -> Instant { Instant(nanoseconds: UInt64(clinux_clock_monotonic())) }
  package static func wall() -> WallTime { WallTime(nanosecondsSinceEpoch: clinux_clock_realtime()) }
}
