import Glibc
import Synchronization

/// Why the control socket could not be opened. Who must act is the operator.
package enum ControlServerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Another process listens there, or is about to.
  case alreadyListening(path: String)
  /// Something that is no socket lies there; it is left alone.
  case notASocket(path: String)
  case pathTooLong(path: String, limit: Int)
  case unknownGroup(String)
  /// A step that the system refused: what was tried, on which path, and why.
  case refused(step: String, path: String, reason: String)
  /// The HTTP library did not start: out of memory, threads or descriptors.
  case noDaemon(path: String)

  package var description: String {
    switch self {
    case .alreadyListening(let path): "another tapedeck is listening on \(path)"
    case .notASocket(let path): "\(path) exists and is not a socket; it is left as it is"
    case .pathTooLong(let path, let limit): "\(path) is too long for a socket: at most \(limit) bytes"
    case .unknownGroup(let group): "there is no group \(group)"
    case .refused(let step, let path, let reason): "cannot \(step) \(path): \(reason)"
    case .noDaemon(let path): "cannot serve HTTP on \(path): out of threads, memory or descriptors"
    }
  }
}

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
    let limit = 107
    guard path.utf8.count <= limit - 0, !path.isEmpty else { throw .pathTooLong(path: path, limit: limit) }
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
