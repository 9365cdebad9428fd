/// The commands that talk to a daemon.
package enum ClientCommands {
  /// The names of the commands that `run` carries out.
  package static let names: Set<String> = [
    "start", "answer", "stop", "pause", "resume", "cancel", "list", "show", "quality", "watch", "delete", "status", "node",
  ]

  /// Carries a command out and answers the exit code: 0 done, 1 refused or failed with the reason on standard error, 2 wrong usage.
  /// A reader of standard output that has gone ends the command quietly.
  package static func run(_ parsed: ParsedCommand, console: any Console) -> Int32 {
    do {
      return try dispatch(Session(parsed, console))
    } catch {
      switch error {
      case .output(.readerGone): return 0
      case .output(.failed(let reason)): console.writeError("tapedeck: \(reason)\n")
      case .failed(let message): console.writeError("tapedeck: \(DisplayWidth.harmless(message))\n")
      case .control(let error): console.writeError("tapedeck: \(DisplayWidth.harmless(error.message))\n")
      case .usage(let message):
        console.writeError(parsed.wrongUsage(message))
        return 2
      }
      return 1
    }
  }

  private static func dispatch(_ session: Session) throws(CommandFailure) -> Int32 {
    switch session.parsed.name {
    case "start": try StartCommand.run(session)
    case "answer": try AnswerCommand.run(session)
    case "stop", "pause", "resume", "cancel", "delete": try ChangeCommand.run(session)
    case "list": try ListCommand.run(session)
    case "show": try ShowCommand.run(session)
    case "quality": try QualityCommand.run(session)
    case "watch": try WatchCommand.run(session)
    case "status": try StatusCommand.run(session)
    case "node": try NodeCommand.run(session)
    default: preconditionFailure("\(session.parsed.name) is no command of the client")
    }
  }
}

/// Why a command ends before its time.
enum CommandFailure: Error {
  case failed(String)
  case usage(String)
  case control(ControlClientError)
  case output(OutputError)
}
