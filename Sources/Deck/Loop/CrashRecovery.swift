import Codecs
import Glibc
import Ground
import JSON
import Mux
import Recording

/// Finishes on disk what a process did not live to finish.
enum CrashRecovery {
  /// Completes an interrupted recording: files, playlists, manifest, the events that the dead process owed. Nil where the disk does not
  /// take it; the next start tries again.
  static func complete(_ json: JSONValue, folder: String, lastEvent: inout UInt64, logger: Logger) -> EndedRecording? {
    EventLog.repair(folder: folder)
    let wasCancelled = EventLog.read(folder: folder, after: 0).contains {
      $0.type == "recording.stopped" && $0.json["reason"]?.stringValue == EndReason.cancel.name
    }
    let stoppedAt = lastWritten(folder) ?? Clocks.wall()
    var recovered = json
    recovered.set("interrupted", true)
    if recovered["stoppedAt"]?.isNull ?? true { recovered.set("stoppedAt", .string(stoppedAt.rfc3339)) }
    recovered.set("sources", .array((json["sources"]?.arrayValue ?? []).map(closed)))
    if wasCancelled {
      FolderListing.eraseMedia(folder)
      recovered.set("status", "cancelled")
      recovered.set("files", [])
      recovered.set("hls", [])
    } else {
      recoverMedia(&recovered, folder: folder)
    }
    recovered.set("completedAt", .string(Clocks.wall().rfc3339))
    do {
      try DiskFiles(folder: folder).replace("metadata.json", recovered.bytes(pretty: true) + [10])
    } catch {
      logger.error("an interrupted recording's manifest cannot be written", [JSONField("path", .string(folder))])
      return nil
    }
    guard let ended = EndedRecording(recovered, folder: folder) else { return nil }
    logger.info(
      "an interrupted recording was completed",
      [
        JSONField("recording", .string(ended.id)), JSONField("status", .string(ended.status)),
        JSONField("durationSeconds", recovered["durationSeconds"] ?? .null),
      ])
    return announce(ended, interrupted: true, lastEvent: &lastEvent)
  }

  /// Tells in its log that a recording has ended: nobody did.
  static func announce(_ recording: EndedRecording, interrupted: Bool = false, lastEvent: inout UInt64) -> EndedRecording {
    EventLog.repair(folder: recording.folder)
    lastEvent += 1
    EventLog.append(
      RecordingEvent(
        id: lastEvent, type: "recording.\(recording.status)", recording: recording.id, room: recording.room, at: Clocks.wall(),
        interrupted ? [JSONField("interrupted", true)] : []), folder: recording.folder)
    var told = recording
    told.lastEvent = lastEvent
    return told
  }

  private static func recoverMedia(_ recovered: inout JSONValue, folder: String) {
    let files = recoverFiles(recovered, folder: folder)
    var presentations: [JSONValue] = []
    for hls in hlsFolders(folder) { if let told = recoverHLS(hls, folder: folder, recovered) { presentations.append(told) } }
    let duration = files.map { $0.durationSeconds + ($0.startSeconds ?? 0) }.max() ?? 0
    // A recording that was ending with an error keeps it.
    if recovered["error"]?.isNull ?? true, files.isEmpty {
      recovered.set("error", ["code": "internal", "message": "the recorder was interrupted before any media was on disk"])
    }
    recovered.set("status", recovered["error"]?.isNull ?? true ? "completed" : "failed")
    recovered.set("durationSeconds", .number(Manifest.rounded(duration)))
    recovered.set("files", .array(files.map(Manifest.file)))
    recovered.set("hls", .array(presentations))
  }

  /// A source as it is when its process is gone: nothing waits in it any more.
  private static func closed(_ source: JSONValue) -> JSONValue {
    var source = source
    source.set("state", "closed")
    let tracks = (source["tracks"]?.arrayValue ?? []).map { track in
      guard let pending = track["packetsPending"]?.integerValue, pending > 0 else { return track }
      var track = track
      track.set("packetsPending", 0)
      track.set("packetsDiscarded", .integer((track["packetsDiscarded"]?.integerValue ?? 0) + pending))
      var causes = track["discarded"] ?? [:]
      causes.set("interrupted", .integer(pending))
      track.set("discarded", causes)
      return track
    }
    source.set("tracks", .array(tracks))
    return source
  }

  /// When media was last written, which is about when the process died.
  private static func lastWritten(_ folder: String) -> WallTime? {
    FolderListing.names(folder).compactMap { FolderListing.writtenAt(folder + "/" + $0)?.nanosecondsSinceEpoch }.max()
      .map { WallTime(nanosecondsSinceEpoch: $0) }
  }

  // MARK: Files

  private static func recoverFiles(_ json: JSONValue, folder: String) -> [FileStatus] {
    var out: [FileStatus] = []
    let known = json["files"]?.arrayValue ?? []
    let participants = participantIDs(json)
    for name in FolderListing.names(folder) where name.hasPrefix("recording") {
      guard let container = container(of: name) else { continue }
      var file = FileStatus(path: name, participant: "", container: container.rawValue)
      let told = known.first { $0["path"]?.stringValue == name }
      file.participant = told?["participant"]?.stringValue ?? participant(of: name, participants)
      file.startSeconds = told?["startSeconds"]?.doubleValue
      file.part = told?["part"]?.integerValue.map(Int.init) ?? part(of: name)
      FileCompletion.complete(&file, folder: folder)
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
    guard let container = container(of: name) else { return participants.first ?? "" }
    for id in participants where name == TapeNames.file(participant: id, part: part(of: name), container) { return id }
    return participants.first ?? ""
  }

  private static func container(of name: String) -> TapeContainer? {
    TapeContainer.allCases.first { name.hasSuffix("." + $0.rawValue) }
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
    let plan = HLSRecovery(files: listed, wallClockZero: json["startedAt"]?.stringValue.flatMap(WallTime.init(rfc3339:))) {
      FolderListing.read(whole + "/" + $0)
    }
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
  mutating func set(_ name: String, _ value: JSONValue) {
    guard case .object(var fields) = self else { return }
    if let at = fields.firstIndex(where: { $0.name == name }) {
      fields[at].value = value
    } else {
      fields.append(JSONField(name, value))
    }
    self = .object(fields)
  }
}
