import DeckRig
import Foundation

/// A small disk of its own, where the system lets the test have one.
final class SmallDisk: Sendable {
  let path: String

  /// Nil, with a line that says so, without the right to mount.
  init?(bytes: Int, in scratch: Scratch) throws {
    path = scratch.path + "/disk"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let done = try Tool.outcome("mount", ["-t", "tmpfs", "-o", "size=\(bytes)", "tapedeck-test", path])
    guard done.code == 0 else {
      print("skipped: no small disk can be mounted here (\(done.errors.trimmingCharacters(in: .whitespacesAndNewlines)))")
      return nil
    }
  }

  deinit { _ = try? Tool.outcome("umount", ["-l", path]) }

  /// Leaves only so many bytes free, in a file that can be taken away again.
  func fill(leaving bytes: Int) throws {
    let free = try FileManager.default.attributesOfFileSystem(forPath: path)[.systemFreeSize] as? Int ?? 0
    let file = try FileHandle(forWritingTo: try make("filler"))
    do {
      try file.write(contentsOf: Data(count: max(0, free - bytes)))
    } catch let error as CocoaError where error.code == .fileWriteOutOfSpace {
      // Others have written meanwhile: the disk is as full as can be.
    }
    try file.close()
  }

  func empty() throws { try FileManager.default.removeItem(atPath: path + "/filler") }

  private func make(_ name: String) throws -> URL {
    try Data().write(to: URL(filePath: path + "/" + name))
    return URL(filePath: path + "/" + name)
  }
}
