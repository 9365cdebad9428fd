import Dispatch
import Ground
import JSON
import Recording
import Synchronization

/// Gives events their numbers, keeps the last of them, and wakes who waits. Thread-safe.
final class EventHub: Sendable {
  /// What a client that lost its connection can still resume from.
  static let capacity = 10_000

  private struct Entry {
    var recording: String
    var event: RecordingEvent
  }
  private struct State {
    var next: UInt64
    var ring: [Entry] = []
    var waiters: [UInt64: DispatchSemaphore] = [:]
    var nextWaiter: UInt64 = 0
    var isClosed = false
  }
  private let state: Mutex<State>

  /// `first` is the next event's number: above all that were given before a restart.
  init(first: UInt64) { state = Mutex(State(next: first)) }

  /// Numbers an event and tells it; answers it for the recording's own log.
  func publish(_ type: String, recording: String, room: String, at: WallTime, _ fields: [JSONField]) -> RecordingEvent {
    let (event, waiters) = state.withLock { state in
      let id = state.next
      state.next += 1
      let json = JSONValue.object(
        [
          JSONField("id", JSONValue(id)), JSONField("type", .string(type)), JSONField("at", .string(at.rfc3339)),
          JSONField("recording", .string(recording)), JSONField("room", .string(room)),
        ] + fields)
      let event = RecordingEvent(id: id, type: type, json: json)
      if state.ring.count >= EventHub.capacity + 1_000 { state.ring.removeFirst(1_000) }
      state.ring.append(Entry(recording: recording, event: event))
      let waiters = Array(state.waiters.values)
      state.waiters.removeAll()
      return (event, waiters)
    }
    for waiter in waiters { waiter.signal() }
    return event
  }

  /// Events after `last` that are still kept; nil `last` means from now on, answered as none.
  func events(of recording: String?, after last: UInt64) -> [RecordingEvent] {
    state.withLock { state in
      // The ring rises by number: find where to begin.
      var low = 0
      var high = state.ring.count
      while low < high {
        let middle = (low + high) / 2
        if state.ring[middle].event.id <= last { low = middle + 1 } else { high = middle }
      }
      return state.ring[low...].lazy.filter { recording == nil || $0.recording == recording }.map(\.event)
    }
  }

  var newest: UInt64 { state.withLock { $0.next - 1 } }
  var isClosed: Bool { state.withLock { $0.isClosed } }
  /// The oldest number that the ring still has.
  var oldest: UInt64? { state.withLock { $0.ring.first?.event.id } }

  /// Waits until something is published after `last`, or until `deadline`.
  func wait(after last: UInt64, until deadline: DispatchTime) {
    let waiter = DispatchSemaphore(value: 0)
    let key = state.withLock { state -> UInt64? in
      guard state.next - 1 <= last, !state.isClosed else { return nil }
      state.nextWaiter += 1
      state.waiters[state.nextWaiter] = waiter
      return state.nextWaiter
    }
    guard let key else { return }
    _ = waiter.wait(timeout: deadline)
    _ = state.withLock { $0.waiters.removeValue(forKey: key) }
  }

  /// No more events come: everybody who waits returns.
  func close() {
    let waiters = state.withLock { state in
      state.isClosed = true
      defer { state.waiters.removeAll() }
      return Array(state.waiters.values)
    }
    for waiter in waiters { waiter.signal() }
  }
}

/// Opens once; who waits before that waits.
final class Latch: Sendable {
  private struct State {
    var isOpen = false
    var waiters: [DispatchSemaphore] = []
  }
  private let state = Mutex(State())

  var isOpen: Bool { state.withLock { $0.isOpen } }

  func open() {
    let waiters = state.withLock { state in
      state.isOpen = true
      defer { state.waiters.removeAll() }
      return state.waiters
    }
    for waiter in waiters { waiter.signal() }
  }

  func wait() {
    let waiter = DispatchSemaphore(value: 0)
    let mustWait = state.withLock { state in
      if state.isOpen { return false }
      state.waiters.append(waiter)
      return true
    }
    if mustWait { waiter.wait() }
  }
}
