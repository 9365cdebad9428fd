import Ground
import JSON

/// Tracks as `start` takes them on a command line.
enum TrackSyntax {
  /// `PT` or `PT:SSRC`.
  static func short(_ text: String, flag: String, codec: String, participant: String) throws(CommandFailure) -> JSONValue {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    var pairs = ["participant": participant, "codec": codec, "pt": parts[0]]
    if parts.count == 2 { pairs["ssrc"] = parts[1] }
    if parts.count > 2 { throw .usage("--\(flag): '\(text)' is not PT or PT:SSRC") }
    return try track(pairs, flag: flag, text: text)
  }

  /// `name=value,…`. The participant may be left out where there is at most one.
  static func full(_ text: String, participants: [String]) throws(CommandFailure) -> JSONValue {
    var pairs: [String: String] = [:]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let name = String(part.prefix { $0 != "=" })
      guard part.contains("="), names.contains(name) else {
        let hint = Suggestion.hint(for: name, among: names)
        throw .usage("--track: '\(part)' is none of \(names.map { $0 + "=…" }.joined(separator: ", "))\(hint)")
      }
      if pairs.updateValue(String(part.dropFirst(name.count + 1)), forKey: name) != nil {
        throw .usage("--track: \(name) is said twice in '\(text)'")
      }
    }
    if pairs["participant"] == nil {
      if participants.count > 1 { throw .usage("--track: '\(text)' does not say which participant's it is") }
      pairs["participant"] = participants.first ?? "main"
    }
    return try track(pairs, flag: "track", text: text)
  }

  static func remote(_ address: SocketAddress, rtcpPort: Int? = nil) -> JSONValue {
    var fields = [JSONField("ip", .string(address.ip)), JSONField("port", .integer(Int64(address.port)))]
    if let rtcpPort { fields.append(JSONField("rtcpPort", JSONValue(rtcpPort))) }
    return .object(fields)
  }

  private static let names = [
    "participant", "codec", "pt", "ssrc", "kind", "clock-rate", "channels", "port", "remote", "rtx-pt", "rtx-ssrc", "red-pt",
  ]

  /// A codec that is not here is sent without its kind: the daemon knows whether it takes it.
  private static let kinds = [
    "opus": "audio", "pcmu": "audio", "pcma": "audio", "g722": "audio", "l16": "audio", "vp8": "video", "vp9": "video", "h264": "video",
    "h265": "video", "av1": "video",
  ]
  /// Those that payload types are fixed for (RFC 3551 §6): the daemon knows which.
  private static let staticCodecs: Set<String> = ["pcmu", "pcma", "g722", "l16"]

  private static func track(_ pairs: [String: String], flag: String, text: String) throws(CommandFailure) -> JSONValue {
    func number(_ name: String, _ range: ClosedRange<Int>) throws(CommandFailure) -> JSONValue? {
      guard let value = pairs[name] else { return nil }
      guard let n = integer(value), range.contains(n) else {
        throw .usage("--\(flag): \(name) '\(value)' is not a whole number (\(range.lowerBound) to \(range.upperBound))")
      }
      return JSONValue(n)
    }
    guard let codec = pairs["codec"], !codec.isEmpty else { throw .usage("--\(flag): '\(text)' has no codec") }
    let payloadType = try number("pt", 0...127)
    if payloadType == nil, !staticCodecs.contains(codec.lowercased()) { throw .usage("--\(flag): '\(text)' has no pt") }
    var fields = [JSONField("participant", JSONValue(pairs["participant"]))]
    if let kind = pairs["kind"] ?? kinds[codec.lowercased()] { fields.append(JSONField("kind", .string(kind))) }
    fields.append(JSONField("codec", .string(codec)))
    if let payloadType { fields.append(JSONField("payloadType", payloadType)) }
    let ssrc = 0...0xffff_ffff
    let numbers = [
      ("ssrc", "ssrc", ssrc), ("clock-rate", "clockRate", 1...0xffff_ffff), ("channels", "channels", 1...255), ("port", "port", 1...65_535),
    ]
    for (name, field, range) in numbers {
      if let value = try number(name, range) { fields.append(JSONField(field, value)) }
    }
    if let value = pairs["remote"] {
      guard let address = ValueKind.endpoint(value) else { throw .usage("--\(flag): remote '\(value)' is not IP:PORT") }
      fields.append(JSONField("remote", remote(address)))
    }
    if let payloadType = try number("red-pt", 0...127) {
      fields.append(JSONField("red", .object([JSONField("payloadType", payloadType)])))
    }
    if let payloadType = try number("rtx-pt", 0...127) {
      var rtx = [JSONField("payloadType", payloadType)]
      if let ssrc = try number("rtx-ssrc", ssrc) { rtx.append(JSONField("ssrc", ssrc)) }
      fields.append(JSONField("rtx", .object(rtx)))
    } else if pairs["rtx-ssrc"] != nil {
      throw .usage("--\(flag): rtx-ssrc needs rtx-pt")
    }
    return .object(fields)
  }

  /// Decimal, or hexadecimal behind `0x` as packet analysers print SSRCs.
  private static func integer(_ text: String) -> Int? {
    text.lowercased().hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
  }
}
