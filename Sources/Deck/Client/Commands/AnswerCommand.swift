import JSON

/// `answer`: gives a source that began with our offer its peer's answer.
enum AnswerCommand {
  static func run(_ session: Session) throws(CommandFailure) -> Int32 {
    let words = session.parsed.positionals
    let text = try WebRTCFlags.description(words[2], session.console)
    let id = try session.resolve(words[0])
    let body = JSONValue.object([JSONField("answer", .string(text))])
    let answer = try session.call("PUT", ["v1", "recordings", id, "sources", words[1], "answer"], body: body)
    if session.isJSON { try session.print(answer) }
    return 0
  }
}
