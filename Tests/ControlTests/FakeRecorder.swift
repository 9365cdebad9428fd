import Foundation
import Ground
import JSON
import Recording

/// A recorder that records nothing: it remembers what it was asked, and answers what the tests set.
final class FakeRecorder: RecorderControl, @unchecked Sendable {
  private let condition = NSCondition()
  private var order: [String] = []
  private var known: [String: Kept] = [:]
  private var happened: [(recording: String, event: RecordingEvent)] = []
  private var ended: Set<String> = []
  private var isGateOpen = true
  private var entered = 0
  private var asked: [String] = []
  private var last: RecordingSpecification?
  private var lastQuery: RecordingQuery?
  private var refusal: ControlError?
  private var notReady: String?
  private var filtersLists = false
  private var isDisagreeing = false
  private var rejected: Set<String> = []
  private var restarts = 0
  let folderPath: String

  init(folder: String) { folderPath = folder }

  private func locked<R, E>(_ body: () throws(E) -> R) throws(E) -> R {
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
  func add(_ id: String, room: String = "room") { locked { insert(id, room: room, source: Kept.Source(id: "s1")) } }
  /// Lists answer what was asked for, not everything.
  func filterLists() { locked { filtersLists = true } }
  /// Sections of these kinds are rejected in the answers from now on.
  func reject(_ kinds: Set<String>) { locked { rejected = kinds } }
  /// No offer can be agreed on from now on.
  func disagree() { locked { isDisagreeing = true } }
  func setStatus(_ status: String, of id: String) { locked { known[id]?.status = status } }
  func setQuality(_ quality: JSONValue, of id: String) { locked { known[id]?.quality = quality } }
  func setState(_ state: String, ofSource source: String, in id: String) {
    locked {
      guard let index = known[id]?.sources.firstIndex(where: { $0.id == source }) else { return }
      known[id]?.sources[index].state = state
    }
  }

  private struct Kept {
    struct Source {
      var id: String
      var type = "rtp"
      var state = "connected"
      var participant: String?
      var text: JSONField?
      var json: JSONValue {
        var fields = [JSONField("id", .string(id)), JSONField("type", .string(type)), JSONField("state", .string(state))]
        if let text { fields.append(text) }
        if let participant { fields.append(JSONField("tracks", [["id": "t1", "participant": .string(participant)]])) }
        return .object(fields)
      }
    }
    var id: String
    var room: String
    var startedBy: String?
    var status = "starting"
    var sources: [Source]
    var quality: JSONValue?
    var json: JSONValue {
      let fields: JSONValue = [
        "id": .string(id), "room": .string(room), "startedBy": JSONValue(startedBy), "status": .string(status),
        "sources": .array(sources.map(\.json)),
      ]
      guard let quality else { return fields }
      return .object((fields.fields ?? []) + [JSONField("quality", quality)])
    }
  }

  private func insert(_ id: String, room: String, source: Kept.Source) {
    known[id] = Kept(id: id, room: room, sources: [source])
    order.insert(id, at: 0)
  }
  /// What is made of a specification; its answer has the offer's sections.
  private func make(_ source: SourceSpecification, id: String) throws(ControlError) -> Kept.Source {
    guard let webrtc = source.webrtc else { return Kept.Source(id: id) }
    var made = Kept.Source(id: id, type: "webrtc", state: "new", participant: webrtc.participant)
    switch webrtc.beginning {
    case .offer(let offer): made.text = JSONField("answer", .string(try answer(offer)))
    case .makeOffer(let audio, let video): made.text = JSONField("offer", .string("v=0 audio=\(audio) video=\(video)"))
    }
    return made
  }
  private func answer(_ offer: String) throws(ControlError) -> String {
    if !offer.hasPrefix("v=0") { throw ControlError(.invalidField, "offer: line 1: no session description", field: "offer") }
    if isDisagreeing { throw ControlError(.invalidState, "offer: nothing in it can be received", field: "offer") }
    var lines = ["v=0"]
    for line in offer.split(whereSeparator: \.isNewline) where line.hasPrefix("m=") {
      let kind = line.dropFirst(2).prefix { $0 != " " }
      lines.append("m=\(kind) \(rejected.contains(String(kind)) ? 0 : 9) UDP/TLS/RTP/SAVPF 96")
    }
    return lines.joined(separator: "\r\n") + "\r\n"
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
    return recording.json
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
    insert(id, room: specification.room, source: try make(specification.source, id: "s1"))
    known[id]?.startedBy = specification.startedBy
    return try find(id)
  }
  func recording(_ id: String) throws(ControlError) -> JSONValue { try answer("show", id) }
  func recordings(_ query: RecordingQuery) throws(ControlError) -> (page: [JSONValue], total: Int) {
    condition.lock()
    defer { condition.unlock() }
    try enter("list")
    lastQuery = query
    let all = order.compactMap { known[$0] }.filter { kept in
      !filtersLists || (query.room ?? kept.room == kept.room && query.status ?? kept.status == kept.status)
    }.map(\.json)
    return (Array(all.dropFirst(query.offset).prefix(query.limit)), all.count)
  }
  func stop(_ id: String, wait: Bool) throws(ControlError) -> JSONValue {
    _ = try answer("stop wait=\(wait)", id, waits: wait)
    setStatus("completed", of: id)
    return try locked { () throws(ControlError) in try find(id) }
  }
  func pause(_ id: String, mode: PauseMode) throws(ControlError) -> JSONValue { try answer("pause \(mode.rawValue)", id) }
  func resume(_ id: String) throws(ControlError) -> JSONValue { try answer("resume", id) }
  func cancel(_ id: String) throws(ControlError) -> JSONValue {
    _ = try answer("cancel", id)
    setStatus("cancelled", of: id)
    return try locked { () throws(ControlError) in try find(id) }
  }
  func delete(_ id: String) throws(ControlError) -> JSONValue { try answer("delete", id) }
  func addSource(_ source: SourceSpecification, to id: String) throws(ControlError) -> JSONValue {
    let what = source.webrtc.map { "webrtc participant=\($0.participant ?? "-")" } ?? "tracks=\(source.tracks.count)"
    _ = try answer("addSource \(what)", id)
    return try locked { () throws(ControlError) in
      guard ["starting", "recording", "paused"].contains(known[id]?.status) else {
        throw ControlError(.invalidState, "addSource: the recording has ended")
      }
      let made = try make(source, id: "s\((known[id]?.sources.count ?? 0) + 1)")
      known[id]?.sources.append(made)
      return made.json
    }
  }
  func addTracks(_ tracks: [TrackSpecification], to id: String, source: String) throws(ControlError) -> JSONValue {
    _ = try answer("addTracks \(tracks.count) to \(source)", id)
    return ["id": .string(source), "type": "rtp"]
  }
  func setMuted(_ isMuted: Bool, track: String, source: String, of id: String) throws(ControlError) -> JSONValue {
    _ = try answer("setMuted \(isMuted) \(track) of \(source)", id)
    return ["id": .string(source)]
  }
  func removeSource(_ source: String, from id: String) throws(ControlError) -> JSONValue {
    _ = try answer("removeSource \(source)", id)
    setState("closed", ofSource: source, in: id)
    return ["id": .string(source)]
  }
  private func negotiate(_ call: String, _ source: String, _ id: String) throws(ControlError) {
    let recording = try answer("\(call) \(source)", id)
    guard let found = recording["sources"]?.arrayValue?.first(where: { $0["id"]?.stringValue == source }) else {
      throw ControlError(.notFound, "recording \(id) has no source \(source)")
    }
    if found["type"] != "webrtc" { throw try notWebRTC(source, of: id) }
  }
  func renegotiate(_ offer: String, source: String, of id: String) throws(ControlError) -> JSONValue {
    try negotiate("renegotiate \(offer.unicodeScalars.count)", source, id)
    return try locked { () throws(ControlError) in
      ["id": .string(source), "type": "webrtc", "answer": .string(try answer(offer))]
    }
  }
  func takeAnswer(_ answer: String, source: String, of id: String) throws(ControlError) -> JSONValue {
    try negotiate("takeAnswer \(answer.unicodeScalars.count)", source, id)
    return ["id": .string(source), "type": "webrtc"]
  }
  /// A fragment that has the word `new` in it restarts ICE.
  func trickle(_ fragment: String, source: String, of id: String) throws(ControlError) -> String? {
    try negotiate("trickle", source, id)
    if !fragment.contains("a=") { throw ControlError(.invalidField, "candidates: line 1: no attribute", field: "candidates") }
    return locked {
      if !fragment.contains("new") { return nil }
      restarts += 1
      return "a=ice-ufrag:deck\(restarts)\r\n"
    }
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
