import Glibc

// The steps of opening the socket, each with its own error.
extension ListeningSocket {
  typealias Identity = (device: UInt64, inode: UInt64)

  static func refused(_ step: String, _ path: String) -> ControlServerError {
    let code = errno
    return .refused(step: step, path: path, reason: unsafe String(cString: strerror(code)))
  }

  /// What lies at a path, symbolic links not followed; nil where nothing does.
  static func status(_ path: String) -> (isSocket: Bool, identity: Identity)? {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return nil }
    return (status.st_mode & S_IFMT == S_IFSOCK, (UInt64(status.st_dev), UInt64(status.st_ino)))
  }

  /// A group by its name or its number.
  static func groupID(_ group: String) throws(ControlServerError) -> gid_t {
    if let number = gid_t(group) { return number }
    var entry = unsafe Glibc.group()
    var found: UnsafeMutablePointer<Glibc.group>?
    var buffer = [CChar](repeating: 0, count: 65_536)
    guard unsafe getgrnam_r(group, &entry, &buffer, buffer.count, &found) == 0, unsafe found != nil else { throw .unknownGroup(group) }
    return unsafe entry.gr_gid
  }

  /// Makes the socket's folder if it is missing: 0700, or for a group, which must be able to pass, 0750.
  static func makeFolder(of path: String, gid: gid_t?) throws(ControlServerError) {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
    let folder = String(path[..<slash])
    if unsafe mkdir(folder, 0o700) != 0 {
      if errno == EEXIST { return }
      throw refused("make the folder", folder)
    }
    guard let gid else { return }
    guard unsafe chown(folder, uid_t.max, gid) == 0, unsafe chmod(folder, 0o750) == 0 else {
      throw refused("give its group the folder", folder)
    }
  }

  /// Takes the lock beside the socket, or says that another has it.
  static func lock(_ path: String) throws(ControlServerError) -> Int32 {
    let file = path + ".lock"
    while true {
      let descriptor = unsafe open(file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw refused("open the lock", file) }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        let failure = errno == EWOULDBLOCK ? ControlServerError.alreadyListening(path: path) : refused("lock", file)
        close(descriptor)
        throw failure
      }
      // Its last holder may have removed the file between our opening and our locking it: then we hold a lock that nobody else will ever
      // see.
      var ours = stat()
      if unsafe fstat(descriptor, &ours) == 0, let named = status(file), named.identity == (UInt64(ours.st_dev), UInt64(ours.st_ino)) {
        return descriptor
      }
      close(descriptor)
    }
  }

  static func unlock(_ descriptor: Int32, _ path: String) {
    // Removed while it is still held, so that no later holder's file is removed.
    unsafe unlink(path + ".lock")
    close(descriptor)
  }

  /// Removes a socket file that nobody listens on any more.
  static func clear(_ path: String) throws(ControlServerError) {
    guard let found = status(path) else { return }
    guard found.isSocket else { throw .notASocket(path: path) }
    let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard probe >= 0 else { throw refused("open a socket for", path) }
    defer { close(probe) }
    if unsafe withAddress(path, { unsafe connect(probe, $0, $1) }) == 0 { throw .alreadyListening(path: path) }
    switch errno {
    case ECONNREFUSED: if unsafe unlink(path) != 0, errno != ENOENT { throw refused("remove the stale socket", path) }
    case ENOENT: return
    // A listener too busy to take another client, or one of another kind of socket, is alive all the same.
    case EAGAIN, EPROTOTYPE: throw .alreadyListening(path: path)
    default: throw refused("connect to the socket that is at", path)
    }
  }

  static func bind(_ path: String, gid: gid_t?) throws(ControlServerError) -> (descriptor: Int32, identity: Identity) {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { throw refused("open a socket for", path) }
    // On Linux the file takes its mode from the socket's, so that it is never wider than this, not for a moment; a umask would narrow what
    // other threads make meanwhile.
    guard fchmod(descriptor, 0o600) == 0, unsafe withAddress(path, { unsafe Glibc.bind(descriptor, $0, $1) }) == 0 else {
      let failure = refused("bind the socket", path)
      close(descriptor)
      throw failure
    }
    // Nobody can connect before listen(): the group is in place by then.
    var isOpen = true
    if let gid { isOpen = unsafe lchown(path, uid_t.max, gid) == 0 && chmod(path, 0o660) == 0 }
    guard isOpen, listen(descriptor, 512) == 0, let made = status(path) else {
      let failure = refused("give its group the socket", path)
      unsafe unlink(path)
      close(descriptor)
      throw failure
    }
    return (descriptor, made.identity)
  }

  private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    return unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
  }
}
