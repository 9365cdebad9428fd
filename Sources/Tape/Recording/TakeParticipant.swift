import Ground
import Timeline

/// One participant of a take: its clocks, its tracks, its place in the order of frames.
struct TakeParticipant {
  let id: String
  var clock = ParticipantClock()
  var interleaver = Interleaver()
  /// The take's track numbers.
  var tracks: [Int] = []
  var hasJoined = false
  var joinedAt: Instant?
  var leftAt: Instant?
  /// Whether a file was ordered.
  var isOpen = false
  /// How many were.
  var openedParts = 0
  var clockEvents = EventBudget()

  init(id: String) { self.id = id }

  /// The next correction of its clocks to be told. In one call: what is read of a participant piece by piece is copied as a whole.
  mutating func popCorrection() -> ParticipantClock.Correction? { clock.popCorrection() }

  /// Whether the clock of a track is known, and whether it is being learnt. Mutating as above.
  mutating func isSettled(_ clockIndex: Int) -> Bool { clock.isSettled(clockIndex) }
  mutating func isBeingLearnt(_ clockIndex: Int) -> Bool { !clock.isSettled(clockIndex) && clock.settlingDeadline(clockIndex) != nil }
}
