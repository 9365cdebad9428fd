import Glibc
import Ground
import JSON
import Mux
import Recording

/// Finishes on disk what a process did not live to finish.
enum CrashRecovery {
  /// Completes a WebM file that was given up: a write failed, or its writer died.
  static func complete(_ file: inout FileStatus, folder: String) {
    guard let facts = completeWebM(folder + "/" + file.path) else { return }
    file.bytes = FolderListing.size(folder + "/" + file.path) ?? facts.bytesKept
    file.isFinal = true
    file.durationSeconds = max(0, facts.duration.seconds - (file.startSeconds ?? 0))
  }

  /// Puts index and duration of a WebM file in place; nil where nothing in it can be played.
  private static func completeWebM(_ path: String) -> WebMFacts? {
    let fd = unsafe open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    guard let length = FolderListing.size(path),
      let plan = try? WebMRecovery.plan(length: length, read: { FolderListing.read(fd, offset: $0, count: $1) }),
      plan.facts.clusters > 0
    else { return nil }
    if plan.isFinished { return plan.facts }
    guard ftruncate(fd, off_t(plan.truncateTo)) == 0, put(plan.append, fd, at: plan.truncateTo) else { return nil }
    for patch in plan.patches where !put(patch.bytes, fd, at: patch.offset) { return nil }
    _ = fsync(fd)
    return plan.facts
  }

  private static func put(_ bytes: [UInt8], _ fd: Int32, at offset: Int64) -> Bool {
    var done = 0
    while done < bytes.count {
      let n = unsafe bytes.withUnsafeBytes { unsafe pwrite(fd, $0.baseAddress! + done, $0.count - done, off_t(offset) + off_t(done)) }
      if n < 0, errno == EINTR { continue }
      guard n > 0 else { return false }
      done += n
    }
    return true
  }

  /// Completes an interrupted recording: files, playlists, manifest, the events that the dead process owed.
  static func complete(_ json: JSONValue, folder: String, nextEvent: inout UInt64, logger: Logger) -> EndedRecording? {
    guard let id = json["id"]?.stringValue, let room = json["room"]?.stringValue else { return nil }
    let files = recoverFiles(json, folder: folder)
    var presentations: [JSONValue] = []
    for hls in hlsFolders(folder) { if let told = recoverHLS(hls, folder: folder, json) { presentations.append(told) } }
    let isPlayable = !files.isEmpty
    let now = Clocks.wall().rfc3339
    let duration = files.map { $0.durationSeconds + ($0.startSeconds ?? 0) }.max() ?? 0
    var recovered = json
    recovered.set("status", isPlayable ? "completed" : "failed")
    recovered.set("interrupted", true)
    if !isPlayable {
      recovered.set("error", ["code": "internal", "message": "the recorder was interrupted before any media was on disk"])
    }
    if recovered["stoppedAt"]?.isNull ?? true { recovered.set("stoppedAt", .string(now)) }
    recovered.set("completedAt", .string(now))
    recovered.set("durationSeconds", .number(Manifest.rounded(duration)))
    recovered.set("files", .array(files.map(Manifest.file)))
    recovered.set("hls", .array(presentations))
    do {
      try DiskFiles(folder: folder).replace("metadata.json", recovered.bytes(pretty: true) + [10])
    } catch {
      logger.error("an interrupted recording's manifest cannot be written", [JSONField("path", .string(folder))])
      return nil
    }
    nextEvent += 1
    let type = isPlayable ? "recording.completed" : "recording.failed"
    EventLog.append(
      RecordingEvent(
        id: nextEvent, type: type,
        json: [
          "id": JSONValue(nextEvent), "type": .string(type), "at": .string(now), "recording": .string(id), "room": .string(room),
          "interrupted": true,
        ]), folder: folder)
    logger.info(
      "an interrupted recording was completed",
      [JSONField("recording", .string(id)), JSONField("playable", .bool(isPlayable)), JSONField("durationSeconds", .number(duration))])
    return EndedRecording(recovered, folder: folder)
  }

