import Ground
import Recording

/// Bounds the events that a bad stream, or a hostile one, can cause without end: a gap or a correction with every packet. Beyond a burst,
/// so many a second are told; the rest is counted.
struct EventBudget {
  static let burst = 100.0
  static let perSecond = 10.0
  private static let bounded: Set<String> = [
    "media.gap", "clock.corrected", "track.stalled", "track.resumed", "track.resized",
  ]

  private var left = EventBudget.burst
  private var filledAt: Instant?
  private var omitted = 0

  /// Which of the events are told, each with how many were left out since the last that was.
  mutating func admit(_ events: [TakeEvent], at now: Instant) -> [(event: TakeEvent, omittedBefore: Int)] {
    if let filledAt { left = min(EventBudget.burst, left + (now - filledAt).seconds * EventBudget.perSecond) }
    filledAt = now
    var told: [(event: TakeEvent, omittedBefore: Int)] = []
    for event in events {
      if EventBudget.bounded.contains(event.type) {
        guard left >= 1 else {
          omitted += 1
          continue
        }
        left -= 1
      }
      told.append((event, omitted))
      omitted = 0
    }
    return told
  }
}
