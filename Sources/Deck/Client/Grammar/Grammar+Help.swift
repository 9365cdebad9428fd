extension Grammar {
  /// The widest line of a help text.
  private static let width = 96

  /// What `--help` prints without a command.
  package var overview: String {
    var out = "\(summary)\n\nUsage: \(program) COMMAND [flags]\n"
    var groups: [String] = []
    for command in commands where !groups.contains(command.group) { groups.append(command.group) }
    let column = (commands.map(\.name.count).max() ?? 0) + 4
    for group in groups {
      out += "\n\(group):\n"
      for command in commands where command.group == group {
        out += Grammar.entry("  " + command.name, command.summary, column: column)
      }
    }
    out += "\nFlags:\n"
    out += Grammar.entries(globalFlags, closing: [("  -V, --version", "Print the version"), ("  -h, --help", "Show this help")])
    return out + "\nRun '\(program) COMMAND --help' for a command's flags.\n"
  }

  /// What `COMMAND --help` prints.
  package func help(for command: Command) -> String {
    var out = "\(command.summary).\n\nUsage: \(usageLines(of: command).joined(separator: "\n       "))\n"
    for paragraph in command.details { out += "\n" + Grammar.wrapped(paragraph, indent: 0) }
    out += "\nFlags:\n" + Grammar.entries(command.flags, closing: [("  -h, --help", "Show this help")])
    if !command.examples.isEmpty {
      out += "\nExamples:\n" + command.examples.map { "  \($0)\n" }.joined()
    }
    return out
  }

  /// The usage lines, with the program's name.
  func usageLines(of command: Command) -> [String] {
    if !command.usageLines.isEmpty { return command.usageLines.map { "\(program) \(command.name) \($0)" } }
    let parts = [program, command.name] + (command.flags.isEmpty ? [] : ["[flags]"]) + command.positionals.map(\.usage)
    return [parts.joined(separator: " ")]
  }

  private static func entries(_ flags: [Flag], closing: [(String, String)]) -> String {
    let rows = flags.map { (head(of: $0), describe($0)) } + closing
    let column = min(32, (rows.map(\.0.count).max() ?? 0) + 2)
    return rows.map { entry($0.0, $0.1, column: column) }.joined()
  }

  private static func head(of flag: Flag) -> String {
    let short = flag.short.map { "-\($0), " } ?? "    "
    switch flag.form {
    case .toggle: return "  \(short)--\(flag.long)"
    case .negatable: return "  \(short)--[no-]\(flag.long)"
    case .value(let name, .choice(let choices)):
      // Few choices say more than a placeholder.
      let inline = choices.joined(separator: "|")
      return "  \(short)--\(flag.long) \(inline.count <= 24 ? inline : name)"
    case .value(let name, _): return "  \(short)--\(flag.long) \(name)"
    }
  }

  private static func describe(_ flag: Flag) -> String {
    var notes: [String] = []
    if case .choice(let choices) = flag.valueKind, choices.joined(separator: "|").count > 24 {
      notes.append("one of " + choices.joined(separator: ", "))
    }
    if flag.isRepeatable { notes.append("may be repeated") }
    if let text = flag.defaultText { notes.append("default \(text)") }
    if let variable = flag.environment { notes.append("env \(variable)") }
    return flag.summary + (notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))")
  }

  /// A word and its explanation in two columns; a word too long for the first has the explanation below it.
  private static func entry(_ word: String, _ text: String, column: Int) -> String {
    let body = wrapped(text, indent: column)
    if word.count + 2 > column { return word + "\n" + body }
    return word + body.dropFirst(word.count)
  }

  /// The text in lines of at most `width` columns, each indented and ended.
  private static func wrapped(_ text: String, indent: Int) -> String {
    let margin = String(repeating: " ", count: indent)
    var out = ""
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, indent + line.count + 1 + word.count > width {
        out += margin + line + "\n"
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return out + margin + line + "\n"
  }
}
