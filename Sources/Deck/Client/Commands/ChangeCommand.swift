import JSON

/// `stop`, `pause`, `resume`, `cancel` and `delete`: one call for each recording named.
enum ChangeCommand {
  /// A recording that is refused does not keep the others from their turn; then the exit code is 1.
  static func run(_ session: Session) throws(CommandFailure) -> Int32 {
    var code: Int32 = 0
    for text in session.parsed.positionals {
      do {
        if try !change(text, session) { code = 1 }
      } catch {
        switch error {
        case .failed(let message): complain(message, session)
        case .control(.refused(_, _, let message, _)): complain(message, session)
        default: throw error
        }
        code = 1
      }
    }
    return code
  }

  private static func complain(_ message: String, _ session: Session) {
    session.console.writeError("tapedeck: \(DisplayWidth.harmless(message))\n")
  }

  /// Answers whether all went well: a stop that finds the recording failed has not.
  private static func change(_ text: String, _ session: Session) throws(CommandFailure) -> Bool {
    let parsed = session.parsed
    let id = try session.resolve(text)
    let path = ["v1", "recordings", id]
    let answer: ControlClient.Answer
    switch parsed.name {
    case "delete": answer = try session.call("DELETE", path)
    case "stop" where parsed.isOn("wait"):
      // As long as it takes: the files are being closed.
      answer = try session.call("POST", path + ["stop"], query: [("wait", "true")], timeoutSeconds: nil)
    case "pause":
      let body = parsed.text("mode").map { JSONValue.object([JSONField("mode", .string($0))]) }
      answer = try session.call("POST", path + ["pause"], body: body)
    default: answer = try session.call("POST", path + [parsed.name])
    }
    if session.isJSON {
      try session.print(answer)
      return true
    }
    if session.isQuiet || parsed.name == "delete" {
      try session.print(id)
      return true
    }
    let recording = RecordingFacts(try session.json(of: answer))
    try session.print(lines(recording, id, session))
    if recording.status == "failed", parsed.name == "stop" {
      complain("the recording failed: \(recording.failure ?? "no reason is given")", session)
      return false
    }
    return true
  }

  private static func lines(_ recording: RecordingFacts, _ id: String, _ session: Session) -> [String] {
    let status = session.style.paint(DisplayWidth.harmless(recording.status), Style.colour(ofStatus: recording.status))
    var line = "\(id)  \(status)"
    if session.parsed.name == "stop" { line += "  \(Quantity.duration(recording.durationSeconds))  \(Quantity.bytes(recording.bytes))" }
    return [line]
  }
}
