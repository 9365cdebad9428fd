package import Ground
import Jitter
package import Timeline

extension TrackReceiver {
  /// The track ends: everything whole is given out, the rest is counted. What is missing since its last frame is a hole up to the last packet
  /// that came, for no frame will tell it.
  package mutating func end(clock: inout ParticipantClock, pool: BufferPool) {
    while let release = jitter.popFlushing() { handle(release, clock: &clock, pool: pool) }
    // A frame whose rest is still on its way was not lost.
    let isMissing = missing.packets > 0 || missing.hasDropped
    finish(clock: &clock, pool: pool)
    guard isMissing, let lastTicks, let end = lastPlaceEnd else { return }
    let last = clock.place(clockIndex, ticks: lastTicks, end: nil)
    guard let cause = missing.cause(over: last - end, stall: 0) else { return }
    outputs.append(.gap(TrackGap(from: end, to: last, packetsLost: missing.packets, cause: cause)))
    missing = Missing()
  }
}
