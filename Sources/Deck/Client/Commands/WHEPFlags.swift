import JSON

/// The `whep` source of a start (control-api.md, Start) from the flags of `start`, and the wait for its server's word.
enum WHEPFlags {
  /// The flags that only such a source has, beside the one that makes it one.
  static let details = ["token-file", "grace"]
  /// Holds the token where no file is named.
  static let tokenVariable = "TAPEDECK_WHEP_TOKEN"
  private static let foreign = WebRTCFlags.plainRTP + ["offer", "make-offer", "simulcast", "ice"]
  private static let looks = 100
  private static let lookMilliseconds = 150

  static func source(
    _ parsed: ParsedCommand, _ participants: [String], _ console: any Console
  ) throws(CommandFailure) -> JSONValue {
    for flag in foreign where parsed.origin(of: flag) != nil { throw .usage("--\(flag) cannot be given beside --whep") }
    var fields = [JSONField("type", "whep"), JSONField("url", JSONValue(parsed.text("whep")))]
    StartSpecification.add(&fields, "token", try token(parsed, console).map { .string($0) })
    StartSpecification.add(&fields, "graceSeconds", parsed.seconds("grace").map { JSONValue($0) })
    if let kinds = parsed.text("receive") {
      fields.append(JSONField("makeOffer", ["audio": .bool(kinds != "video"), "video": .bool(kinds != "audio")]))
    }
    try WebRTCFlags.addParticipants(&fields, parsed, participants)
    WebRTCFlags.addCodecs(&fields, parsed)
    StartSpecification.add(&fields, "listenIp", parsed.text("listen-ip").map { .string($0) })
    return .object(fields)
  }

  private static func token(_ parsed: ParsedCommand, _ console: any Console) throws(CommandFailure) -> String? {
    guard let file = parsed.text("token-file") else { return console.environment[tokenVariable].flatMap { $0.isEmpty ? nil : $0 } }
    let text = String(decoding: try StartSpecification.read(file, console), as: UTF8.self)
    let token = text.split(whereSeparator: \.isWhitespace)
    guard token.count == 1 else {
      let name = file == "-" ? "standard input" : file
      throw .failed(token.isEmpty ? "there is no token in \(name)" : "there is more than a token in \(name)")
    }
    return String(token[0])
  }

  /// Waits for what the server says first, for some seconds at most. A server that refuses for good ends the recording that there is then
  /// no source for; one that cannot be reached yet is asked on.
  static func awaitServer(_ recording: RecordingFacts, _ session: Session) throws(CommandFailure) {
    for _ in 0..<looks {
      let now = try session.recording(recording.id)
      guard let source = now.sources.first, !now.hasEnded else { return }
      switch (source.state, source.reason) {
      case ("new", nil): Pause.wait(milliseconds: lookMilliseconds, wake: nil)
      case ("new", let reason?):
        session.console.writeError("tapedeck: \(DisplayWidth.harmless(reason)); it is asked again\n")
        return
      case ("failed", let reason):
        _ = try session.call("POST", ["v1", "recordings", recording.id, "cancel"])
        throw .failed("\(DisplayWidth.harmless(reason ?? "the WHEP server refuses")); nothing is recorded")
      default: return
      }
    }
    session.console.writeError("tapedeck: the WHEP server has not answered yet\n")
  }
}
