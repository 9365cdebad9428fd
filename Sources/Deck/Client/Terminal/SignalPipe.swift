import Glibc
import Synchronization

/// The write end that the handler knows: a handler has no context of its own.
private let handlerDescriptor = Atomic<Int32>(-1)

/// SIGINT, SIGTERM, SIGHUP, SIGWINCH and SIGTSTP as bytes of a pipe, from its making to its end, when their former handlers return.
@safe final class SignalPipe: SignalSource {
  let descriptor: Int32
  private let writeEnd: Int32
  private var former: [(Int32, sigaction)] = []

  /// Nil where the process has no descriptor left.
  init?() {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { return nil }
    descriptor = ends[0]
    writeEnd = ends[1]
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    handlerDescriptor.store(writeEnd, ordering: .sequentiallyConsistent)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP] {
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { number in
        // Only what is safe in a handler: an atomic load and write(2), with errno put back.
        let code = errno
        var byte =
          switch number {
          case SIGWINCH: ConsoleSignal.resized.rawValue
          case SIGTSTP: ConsoleSignal.suspend.rawValue
          default: ConsoleSignal.end.rawValue
          }
        _ = unsafe Glibc.write(handlerDescriptor.load(ordering: .sequentiallyConsistent), &byte, 1)
        errno = code
      }
      action.sa_flags = SA_RESTART
      var before = sigaction()
      if unsafe sigaction(number, &action, &before) == 0 { former.append((number, before)) }
    }
  }

  deinit {
    for (number, before) in former {
      var before = before
      _ = unsafe sigaction(number, &before, nil)
    }
    handlerDescriptor.store(-1, ordering: .sequentiallyConsistent)
    close(descriptor)
    close(writeEnd)
  }

  func take() -> [ConsoleSignal] {
    var bytes = [UInt8](repeating: 0, count: 64)
    let n = unsafe bytes.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    return n > 0 ? bytes[..<n].compactMap { ConsoleSignal(rawValue: $0) } : []
  }
}

/// Waiting for nothing but time or a signal.
enum Pause {
  /// Returns when `wake` can be read or the time is over.
  static func wait(milliseconds: Int, wake: Int32?) {
    var entry = pollfd(fd: wake ?? -1, events: Int16(POLLIN), revents: 0)
    _ = unsafe poll(&entry, 1, Int32(clamping: milliseconds))
  }
}
