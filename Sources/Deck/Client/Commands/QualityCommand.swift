import JSON

/// `quality`: how good a recording is, for people.
enum QualityCommand {
  static func run(_ session: Session) throws(CommandFailure) -> Int32 {
    let id = try session.resolve(session.parsed.positionals[0])
    let answer = try session.call("GET", ["v1", "recordings", id, "quality"])
    if session.isJSON {
      try session.print(answer)
    } else {
      try session.print(lines(try session.json(of: answer), session))
    }
    return 0
  }

  /// The verdict in one line, with its reasons; nil without a report, and before there is media to judge.
  static func summary(_ quality: JSONValue?) -> String? {
    guard let verdict = quality?["verdict"]?.stringValue, quality?["tracks"]?.arrayValue?.isEmpty == false else { return nil }
    let reasons = (quality?["reasons"]?.arrayValue ?? []).compactMap { $0["message"]?.stringValue }
    return reasons.isEmpty ? verdict : "\(verdict): " + reasons.joined(separator: "; ")
  }

  static func lines(_ quality: JSONValue, _ session: Session) -> [String] {
    var out = ["Verdict: " + DisplayWidth.harmless(quality["verdict"]?.stringValue ?? "?")]
    for reason in quality["reasons"]?.arrayValue ?? [] { out.append("  " + DisplayWidth.harmless(reason["message"]?.stringValue ?? "?")) }
    out += section("Tracks", tracks(quality), session)
    out += section("Holes", holes(quality), session)
    out += section("Files", files(quality), session)
    return out
  }

  private static func tracks(_ quality: JSONValue) -> TextTable? {
    guard let list = quality["tracks"]?.arrayValue, !list.isEmpty else { return nil }
    var table = TextTable([
      .init("TRACK"), .init("PARTICIPANT", flexible: true), .init("KIND"), .init("VERDICT"), .init("PACKETS", right: true),
      .init("LOST", right: true), .init("RECOVERED", right: true), .init("FRAMES", right: true), .init("HOLES", right: true),
      .init("MISSING", right: true),
    ])
    for track in list {
      let recovered = track["packetsRecovered"]?.fields?.reduce(Int64(0)) { $0 + ($1.value.integerValue ?? 0) } ?? 0
      let missing = track["missingPercent"]?.doubleValue.map { Decimal.fixed($0, 2) + " %" } ?? "-"
      table.add([
        .init(track["id"]?.stringValue ?? "?"), .init(track["participant"]?.stringValue ?? "?"), .init(track["kind"]?.stringValue ?? "?"),
        verdict(track), .init(count(track, "packetsReceived")), .init(count(track, "packetsLost")), .init("\(recovered)"),
        .init(count(track, "framesWritten")), .init(count(track, "holeCount")), .init(missing),
      ])
    }
    return table
  }

  private static func holes(_ quality: JSONValue) -> TextTable? {
    var table = TextTable([
      .init("TRACK"), .init("PARTICIPANT", flexible: true), .init("AT", right: true), .init("SECONDS", right: true), .init("CAUSE"),
    ])
    var isEmpty = true
    for track in quality["tracks"]?.arrayValue ?? [] {
      for hole in track["holes"]?.arrayValue ?? [] {
        isEmpty = false
        table.add([
          .init(track["id"]?.stringValue ?? "?"), .init(track["participant"]?.stringValue ?? "?"),
          .init(hole["startSeconds"]?.doubleValue.map { Decimal.fixed($0, 3) } ?? "-"),
          .init(hole["durationSeconds"]?.doubleValue.map { Decimal.fixed($0, 3) } ?? "-"), .init(hole["cause"]?.stringValue ?? "?"),
        ])
      }
    }
    return isEmpty ? nil : table
  }

  private static func files(_ quality: JSONValue) -> TextTable? {
    guard let list = quality["files"]?.arrayValue, !list.isEmpty else { return nil }
    var table = TextTable([.init("PATH", flexible: true), .init("VERDICT")])
    for file in list { table.add([.init(file["path"]?.stringValue ?? "?"), verdict(file)]) }
    return table
  }

  private static func verdict(_ json: JSONValue) -> TextTable.Cell {
    let verdict = json["verdict"]?.stringValue ?? "?"
    return .init(verdict, verdict == "good" ? .green : verdict == "poor" ? .red : .yellow)
  }

  private static func count(_ json: JSONValue, _ field: String) -> String { json[field]?.integerValue.map { "\($0)" } ?? "-" }

  private static func section(_ title: String, _ table: TextTable?, _ session: Session) -> [String] {
    guard let table else { return [] }
    return ["", title + ":"] + table.lines(style: session.style, width: session.width.map { $0 - 2 }).map { "  " + $0 }
  }
}
