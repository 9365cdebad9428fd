import JSON

/// The `webrtc` source of a start (control-api.md, Start) from the flags of `start`.
enum WebRTCFlags {
  /// The flags that only such a source has, beside the two that make it one.
  static let details = ["receive", "map", "simulcast", "codecs", "ice"]
  static let plainRTP = [
    "audio", "video", "track", "port", "remote", "remote-rtcp-port", "bundle", "rtcp-mux", "srtp-suite", "srtp-key-file", "srtp-rtcp",
  ]

  static func source(
    _ parsed: ParsedCommand, _ participants: [String], _ console: any Console
  ) throws(CommandFailure) -> JSONValue {
    for flag in plainRTP where parsed.origin(of: flag) != nil {
      throw .usage("--\(flag) is for plain RTP, and cannot be given beside --offer or --make-offer")
    }
    var fields = [JSONField("type", "webrtc")]
    if let file = parsed.text("offer") {
      if parsed.isOn("make-offer") { throw .usage("--make-offer cannot be given beside --offer: only one side makes the offer") }
      if parsed.text("receive") != nil { throw .usage("--receive needs --make-offer") }
      fields.append(JSONField("offer", .string(try description(file, console))))
    } else {
      let kinds = parsed.text("receive") ?? "both"
      fields.append(JSONField("makeOffer", ["audio": .bool(kinds != "video"), "video": .bool(kinds != "audio")]))
    }
    try addParticipants(&fields, parsed, participants)
    StartSpecification.add(&fields, "simulcast", parsed.text("simulcast").map { .string($0) })
    addCodecs(&fields, parsed)
    StartSpecification.add(&fields, "ice", parsed.text("ice").map { .string($0) })
    StartSpecification.add(&fields, "listenIp", parsed.text("listen-ip").map { .string($0) })
    return .object(fields)
  }

  /// Whether a codec is one, the daemon knows.
  static func addCodecs(_ fields: inout [JSONField], _ parsed: ParsedCommand) {
    guard let text = parsed.text("codecs") else { return }
    fields.append(JSONField("codecs", .array(text.split(separator: ",", omittingEmptySubsequences: false).map { .string(String($0)) })))
  }

  /// Whose the peer's streams are.
  static func addParticipants(_ fields: inout [JSONField], _ parsed: ParsedCommand, _ participants: [String]) throws(CommandFailure) {
    if participants.count > 1 {
      throw .usage("--participant: a WebRTC peer has one; say whose its other streams are with --map KEY=ID")
    }
    StartSpecification.add(&fields, "participant", .string(participants.first ?? "main"))
    var map: [JSONField] = []
    for text in parsed.texts("map") {
      guard let equals = text.lastIndex(of: "="), equals != text.startIndex, text.index(after: equals) != text.endIndex else {
        throw .usage("--map: '\(text)' is not KEY=ID")
      }
      map.append(JSONField(String(text[..<equals]), .string(String(text[text.index(after: equals)...]))))
    }
    if !map.isEmpty { fields.append(JSONField("participants", .object(map))) }
  }

  /// A session description from a file, or from standard input for `-`.
  static func description(_ file: String, _ console: any Console) throws(CommandFailure) -> String {
    let name = file == "-" ? "standard input" : file
    guard let text = String(validating: try StartSpecification.read(file, console), as: UTF8.self) else {
      throw .failed("\(name) is not UTF-8 text")
    }
    if !text.hasPrefix("v=0") { throw .failed("\(name) is no session description: it does not begin with v=0") }
    return text
  }
}
