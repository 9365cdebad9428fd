/// The command line of a whole program: what it can be told, and how that is read, explained and completed.
package struct Grammar: Sendable {
  /// What a command line comes to.
  package enum Outcome: Sendable {
    case run(ParsedCommand)
    /// Text for standard output; exit 0.
    case show(String)
    /// Text for standard error, the usage line included; exit 2.
    case wrongUsage(String)
  }
  package let program: String
  package let version: String
  package let summary: String
  package let commands: [Command]

  package init(program: String, version: String, summary: String, commands: [Command]) {
    self.program = program
    self.version = version
    self.summary = summary
    self.commands = commands
  }

  /// The command of that name.
  package func command(_ name: String) -> Command? { commands.first { $0.name == name } }

  /// Reads the arguments after the program's own name. `help`, `version`, `completion` and every `--help` are answered here.
  package func parse(_ arguments: [String], environment: [String: String]) -> Outcome {
    do {
      return try read(arguments, environment)
    } catch {
      return .wrongUsage(text(of: error))
    }
  }

  /// A wrong usage in the same words, whoever found it.
  func wrongUsage(of command: Command, _ message: String) -> String {
    text(of: UsageError(command: command, message: message))
  }

  private func read(_ arguments: [String], _ environment: [String: String]) throws(UsageError) -> Outcome {
    var leading: [String] = []
    var rest = arguments[...]
    while let first = rest.first, first.hasPrefix("-"), first != "-", first != "--" {
      rest = rest.dropFirst()
      if first == "--help" || first == "-h" { return .show(overview) }
      if first == "--version" || first == "-V" { return .show("\(program) \(version)\n") }
      leading.append(first)
      let name = String(first.dropFirst(2).prefix { $0 != "=" })
      guard first.hasPrefix("--"), let flag = globalFlags.first(where: { $0.long == name }) else {
        throw unknownFlag(first, among: globalFlags, of: nil)
      }
      if flag.valueKind != nil, !first.contains("="), let value = rest.popFirst() { leading.append(value) }
    }
    guard let name = rest.popFirst() else {
      if leading.isEmpty { return .wrongUsage(overview) }
      throw UsageError(command: nil, message: "a command is missing")
    }
    guard let command = command(name) else {
      throw UsageError(
        command: nil, message: "unknown command '\(name)'" + Suggestion.hint(for: name, among: commands.map(\.name)))
    }
    if rest.prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" }) { return .show(help(for: command)) }
    let parsed = try ArgumentReader.read(leading + rest, of: command, in: self, environment: environment)
    return try builtIn(parsed) ?? .run(parsed)
  }

  /// The commands that only need the grammar itself.
  private func builtIn(_ parsed: ParsedCommand) throws(UsageError) -> Outcome? {
    switch parsed.name {
    case "version": return .show("\(program) \(version)\n")
    case "completion":
      return .show(parsed.positionals[0] == "bash" ? bashCompletion : zshCompletion)
    case "help":
      guard let topic = parsed.positionals.first else { return .show(overview) }
      guard let command = command(topic) else {
        throw UsageError(
          command: parsed.command,
          message: "unknown command '\(topic)'" + Suggestion.hint(for: topic, among: commands.map(\.name)))
      }
      return .show(help(for: command))
    default: return nil
    }
  }

  /// Each flag that may stand before the command, once.
  var globalFlags: [Flag] {
    var found: [Flag] = []
    for flag in commands.flatMap(\.flags) where flag.isGlobal && !found.contains(where: { $0.long == flag.long }) {
      found.append(flag)
    }
    return found
  }

  private func text(of error: UsageError) -> String {
    guard let command = error.command else {
      return "\(program): \(error.message)\nusage: \(program) COMMAND [flags]\nTry '\(program) --help'.\n"
    }
    let usage = usageLines(of: command).joined(separator: "\n       ")
    return "\(program) \(command.name): \(error.message)\nusage: \(usage)\nTry '\(program) \(command.name) --help'.\n"
  }
}

/// A command line that the grammar refuses.
struct UsageError: Error, Equatable {
  /// The command it was meant for, where that much is known.
  var command: Command?
  var message: String
}

func unknownFlag(_ token: String, among flags: [Flag], of command: Command?) -> UsageError {
  let isLong = token.hasPrefix("--")
  let name = isLong ? String(token.dropFirst(2).prefix { $0 != "=" }) : String(token.dropFirst())
  let hint = isLong ? Suggestion.hint(for: name, among: flags.flatMap(\.spellings) + ["help"], prefix: "--") : ""
  return UsageError(command: command, message: "unknown flag \(isLong ? "--" : "-")\(name)\(hint)")
}
