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
    guard end(entry, reason: .cancel) else { throw Recorder.hasEnded(entry, call: "cancel") }
    entry.ended.wait()
    return try recording(id)
  }

  package func pause(_ id: String, mode: PauseMode) throws(ControlError) -> JSONValue {
    let entry = try live(id, for: "pause")
    try change(entry, from: .recording, to: .paused, call: "pause") { take, now in take.pause(at: now, mode: mode) }
    noteChange(entry, "recording.paused", [JSONField("mode", .string(mode.rawValue))])
    return entry.manifest().json(withSecrets: true)
  }

  package func resume(_ id: String) throws(ControlError) -> JSONValue {
    let entry = try live(id, for: "resume")
    try change(entry, from: .paused, to: .recording, call: "resume") { take, now in take.resume(at: now) }
    noteChange(entry, "recording.resumed", [])
    return entry.manifest().json(withSecrets: true)
  }

  /// Changes the status and the take at one stroke, on the loop, so that calls at the same time come to one order.
  private func change(
    _ entry: RecordingEntry, from: RecordingStatus, to: RecordingStatus, call: String,
    _ body: @escaping @Sendable (Take, Instant) -> Void
  ) throws(ControlError) {
    let was = Mutex<RecordingStatus>(entry.status)
    let hasRun = entry.loop.run { _ in
      let found = entry.state.withLock { state in
        let found = state.manifest.status
        if found == from { state.manifest.status = to }
        return found
      }
      was.withLock { $0 = found }
      if found == from { body(entry.item.take, Clocks.now()) }
    }
    let found = was.withLock { $0 }
    guard hasRun, found == from else {
      throw ControlError(.invalidState, "recording \(entry.id) is \(found.rawValue); \(call) needs \(from.rawValue)")
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
    if let entry { throw Recorder.hasEnded(entry, call: call) }
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
    for pull in entry.state.withLock({ $0.pulls.values }) { pull.end() }
    // Nobody will watch what a transcoder has yet to do.
    if case .cancel = reason { entry.presenter?.abandon() }
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
        // After the media's own last events, and before the writer can have finished.
        self.clerk.post { [self] in
          tell(entry, "recording.stopped", at: at, [JSONField("reason", .string(reason.name))])
          tell(entry, "recording.processing", at: at, [])
          saveQuietly(entry)
        }
      }
      loop.load.subtract(1, ordering: .relaxed)
    }
    return true
  }

  /// The first frame has its place. On the clerk's thread.
  func mediaBegan(_ entry: RecordingEntry, at wall: WallTime) {
    entry.state.withLock { state in
      state.manifest.startedAt = wall
      // A stop may have been quicker: it was recorded all the same.
      if state.manifest.status == .starting { state.manifest.status = .recording }
    }
    tell(entry, "recording.started", at: wall, [])
    saveQuietly(entry)
  }

  /// The last of the tape is written. On the writer's thread.
  func whenTapeEnded(_ entry: RecordingEntry) {
    let finish: @Sendable () -> Void = { [self] in finishers.post { [self] in finishFiles(entry) } }
    // The presentation ends after the tape: it lags behind by what its transcoder has queued.
    if let presenter = entry.presenter { presenter.finish(finish) } else { finish() }
  }

  /// Everything is written: completes what was given up, and hashes. On a finisher's thread.
  private func finishFiles(_ entry: RecordingEntry) {
    var (files, hls) = entry.accounts.state.withLock { ($0.files, $0.hls) }
    let isCancelled = entry.state.withLock { $0.isCancelled }
    if isCancelled {
      FolderListing.eraseMedia(entry.folder)
      files = []
      hls = []
    }
    for i in files.indices {
      if !files[i].isFinal { FileCompletion.complete(&files[i], folder: entry.folder) }
      if files[i].isFinal, files[i].bytes <= Recorder.hashedAtOnceBytes {
        files[i].sha256 = FileHash.sha256(entry.folder + "/" + files[i].path)
      }
    }
    let ended = (files: files, hls: hls, lost: entry.accounts.state.withLock { $0.lost })
    clerk.post { [self] in
      var manifest = entry.state.withLock { $0.manifest }
      manifest.files = ended.files
      manifest.hls = ended.hls
      manifest.snapshot.retract(ended.lost)
      manifest.completedAt = Clocks.wall()
      manifest.status = isCancelled ? .cancelled : manifest.error == nil ? .completed : .failed
      conclude(entry, manifest)
    }
  }

  /// The last manifest and the last event. On the clerk's thread.
  private func conclude(_ entry: RecordingEntry, _ manifest: Manifest) {
    var ended = EndedRecording(manifest: manifest, folder: entry.folder)
    do {
      try save(entry, manifest: manifest)
    } catch {
      ended.unsaved = manifest.json(withSecrets: false)
      noteUnsaved(entry.id, error)
    }
    let event = log(
      entry, "recording.\(manifest.status.rawValue)", at: manifest.completedAt ?? Clocks.wall(), Recorder.failureFields(manifest))
    ended.lastEvent = entry.lastEvent.load(ordering: .relaxed)
    let known = ended
    state.withLock { state in
      state.live[entry.id] = nil
      state.ended.add(known)
    }
    // Only now: who hears of the end and looks finds it, and who saw it in the log's file may delete.
    entry.state.withLock { $0.manifest = manifest }
    hub.publish(event, recording: entry.id)
    logger.info(
      "recording ended",
      [
        JSONField("recording", .string(entry.id)), JSONField("room", .string(entry.room)),
        JSONField("status", .string(manifest.status.rawValue)),
      ])
    entry.ended.open()
    if manifest.files.contains(where: { $0.isFinal && $0.sha256 == nil }) { hashLater(entry.id) }
  }

  private static func failureFields(_ manifest: Manifest) -> [JSONField] {
    manifest.error.map { [JSONField("error", ["code": .string($0.code.rawValue), "message": .string($0.message)])] } ?? []
  }
}
