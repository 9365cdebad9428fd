package import Ground

/// When a server is asked for a session, and when no more: a value, driven by what happened and by the time.
///
/// What is lost is asked for again with exponential back-off and jitter, until the grace time is over in which no peer was connected. An
/// attempt that is under way then may come to its end. After each call, look at `step`.
package struct WHEPCourse: Sendable {
  package struct Configuration: Sendable {
    /// How long a source may be without a peer; the first contact included.
    package var grace = TimeSpan.seconds(120)
    package var firstDelay = TimeSpan.milliseconds(500)
    package var longestDelay = TimeSpan.seconds(30)
    /// A connection that held so long has the delays begin anew.
    package var stableAfter = TimeSpan.seconds(10)
    package init() {}
  }

  /// What is to be done.
  package enum Step: Sendable, Equatable {
    /// Ask for a session now, and say so with `asked`.
    case ask
    /// Call `advance(to:)` then.
    case wait(until: Instant)
    /// Something is under way: wait to be told.
    case attend
    /// No more attempts.
    case giveUp(reason: String)
  }

  private let configuration: Configuration
  private var random: UInt64
  /// Since when no peer is connected.
  private var missingSince: Instant
  private var connectedAt: Instant?
  private var hasConnected = false
  /// Attempts since a connection held.
  package private(set) var attempts = 0
  /// Whether the next `advance` gives up: the server wants no attempt before the grace time is over.
  private var isLastWait = false
  package private(set) var step = Step.ask
  /// Why the last attempt, or connection, came to nothing.
  package private(set) var lastReason = ""

  /// `seed` makes the jitter.
  package init(_ configuration: Configuration, seed: UInt64, at now: Instant) {
    self.configuration = configuration
    random = seed
    missingSince = now
  }

  // MARK: World

  /// The attempt is under way, until it is `refused`, or its peer is `connected` or `lost`.
  package mutating func asked() {
    attempts += 1
    step = .attend
  }

  package mutating func connected(at now: Instant) {
    hasConnected = true
    connectedAt = now
    step = .attend
  }

  /// An attempt came to nothing.
  package mutating func refused(_ refusal: WHEPRefusal, at now: Instant) {
    lastReason = refusal.reason
    switch refusal.weight {
    case .decisive: step = .giveUp(reason: refusal.reason)
    case .decisiveAtFirst where !hasConnected: step = .giveUp(reason: refusal.reason)
    case .decisiveAtFirst, .passing: retry(after: refusal.retryAfter, at: now)
    }
  }

  /// The peer is lost, or was never found.
  package mutating func lost(_ reason: String, at now: Instant) {
    lastReason = reason
    if let since = connectedAt {
      if now - since >= configuration.stableAfter { attempts = 0 }
      missingSince = now
      connectedAt = nil
    }
    retry(after: nil, at: now)
  }

  package mutating func advance(to now: Instant) {
    guard case .wait(let until) = step, now >= until else { return }
    step = isLastWait ? .giveUp(reason: lastReason) : .ask
  }

  // MARK: Decisions

  private mutating func retry(after asked: TimeSpan?, at now: Instant) {
    let end = missingSince + configuration.grace
    guard now < end else {
      step = .giveUp(reason: lastReason)
      return
    }
    let delay = max(nextDelay(), asked ?? .zero)
    // What is left of the grace time ends with an attempt, unless the server does not want one.
    isLastWait = asked.map { now + $0 > end } ?? false
    step = .wait(until: min(now + delay, end))
  }

  /// Doubles from attempt to attempt; four fifths to six fifths of it, so that those who were thrown out together do not return together.
  private mutating func nextDelay() -> TimeSpan {
    var delay = configuration.firstDelay
    for _ in 1..<max(2, min(attempts, 20)) where attempts > 1 { delay = min(delay * 2, configuration.longestDelay) }
    // SplitMix64.
    random &+= 0x9e37_79b9_7f4a_7c15
    var mixed = random
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    let share = 800 + Int64((mixed ^ mixed >> 31) % 401)
    return min(TimeSpan(nanoseconds: delay.nanoseconds / 1_000 * share), configuration.longestDelay)
  }
}
