import Glibc
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
  var createdAt: String
  var folder: String

  init(manifest: Manifest, folder: String) {
    id = manifest.id
    room = manifest.specification.room
    startedBy = manifest.specification.startedBy
    participants = manifest.snapshot.participants.map(\.id)
    status = manifest.status.rawValue
    createdAt = manifest.createdAt.rfc3339
    self.folder = folder
  }

  /// From a stored manifest; nil where it is none.
  init?(_ json: JSONValue, folder: String) {
    guard let id = json["id"]?.stringValue, let room = json["room"]?.stringValue, let status = json["status"]?.stringValue,
      let createdAt = json["createdAt"]?.stringValue
    else { return nil }
    self.id = id
    self.room = room
    self.status = status
    self.createdAt = createdAt
    self.folder = folder
    startedBy = json["startedBy"]?.stringValue
    participants = json["participants"]?.arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
  }

  func matches(_ query: RecordingQuery) -> Bool {
    (query.room == nil || query.room == room) && (query.startedBy == nil || query.startedBy == startedBy)
      && (query.status == nil || query.status == status) && (query.participant.map { participants.contains($0) } ?? true)
  }
}

/// The ended recordings of a node, by id. Ids sort by age.
struct EndedRecordings: Sendable {
  private var byID: [String: EndedRecording] = [:]

  func find(_ id: String) -> EndedRecording? { byID[id] }
  mutating func add(_ recording: EndedRecording) { byID[recording.id] = recording }
  mutating func remove(_ id: String) { byID[id] = nil }
  var all: some Sequence<EndedRecording> { byID.values }
  var count: Int { byID.count }

  /// Reads every manifest below the root, completes what a crash left unfinished, and answers the last event's number.
  static func load(root: String, logger: Logger) -> (EndedRecordings, lastEvent: UInt64) {
    var out = EndedRecordings()
    var last: UInt64 = 0
    for room in FolderListing.names(root) {
      for name in FolderListing.names(root + "/" + room) {
        let folder = root + "/" + room + "/" + name
        guard let bytes = FolderListing.read(folder + "/metadata.json") else { continue }
        guard let json = try? JSONValue(parsing: bytes), let recording = EndedRecording(json, folder: folder) else {
          logger.warning("a manifest cannot be read", [JSONField("path", .string(folder + "/metadata.json"))])
          continue
        }
        last = max(last, EventLog.lastNumber(folder: folder))
        if RecordingStatus(rawValue: recording.status)?.hasEnded ?? true {
          out.add(recording)
        } else if let completed = CrashRecovery.complete(json, folder: folder, nextEvent: &last, logger: logger) {
          out.add(completed)
        }
      }
    }
    return (out, last)
  }
}

/// A recording's own events on disk: `timeline.jsonl`.
enum EventLog {
  static let name = "timeline.jsonl"

  static func append(_ event: RecordingEvent, folder: String) {
    let fd = unsafe open(folder + "/" + name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard fd >= 0 else { return }
    defer { close(fd) }
    let line = event.json.bytes() + [10]
    _ = unsafe line.withUnsafeBytes { unsafe write(fd, $0.baseAddress, $0.count) }
  }

  /// The events after `last`; a line that a crash cut is left out.
  static func read(folder: String, after last: UInt64) -> [RecordingEvent] {
    guard let bytes = FolderListing.read(folder + "/" + name) else { return [] }
    return bytes.split(separator: 10).compactMap { line in
      guard let json = try? JSONValue(parsing: Array(line)), let id = json["id"]?.integerValue, let type = json["type"]?.stringValue,
        id > 0, UInt64(id) > last
      else { return nil }
      return RecordingEvent(id: UInt64(id), type: type, json: json)
    }
  }

  static func lastNumber(folder: String) -> UInt64 { read(folder: folder, after: 0).last?.id ?? 0 }
}

/// Folders and small files, by the system's own calls.
enum FolderListing {
  /// The names in a folder but `.` and `..`, sorted; empty where it cannot be read.
  static func names(_ path: String) -> [String] {
    guard let folder = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  static func read(_ path: String) -> [UInt8]? {
    let fd = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var facts = stat()
    guard unsafe fstat(fd, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_size <= 1 << 30 else { return nil }
    return read(fd, offset: 0, count: Int(facts.st_size))
  }

  /// Up to `count` bytes at `offset`; nil where reading fails.
  static func read(_ fd: Int32, offset: Int64, count: Int) -> [UInt8]? {
    var failed = false
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: max(0, count)) { buffer, filled in
      while filled < count {
        let n = unsafe pread(fd, buffer.baseAddress! + filled, count - filled, off_t(offset) + off_t(filled))
        if n < 0, errno == EINTR { continue }
        if n < 0 { failed = true }
        if n <= 0 { break }
        filled += n
      }
    }
    return failed ? nil : bytes
  }

  static func size(_ path: String) -> Int64? {
    var facts = stat()
    guard unsafe lstat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int64(facts.st_size)
  }

  static func isFolder(_ path: String) -> Bool {
    var facts = stat()
    return unsafe lstat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
  }

  /// Removes a folder and all in it, following no links.
  static func removeTree(_ path: String) {
    if isFolder(path) {
      for name in names(path) { removeTree(path + "/" + name) }
      _ = unsafe rmdir(path)
    } else {
      _ = unsafe unlink(path)
    }
  }
}
