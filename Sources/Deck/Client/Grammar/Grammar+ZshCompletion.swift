extension Grammar {
  /// A script for zsh: to be put in `$fpath` as `_tapedeck`, or sourced.
  package var zshCompletion: String {
    let f = "_" + program
    let described = commands.map { "        \(Grammar.quoted(Grammar.colonsEscaped($0.name) + ":" + $0.summary))\n" }.joined()
    let cases = commands.map { zshCase(for: $0) }.joined()
    return """
      #compdef \(program)
      # zsh completion for \(program). To load it: source <(\(program) completion zsh)

      # Recordings by the last group of their ids, which differ where the first ones look alike.
      \(f)_recordings() {
        local -a ids
        ids=(${(f)"$("$\(f)_program" "${\(f)_control[@]}" list --quiet --all 2>/dev/null)"})
        compadd -- "${ids[@]##*-}"
      }

      \(f)_commands() {
        local -a commands
        commands=(
      \(described)  )
        _describe -t commands '\(program) command' commands
      }

      \(f)() {
        local curcontext="$curcontext" state line ret=1
        local \(f)_program="$words[1]"
        local -a \(f)_control
        typeset -A opt_args
        local at=${words[(i)--control]}
        (( at < CURRENT - 1 )) && \(f)_control=(--control "${words[at + 1]}")

        _arguments -C \\
          '(- *)'{-h,--help}'[Show help]' \\
          '(- *)'{-V,--version}'[Print the version]' \\
      \(globalFlags.flatMap { zshSpecifications(for: $0) }.map { "    \($0) \\\n" }.joined())    '1: :\(f)_commands' \\
          '*:: :->arguments' && ret=0

        if [[ $state == arguments ]]; then
          curcontext="${curcontext%:*}-$words[1]:"
          case $words[1] in
      \(cases)    esac
        fi
        return ret
      }

      if [[ $funcstack[1] == \(f) ]]; then
        \(f) "$@"
      else
        compdef \(f) \(program)
      fi

      """
  }

  private func zshCase(for command: Command) -> String {
    var specifications = ["'(- *)'{-h,--help}'[Show help]'"] + command.flags.flatMap { zshSpecifications(for: $0) }
    for (i, positional) in command.positionals.enumerated() {
      let place = positional.isRepeatable ? "*" : "\(i + 1)"
      let optional = positional.isOptional && !positional.isRepeatable ? ":" : ""
      specifications.append("'\(place):\(optional)\(positional.name.lowercased()):\(zshAction(for: positional.kind))'")
    }
    let lines = specifications.map { " \\\n          \($0)" }.joined()
    return "      \(command.name))\n        _arguments -s\(lines) && ret=0\n        ;;\n"
  }

  /// One specification of `_arguments` for each spelling that needs its own.
  private func zshSpecifications(for flag: Flag) -> [String] {
    let explanation = "[" + Grammar.bracketsEscaped(flag.summary) + "]"
    switch flag.form {
    case .negatable:
      let both = flag.spellings.map { "--" + $0 }.joined(separator: " ")
      return flag.spellings.map { Grammar.quoted("(\(both))--\($0)\(explanation)") }
    case .toggle:
      guard let short = flag.short else { return [Grammar.quoted("--\(flag.long)\(explanation)")] }
      return ["'(-\(short) --\(flag.long))'{-\(short),--\(flag.long)}" + Grammar.quoted(explanation)]
    case .value(let name, let kind):
      let tail = "\(explanation):\(Grammar.colonsEscaped(name)):\(zshAction(for: kind))"
      let star = flag.isRepeatable ? "*" : ""
      guard let short = flag.short else { return [Grammar.quoted("\(star)--\(flag.long)=\(tail)")] }
      let exclusive = flag.isRepeatable ? "'*'" : "'(-\(short) --\(flag.long))'"
      return ["\(exclusive){-\(short)+,--\(flag.long)=}" + Grammar.quoted(tail)]
    }
  }

  private func zshAction(for kind: ValueKind) -> String {
    switch kind {
    case .file: "_files"
    case .directory: "_files -/"
    case .choice(let choices): "(" + choices.joined(separator: " ") + ")"
    case .recording: "_\(program)_recordings"
    case .command: "_\(program)_commands"
    case .text, .integer, .number, .duration, .bytes, .portRange, .ports, .ip, .endpoint: " "
    }
  }

  private static func bracketsEscaped(_ text: String) -> String {
    colonsEscaped(text).replacing("[", with: "\\[").replacing("]", with: "\\]")
  }

  private static func colonsEscaped(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing(":", with: "\\:")
  }

  /// One word for the shell: in single quotes, whatever is in it.
  private static func quoted(_ text: String) -> String {
    "'" + text.replacing("'", with: "'\\''") + "'"
  }
}
