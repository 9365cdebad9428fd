import Ground
import JSON

/// The body of a start (control-api.md, Start) from the flags of `start`. Only what was said is in it: all else is the daemon's to decide.
enum StartSpecification {
  static func json(_ parsed: ParsedCommand, _ console: any Console) throws(CommandFailure) -> JSONValue {
    guard let room = parsed.text("room") else { throw .usage("--room is missing") }
    let participants = try participants(parsed)
    var fields = [JSONField("room", .string(room))]
    add(&fields, "title", parsed.text("title").map { .string($0) })
    add(&fields, "startedBy", parsed.text("started-by").map { .string($0) })
    add(&fields, "metadata", try metadata(parsed))
    fields.append(JSONField("source", try source(parsed, participants.map(\.id), console)))
    let named = participants.filter { $0.name != nil }
    if !named.isEmpty {
      let list = named.map { JSONValue.object([JSONField("id", .string($0.id)), JSONField("name", JSONValue($0.name))]) }
      fields.append(JSONField("participants", .array(list)))
    }
    add(&fields, "outputs", try outputs(parsed))
    add(&fields, "limits", limits(parsed))
    return .object(fields)
  }

  /// A file's bytes, or standard input's for `-`.
  static func read(_ path: String, _ console: any Console) throws(CommandFailure) -> [UInt8] {
    do {
      return path == "-" ? try console.readInput() : try console.readFile(path)
    } catch {
      throw .failed(error.message)
    }
  }

  static func add(_ fields: inout [JSONField], _ name: String, _ value: JSONValue?) {
    if let value { fields.append(JSONField(name, value)) }
  }

  private static func participants(_ parsed: ParsedCommand) throws(CommandFailure) -> [(id: String, name: String?)] {
    var found: [(id: String, name: String?)] = []
    for text in parsed.texts("participant") {
      let id = String(text.prefix { $0 != "=" })
      if id.isEmpty { throw .usage("--participant: '\(text)' has no id") }
      found.append((id, text.contains("=") ? String(text.dropFirst(id.count + 1)) : nil))
    }
    return found
  }

  private static func metadata(_ parsed: ParsedCommand) throws(CommandFailure) -> JSONValue? {
    guard let text = parsed.text("metadata") else { return nil }
    do {
      let value = try JSONValue(parsing: Array(text.utf8))
      if value.fields != nil { return value }
      throw CommandFailure.usage("--metadata: it must be a JSON object, not \(value.typeName)")
    } catch let error as JSONSyntaxError {
      throw .usage("--metadata: '\(text)' is no JSON: \(error.message)")
    } catch let error as CommandFailure {
      throw error
    } catch {
      throw .usage("\(error)")
    }
  }

  private static func source(
    _ parsed: ParsedCommand, _ participants: [String], _ console: any Console
  ) throws(CommandFailure) -> JSONValue {
    if parsed.text("whep") != nil { return try WHEPFlags.source(parsed, participants, console) }
    for flag in WHEPFlags.details where parsed.origin(of: flag) != nil { throw .usage("--\(flag) needs --whep") }
    if parsed.text("offer") != nil || parsed.isOn("make-offer") {
      return try WebRTCFlags.source(parsed, participants, console)
    }
    for flag in WebRTCFlags.details where parsed.origin(of: flag) != nil { throw .usage("--\(flag) needs --offer or --make-offer") }
    var fields = [JSONField("type", "rtp")]
    add(&fields, "listenIp", parsed.text("listen-ip").map { .string($0) })
    add(&fields, "port", parsed.integer("port").map { JSONValue($0) })
    add(&fields, "bundle", parsed.choice("bundle").map { .bool($0) })
    add(&fields, "rtcpMux", parsed.choice("rtcp-mux").map { .bool($0) })
    let rtcpPort = parsed.integer("remote-rtcp-port")
    if let remote = parsed.endpoint("remote") {
      fields.append(JSONField("remote", TrackSyntax.remote(remote, rtcpPort: rtcpPort)))
    } else if rtcpPort != nil {
      throw .usage("--remote-rtcp-port needs --remote")
    }
    add(&fields, "srtp", try srtp(parsed, console))
    fields.append(JSONField("tracks", .array(try tracks(parsed, participants))))
    return .object(fields)
  }

