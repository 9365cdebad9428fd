import Glibc
import Synchronization

/// A Unix stream socket that listens at a path of its own: owns the path, a lock beside it (`path.lock`), and, until handed over, the
/// descriptor.
///
/// The lock is held for as long as the socket lives, and decides between two daemons that start at once: only its holder may look whether
/// the socket file is stale, remove it, and bind. A lock dies with its process, so that a crash leaves nothing that must be cleaned by
/// hand.
@safe final class ListeningSocket: Sendable {
  private let path: String
  /// Device and inode of the socket file that we made.
  private let identity: (device: UInt64, inode: UInt64)
  private let listener: Mutex<Int32>
  private let lock: Mutex<Int32>

  /// Listens at `path` with mode 0600, or, for a group, 0660 and that group's. The folder is made if it is missing.
  init(path: String, group: String?) throws(ControlServerError) {
    // What `sockaddr_un` holds, less the NUL behind it.
    let limit = 107
    guard !path.isEmpty, path.utf8.count <= limit else { throw .pathTooLong(path: path, limit: limit) }
    let gid = try group.map { name throws(ControlServerError) in try ListeningSocket.groupID(name) }
    try ListeningSocket.makeFolder(of: path, gid: gid)
    let lock = try ListeningSocket.lock(path)
    do throws(ControlServerError) {
      try ListeningSocket.clear(path)
      let (descriptor, identity) = try ListeningSocket.bind(path, gid: gid)
      self.path = path
      self.identity = identity
      self.listener = Mutex(descriptor)
      self.lock = Mutex(lock)
    } catch {
      ListeningSocket.unlock(lock, path)
      throw error
    }
  }

  /// Hands the listening descriptor over to one who closes it.
  func takeListener() -> Int32 {
    listener.withLock { descriptor in
      defer { descriptor = -1 }
      return descriptor
    }
  }

  /// Removes the socket file, if it is still ours: nobody finds the way here any more.
  func withdraw() {
    if let found = ListeningSocket.status(path), found.isSocket, found.identity == identity { unsafe unlink(path) }
  }

  /// Lets another daemon take the path. Idempotent.
  func release() {
    withdraw()
    let held = lock.withLock { descriptor in
      defer { descriptor = -1 }
      return descriptor
    }
    if held >= 0 { ListeningSocket.unlock(held, path) }
  }

  deinit {
    let descriptor = takeListener()
    if descriptor >= 0 { close(descriptor) }
    release()
  }
}
