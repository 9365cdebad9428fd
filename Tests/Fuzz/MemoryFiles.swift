import Ground
import Recording

/// Files in memory.
final class MemoryFiles: TapeFiles {
  private final class File {
    var bytes: [UInt8] = []
  }
  private var files: [String: File] = [:]

  var count: Int { files.count }
  /// What the files take in memory.
  var storedBytes: Int { files.values.reduce(0) { $0 + $1.bytes.capacity } }
  func content(_ path: String) -> [UInt8]? { files[path]?.bytes }

  private func file(_ path: String) -> File {
    if let known = files[path] { return known }
    let new = File()
    files[path] = new
    return new
  }

  func write(_ path: String, at offset: Int64, _ bytes: Span<UInt8>) throws(TapeFileError) {
    let file = file(path)
    let start = Int(offset)
    let over = min(max(0, file.bytes.count - start), bytes.count)
    for i in 0..<over { file.bytes[start + i] = bytes[i] }
    if start > file.bytes.count { file.bytes += [UInt8](repeating: 0, count: start - file.bytes.count) }
    file.bytes.append(copying: bytes, over..<bytes.count)
  }
  func copy(_ path: String, _ range: Range<Int64>, to offset: Int64) throws(TapeFileError) {
    let bytes = Array(file(path).bytes[Int(range.lowerBound)..<Int(range.upperBound)])
    try write(path, at: offset, bytes.span)
  }
  func append(_ path: String, _ bytes: [UInt8]) throws(TapeFileError) { file(path).bytes += bytes }
  func replace(_ path: String, _ bytes: [UInt8]) throws(TapeFileError) { file(path).bytes = bytes }
  func rename(_ from: String, to: String) throws(TapeFileError) { files[to] = files.removeValue(forKey: from) }
  func close(_ path: String) {}
}
