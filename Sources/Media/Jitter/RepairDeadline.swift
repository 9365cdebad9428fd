package import Ground

/// How long a missing packet's place is kept: as long as it took packets lately to come after all, and as a sender that repeats them takes
/// for some tries; at least `shortest`, at most `longest`. It rises at once and falls slowly.
///
/// Without a sender that repeats, only packets that were overtaken come late, so only reordering counts.
package struct RepairDeadline: Sendable {
  package static let shortest = TimeSpan.milliseconds(200)
  package static let longest = TimeSpan.milliseconds(2_000)
  /// So many questions and answers a place outlasts.
  private static let rounds: Int64 = 8
  /// How long one takes before the first answer.
  package static let unmeasuredRound = TimeSpan.milliseconds(63)
  /// By how much it falls in a second.
  private static let fall = TimeSpan.milliseconds(20)

  /// How long a place is kept now.
  package private(set) var span: TimeSpan
  private var fellAt: Instant?
  /// What the last packets that came after all needed, falling with time.
  private var needed = TimeSpan.zero
  private let isFixed: Bool

  /// `repeats`: the sender may repeat what is missing.
  package init(repeats: Bool) {
    span = repeats ? RepairDeadline.unmeasuredRound * RepairDeadline.rounds : RepairDeadline.shortest
    isFixed = false
  }

  /// A deadline that stays what it is.
  package init(fixed span: TimeSpan) {
    self.span = span
    isFixed = true
  }

  /// A packet that was missing for so long has come, in time or not.
  package mutating func observe(missingFor span: TimeSpan) {
    // What comes later than a place is ever kept is of no use.
    guard !isFixed, span <= RepairDeadline.longest else { return }
    needed = max(needed, min(TimeSpan(nanoseconds: span.nanoseconds * 5 / 4) + .milliseconds(20), RepairDeadline.longest))
    self.span = max(self.span, needed)
  }

  /// Lets time pass. `round`: how long after a question the sender is asked once more; nil where nobody repeats.
  package mutating func advance(to now: Instant, round: TimeSpan?) {
    guard !isFixed else { return }
    let fallen = fellAt.map { TimeSpan(nanoseconds: max(0, (now - $0).nanoseconds) / 1_000 * RepairDeadline.fall.nanoseconds / 1_000_000) }
    fellAt = now
    needed = max(.zero, needed - (fallen ?? .zero))
    let repairing = round.map { $0 * RepairDeadline.rounds } ?? .zero
    let target = min(max(RepairDeadline.shortest, needed, repairing), RepairDeadline.longest)
    span = max(target, span - (fallen ?? .zero))
  }
}