  private static func recoverFiles(_ json: JSONValue, folder: String) -> [FileStatus] {
    var out: [FileStatus] = []
    let known = json["files"]?.arrayValue ?? []
    let participants = participantIDs(json)
    for name in FolderListing.names(folder) where name.hasPrefix("recording") && name.hasSuffix(".webm") {
      var file = FileStatus(path: name, participant: "", container: "webm")
      let told = known.first { $0["path"]?.stringValue == name }
      file.participant = told?["participant"]?.stringValue ?? participant(of: name, participants)
      file.startSeconds = told?["startSeconds"]?.doubleValue
      file.part = told?["part"]?.integerValue.map(Int.init) ?? part(of: name)
      complete(&file, folder: folder)
      guard file.isFinal else { continue }
      if file.bytes <= Recorder.hashedAtOnceBytes { file.sha256 = FileHash.sha256(folder + "/" + name) }
      out.append(file)
    }
    return out
  }

  private static func participantIDs(_ json: JSONValue) -> [String] {
    var ids: [String] = []
    for source in json["sources"]?.arrayValue ?? [] {
      for track in source["tracks"]?.arrayValue ?? [] {
        if let id = track["participant"]?.stringValue, !ids.contains(id) { ids.append(id) }
      }
    }
    return ids
  }

  private static func participant(of name: String, _ participants: [String]) -> String {
    for id in participants where name == TapeNames.webm(participant: id, part: part(of: name)) { return id }
    return participants.first ?? ""
  }

  /// `recording.part2-ada.webm` is part 2.
  private static func part(of name: String) -> Int {
    guard name.hasPrefix("recording.part") else { return 1 }
    return Int(name.dropFirst("recording.part".count).prefix { $0.isNumber }) ?? 1
  }

  // MARK: HLS

  private static func hlsFolders(_ folder: String) -> [String] {
    guard FolderListing.isFolder(folder + "/hls") else { return [] }
    let inner = FolderListing.names(folder + "/hls").filter { FolderListing.isFolder(folder + "/hls/" + $0) }
    return ["hls"] + inner.map { "hls/" + $0 }
  }

  private static func recoverHLS(_ path: String, folder: String, _ json: JSONValue) -> JSONValue? {
    let whole = folder + "/" + path
    let listed = FolderListing.names(whole).compactMap { name in
      FolderListing.size(whole + "/" + name).map { HLSRecovery.File(path: name, byteCount: Int($0)) }
    }
    guard !listed.isEmpty else { return nil }
    let plan = HLSRecovery(files: listed) { FolderListing.read(whole + "/" + $0) }
    let files = DiskFiles(folder: whole)
    for order in plan.orders {
      do {
        switch order {
        case .write(let path, let bytes): try files.replace(path, bytes)
        case .append(let path, let bytes): try files.append(path, bytes)
        case .rename(let from, let to): try files.rename(from, to: to)
        case .truncate(let path, let bytes): _ = unsafe truncate(whole + "/" + path, off_t(bytes))
        case .remove(let path): _ = unsafe unlink(whole + "/" + path)
        case .announce: break
        }
      } catch {
        return nil
      }
    }
    guard plan.segmentCount > 0 else { return nil }
    let ids = participantIDs(json)
    let participant = ids.first { "hls/" + PathComponent.encode($0) == path } ?? ids.first ?? ""
    return [
      "participant": .string(participant), "playlist": .string(path + "/" + HLSName.master), "segments": JSONValue(plan.segmentCount),
      "live": false, "framesSkipped": 0, "error": nil,
    ]
  }
}

extension JSONValue {
  /// Sets a field of an object, in its place where it exists.
  fileprivate mutating func set(_ name: String, _ value: JSONValue) {
    guard case .object(var fields) = self else { return }
    if let at = fields.firstIndex(where: { $0.name == name }) {
      fields[at].value = value
    } else {
      fields.append(JSONField(name, value))
    }
    self = .object(fields)
  }
}
