/// What a flag's or a positional's text must be. The grammar checks it before any command runs.
package enum ValueKind: Sendable, Equatable {
  case text
  /// A path that the shell completes as any file, or as a folder.
  case file
  case directory
  case integer(ClosedRange<Int>)
  case number(ClosedRange<Double>)
  case choice([String])
  /// Seconds, written as `90`, `1.5s`, `5m`, `1h30m` or `1:30:00`.
  case duration
  /// Bytes, written as `500000`, `500MB` or `2GiB`.
  case bytes
  /// Two ports, written as `40000-49999`.
  case portRange
  /// One port, or two as `40000-40003`.
  case ports
  /// A literal IPv4 or IPv6 address.
  case ip
  /// `IP:PORT`, with an IPv6 address in brackets.
  case endpoint
  /// A recording's id, or what is enough of it.
  case recording
  /// The name of a command of this grammar.
  case command
}

/// One flag of a command, declared once: parsing, help and completion all read this.
package struct Flag: Sendable, Equatable {
  /// What may be said with a flag.
  package enum Form: Sendable, Equatable {
    /// `--json`: off unless given.
    case toggle
    /// `--hls` and `--no-hls`: `on` unless said otherwise.
    case negatable(on: Bool)
    /// `--room ROOM`: the placeholder of the help and what the text must be.
    case value(name: String, ValueKind)
  }
  /// The name without dashes; for a negatable flag the positive one.
  package var long: String
  /// The one-letter spelling, without its dash.
  package var short: Character?
  package var form: Form
  /// The help's explanation, without a full stop.
  package var summary: String
  /// The environment variable that speaks where the flag does not.
  package var environment: String?
  /// The default as the help prints it; the grammar itself fills nothing in.
  package var defaultText: String?
  /// Whether all its values count, not only the last.
  package var isRepeatable: Bool
  /// Whether it may also stand before the command's name.
  package var isGlobal: Bool

  /// A flag that takes a value.
  package static func value(
    _ long: String, _ name: String, _ kind: ValueKind, _ summary: String, short: Character? = nil,
    environment: String? = nil, default defaultText: String? = nil, repeatable: Bool = false, global: Bool = false
  ) -> Flag {
    Flag(
      long: long, short: short, form: .value(name: name, kind), summary: summary, environment: environment,
      defaultText: defaultText, isRepeatable: repeatable, isGlobal: global)
  }

  /// A flag that is on when given.
  package static func toggle(_ long: String, _ summary: String, short: Character? = nil, environment: String? = nil) -> Flag {
    Flag(
      long: long, short: short, form: .toggle, summary: summary, environment: environment, defaultText: nil, isRepeatable: false,
      isGlobal: false)
  }

  /// A pair of flags, `--long` and `--no-long`.
  package static func negatable(_ long: String, on: Bool, _ summary: String, environment: String? = nil) -> Flag {
    Flag(
      long: long, short: nil, form: .negatable(on: on), summary: summary, environment: environment,
      defaultText: on ? "on" : "off", isRepeatable: false, isGlobal: false)
  }

  /// The value's kind, or nil where the flag takes none.
  package var valueKind: ValueKind? { if case .value(_, let kind) = form { kind } else { nil } }
  /// The value's placeholder, or nil where the flag takes none.
  package var valueName: String? { if case .value(let name, _) = form { name } else { nil } }
  /// Every long spelling, without dashes.
  package var spellings: [String] { if case .negatable = form { [long, "no-" + long] } else { [long] } }
}

/// One argument by position.
package struct Positional: Sendable, Equatable {
  /// The placeholder, in capitals.
  package var name: String
  package var kind: ValueKind
  package var isOptional: Bool
  /// Takes all that follows; only the last one may.
  package var isRepeatable: Bool

  package init(_ name: String, _ kind: ValueKind, optional: Bool = false, repeatable: Bool = false) {
    self.name = name
    self.kind = kind
    isOptional = optional
    isRepeatable = repeatable
  }
  /// The argument as a usage line shows it.
  package var usage: String {
    let name = isRepeatable ? name + "..." : name
    return isOptional ? "[\(name)]" : name
  }
}

/// One command of the binary.
package struct Command: Sendable, Equatable {
  package var name: String
  /// One line without a full stop.
  package var summary: String
  /// The heading that the overview lists it under.
  package var group: String
  /// Usage lines in place of the one made from the declarations.
  package var usageLines: [String]
  /// Paragraphs of the help.
  package var details: [String]
  /// In the order of the help.
  package var flags: [Flag]
  package var positionals: [Positional]
  /// Whole command lines.
  package var examples: [String]

  package init(
    _ name: String, _ summary: String, group: String, usage: [String] = [], details: [String] = [], flags: [Flag] = [],
    positionals: [Positional] = [], examples: [String] = []
  ) {
    self.name = name
    self.summary = summary
    self.group = group
    usageLines = usage
    self.details = details
    self.flags = flags
    self.positionals = positionals
    self.examples = examples
  }
}
