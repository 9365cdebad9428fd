import JSON

/// `start`: asks for a recording and says where to send.
enum StartCommand {
  static func run(_ session: Session) throws(CommandFailure) -> Int32 {
    let parsed = session.parsed
    let specification = try specification(session)
    let answer = try session.call("POST", ["v1", "recordings"], body: specification)
    let recording = RecordingFacts(try session.json(of: answer))
    let isPulled = recording.sources.first?.type == "whep"
    if isPulled { try WHEPFlags.awaitServer(recording, session) }
    if session.isQuiet {
      try session.print(recording.id)
    } else if session.isJSON {
      try session.print(answer)
    } else if let source = recording.sources.first, source.type == "webrtc" {
      session.console.writeError(DisplayWidth.harmless("recording \(recording.id), source \(source.id)") + "\n")
      try session.print(description: source.answer ?? source.offer ?? "")
    } else if isPulled {
      try session.print(recording.id)
    } else {
      try session.print([recording.id] + destinations(recording).lines(style: session.style, width: session.width))
    }
    return parsed.isOn("watch") ? try WatchCommand.watch(recording.id, session) : 0
  }

  /// Where each track's media is expected.
  static func destinations(_ recording: RecordingFacts) -> TextTable {
    var table = TextTable([
      .init("TRACK"), .init("PARTICIPANT", flexible: true), .init("KIND"), .init("CODEC"), .init("PT", right: true),
      .init("SSRC", right: true), .init("SEND RTP TO"),
      .init("RTCP PORT", right: true),
    ])
    for track in recording.tracks {
      table.add([
        .init(track.id), .init(track.participant), .init(track.kind), .init(track.codec),
        .init(track.payloadType.map { "\($0)" } ?? "-"), .init(track.ssrc.map { "\($0)" } ?? "any"),
        .init(track.address ?? "-"), .init(track.rtcpPort.map { "\($0)" } ?? "-"),
      ])
    }
    return table
  }

  private static func specification(_ session: Session) throws(CommandFailure) -> JSONValue {
    guard let file = session.parsed.text("file") else { return try StartSpecification.json(session.parsed, session.console) }
    let beside: Set = ["file", "watch", "quiet", "json", "control"]
    if let other = session.parsed.command.flags.first(where: { session.parsed.origin(of: $0.long) != nil && !beside.contains($0.long) }) {
      throw .usage("--\(other.long) cannot be given beside --file, which says everything")
    }
    do {
      return try JSONValue(parsing: StartSpecification.read(file, session.console))
    } catch let error as JSONSyntaxError {
      throw .failed("\(file == "-" ? "standard input" : file) is no JSON: \(error.message)")
    } catch let error as CommandFailure {
      throw error
    } catch {
      throw .failed("\(error)")
    }
  }
}
