import Ground

extension Attribute {
  /// Reads what follows `a=`. A known name with a malformed value throws the form that it should have.
  init(parsing text: Substring) throws(SDPError.Reason) {
    let name: Substring
    let value: Substring?
    if let colon = text.utf8.firstIndex(of: 58) {
      name = text[..<colon]
      value = text[text.utf8.index(after: colon)...]
    } else {
      name = text
      value = nil
    }
    guard SDPText.isToken(name) else { throw .malformed(field: "a=", expected: "a name") }
    guard let form = Attribute.forms[String(name)] else {
      if value == nil, let direction = Direction(rawValue: String(name)) {
        self = .direction(direction)
      } else {
        self = .other(name: String(name), value: value.map { String($0) })
      }
      return
    }
    guard let read = form.read(value ?? "") else { throw .malformed(field: "a=\(name)", expected: form.expected) }
    self = read
  }

  /// What follows `a=`.
  var text: String {
    switch self {
    case .rtpMap(let map):
      "rtpmap:\(map.payloadType) \(map.encoding)/\(map.clockRate)" + (map.channels.map { "/\($0)" } ?? "")
    case .formatParameters(let parameters): "fmtp:\(parameters.format) \(parameters.text)"
    case .ssrc(let source): "ssrc:\(source.ssrc) \(source.name)" + (source.value.map { ":\($0)" } ?? "")
    case .ssrcGroup(let group): "ssrc-group:" + ([group.semantics] + group.ssrcs.map(\.description)).joined(separator: " ")
    case .mid(let mid): "mid:\(mid)"
    case .msid(let id): "msid:\(id.stream)" + (id.track.map { " \($0)" } ?? "")
    case .rtcp(let rtcp): "rtcp:\(rtcp.port)" + (rtcp.connection.map { " \($0.text)" } ?? "")
    case .rtcpMux: "rtcp-mux"
    case .crypto(let crypto): "crypto:\(crypto.text)"
    case .direction(let direction): direction.rawValue
    case .extensionMap(let map):
      "extmap:\(map.id)" + (map.direction.map { "/\($0.rawValue)" } ?? "") + " \(map.uri)" + (map.parameters.map { " \($0)" } ?? "")
    case .group(let group): "group:" + ([group.semantics] + group.mids).joined(separator: " ")
    case .rid(let rid): "rid:\(rid.id) \(rid.direction.rawValue)" + (rid.parameters.map { " \($0)" } ?? "")
    case .other(let name, let value): name + (value.map { ":\($0)" } ?? "")
    }
  }

  /// How one attribute's value is read, and what to call its form when it cannot be.
  private struct Form: Sendable {
    var expected: String
    var read: @Sendable (Substring) -> Attribute?
  }

  private static let forms: [String: Form] = [
    "rtpmap": Form(expected: "PAYLOAD-TYPE NAME/RATE[/CHANNELS]") { RTPMap($0).map(Attribute.rtpMap) },
    "fmtp": Form(expected: "FORMAT PARAMETERS") { value in
      let parts = value.split(separator: " ", maxSplits: 1)
      guard parts.count == 2 else { return nil }
      return .formatParameters(FormatParameters(format: String(parts[0]), text: String(parts[1])))
    },
    "ssrc": Form(expected: "SSRC NAME[:VALUE]") { SSRCAttribute($0).map(Attribute.ssrc) },
    "ssrc-group": Form(expected: "SEMANTICS SSRC …") { SSRCGroup($0).map(Attribute.ssrcGroup) },
    "mid": Form(expected: "a token") { SDPText.isToken($0) ? .mid(String($0)) : nil },
    "msid": Form(expected: "STREAM [TRACK]") { value in
      let parts = value.split(separator: " ")
      guard (1...2).contains(parts.count) else { return nil }
      return .msid(MediaStreamID(stream: String(parts[0]), track: parts.count > 1 ? String(parts[1]) : nil))
    },
    "rtcp": Form(expected: "PORT [IN IP4|IP6 ADDRESS]") { value in
      let parts = value.split(separator: " ", maxSplits: 1)
      guard let first = parts.first, let port: UInt16 = SDPText.number(first) else { return nil }
      guard parts.count > 1 else { return .rtcp(RTCPAttribute(port: port)) }
      guard let connection = ConnectionData(parts[1]) else { return nil }
      return .rtcp(RTCPAttribute(port: port, connection: connection))
    },
    "rtcp-mux": Form(expected: "no value") { $0.isEmpty ? .rtcpMux : nil },
    "crypto": Form(expected: "TAG SUITE inline:KEY") { CryptoAttribute($0).map(Attribute.crypto) },
    "extmap": Form(expected: "ID[/DIRECTION] URI") { ExtensionMap($0).map(Attribute.extensionMap) },
    "group": Form(expected: "SEMANTICS MID …") { value in
      let parts = value.split(separator: " ").map(String.init)
      guard let semantics = parts.first else { return nil }
      return .group(MediaGroup(semantics: semantics, mids: Array(parts.dropFirst())))
    },
    "rid": Form(expected: "ID send|recv [RESTRICTIONS]") { value in
      let parts = value.split(separator: " ", maxSplits: 2)
      guard parts.count >= 2, let direction = RestrictionID.Direction(rawValue: String(parts[1])) else { return nil }
      return .rid(RestrictionID(id: String(parts[0]), direction: direction, parameters: parts.count > 2 ? String(parts[2]) : nil))
    },
  ]
}

