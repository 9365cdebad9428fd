import Client
import Ground
import Synchronization

/// A console in memory. Its clock moves by a second each time it is asked, so that every look of `watch` is due at once.
final class ScriptedConsole: Console {
  private(set) var output = ""
  private(set) var errors = ""
  var input: [UInt8] = []
  var files: [String: [UInt8]] = [:]
  var environment: [String: String] = [:]
  var isTerminal = false
  var terminalSize: (columns: Int, rows: Int) = (100, 30)
  var signals: ScriptedSignals?
  /// What `write` throws once this many writes are done.
  var writesBeforeEnd = Int.max
  var end = OutputError.readerGone
  /// Sees what is written.
  var onWrite: ((String) -> Void)?
  private(set) var suspensions = 0
  private var writes = 0
  private var seconds: UInt64 = 0

  func write(_ text: String) throws(OutputError) {
    if writes >= writesBeforeEnd { throw end }
    writes += 1
    output += text
    onWrite?(text)
  }
  func writeError(_ text: String) { errors += text }
  func readInput() throws(InputError) -> [UInt8] { input }
  func readFile(_ path: String) throws(InputError) -> [UInt8] {
    guard let bytes = files[path] else { throw InputError("cannot open \(path): No such file or directory") }
    return bytes
  }
  func fileExists(_ path: String) -> Bool { files[path] != nil }
  var instant: Instant {
    seconds += 1
    return Instant(nanoseconds: seconds * 1_000_000_000)
  }
  func secondsEastOfUTC(at time: WallTime) -> Int { 3_600 }
  func suspend() { suspensions += 1 }
  func openSignals() -> (any SignalSource)? { signals }
}

/// Signals that a test sends, without a descriptor that wakes.
final class ScriptedSignals: SignalSource, Sendable {
  private let waiting = Mutex<[ConsoleSignal]>([])
  let descriptor: Int32 = -1

  func send(_ signal: ConsoleSignal) { waiting.withLock { $0.append(signal) } }
  func take() -> [ConsoleSignal] {
    waiting.withLock {
      let taken = $0
      $0 = []
      return taken
    }
  }
}

/// Reads a command line with the real grammar and runs it.
func run(_ line: [String], _ console: ScriptedConsole) -> Int32 {
  switch TapedeckGrammar.grammar(version: "1.2.3").parse(line, environment: console.environment) {
  case .run(let parsed): return ClientCommands.run(parsed, console: console)
  case .show(let text):
    try? console.write(text)
    return 0
  case .wrongUsage(let text):
    console.writeError(text)
    return 2
  }
}
