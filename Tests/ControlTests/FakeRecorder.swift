import Foundation
import Ground
import JSON
import Recording

/// A recorder that records nothing: it remembers what it was asked, and answers what the tests set.
final class FakeRecorder: RecorderControl, @unchecked Sendable {
  private let condition = NSCondition()
  private var order: [String] = []
  private var known: [String: JSONValue] = [:]
  private var happened: [(recording: String, event: RecordingEvent)] = []
  private var ended: Set<String> = []
  private var isGateOpen = true
  private var entered = 0
  private var asked: [String] = []
  private var last: RecordingSpecification?
  private var lastQuery: RecordingQuery?
  private var refusal: ControlError?
  private var notReady: String?
  let folderPath: String

  init(folder: String) { folderPath = folder }

  private func locked<R>(_ body: () throws -> R) rethrows -> R {
    condition.lock()
    defer { condition.unlock() }
    return try body()
  }

  // What the tests look at and set.
  var calls: [String] { locked { asked } }
  var specification: RecordingSpecification? { locked { last } }
  var query: RecordingQuery? { locked { lastQuery } }
  /// Every later call is refused with this.
  func refuse(with error: ControlError?) { locked { refusal = error } }
  func setNotReady(_ reason: String) { locked { notReady = reason } }
  /// Starts and waiting stops stay inside the recorder until the gate opens.
  func closeGate() { locked { isGateOpen = false } }
  func openGate() {
    locked {
      isGateOpen = true
      condition.broadcast()
    }
  }
  /// Returns when so many calls are waiting at the gate; false if they never come.
  func waitUntilEntered(_ count: Int) -> Bool {
    locked {
      let deadline = Date(timeIntervalSinceNow: 20)
      while entered < count { if !condition.wait(until: deadline) { return false } }
      return true
    }
  }
  func emit(_ type: String, of recording: String) {
    locked {
      let id = UInt64(happened.count + 1)
      let json: JSONValue = ["id": .integer(Int64(id)), "type": .string(type), "recording": .string(recording)]
      happened.append((recording, RecordingEvent(id: id, type: type, json: json)))
      condition.broadcast()
    }
  }
  func end(_ recording: String) {
    locked {
      _ = ended.insert(recording)
      condition.broadcast()
    }
  }
  func add(_ id: String) { locked { insert(id, room: "room") } }

  private func insert(_ id: String, room: String) {
    known[id] = ["id": .string(id), "room": .string(room), "status": "starting", "sources": [["id": "s1", "type": "rtp"]]]
    order.insert(id, at: 0)
  }
  /// Notes a call and waits at the gate; the lock is held.
  private func enter(_ call: String, waits: Bool = false) throws(ControlError) {
    asked.append(call)
    if waits {
      entered += 1
      condition.broadcast()
      while !isGateOpen { condition.wait() }
      entered -= 1
    }
    if let refusal { throw refusal }
  }
  private func find(_ id: String) throws(ControlError) -> JSONValue {
    guard let recording = known[id] else { throw ControlError(.notFound, "there is no recording \(id)") }
    return recording
  }
  private func answer(_ call: String, _ id: String, waits: Bool = false) throws(ControlError) -> JSONValue {
    condition.lock()
    defer { condition.unlock() }
    try enter("\(call) \(id)", waits: waits)
    return try find(id)
  }

  func start(_ specification: RecordingSpecification) throws(ControlError) -> JSONValue {
    condition.lock()
    defer { condition.unlock() }
    try enter("start", waits: true)
    last = specification
    let id = "r\(order.count + 1)"
    insert(id, room: specification.room)
    return try find(id)
  }
  func recording(_ id: String) throws(ControlError) -> JSONValue { try answer("show", id) }
  func recordings(_ query: RecordingQuery) throws(ControlError) -> (page: [JSONValue], total: Int) {
    condition.lock()
    defer { condition.unlock() }
    try enter("list")
    lastQuery = query
    let all = order.compactMap { known[$0] }
    return (Array(all.dropFirst(query.offset).prefix(query.limit)), all.count)
  }
  func stop(_ id: String, wait: Bool) throws(ControlError) -> JSONValue { try answer("stop wait=\(wait)", id, waits: wait) }
  func pause(_ id: String, mode: PauseMode) throws(ControlError) -> JSONValue { try answer("pause \(mode.rawValue)", id) }
  func resume(_ id: String) throws(ControlError) -> JSONValue { try answer("resume", id) }
  func cancel(_ id: String) throws(ControlError) -> JSONValue { try answer("cancel", id) }
  func delete(_ id: String) throws(ControlError) -> JSONValue { try answer("delete", id) }
  func addSource(_ source: SourceSpecification, to id: String) throws(ControlError) -> JSONValue {
    _ = try answer("addSource tracks=\(source.tracks.count)", id)
    return ["id": "s2", "type": "rtp"]
  }
  func addTracks(_ tracks: [TrackSpecification], to id: String, source: String) throws(ControlError) -> JSONValue {
    _ = try answer("addTracks \(tracks.count) to \(source)", id)
    return ["id": .string(source), "type": "rtp"]
  }
  func removeSource(_ source: String, from id: String) throws(ControlError) -> JSONValue {
    _ = try answer("removeSource \(source)", id)
    return ["id": .string(source)]
  }
  func folder(_ id: String) throws(ControlError) -> String {
    _ = try answer("folder", id)
    return folderPath
  }
  func node() -> JSONValue { ["version": "0", "codecs": ["opus", "VP8"]] }
  func readiness() -> (ready: Bool, reason: String?) { locked { (notReady == nil, notReady) } }
  func metrics() -> String { "tapedeck_recordings 0\n" }

  func events(of recording: String?, after last: UInt64?, timeout: TimeSpan) throws(ControlError)
    -> (events: [RecordingEvent], closed: Bool)
  {
    condition.lock()
    defer { condition.unlock() }
    if let recording { _ = try find(recording) }
    let deadline = Date(timeIntervalSinceNow: timeout.seconds)
    let from = last ?? UInt64(happened.count)
    while true {
      let found = happened.filter { (recording == nil || $0.recording == recording) && $0.event.id > from }.map { $0.event }
      let closed = recording.map { ended.contains($0) } ?? false
      if !found.isEmpty || closed || !condition.wait(until: deadline) { return (found, closed) }
    }
  }
}
