import Dispatch
package import Ground
import JSON
package import Recording
import Synchronization

extension Recorder {
  /// The most events that one look into the logs brings.
  private static let page = 1_000

  package func events(of recording: String?, after last: UInt64?, timeout: TimeSpan) throws(ControlError)
    -> (events: [RecordingEvent], closed: Bool)
  {
    let deadline = DispatchTime.now() + .nanoseconds(Int(clamping: max(0, timeout.nanoseconds)))
    let from = last ?? hub.newest
    while true {
      let seen = hub.newest
      if let recording {
        let (entry, ended) = state.withLock { ($0.live[recording], $0.ended.find(recording)) }
        guard entry != nil || ended != nil else { throw ControlError(.notFound, "there is no recording \(recording)") }
        if let ended { return (EventLog.read(folder: ended.folder, after: last ?? 0), true) }
        // What the ring no longer has is in the recording's own log.
        if let entry, isBeyondRing(from), entry.lastEvent.load(ordering: .relaxed) > from {
          let events = EventLog.read(folder: entry.folder, after: from)
          if !events.isEmpty { return (events, false) }
        }
      } else if from > 0, isBeyondRing(from) {
        let events = logged(after: from)
        if !events.isEmpty { return (events, false) }
      }
      let events = hub.events(of: recording, after: from)
      if !events.isEmpty { return (events, false) }
      if hub.isClosed { return ([], true) }
      if DispatchTime.now() >= deadline { return ([], false) }
      hub.wait(after: seen, until: deadline)
    }
  }

  /// Whether events after `last` may have left the ring.
  private func isBeyondRing(_ last: UInt64) -> Bool {
    let oldest = hub.oldest
    return oldest > 1 && last < oldest - 1
  }

  /// The events after `last` that are older than the ring, from the logs of all recordings; a page of them at a time.
  private func logged(after last: UInt64) -> [RecordingEvent] {
    let oldest = hub.oldest
    let folders = state.withLock { state in
      state.ended.all.filter { $0.lastEvent > last }.map(\.folder)
        + state.live.values.filter { $0.lastEvent.load(ordering: .relaxed) > last }.map(\.folder)
    }
    let events = folders.flatMap { EventLog.read(folder: $0, after: last) }.filter { $0.id < oldest }
    return Array(events.sorted { $0.id < $1.id }.prefix(Recorder.page))
  }
}