  private static func srtp(_ parsed: ParsedCommand, _ console: any Console) throws(CommandFailure) -> JSONValue? {
    guard let file = parsed.text("srtp-key-file") else {
      for flag in ["srtp-suite", "srtp-rtcp"] where parsed.text(flag) != nil { throw .usage("--\(flag) needs --srtp-key-file") }
      return nil
    }
    var key = String(decoding: try read(file, console), as: UTF8.self).filter { !$0.isWhitespace }
    // As an SDP writes it (RFC 4568 §6.1): the lifetime and the key's index are not for us.
    if key.hasPrefix("inline:") { key = String(key.dropFirst(7)) }
    key = String(key.prefix { $0 != "|" })
    if key.isEmpty { throw .failed("there is no SRTP key in \(file == "-" ? "standard input" : file)") }
    var fields = [
      JSONField("cryptoSuite", .string(parsed.text("srtp-suite") ?? "AES_CM_128_HMAC_SHA1_80")), JSONField("keyBase64", .string(key)),
    ]
    add(&fields, "rtcp", parsed.text("srtp-rtcp").map { .string($0) })
    return .object(fields)
  }

  private static func tracks(_ parsed: ParsedCommand, _ participants: [String]) throws(CommandFailure) -> [JSONValue] {
    var tracks: [JSONValue] = []
    for (flag, codec) in [("audio", "opus"), ("video", "VP8")] {
      for text in parsed.texts(flag) {
        if participants.count > 1 {
          throw .usage(
            "--\(flag): with several participants say whose it is, as in --track participant=\(participants[0]),codec=\(codec),pt=\(text)")
        }
        tracks.append(try TrackSyntax.short(text, flag: flag, codec: codec, participant: participants.first ?? "main"))
      }
    }
    for text in parsed.texts("track") { tracks.append(try TrackSyntax.full(text, participants: participants)) }
    if tracks.isEmpty { throw .usage("there is no track: give --audio, --video or --track") }
    return tracks
  }

  private static func outputs(_ parsed: ParsedCommand) throws(CommandFailure) -> JSONValue? {
    var hls: [JSONField] = []
    add(&hls, "segmentSeconds", parsed.integer("segment-seconds").map { JSONValue($0) })
    add(&hls, "video", parsed.text("hls-video").map { .string($0) })
    add(&hls, "audio", parsed.text("hls-audio").map { .string($0) })
    add(&hls, "quality", parsed.text("quality").map { .string($0) })
    let isOn = parsed.isOn("hls")
    if !isOn, !hls.isEmpty { throw .usage("--no-hls leaves nothing for the other flags of HLS to say") }
    var fields: [JSONField] = []
    if let container = parsed.text("container") { fields.append(JSONField("file", ["container": .string(container)])) }
    if !isOn || !hls.isEmpty { fields.append(JSONField("hls", isOn ? .object(hls) : .null)) }
    return fields.isEmpty ? nil : .object(fields)
  }

  private static func limits(_ parsed: ParsedCommand) -> JSONValue? {
    var fields: [JSONField] = []
    add(&fields, "maxDurationSeconds", parsed.seconds("max-duration").map { JSONValue($0) })
    add(&fields, "idleTimeoutSeconds", parsed.seconds("idle-timeout").map { JSONValue($0) })
    add(&fields, "departureTimeoutSeconds", parsed.seconds("departure-timeout").map { JSONValue($0) })
    add(&fields, "degradedAfterSeconds", parsed.seconds("degraded-after").map { JSONValue($0) })
    add(&fields, "reconnectGraceSeconds", parsed.seconds("reconnect-grace").map { JSONValue($0) })
    add(&fields, "maxBytes", parsed.bytes("max-bytes").map { JSONValue($0) })
    return fields.isEmpty ? nil : .object(fields)
  }
}
