import Glibc
import JSON
import Recording

/// A recording's own events on disk, `timeline.jsonl`: one JSON object a line, numbers rising.
enum EventLog {
  static let name = "timeline.jsonl"

  /// Appends an event whole or not at all; answers whether it is there.
  @discardableResult static func append(_ event: RecordingEvent, folder: String) -> Bool {
    let fd = unsafe open(folder + "/" + name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard fd >= 0 else { return false }
    defer { close(fd) }
    let before = lseek(fd, 0, SEEK_END)
    let line = event.json.bytes() + [10]
    guard FolderListing.put(line, fd, at: nil) else {
      // Half a line would spoil the next one too.
      if before >= 0 { _ = ftruncate(fd, before) }
      return false
    }
    return true
  }

  /// The events after `last`. Lines that are none are left out.
  static func read(folder: String, after last: UInt64) -> [RecordingEvent] {
    guard let bytes = FolderListing.read(folder + "/" + name) else { return [] }
    return parse(bytes[...], after: last)
  }

  private static func parse(_ bytes: ArraySlice<UInt8>, after last: UInt64) -> [RecordingEvent] {
    bytes.split(separator: 10).compactMap { line in
      guard let json = try? JSONValue(parsing: Array(line)), let id = json["id"]?.integerValue, let type = json["type"]?.stringValue,
        id > 0, UInt64(id) > last
      else { return nil }
      return RecordingEvent(id: UInt64(id), type: type, json: json)
    }
  }

  /// The last event, found from the file's end: a log may be long.
  static func newest(folder: String) -> RecordingEvent? {
    let path = folder + "/" + name
    guard let size = FolderListing.size(path), size > 0 else { return nil }
    let fd = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var length: Int64 = 16 << 10
    while true {
      let begin = max(0, size - length)
      guard let bytes = FolderListing.read(fd, offset: begin, count: Int(size - begin)) else { return nil }
      // What stands before the first line's end may be half a line.
      let whole = begin == 0 ? bytes[...] : bytes[(bytes.firstIndex(of: 10) ?? bytes.count)...]
      if let event = parse(whole, after: 0).last { return event }
      if begin == 0 { return nil }
      length *= 4
    }
  }

  /// Cuts off a last line that a crash left unfinished, so that what is appended stands on a line of its own.
  static func repair(folder: String) {
    let path = folder + "/" + name
    let fd = unsafe open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
    guard fd >= 0 else { return }
    defer { close(fd) }
    guard let size = FolderListing.size(path), size > 0 else { return }
    let begin = max(0, size - 1 << 20)
    guard let tail = FolderListing.read(fd, offset: begin, count: Int(size - begin)), tail.last != 10 else { return }
    if let end = tail.lastIndex(of: 10) {
      _ = ftruncate(fd, off_t(begin) + off_t(end + 1))
    } else if begin == 0 {
      _ = ftruncate(fd, 0)
    }
  }
}
