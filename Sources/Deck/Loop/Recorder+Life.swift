import Ground
package import JSON
package import Recording
import Synchronization
import Track

/// Why a recording ends.
enum EndReason: Sendable {
  case client, cancel, shutdown
  case limit(LimitReached)
  case failure(TapeFailure)

  var name: String {
    switch self {
    case .client: "stopped"
    case .cancel: "cancelled"
    case .shutdown: "shutdown"
    case .limit(let limit): limit.rawValue
    case .failure: "failed"
    }
  }
}

extension Recorder {
  // MARK: Calls

  package func stop(_ id: String, wait: Bool) throws(ControlError) -> JSONValue {
    guard let entry = state.withLock({ $0.live[id] }) else { return try recording(id) }
    end(entry, reason: .client)
    if wait { entry.ended.wait() }
    return try recording(id)
  }

  package func cancel(_ id: String) throws(ControlError) -> JSONValue {
    let entry = try live(id, for: "cancel")
    guard end(entry, reason: .cancel) else {
      throw ControlError(.invalidState, "recording \(id) is processing; cancel needs a live one")
    }
    entry.ended.wait()
    return try recording(id)
  }

  package func pause(_ id: String, mode: PauseMode) throws(ControlError) -> JSONValue {
    let entry = try live(id, for: "pause")
    try change(entry, from: .recording, to: .paused, call: "pause")
    entry.onLoop { _ in entry.item.take.pause(at: Clocks.now(), mode: mode) }
    noteChange(entry, "recording.paused", [JSONField("mode", .string(mode.rawValue))])
    return entry.manifest().json(withSecrets: true)
  }

  package func resume(_ id: String) throws(ControlError) -> JSONValue {
    let entry = try live(id, for: "resume")
    try change(entry, from: .paused, to: .recording, call: "resume")
    entry.onLoop { _ in entry.item.take.resume(at: Clocks.now()) }
    noteChange(entry, "recording.resumed", [])
    return entry.manifest().json(withSecrets: true)
  }

  private func change(_ entry: RecordingEntry, from: RecordingStatus, to: RecordingStatus, call: String) throws(ControlError) {
    let was = entry.state.withLock { state in
      let was = state.manifest.status
      if was == from { state.manifest.status = to }
      return was
    }
    guard was == from else {
      throw ControlError(.invalidState, "recording \(entry.id) is \(was.rawValue); \(call) needs \(from.rawValue)")
    }
  }

  private func noteChange(_ entry: RecordingEntry, _ type: String, _ fields: [JSONField]) {
    let at = Clocks.wall()
    clerk.post { [self] in
      tell(entry, type, at: at, fields)
      saveQuietly(entry)
    }
  }

  func live(_ id: String, for call: String) throws(ControlError) -> RecordingEntry {
    let (entry, ended) = state.withLock { ($0.live[id], $0.ended.find(id)) }
    if let entry, entry.status.isLive { return entry }
    if let entry { throw ControlError(.invalidState, "recording \(id) is \(entry.status.rawValue); cannot \(call)") }
    if let ended { throw ControlError(.invalidState, "recording \(id) is \(ended.status); cannot \(call)") }
    throw ControlError(.notFound, "there is no recording \(id)")
  }

  // MARK: The end

  /// Ends media; answers false where it was ending already. What follows goes through the writer, the presentation and the clerk.
  @discardableResult func end(_ entry: RecordingEntry, reason: EndReason) -> Bool {
    let at = Clocks.wall()
    let isFirst = entry.state.withLock { state -> Bool in
      guard state.manifest.status.isLive else { return false }
      state.manifest.status = .processing
      state.manifest.stoppedAt = at
      if case .cancel = reason { state.isCancelled = true }
      if case .limit(let limit) = reason { state.manifest.endedBy = limit }
      if case .failure(let failure) = reason {
        state.manifest.error = ControlError(failure.isDiskFull ? .diskFull : .internal, failure.message)
      }
      return true
    }
    guard isFirst else { return false }
    clerk.post { [self] in
      tell(entry, "recording.stopped", at: at, [JSONField("reason", .string(reason.name))])
      tell(entry, "recording.processing", at: at, [])
      saveQuietly(entry)
    }
    entry.loop.post { loop in
      let now = Clocks.now()
      loop.end(entry.item, at: now) { take in
        let snapshot = take.snapshot(at: now)
        let wall = Clocks.wall()
        entry.state.withLock { state in
          state.isEnding = true
          state.manifest.snapshot = snapshot
          state.manifest.snapshotAt = wall
        }
      }
      loop.load.subtract(1, ordering: .relaxed)
    }
    return true
  }

