import JSON

/// `status`: the daemon, and what it records now.
enum StatusCommand {
  static func run(_ session: Session) throws(CommandFailure) -> Int32 {
    let node = try session.json(of: session.call("GET", ["v1", "node"]))
    let live = try session.liveRecordings()
    if session.isJSON {
      try session.print(
        JSONValue.object([JSONField("node", node), JSONField("recordings", .array(live.map(\.json)))]).text())
      return 0
    }
    var lines = NodeCommand.lines(node, session)
    lines += ["", live.isEmpty ? "Nothing is being recorded." : "Recording now: \(live.count)"]
    if !live.isEmpty { lines += ListCommand.table(live, session, short: true) }
    lines += connections(live)
    try session.print(lines)
    return 0
  }

  /// A line for each WebRTC source of the live recordings.
  private static func connections(_ live: [RecordingFacts]) -> [String] {
    var lines: [String] = []
    for recording in live {
      for source in recording.sources where source.type == "webrtc" || source.type == "whep" {
        let facts = source.connection.map { "\($0.label) \($0.value)" }
        let line = "  \(RecordingIdentifier.short(recording.id)) \(source.id) \(source.state)" + (facts.isEmpty ? "" : ": ")
        lines.append(DisplayWidth.harmless(line + facts.joined(separator: ", ")))
      }
    }
    return lines.isEmpty ? [] : ["", "WebRTC sources:"] + lines
  }
}

/// `node`: the daemon alone.
enum NodeCommand {
  static func run(_ session: Session) throws(CommandFailure) -> Int32 {
    let answer = try session.call("GET", ["v1", "node"])
    if session.isJSON {
      try session.print(answer)
    } else {
      try session.print(lines(session.json(of: answer), session))
    }
    return 0
  }

  /// Every field that the daemon gives, whatever it comes to give later: known ones first, units read off the names.
  static func lines(_ node: JSONValue, _ session: Session) -> [String] {
    let first = ["version", "id", "name", "startedAt", "uptimeSeconds", "capacity", "load", "codecs"]
    let fields = node.fields ?? []
    let known = first.compactMap { name in fields.first { $0.name == name } }
    var rows = [("Control socket", session.client.socketPath)]
    for field in known + fields.filter({ !first.contains($0.name) }) { rows += entries(field, depth: 0, session) }
    let column = (rows.map { DisplayWidth.of($0.0) }.max() ?? 0) + 3
    return rows.map { label, value in
      value.isEmpty ? label + ":" : DisplayWidth.padded(label + ":", to: column) + DisplayWidth.harmless(value)
    }
  }

  private static func entries(_ field: JSONField, depth: Int, _ session: Session) -> [(String, String)] {
    let margin = String(repeating: "  ", count: depth)
    if let inner = field.value.fields, !inner.isEmpty {
      return [(margin + label(field.name), "")] + inner.flatMap { entries($0, depth: depth + 1, session) }
    }
    let units: [(suffix: String, show: (JSONValue) -> String?)] = [
      ("Bytes", { $0.integerValue.map { Quantity.bytes($0) } }), ("Seconds", { $0.doubleValue.map { Quantity.duration($0) } }),
      ("BitsPerSecond", { $0.doubleValue.map { Quantity.bitrate($0) } }),
      ("At", { $0.stringValue.map { session.localTime($0) } }), ("Percent", { $0.doubleValue.map { Decimal.fixed($0, 1) + "%" } }),
    ]
    for unit in units where field.name.hasSuffix(unit.suffix) {
      if let text = unit.show(field.value) { return [(margin + label(String(field.name.dropLast(unit.suffix.count))), text)] }
    }
    return [(margin + label(field.name), text(field.value))]
  }

  /// `maxRecordings` as `Max recordings`; initials that stand together stay together.
  private static func label(_ name: String) -> String {
    var out = ""
    for character in DisplayWidth.harmless(name) {
      if character.isUppercase, let last = out.last, last.isLowercase { out += " " + character.lowercased() } else { out.append(character) }
    }
    return out.prefix(1).uppercased() + out.dropFirst()
  }

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .null: "-"
    case .bool(let b): b ? "yes" : "no"
    case .number(let d): Decimal.fixed(d, 2)
    case .string(let s): s
    case .array(let items) where items.isEmpty: "none"
    case .object(let fields) where fields.isEmpty: "none"
    case .array(let items): items.map { text($0) }.joined(separator: ", ")
    case .integer, .object: value.text()
    }
  }
}
