import Ground
import JSON
import Recording
import Synchronization

extension Recorder {
  /// Numbers an event, puts it into the recording's own log, and tells it to who listens. On the clerk's thread.
  func tell(_ entry: RecordingEntry, _ type: String, at: WallTime, _ fields: [JSONField]) {
    // First the disk: a number that a client has seen is not given again after a crash.
    hub.publish(log(entry, type, at: at, fields), recording: entry.id)
  }

  /// Numbers an event and puts it into the recording's own log, to be published next. On the clerk's thread.
  func log(_ entry: RecordingEntry, _ type: String, at: WallTime, _ fields: [JSONField]) -> RecordingEvent {
    let event = hub.make(type, recording: entry.id, room: entry.room, at: at, fields)
    EventLog.append(event, folder: entry.folder)
    entry.lastEvent.store(event.id, ordering: .relaxed)
    return event
  }

  func save(_ entry: RecordingEntry, manifest: Manifest) throws(ControlError) {
    try Recorder.write(manifest.json(withSecrets: false), folder: entry.folder)
  }

  private static func write(_ json: JSONValue, folder: String) throws(ControlError) {
    do {
      try DiskFiles(folder: folder).replace("metadata.json", json.bytes(pretty: true) + [10])
    } catch {
      throw diskError(error)
    }
  }

  /// Saves on the clerk's thread; a disk that is full ends the recording by itself soon enough.
  func saveQuietly(_ entry: RecordingEntry) {
    guard !entry.status.hasEnded else { return }
    do {
      try save(entry, manifest: entry.manifest())
    } catch {
      noteUnsaved(entry.id, error)
    }
  }

  func noteUnsaved(_ id: String, _ error: ControlError) {
    logger.error("a manifest cannot be written", [JSONField("recording", .string(id)), JSONField("error", .string(error.message))])
  }

  /// Writes the manifests that a full disk would not take. On the clerk's thread.
  func retryUnsaved() {
    for id in state.withLock({ $0.ended.unsaved }) {
      guard var ended = state.withLock({ $0.ended.find(id) }), let json = ended.unsaved else { continue }
      guard (try? Recorder.write(json, folder: ended.folder)) != nil else { return }
      ended.unsaved = nil
      let saved = ended
      state.withLock { state in if state.ended.find(id) != nil { state.ended.add(saved) } }
      logger.info("a manifest was written at last", [JSONField("recording", .string(id))])
    }
  }

  // MARK: Hashes

  /// Files up to this size are hashed before `completed`; larger ones after it, so that a stop is fast whatever the length.
  static let hashedAtOnceBytes: Int64 = 32 << 20

  /// Hashes what of an ended recording has no hash yet, and writes it into the manifest.
  func hashLater(_ id: String) {
    finishers.post { [self] in
      guard let folder = state.withLock({ $0.ended.find(id)?.folder }), let json = try? recording(id) else { return }
      var hashes: [(path: String, sha256: String)] = []
      for file in json["files"]?.arrayValue ?? [] where file["final"] == true && file["sha256"]?.isNull ?? true {
        guard let path = file["path"]?.stringValue,
          let hash = FileHash.sha256(folder + "/" + path, isGivenUp: { isLeaving.load(ordering: .relaxed) })
        else { continue }
        hashes.append((path, hash))
      }
      let found = hashes
      guard !found.isEmpty else { return }
      clerk.post { [self] in keep(found, of: id) }
    }
  }

  /// On the clerk's thread, where recordings are erased too.
  private func keep(_ hashes: [(path: String, sha256: String)], of id: String) {
    guard var ended = state.withLock({ $0.ended.find(id) }), var json = try? recording(id) else { return }
    let files = (json["files"]?.arrayValue ?? []).map { file in
      var file = file
      if let hash = hashes.first(where: { $0.path == file["path"]?.stringValue }) { file.set("sha256", .string(hash.sha256)) }
      return file
    }
    json.set("files", .array(files))
    do {
      try Recorder.write(json, folder: ended.folder)
      ended.unsaved = nil
    } catch {
      ended.unsaved = json
      noteUnsaved(id, error)
    }
    let kept = ended
    state.withLock { state in if state.ended.find(id) != nil { state.ended.add(kept) } }
  }
}
