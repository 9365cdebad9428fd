import Synchronization

/// What all connections of a server share: how many there are of what, and whether it ends.
final class ServerState: Sendable {
  /// Requests begun and not yet answered whole.
  let requests = Atomic<Int>(0)
  private let eventStreams = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)

  /// True once the server ends: no request is taken any more, and event streams close.
  var isStopping: Bool { stopping.load(ordering: .acquiring) }

  /// Answers whether this was the first call.
  func beginStop() -> Bool { !stopping.exchange(true, ordering: .acquiringAndReleasing) }

  /// A place among the event streams, given back when the answer is released; nil where all are taken.
  func takeEventStream(limit: Int) -> EventStreamPlace? {
    if eventStreams.add(1, ordering: .relaxed).newValue <= limit { return EventStreamPlace(state: self) }
    leaveEventStream()
    return nil
  }

  fileprivate func leaveEventStream() { eventStreams.subtract(1, ordering: .relaxed) }
}

/// One event stream's place: as long as it lives, the stream counts.
final class EventStreamPlace: Sendable {
  let state: ServerState
  fileprivate init(state: ServerState) { self.state = state }
  deinit { state.leaveEventStream() }
}
