package import Ground

/// When to ask a sender for a key frame: at once when one is needed, again after 200, 400, 800 ms … while it is still needed, and never
/// without need.
///
/// Budget: at most `burst` requests in a row and one more every two seconds, so that a sender that ignores us is not flooded. While no
/// packet of the track arrives (nothing sent yet, or the camera is off) a need is asked for at most `silentRequests` times.
package struct KeyFrameRequest: Sendable {
  private static let first = TimeSpan.milliseconds(200)
  private static let longest = TimeSpan.milliseconds(5_000)
  private static let burst = 8.0
  private static let refill = 0.5
  private static let silentRequests = 4

  private var isNeeded = false
  private var backOff = KeyFrameRequest.first
  private var due: Instant?
  private var budget = KeyFrameRequest.burst
  private var budgetAt: Instant?
  private var packetsSinceRequest = 0
  private var silent = 0

  /// Nothing is needed yet.
  package init() {}

  /// Whether a key frame is needed.
  package var isPending: Bool { isNeeded }

  /// A key frame is needed from now on. While one is needed already, nothing changes.
  package mutating func need(at now: Instant) {
    guard !isNeeded else { return }
    isNeeded = true
    backOff = KeyFrameRequest.first
    due = now
    silent = 0
  }

  /// A key frame is needed for another reason than before: a resume, another sender. It is asked for at once.
  package mutating func needAnew(at now: Instant) {
    isNeeded = false
    need(at: now)
  }

  /// The key frame has come.
  package mutating func satisfied() {
    isNeeded = false
    due = nil
  }

  /// The sender is there: a packet of the track came.
  @inline(__always) package mutating func packetArrived() { packetsSinceRequest += 1 }

  /// When to ask next, or nil.
  package var nextDeadline: Instant? {
    guard isNeeded, packetsSinceRequest > 0 || silent < KeyFrameRequest.silentRequests else { return nil }
    return due
  }

  /// Whether to ask now; counts the request where it answers true.
  package mutating func shouldAsk(at now: Instant) -> Bool {
    guard let deadline = nextDeadline, now >= deadline else { return false }
    if let last = budgetAt { budget = min(KeyFrameRequest.burst, budget + (now - last).seconds * KeyFrameRequest.refill) }
    budgetAt = now
    guard budget >= 1 else {
      due = now + TimeSpan.seconds((1 - budget) / KeyFrameRequest.refill)
      return false
    }
    budget -= 1
    if packetsSinceRequest == 0 { silent += 1 } else { silent = 0 }
    packetsSinceRequest = 0
    due = now + backOff
    backOff = min(KeyFrameRequest.longest, backOff * 2)
    return true
  }
}
