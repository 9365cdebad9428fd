import Client
import Glibc

@main
struct Tapedeck {
  static let version = "0.1.0"

  static func main() {
    _ = signal(SIGPIPE, SIG_IGN)
    let environment = Environment.all
    let console = SystemConsole(environment: environment)
    let arguments = Array(CommandLine.arguments.dropFirst())
    switch TapedeckGrammar.grammar(version: version).parse(arguments, environment: environment) {
    case .show(let text):
      try? console.write(text)
      exit(0)
    case .wrongUsage(let text):
      console.writeError(text)
      exit(2)
    case .run(let parsed):
      exit(run(parsed, console: console))
    }
  }

  private static func run(_ parsed: ParsedCommand, console: SystemConsole) -> Int32 {
    if ClientCommands.names.contains(parsed.name) { return ClientCommands.run(parsed, console: console) }
    switch parsed.name {
    case "serve": return Serve.run(parsed, console: console)
    case "replay": return Captures.replay(parsed, console: console)
    case "inspect": return Captures.inspect(parsed, console: console)
    default:
      console.writeError(parsed.wrongUsage("\(parsed.name) is no command"))
      return 2
    }
  }
}
