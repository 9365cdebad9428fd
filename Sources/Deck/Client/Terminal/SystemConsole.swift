package import Ground
import Glibc

/// The process's own descriptors, environment and clocks.
package final class SystemConsole: Console {
  package let environment: [String: String]
  package let isTerminal: Bool

  /// Ignores SIGPIPE for the process, so that a reader that has gone is an error of `write` and the terminal can be restored first.
  package init(environment: [String: String]) {
    self.environment = environment
    isTerminal = isatty(STDOUT_FILENO) == 1
    _ = signal(SIGPIPE, SIG_IGN)
  }

  package func write(_ text: String) throws(OutputError) {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let n = unsafe bytes[done...].withUnsafeBytes { unsafe Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      let code = errno
      if n >= 0 {
        done += n
      } else if code == EPIPE {
        throw .readerGone
      } else if code != EINTR {
        throw .failed("cannot write to standard output: \(SystemConsole.reason(code))")
      }
    }
  }

  package func writeError(_ text: String) {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let n = unsafe bytes[done...].withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
      if n < 0, errno != EINTR { return }
      done += max(0, n)
    }
  }

  package func readInput() throws(InputError) -> [UInt8] {
    try SystemConsole.readAll(STDIN_FILENO, called: "standard input")
  }

  package func readFile(_ path: String) throws(InputError) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    let code = errno
    guard descriptor >= 0 else { throw InputError("cannot open \(path): \(SystemConsole.reason(code))") }
    defer { close(descriptor) }
    return try SystemConsole.readAll(descriptor, called: path)
  }

  package func fileExists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  package var terminalSize: (columns: Int, rows: Int) {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  package var instant: Instant {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }

  package func secondsEastOfUTC(at time: WallTime) -> Int {
    var seconds = time_t(time.nanosecondsSinceEpoch / 1_000_000_000)
    var parts = unsafe tm()
    _ = unsafe localtime_r(&seconds, &parts)
    return unsafe parts.tm_gmtoff
  }

  package func suspend() { raise(SIGSTOP) }

  package func openSignals() -> (any SignalSource)? { SignalPipe() }

  private static func readAll(_ descriptor: Int32, called name: String) throws(InputError) -> [UInt8] {
    var out: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let n = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
      let code = errno
      if n == 0 { return out }
      if n > 0 {
        out.append(contentsOf: chunk[..<n])
      } else if code != EINTR {
        throw InputError("cannot read \(name): \(reason(code))")
      }
    }
  }

  private static func reason(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}
