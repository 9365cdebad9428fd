import JSON

/// `show`: all about one recording, for people.
enum ShowCommand {
  static func run(_ session: Session) throws(CommandFailure) -> Int32 {
    let id = try session.resolve(session.parsed.positionals[0])
    let answer = try session.call("GET", ["v1", "recordings", id])
    if session.isJSON {
      try session.print(answer)
    } else {
      try session.print(lines(RecordingFacts(session.json(of: answer)), session))
    }
    return 0
  }

  static func lines(_ recording: RecordingFacts, _ session: Session) -> [String] {
    var out = facts(recording, session)
    for source in recording.sources { out += [""] + lines(source, session) }
    out += section("Participants", participants(recording, session), session)
    out += section("Files", files(recording), session)
    out += section("HLS", hls(recording), session)
    return out
  }

  private static func facts(_ recording: RecordingFacts, _ session: Session) -> [String] {
    var rows: [(String, String?)] = [("Recording", recording.id), ("Room", recording.room), ("Title", recording.text("title"))]
    rows.append(("Status", recording.status + (recording.isInterrupted ? " (interrupted)" : "")))
    rows.append(("Error", recording.failure))
    rows.append(("Ended by", recording.text("endedBy")))
    rows.append(("Started by", recording.text("startedBy")))
    for (label, field) in [
      ("Created", "createdAt"), ("Started", "startedAt"), ("Stopped", "stoppedAt"), ("Completed", "completedAt"),
    ] {
      if let time = recording.text(field) { rows.append((label, session.localTime(time))) }
    }
    rows.append(("Duration", Quantity.duration(recording.durationSeconds)))
    if let pauses = recording.json["pauses"]?.arrayValue, !pauses.isEmpty { rows.append(("Pauses", "\(pauses.count)")) }
    rows.append(("Size", Quantity.bytes(recording.bytes)))
    rows.append(("Quality", QualityCommand.summary(recording.json["quality"])))
    rows.append(("Alarms", alarms(recording)))
    rows.append(("Limits", limits(recording)))
    if let metadata = recording.json["metadata"], metadata.fields?.isEmpty == false { rows.append(("Metadata", metadata.text())) }
    return rows.compactMap { label, value in
      value.map { "\(DisplayWidth.padded(label, to: 12)) \(DisplayWidth.harmless($0))" }
    }
  }

  /// What is wrong with tracks right now.
  private static func alarms(_ recording: RecordingFacts) -> String? {
    let raised = (recording.json["sources"]?.arrayValue ?? []).flatMap { $0["tracks"]?.arrayValue ?? [] }.flatMap { track in
      (track["alarms"]?.arrayValue ?? []).map { alarm in
        "\(track["participant"]?.stringValue ?? "?")'s \(track["kind"]?.stringValue ?? "track"): \(alarm.stringValue ?? "?")"
      }
    }
    return raised.isEmpty ? nil : raised.joined(separator: ", ")
  }

  private static func limits(_ recording: RecordingFacts) -> String? {
    let limits = recording.json["limits"]
    var parts: [String] = []
    if let n = limits?["maxDurationSeconds"]?.doubleValue, n > 0 { parts.append("duration \(Quantity.duration(n))") }
    if let n = limits?["idleTimeoutSeconds"]?.doubleValue, n > 0 { parts.append("idle \(Quantity.duration(n))") }
    if let n = limits?["departureTimeoutSeconds"]?.doubleValue, n > 0 { parts.append("departure \(Quantity.duration(n))") }
    if let n = limits?["maxBytes"]?.integerValue, n > 0 { parts.append("size \(Quantity.bytes(n))") }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  private static func lines(_ source: RecordingFacts.Source, _ session: Session) -> [String] {
    var words = ["Source \(source.id):", source.type, source.state]
    if let suite = source.cryptoSuite { words.append("SRTP \(suite)") }
    if let remote = source.remote { words.append("from \(remote)") }
    var table = TextTable([
      .init("TRACK"), .init("PARTICIPANT", flexible: true), .init("CODEC"), .init("PICTURE"), .init("SSRC", right: true), .init("ADDRESS"),
      .init("PACKETS", right: true), .init("LOST", right: true), .init("DISCARDED", right: true), .init("FRAMES", right: true),
    ])
    for track in source.tracks {
      table.add([
        .init(track.id), .init(track.participant), .init(track.codec), .init(track.picture ?? "-"),
        .init(track.ssrc.map { "\($0)" } ?? "-"), .init(track.address ?? "-"), .init("\(track.packetsReceived)"),
        .init("\(track.packetsLost)", track.packetsLost > 0 ? .yellow : nil), .init("\(track.packetsDiscarded)"),
        .init("\(track.framesWritten)"),
      ])
    }
    let connection = source.connection.map { "  \(DisplayWidth.padded($0.label, to: 10)) \(DisplayWidth.harmless($0.value))" }
    return [DisplayWidth.harmless(words.joined(separator: " "))] + connection + indented(table, session)
  }

  private static func participants(_ recording: RecordingFacts, _ session: Session) -> TextTable? {
    guard let list = recording.json["participants"]?.arrayValue, !list.isEmpty else { return nil }
    var table = TextTable([.init("ID", flexible: true), .init("NAME", flexible: true), .init("JOINED"), .init("LEFT")])
    for participant in list {
      table.add([
        .init(participant["id"]?.stringValue ?? "?"), .init(participant["name"]?.stringValue ?? "-"),
        .init(session.localTime(participant["joinedAt"]?.stringValue)), .init(session.localTime(participant["leftAt"]?.stringValue)),
      ])
    }
    return table
  }

  private static func files(_ recording: RecordingFacts) -> TextTable? {
    if recording.files.isEmpty { return nil }
    var table = TextTable([
      .init("PATH", flexible: true), .init("PARTICIPANT", flexible: true), .init("DURATION", right: true), .init("SIZE", right: true),
      .init("STATE"),
    ])
    for file in recording.files {
      table.add([
        .init(file["path"]?.stringValue ?? "?"), .init(file["participant"]?.stringValue ?? "-"),
        .init(file["durationSeconds"]?.doubleValue.map { Quantity.duration($0) } ?? "-"),
        .init(Quantity.bytes(file["bytes"]?.integerValue ?? 0)), .init(file["final"]?.boolValue == true ? "final" : "growing"),
      ])
    }
    return table
  }

  private static func hls(_ recording: RecordingFacts) -> TextTable? {
    guard let list = recording.json["hls"]?.arrayValue, !list.isEmpty else { return nil }
    var table = TextTable([
      .init("PLAYLIST", flexible: true), .init("PARTICIPANT", flexible: true), .init("SEGMENTS", right: true), .init("STATE"),
    ])
    for presentation in list {
      table.add([
        .init(presentation["playlist"]?.stringValue ?? "?"), .init(presentation["participant"]?.stringValue ?? "-"),
        .init("\(presentation["segments"]?.integerValue ?? 0)"), .init(presentation["live"]?.boolValue == true ? "live" : "final"),
      ])
    }
    return table
  }

  private static func section(_ title: String, _ table: TextTable?, _ session: Session) -> [String] {
    guard let table else { return [] }
    return ["", title + ":"] + indented(table, session)
  }

  private static func indented(_ table: TextTable, _ session: Session) -> [String] {
    table.lines(style: session.style, width: session.width.map { $0 - 2 }).map { "  " + $0 }
  }
}
