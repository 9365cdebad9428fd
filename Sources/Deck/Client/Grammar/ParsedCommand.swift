package import Ground

/// A command line that keeps to the grammar: which command, and the texts of its flags and positionals, already checked against their
/// kinds. Asking for a flag that the command does not declare is a mistake of the program and traps.
package struct ParsedCommand: Sendable {
  /// Where a value came from.
  package enum Origin: Sendable, Equatable {
    case flag
    case environment(String)
  }
  package let grammar: Grammar
  package let command: Command
  /// The arguments by position, in order.
  package let positionals: [String]
  let values: [String: (texts: [String], origin: Origin)]

  package var name: String { command.name }

  /// What to print on standard error, before exit code 2, for a wrong usage that only the command itself can see.
  package func wrongUsage(_ message: String) -> String { grammar.wrongUsage(of: command, message) }

  /// The flag's text, from the command line or else its environment variable; nil where neither says anything.
  package func text(_ flag: String) -> String? { given(flag)?.texts.last }
  /// All texts of a repeatable flag, in order.
  package func texts(_ flag: String) -> [String] { given(flag)?.texts ?? [] }
  /// Whether a toggle is on, or what a negatable flag says, its declared default included.
  package func isOn(_ flag: String) -> Bool {
    if let text = text(flag) { return text == "true" }
    if case .negatable(on: let on) = declaration(flag).form { return on }
    return false
  }
  /// The same, but nil where neither the command line nor the environment says anything.
  package func choice(_ flag: String) -> Bool? { text(flag).map { $0 == "true" } }
  /// A whole number, for a flag of the integer kind; nil for a flag of any other.
  package func integer(_ flag: String) -> Int? { text(flag).flatMap { Int($0) } }
  /// A number, for a flag of the number kind.
  package func number(_ flag: String) -> Double? { text(flag).flatMap { Double($0) } }
  /// A duration in seconds.
  package func seconds(_ flag: String) -> Double? { text(flag).flatMap { ValueKind.seconds($0) } }
  /// A size in bytes.
  package func bytes(_ flag: String) -> Int64? { text(flag).flatMap { ValueKind.bytes($0) } }
  /// The first and the last port.
  package func portRange(_ flag: String) -> ClosedRange<UInt16>? { text(flag).flatMap { ValueKind.portRange($0) } }
  /// One port, or a range.
  package func ports(_ flag: String) -> ClosedRange<UInt16>? { text(flag).flatMap { ValueKind.ports($0) } }
  /// A literal address and port.
  package func endpoint(_ flag: String) -> SocketAddress? { text(flag).flatMap { ValueKind.endpoint($0) } }
  /// Whether the command line or the environment gave the flag; nil where neither did.
  package func origin(of flag: String) -> Origin? { given(flag)?.origin }

  private func given(_ flag: String) -> (texts: [String], origin: Origin)? {
    _ = declaration(flag)
    return values[flag]
  }

  private func declaration(_ flag: String) -> Flag {
    guard let declared = command.flags.first(where: { $0.long == flag }) else {
      preconditionFailure("\(command.name) declares no flag --\(flag)")
    }
    return declared
  }
}
