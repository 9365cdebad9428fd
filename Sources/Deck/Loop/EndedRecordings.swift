import Ground
import JSON
import Recording

/// An ended recording, as far as lists need it; the rest is read from its manifest when asked for.
struct EndedRecording: Sendable {
  var id: String
  var room: String
  var startedBy: String?
  var participants: [String]
  var status: String
  var folder: String
  /// The number of the last event in its log.
  var lastEvent: UInt64 = 0
  /// The manifest, where the disk would not take it.
  var unsaved: JSONValue?

  init(manifest: Manifest, folder: String) {
    id = manifest.id
    room = manifest.specification.room
    startedBy = manifest.specification.startedBy
    participants = manifest.snapshot.participants.map(\.id)
    status = manifest.status.rawValue
    self.folder = folder
  }

  /// From a stored manifest; nil where it is none.
  init?(_ json: JSONValue, folder: String) {
    guard let id = json["id"]?.stringValue, let room = json["room"]?.stringValue, let status = json["status"]?.stringValue else {
      return nil
    }
    self.id = id
    self.room = room
    self.status = status
    self.folder = folder
    startedBy = json["startedBy"]?.stringValue
    participants = json["participants"]?.arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
  }

  func matches(_ query: RecordingQuery) -> Bool {
    func fits(_ wanted: String?, _ has: [String]) -> Bool {
      // By bytes, as folders are named: two spellings of one letter are two names.
      wanted.map { wanted in has.contains { $0.utf8.elementsEqual(wanted.utf8) } } ?? true
    }
    return fits(query.room, [room]) && fits(query.startedBy, startedBy.map { [$0] } ?? []) && fits(query.status, [status])
      && fits(query.participant, participants)
  }
}

/// The ended recordings of a node, by id. Ids sort by age.
struct EndedRecordings: Sendable {
  private var byID: [String: EndedRecording] = [:]
  /// Those whose manifest is not on disk yet.
  private(set) var unsaved: Set<String> = []

  func find(_ id: String) -> EndedRecording? { byID[id] }
  mutating func add(_ recording: EndedRecording) {
    byID[recording.id] = recording
    if recording.unsaved != nil { unsaved.insert(recording.id) } else { unsaved.remove(recording.id) }
  }
  @discardableResult mutating func remove(_ id: String) -> EndedRecording? {
    unsaved.remove(id)
    return byID.removeValue(forKey: id)
  }
  var all: some Sequence<EndedRecording> { byID.values }
  var count: Int { byID.count }
}

/// What a node finds on its disk when it starts.
struct FoundRecordings {
  var ended = EndedRecordings()
  /// The highest event number that was ever given.
  var lastEvent: UInt64
  /// Ended recordings with files that have no hash yet.
  var unhashed: [String] = []

  private var interrupted: [(json: JSONValue, folder: String)] = []
  /// Ended, but the process did not live to say so in the log.
  private var unannounced: [EndedRecording] = []

  /// Reads every manifest below the root and completes what a crash left unfinished.
  init(root: String, logger: Logger) {
    lastEvent = EventCounter.read(root: root)
    for room in FolderListing.names(root) where FolderListing.isFolder(root + "/" + room) {
      for name in FolderListing.names(root + "/" + room) { look(at: root + "/" + room + "/" + name, logger) }
      FolderListing.removeEmptyFolder(root + "/" + room)
    }
    // Only now is it known from where numbers may go on.
    for item in interrupted {
      guard let completed = CrashRecovery.complete(item.json, folder: item.folder, lastEvent: &lastEvent, logger: logger) else { continue }
      keep(completed, hashes: FoundRecordings.lacksHash(item.folder))
    }
    for recording in unannounced { keep(CrashRecovery.announce(recording, lastEvent: &lastEvent), hashes: false) }
  }

  private mutating func look(at folder: String, _ logger: Logger) {
    guard FolderListing.isFolder(folder) else { return }
    guard let bytes = FolderListing.read(folder + "/metadata.json") else {
      // A start that was cut off before its answer: there is nothing in it.
      if FolderListing.names(folder).allSatisfy({ $0 == "metadata.json.tmp" }) { FolderListing.removeTree(folder) }
      return
    }
    guard let json = try? JSONValue(parsing: bytes), var recording = EndedRecording(json, folder: folder) else {
      logger.warning("a manifest cannot be read", [JSONField("path", .string(folder + "/metadata.json"))])
      return
    }
    let newest = EventLog.newest(folder: folder)
    recording.lastEvent = newest?.id ?? 0
    lastEvent = max(lastEvent, recording.lastEvent)
    guard RecordingStatus(rawValue: recording.status)?.hasEnded ?? true else {
      interrupted.append((json, folder))
      return
    }
    if newest?.type == "recording.\(recording.status)" {
      keep(recording, hashes: FoundRecordings.lacksHash(json))
    } else {
      unannounced.append(recording)
    }
  }

  private mutating func keep(_ recording: EndedRecording, hashes: Bool) {
    ended.add(recording)
    if hashes { unhashed.append(recording.id) }
  }

  private static func lacksHash(_ folder: String) -> Bool {
    FolderListing.read(folder + "/metadata.json").flatMap { try? JSONValue(parsing: $0) }.map { lacksHash($0) } ?? false
  }

  private static func lacksHash(_ json: JSONValue) -> Bool {
    json["files"]?.arrayValue?.contains { $0["final"] == true && $0["sha256"]?.isNull ?? true } ?? false
  }
}