  /// The first frame has its place. On the clerk's thread.
  func mediaBegan(_ entry: RecordingEntry, at wall: WallTime) {
    let began = entry.state.withLock { state -> Bool in
      state.manifest.startedAt = wall
      guard state.manifest.status == .starting else { return false }
      state.manifest.status = .recording
      return true
    }
    guard began else { return }
    tell(entry, "recording.started", at: wall, [])
    saveQuietly(entry)
  }

  /// Everything is on disk: hashes, the last manifest, the last event. On the clerk's thread.
  func finalize(_ entry: RecordingEntry) {
    let (files, hls, lost) = entry.accounts.state.withLock { ($0.files, $0.hls, $0.lost) }
    let isCancelled = entry.state.withLock { $0.isCancelled }
    var finished = files
    if isCancelled {
      eraseMedia(entry.folder)
      finished = []
    } else {
      for i in finished.indices {
        if !finished[i].isFinal { CrashRecovery.complete(&finished[i], folder: entry.folder) }
        if finished[i].isFinal, finished[i].bytes <= Recorder.hashedAtOnceBytes {
          finished[i].sha256 = FileHash.sha256(entry.folder + "/" + finished[i].path)
        }
      }
    }
    let made = finished
    let at = Clocks.wall()
    let status = entry.state.withLock { state -> RecordingStatus in
      state.manifest.files = made
      state.manifest.hls = isCancelled ? [] : hls
      state.manifest.snapshot.retract(lost)
      state.manifest.completedAt = at
      state.manifest.status = isCancelled ? .cancelled : state.manifest.error == nil ? .completed : .failed
      return state.manifest.status
    }
    tell(entry, "recording.\(status.rawValue)", at: at, failureFields(entry))
    let manifest = entry.state.withLock { $0.manifest }
    try? save(entry, manifest: manifest)
    state.withLock { state in
      state.live[entry.id] = nil
      state.ended.add(EndedRecording(manifest: manifest, folder: entry.folder))
    }
    logger.info(
      "recording ended",
      [JSONField("recording", .string(entry.id)), JSONField("room", .string(entry.room)), JSONField("status", .string(status.rawValue))])
    entry.ended.open()
    hashLater(entry, manifest)
  }

  /// Files up to this size are hashed before `completed`; larger ones after it, so that a stop is fast whatever the length.
  static let hashedAtOnceBytes: Int64 = 32 << 20

  private func hashLater(_ entry: RecordingEntry, _ manifest: Manifest) {
    guard manifest.files.contains(where: { $0.isFinal && $0.sha256 == nil }) else { return }
    transcoders.post { [self] in
      var manifest = manifest
      for i in manifest.files.indices where manifest.files[i].isFinal && manifest.files[i].sha256 == nil {
        manifest.files[i].sha256 = FileHash.sha256(entry.folder + "/" + manifest.files[i].path)
      }
      let hashed = manifest
      clerk.post { [self] in if state.withLock({ $0.ended.find(entry.id) != nil }) { try? save(entry, manifest: hashed) } }
    }
  }

  private func failureFields(_ entry: RecordingEntry) -> [JSONField] {
    entry.state.withLock { state in
      state.manifest.error.map { [JSONField("error", ["code": .string($0.code.rawValue), "message": .string($0.message)])] } ?? []
    }
  }

  // MARK: Books

  /// Numbers an event, tells it to who listens, and appends it to the recording's own log. On the clerk's thread.
  func tell(_ entry: RecordingEntry, _ type: String, at: WallTime, _ fields: [JSONField]) {
    let event = hub.publish(type, recording: entry.id, room: entry.room, at: at, fields)
    EventLog.append(event, folder: entry.folder)
  }

  func save(_ entry: RecordingEntry, manifest: Manifest) throws(ControlError) {
    do {
      try DiskFiles(folder: entry.folder).replace("metadata.json", manifest.json(withSecrets: false).bytes(pretty: true) + [10])
    } catch {
      throw Recorder.diskError(error)
    }
  }

  /// Saves on the clerk's thread; a disk that is full ends the recording by itself soon enough.
  func saveQuietly(_ entry: RecordingEntry) {
    do {
      try save(entry, manifest: entry.manifest())
    } catch {
      logger.error(
        "the manifest could not be written", [JSONField("recording", .string(entry.id)), JSONField("error", .string(error.message))])
    }
  }

  func saveSoon(_ entry: RecordingEntry) { clerk.post { [self] in saveQuietly(entry) } }
}
