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
}
