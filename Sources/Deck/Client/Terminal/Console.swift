package import Ground

/// Where a command reads and writes, and what it knows of its surroundings. Tests bring their own.
package protocol Console: AnyObject {
  /// Writes to standard output; throws where nobody reads it any more, or it is full.
  func write(_ text: String) throws(OutputError)
  /// Writes to standard error; what cannot be written there is lost.
  func writeError(_ text: String)
  /// All of standard input.
  func readInput() throws(InputError) -> [UInt8]
  /// All of a file.
  func readFile(_ path: String) throws(InputError) -> [UInt8]
  func fileExists(_ path: String) -> Bool
  var environment: [String: String] { get }
  /// Whether standard output is a terminal.
  var isTerminal: Bool { get }
  /// The terminal's size now; meaningful only where there is one.
  var terminalSize: (columns: Int, rows: Int) { get }
  /// The monotonic clock.
  var instant: Instant { get }
  /// Seconds that local time is ahead of UTC at that moment.
  func secondsEastOfUTC(at time: WallTime) -> Int
  /// Stops the process until it is told to go on.
  func suspend()
  /// Begins to receive signals as bytes of a descriptor; nil where the console has none. It ends with the value's life.
  func openSignals() -> (any SignalSource)?
}

/// Why standard output takes nothing more.
package enum OutputError: Error, Equatable {
  /// The reader has gone: it has what it wanted.
  case readerGone
  case failed(String)
}

/// Why a file or standard input could not be read: a line for people.
package struct InputError: Error, Equatable {
  package var message: String
  package init(_ message: String) { self.message = message }
}

/// Signals that wake a wait.
package protocol SignalSource: AnyObject {
  /// A descriptor that can be read when a signal has come.
  var descriptor: Int32 { get }
  /// What has come since the last call.
  func take() -> [ConsoleSignal]
}

/// What a signal asks of a command.
package enum ConsoleSignal: UInt8, Sendable {
  /// The person or the system wants the program to end (SIGINT, SIGTERM, SIGHUP).
  case end = 1
  /// The terminal has another size (SIGWINCH).
  case resized = 2
  /// The person wants the shell back for a while (SIGTSTP).
  case suspend = 3
}