extension RTPMap {
  fileprivate init?(_ value: Substring) {
    let parts = value.split(separator: " ")
    guard parts.count == 2, let type: UInt8 = SDPText.number(parts[0]), type <= 127 else { return nil }
    let format = parts[1].split(separator: "/", omittingEmptySubsequences: false)
    guard (2...3).contains(format.count), SDPText.isToken(format[0]), let rate: UInt32 = SDPText.number(format[1]),
      rate > 0
    else { return nil }
    var channels: Int?
    if format.count == 3 {
      guard let count: UInt8 = SDPText.number(format[2]), count > 0 else { return nil }
      channels = Int(count)
    }
    self.init(payloadType: PayloadType(type), encoding: String(format[0]), clockRate: rate, channels: channels)
  }
}

extension SSRCAttribute {
  fileprivate init?(_ value: Substring) {
    let parts = value.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, let ssrc: UInt32 = SDPText.number(parts[0]) else { return nil }
    let pair = parts[1].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard SDPText.isToken(pair[0]) else { return nil }
    self.init(ssrc: SSRC(ssrc), name: String(pair[0]), value: pair.count > 1 ? String(pair[1]) : nil)
  }
}

extension SSRCGroup {
  fileprivate init?(_ value: Substring) {
    let parts = value.split(separator: " ")
    guard let semantics = parts.first else { return nil }
    var ssrcs: [SSRC] = []
    for part in parts.dropFirst() {
      guard let ssrc: UInt32 = SDPText.number(part) else { return nil }
      ssrcs.append(SSRC(ssrc))
    }
    self.init(semantics: String(semantics), ssrcs: ssrcs)
  }
}

extension ExtensionMap {
  fileprivate init?(_ value: Substring) {
    let parts = value.split(separator: " ", maxSplits: 2)
    guard parts.count >= 2 else { return nil }
    let head = parts[0].split(separator: "/", omittingEmptySubsequences: false)
    guard head.count <= 2, let id: UInt16 = SDPText.number(head[0]) else { return nil }
    var direction: Direction?
    if head.count == 2 {
      direction = Direction(rawValue: String(head[1]))
      guard direction != nil else { return nil }
    }
    self.init(id: id, direction: direction, uri: String(parts[1]), parameters: parts.count > 2 ? String(parts[2]) : nil)
  }
}

extension ConnectionData {
  /// Reads `IN IP4 192.0.2.1`; nil for another network or family.
  init?(_ value: Substring) {
    let parts = value.split(separator: " ")
    guard parts.count == 3, parts[0] == "IN", let family = Family(rawValue: String(parts[1])) else { return nil }
    self.init(family: family, address: String(parts[2]))
  }
  var text: String { "IN \(family.rawValue) \(address)" }
}
