import JSON

/// `list`: recordings as a table.
enum ListCommand {
  static func run(_ session: Session) throws(CommandFailure) -> Int32 {
    let parsed = session.parsed
    var query: [(String, String)] = []
    for (flag, name) in [("room", "room"), ("status", "status"), ("participant", "participant"), ("started-by", "startedBy")] {
      if let text = parsed.text(flag) { query.append((name, text)) }
    }
    if parsed.isOn("all") {
      if let flag = ["limit", "offset"].first(where: { parsed.text($0) != nil }) {
        throw .usage("--\(flag) cannot be given beside --all")
      }
      let all = try session.allRecordings(query)
      if session.isJSON {
        try session.print(JSONValue.object([JSONField("recordings", .array(all.map(\.json)))]).text())
      } else {
        try print(all, session)
      }
      return 0
    }
    for flag in ["limit", "offset"] {
      if let text = parsed.text(flag) { query.append((flag, text)) }
    }
    let answer = try session.call("GET", ["v1", "recordings"], query: query)
    if session.isJSON {
      try session.print(answer)
      return 0
    }
    let page = try session.json(of: answer)
    let recordings = (page["recordings"]?.arrayValue ?? []).map { RecordingFacts($0) }
    try print(recordings, session)
    if session.console.isTerminal, !session.isQuiet, page["pagination"]?["hasMore"]?.boolValue == true {
      let total = page["pagination"]?["total"]?.integerValue ?? 0
      session.console.writeError("\(recordings.count) of \(total) shown; --all shows the rest.\n")
    }
    return 0
  }

  private static func print(_ recordings: [RecordingFacts], _ session: Session) throws(CommandFailure) {
    if session.isQuiet {
      try session.print(recordings.map { DisplayWidth.harmless($0.id) })
    } else {
      try session.print(table(recordings, session, short: session.parsed.isOn("trunc")))
    }
  }

  /// The table's lines, headings included.
  static func table(_ recordings: [RecordingFacts], _ session: Session, short: Bool) -> [String] {
    var table = TextTable([
      .init("ID"), .init("ROOM", flexible: true), .init("STATUS"), .init("STARTED"), .init("DURATION", right: true),
      .init("TRACKS", right: true), .init("SIZE", right: true),
    ])
    for recording in recordings {
      table.add([
        .init(short ? RecordingIdentifier.short(recording.id) : recording.id), .init(recording.room),
        .init(recording.status, Style.colour(ofStatus: recording.status)), .init(session.localTime(recording.startedAt)),
        .init(Quantity.duration(recording.durationSeconds)), .init("\(recording.tracks.count)"),
        .init(Quantity.bytes(recording.bytes)),
      ])
    }
    return table.lines(style: session.style, width: session.width)
  }
}
