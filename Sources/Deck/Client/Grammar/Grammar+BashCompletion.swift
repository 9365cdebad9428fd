extension Grammar {
  /// A script for bash that completes commands, flags, choices, files and recordings; it needs no bash-completion package.
  package var bashCompletion: String {
    let f = "_" + program
    let cases = commands.map { bashCase(for: $0) }.joined()
    return """
      # bash completion for \(program). To load it: source <(\(program) completion bash)

      \(bashHelpers)
      \(f)() {
        local cur="${COMP_WORDS[COMP_CWORD]}" prev="" command="" i word
        local -a control=()
        COMPREPLY=()
        # Bash makes three words of --flag=value.
        if [[ $cur == "=" ]]; then
          cur=""
          prev="${COMP_WORDS[COMP_CWORD - 1]}"
        elif ((COMP_CWORD > 2)) && [[ ${COMP_WORDS[COMP_CWORD - 1]} == "=" ]]; then
          prev="${COMP_WORDS[COMP_CWORD - 2]}"
        elif ((COMP_CWORD > 1)); then
          prev="${COMP_WORDS[COMP_CWORD - 1]}"
        fi
        for ((i = 1; i < COMP_CWORD; i++)); do
          word="${COMP_WORDS[i]}"
          case "$word" in
            \(globalFlags.map { "--" + $0.long }.joined(separator: " | ")))
              [[ ${COMP_WORDS[i + 1]} == "=" ]] && ((i++))
              ((i++))
              ((i < COMP_CWORD)) && [[ $word == --control ]] && control=(--control "${COMP_WORDS[i]}")
              ;;
            -*) ;;
            *) [[ -z $command ]] && command="$word" ;;
          esac
        done
        case "$command" in
          "")
            case "$prev" in
      \(globalFlags.map { bashValueCase(for: $0, indent: "        ") }.joined())      esac
            if [[ $cur == -* ]]; then
              \(f)_words "\((globalFlags.map { "--" + $0.long } + ["--help", "--version"]).joined(separator: " "))"
            else
              \(f)_words "\(commands.map(\.name).joined(separator: " "))"
            fi
            ;;
      \(cases)  esac
      }

      complete -F \(f) \(program)

      """
  }

  /// The functions that the completing one calls: they share its variables.
  private var bashHelpers: String {
    let f = "_" + program
    return """
      # Recordings by the last group of their ids, which differ where the first ones look alike.
      \(f)_recordings() {
        local id
        for id in $("${COMP_WORDS[0]}" "${control[@]}" list --quiet --all 2>/dev/null); do printf '%s\\n' "${id##*-}"; done
      }

      # Offers those words of $1 that begin with what was typed.
      \(f)_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }

      \(f)_files() {
        mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
        compopt -o filenames 2>/dev/null
      }

      """
  }

  private func bashCase(for command: Command) -> String {
    let values = command.flags.map { bashValueCase(for: $0, indent: "        ") }.joined()
    let flags = (command.flags.flatMap(\.spellings).map { "--" + $0 } + ["--help"]).joined(separator: " ")
    var out = "    \(command.name))\n"
    if !values.isEmpty { out += "      case \"$prev\" in\n\(values)      esac\n" }
    out += "      if [[ $cur == -* ]]; then\n        _\(program)_words \"\(flags)\"\n"
    if let offer = command.positionals.last.flatMap({ bashOffer(for: $0.kind) }) {
      out += "      else\n        \(offer)\n"
    }
    return out + "      fi\n      ;;\n"
  }

  private func bashValueCase(for flag: Flag, indent: String) -> String {
    guard let kind = flag.valueKind else { return "" }
    let spellings = ["--" + flag.long] + (flag.short.map { ["-\($0)"] } ?? [])
    let offer = bashOffer(for: kind).map { "\n\(indent)  \($0)\n\(indent)  return\n\(indent)  ;;\n" } ?? " return ;;\n"
    return "\(indent)\(spellings.joined(separator: " | ")))\(offer)"
  }

  private func bashOffer(for kind: ValueKind) -> String? {
    switch kind {
    case .file: "_\(program)_files -f"
    case .directory: "_\(program)_files -d"
    case .choice(let choices): "_\(program)_words \"\(choices.joined(separator: " "))\""
    case .recording: "_\(program)_words \"$(_\(program)_recordings)\""
    case .command: "_\(program)_words \"\(commands.map(\.name).joined(separator: " "))\""
    case .text, .integer, .number, .duration, .bytes, .portRange, .ports, .ip, .endpoint: nil
    }
  }
}
