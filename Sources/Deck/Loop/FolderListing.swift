import Glibc
import Ground

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

  /// Writes all of `bytes` at an offset, or where the file's position is; false, with some of them perhaps written, where it cannot.
  static func put(_ bytes: [UInt8], _ fd: Int32, at offset: Int64?) -> Bool {
    var done = 0
    while done < bytes.count {
      let n = unsafe bytes.withUnsafeBytes {
        if let offset { return unsafe pwrite(fd, $0.baseAddress! + done, $0.count - done, off_t(offset) + off_t(done)) }
        return unsafe write(fd, $0.baseAddress! + done, $0.count - done)
      }
      if n < 0, errno == EINTR { continue }
      guard n > 0 else { return false }
      done += n
    }
    return true
  }

  /// When a file was last written, or nil.
  static func writtenAt(_ path: String) -> WallTime? {
    var facts = stat()
    guard unsafe lstat(path, &facts) == 0 else { return nil }
    return WallTime(nanosecondsSinceEpoch: Int64(facts.st_mtim.tv_sec) * 1_000_000_000 + Int64(facts.st_mtim.tv_nsec))
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

  /// Removes all media of a recording; manifest and events stay.
  static func eraseMedia(_ folder: String) {
    for name in names(folder) where name != "metadata.json" && name != EventLog.name { removeTree(folder + "/" + name) }
  }

  /// Removes a recording's folder, and its room's with the last one.
  static func removeRecording(_ folder: String) {
    removeTree(folder)
    removeEmptyFolder(parent(folder))
  }

  /// Removes a folder if nothing is in it.
  static func removeEmptyFolder(_ path: String) { _ = unsafe rmdir(path) }

  /// The folder that a path lies in.
  static func parent(_ path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "." }

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
