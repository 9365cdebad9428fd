import Glibc
import Ground
import Loop
import Recording

/// The folder that a replay records into. What an earlier replay left there under a name that is written again goes first, whatever its
/// length: a file has this replay's bytes and no others.
final class FileReplayFolder: TapeFiles {
  private let folder: String
  private let disk: DiskFiles
  /// The files that are this replay's.
  private var own: Set<String> = []

  init(_ folder: String) {
    self.folder = folder
    disk = DiskFiles(folder: folder)
  }

  func write(_ path: String, at offset: Int64, _ bytes: Span<UInt8>) throws(TapeFileError) {
    replaceOld(path)
    try disk.write(path, at: offset, bytes)
  }
  func copy(_ path: String, _ range: Range<Int64>, to offset: Int64) throws(TapeFileError) {
    try disk.copy(path, range, to: offset)
  }
  func append(_ path: String, _ bytes: [UInt8]) throws(TapeFileError) {
    replaceOld(path)
    try disk.append(path, bytes)
  }
  func replace(_ path: String, _ bytes: [UInt8]) throws(TapeFileError) {
    own.insert(path)
    try disk.replace(path, bytes)
  }
  func rename(_ from: String, to: String) throws(TapeFileError) {
    own.remove(from)
    own.insert(to)
    try disk.rename(from, to: to)
  }
  func close(_ path: String) { disk.close(path) }

  private func replaceOld(_ path: String) {
    // What cannot be removed will not open for writing either, and that is told.
    if own.insert(path).inserted { _ = unsafe unlink(folder + "/" + path) }
  }
}
