import Glibc
import Ground
package import Recording

/// A recording's folder on disk. Folders are 0700, files 0600. Keeps the files that grow open. For one thread.
package final class DiskFiles: TapeFiles {
  private let folder: String
  private var open: [String: Int32] = [:]
  private static let copiedAtOnceBytes = 256 << 10

  package init(folder: String) { self.folder = folder }

  deinit { for fd in open.values { Glibc.close(fd) } }

  package func write(_ path: String, at offset: Int64, _ bytes: Span<UInt8>) throws(TapeFileError) {
    let fd = try descriptor(path)
    var done = 0
    while done < bytes.count {
      let n = unsafe bytes.withUnsafeBytes { unsafe pwrite(fd, $0.baseAddress! + done, $0.count - done, off_t(offset) + off_t(done)) }
      if n < 0 {
        if errno == EINTR { continue }
        throw DiskFiles.error(path)
      }
      done += n
    }
  }

  package func copy(_ path: String, _ range: Range<Int64>, to offset: Int64) throws(TapeFileError) {
    let fd = try descriptor(path)
    var done: Int64 = 0
    while done < range.count {
      let count = min(Int64(DiskFiles.copiedAtOnceBytes), Int64(range.count) - done)
      guard let bytes = FolderListing.read(fd, offset: range.lowerBound + done, count: Int(count)), bytes.count == count else {
        throw DiskFiles.error(path)
      }
      try write(path, at: offset + done, bytes.span)
      done += count
    }
  }

  package func append(_ path: String, _ bytes: [UInt8]) throws(TapeFileError) {
    let fd = try descriptor(path)
    let end = lseek(fd, 0, SEEK_END)
    guard end >= 0 else { throw DiskFiles.error(path) }
    try write(path, at: Int64(end), bytes.span)
  }

  package func replace(_ path: String, _ bytes: [UInt8]) throws(TapeFileError) {
    let temporary = path + ".tmp"
    close(temporary)
    _ = unsafe unlink(absolute(temporary))
    try write(temporary, at: 0, bytes.span)
    close(temporary)
    try rename(temporary, to: path)
  }

  package func rename(_ from: String, to: String) throws(TapeFileError) {
    close(from)
    guard unsafe Glibc.rename(absolute(from), absolute(to)) == 0 else { throw DiskFiles.error(to) }
  }

  package func close(_ path: String) {
    if let fd = open.removeValue(forKey: path) { Glibc.close(fd) }
  }

  private func absolute(_ path: String) -> String { folder + "/" + path }

  private func descriptor(_ path: String) throws(TapeFileError) -> Int32 {
    if let fd = open[path] { return fd }
    var fd = unsafe Glibc.open(absolute(path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    if fd < 0, errno == ENOENT, let slash = path.lastIndex(of: "/") {
      try DiskFiles.makeFolders(absolute(String(path[..<slash])))
      fd = unsafe Glibc.open(absolute(path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    }
    guard fd >= 0 else { throw DiskFiles.error(path) }
    open[path] = fd
    return fd
  }

  /// Makes a folder and those above it, 0700 each.
  package static func makeFolders(_ path: String) throws(TapeFileError) {
    // Another recording's end may take the room's folder away between two steps.
    for _ in 0..<16 {
      if unsafe mkdir(path, 0o700) == 0 || errno == EEXIST { return }
      guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else { break }
      try makeFolders(String(path[..<slash]))
    }
    throw error(path)
  }

  private static func error(_ path: String) -> TapeFileError {
    let code = errno
    if code == ENOSPC || code == EDQUOT { return .noSpace(path: path) }
    return .failed(path: path, reason: unsafe String(cString: strerror(code)))
  }
}
