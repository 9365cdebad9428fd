/// Reads one command's arguments against its declaration.
struct ArgumentReader {
  private let command: Command
  private var rest: ArraySlice<String>
  private var texts: [String: [String]] = [:]
  private var positionals: [String] = []

  static func read(
    _ arguments: [String], of command: Command, in grammar: Grammar, environment: [String: String]
  ) throws(UsageError) -> ParsedCommand {
    var reader = ArgumentReader(command: command, rest: arguments[...])
    try reader.readArguments()
    try reader.checkPositionals()
    var values = reader.texts.mapValues { (texts: $0, origin: ParsedCommand.Origin.flag) }
    for flag in command.flags where values[flag.long] == nil {
      if let variable = flag.environment, let text = environment[variable], !text.isEmpty {
        values[flag.long] = ([try reader.environmentText(text, variable, flag)], .environment(variable))
      }
    }
    return ParsedCommand(grammar: grammar, command: command, positionals: reader.positionals, values: values)
  }

  private init(command: Command, rest: ArraySlice<String>) {
    self.command = command
    self.rest = rest
  }

  private mutating func readArguments() throws(UsageError) {
    while let token = rest.popFirst() {
      if token == "--" {
        positionals.append(contentsOf: rest)
        return
      }
      if token.hasPrefix("--") {
        try readLong(token)
      } else if token.hasPrefix("-"), token != "-" {
        try readShorts(token)
      } else {
        positionals.append(token)
      }
    }
  }

  private mutating func readLong(_ token: String) throws(UsageError) {
    let name = String(token.dropFirst(2).prefix { $0 != "=" })
    let attached = token.firstIndex(of: "=").map { String(token[token.index(after: $0)...]) }
    guard let flag = command.flags.first(where: { $0.spellings.contains(name) }) else {
      throw unknownFlag(token, among: command.flags, of: command)
    }
    if flag.valueKind != nil {
      let text = if let attached { attached } else { try nextValue(of: flag, "--" + name) }
      try store(flag, text, spelled: "--" + name)
    } else if attached != nil {
      throw UsageError(command: command, message: "--\(name) takes no value")
    } else {
      texts[flag.long] = [name == flag.long ? "true" : "false"]
    }
  }

  /// `-q`, several toggles as `-qw`, and a value behind the last one, attached (`-n5`) or apart.
  private mutating func readShorts(_ token: String) throws(UsageError) {
    var letters = token.dropFirst()
    while let letter = letters.popFirst() {
      guard let flag = command.flags.first(where: { $0.short == letter }) else {
        throw unknownFlag("-\(letter)", among: command.flags, of: command)
      }
      guard flag.valueKind != nil else {
        texts[flag.long] = ["true"]
        continue
      }
      if letters.isEmpty {
        try store(flag, nextValue(of: flag, "-\(letter)"), spelled: "-\(letter)")
      } else {
        try store(flag, String(letters.first == "=" ? letters.dropFirst() : letters), spelled: "-\(letter)")
      }
      return
    }
  }

  /// What looks like another flag is not taken for a value: a forgotten value is likelier than one that begins with two dashes.
  private mutating func nextValue(of flag: Flag, _ spelled: String) throws(UsageError) -> String {
    guard let next = rest.first, !next.hasPrefix("--") else {
      throw UsageError(command: command, message: "\(spelled) needs a value (\(flag.valueName ?? "VALUE"))")
    }
    rest = rest.dropFirst()
    return next
  }

  private mutating func store(_ flag: Flag, _ text: String, spelled: String) throws(UsageError) {
    if let objection = flag.valueKind?.objection(to: text) {
      throw UsageError(command: command, message: "\(spelled): '\(text)' \(objection)")
    }
    texts[flag.long] = flag.isRepeatable ? texts[flag.long, default: []] + [text] : [text]
  }

  private func checkPositionals() throws(UsageError) {
    let declared = command.positionals
    let needed = declared.filter { !$0.isOptional }.count
    if positionals.count < needed {
      throw UsageError(command: command, message: "\(declared[positionals.count].name) is missing")
    }
    if positionals.count > declared.count, declared.last?.isRepeatable != true {
      throw UsageError(command: command, message: "unexpected argument '\(positionals[declared.count])'")
    }
    for (i, text) in positionals.enumerated() {
      let positional = declared[min(i, declared.count - 1)]
      if let objection = positional.kind.objection(to: text) {
        throw UsageError(command: command, message: "\(positional.name): '\(text)' \(objection)")
      }
    }
  }

  private func environmentText(_ text: String, _ variable: String, _ flag: Flag) throws(UsageError) -> String {
    guard let kind = flag.valueKind else {
      switch text.lowercased() {
      case "1", "true", "yes", "on": return "true"
      case "0", "false", "no", "off": return "false"
      default: throw UsageError(command: command, message: "\(variable): '\(text)' is not one of true, false")
      }
    }
    if let objection = kind.objection(to: text) {
      throw UsageError(command: command, message: "\(variable): '\(text)' \(objection)")
    }
    return text
  }
}
