import Dispatch
import Ground
import JSON
import Recording
import Synchronization

/// Gives events their numbers, keeps the last of them, and wakes who waits. Thread-safe; numbers are given on the clerk's thread only.
final class EventHub: Sendable {
  /// What a client that lost its connection can resume from without a look at the logs.
  static let capacity = 4_096

  /// An event as its text: a tenth of what its tree takes.
  private struct Entry {
    var recording: String
    var id: UInt64
    var type: String
    var text: [UInt8]
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

  /// Makes an event with the next number. It is not told before it is published, so that it can be put on disk first.
  func make(_ type: String, recording: String, room: String, at: WallTime, _ fields: [JSONField]) -> RecordingEvent {
    RecordingEvent(id: state.withLock { $0.next }, type: type, recording: recording, room: room, at: at, fields)
  }

  /// Tells the event that was made last.
  func publish(_ event: RecordingEvent, recording: String) {
    let entry = Entry(recording: recording, id: event.id, type: event.type, text: event.json.bytes())
    let waiters = state.withLock { state in
      state.next = event.id + 1
      if state.ring.count >= EventHub.capacity + 512 { state.ring.removeFirst(512) }
      state.ring.append(entry)
      defer { state.waiters.removeAll() }
      return Array(state.waiters.values)
    }
    for waiter in waiters { waiter.signal() }
  }

  /// The kept events after `last`, of one recording or all.
  func events(of recording: String?, after last: UInt64) -> [RecordingEvent] {
    let found = state.withLock { state in
      // The ring rises by number: find where to begin.
      var low = 0
      var high = state.ring.count
      while low < high {
        let middle = (low + high) / 2
        if state.ring[middle].id <= last { low = middle + 1 } else { high = middle }
      }
      return state.ring[low...].filter { recording == nil || $0.recording == recording }
    }
    return found.compactMap { entry in
      (try? JSONValue(parsing: entry.text)).map { RecordingEvent(id: entry.id, type: entry.type, json: $0) }
    }
  }

  var newest: UInt64 { state.withLock { $0.next - 1 } }
  var isClosed: Bool { state.withLock { $0.isClosed } }
  /// The oldest number that the ring still has; the next one's where it is empty.
  var oldest: UInt64 { state.withLock { $0.ring.first?.id ?? $0.next } }

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

extension RecordingEvent {
  /// An event with the fields that all have before its own.
  init(id: UInt64, type: String, recording: String, room: String, at: WallTime, _ fields: [JSONField]) {
    let common = [
      JSONField("id", JSONValue(id)), JSONField("type", .string(type)), JSONField("at", .string(at.rfc3339)),
      JSONField("recording", .string(recording)), JSONField("room", .string(room)),
    ]
    self.init(id: id, type: type, json: .object(common + fields))
  }
}
