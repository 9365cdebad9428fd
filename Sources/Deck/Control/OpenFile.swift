import Ground
import Recording
// The compiler takes the times in `stat` from whichever C module it loaded first, in a whole-module build from this one.
import CHTTP
import Glibc

/// A regular file open for reading, below a folder that it cannot leave. Closed when released, unless its descriptor was taken.
@safe final class OpenFile {
  /// In bytes, when it was opened.
  let size: Int64
  let modified: WallTime
  /// The file's number on its device: with size and time it tells one version of a path from the next.
  let inode: UInt64
  private var descriptor: Int32

  /// Opens `folder`/`path`. Each part is opened by itself and no symbolic link is followed, so that nothing outside the folder can be
  /// reached, whatever the parts say and whatever is on disk. Nil where there is no such regular file; parts that begin with a dot are
  /// never served.
  init?(folder: String, path: [String]) {
    guard let name = path.last, path.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") && !$0.contains("/") }) else { return nil }
    var place = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    for part in path.dropLast() where place >= 0 {
      let next = unsafe openat(place, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      close(place)
      place = next
    }
    guard place >= 0 else { return nil }
    // Without O_NONBLOCK a pipe of that name would hold the thread until somebody writes to it.
    let file = unsafe openat(place, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    close(place)
    guard file >= 0 else { return nil }
    var status = stat()
    guard unsafe fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(file)
      return nil
    }
    descriptor = file
    size = Int64(status.st_size)
    modified = WallTime(nanosecondsSinceEpoch: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec))
    inode = UInt64(status.st_ino)
  }

  /// Hands the descriptor over to one who closes it.
  func takeDescriptor() -> Int32 {
    defer { descriptor = -1 }
    return descriptor
  }

  deinit { if descriptor >= 0 { close(descriptor) } }
}
