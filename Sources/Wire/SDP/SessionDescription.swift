/// A session description (RFC 8866 §5): the session's own lines, then its media sections in order.
package struct SessionDescription: Sendable, Equatable {
  package var origin: Origin
  /// The `s=` line; `-` where there is none to tell.
  package var name: String
  package var connection: ConnectionData?
  /// The lines that this room does not look into (`i u e p b t r z k`), in order: the type's letter and its value.
  package var otherLines: [OtherLine]
  package var attributes: [Attribute]
  package var media: [MediaDescription]

  /// A description of more bytes is refused.
  package static let maximumBytes = 1 << 20
  package static let maximumLines = 20_000
  package static let maximumLineBytes = 16_384

  package init(
    origin: Origin = Origin(), name: String = "-", connection: ConnectionData? = nil,
    otherLines: [OtherLine] = [OtherLine(type: "t", value: "0 0")], attributes: [Attribute] = [], media: [MediaDescription] = []
  ) {
    self.origin = origin
    self.name = name
    self.connection = connection
    self.otherLines = otherLines
    self.attributes = attributes
    self.media = media
  }

  /// Where a media section's packets go: its own connection data, or the session's.
  package func connection(of section: MediaDescription) -> ConnectionData? { section.connections.first ?? connection }

  /// A media section's direction: its own, or the session's, or `sendrecv` (RFC 8866 §6.7).
  package func direction(of section: MediaDescription) -> Direction {
    section.attributes.direction ?? attributes.direction ?? .sendReceive
  }
}

/// Who made the session (RFC 8866 §5.2).
package struct Origin: Sendable, Equatable {
  package var username = "-"
  /// Digits, kept as text: some senders write numbers of more than 64 bits.
  package var sessionID = "0"
  package var sessionVersion = "0"
  package var connection = ConnectionData(family: .ip4, address: "127.0.0.1")
  package init() {}
  package init(username: String, sessionID: String, sessionVersion: String, connection: ConnectionData) {
    self.username = username
    self.sessionID = sessionID
    self.sessionVersion = sessionVersion
    self.connection = connection
  }
}

/// A network address as SDP writes it, always of the Internet (RFC 8866 §5.7).
package struct ConnectionData: Sendable, Equatable {
  package enum Family: String, Sendable { case ip4 = "IP4", ip6 = "IP6" }
  package var family: Family
  /// A literal address or a name, with `/ttl` or `/count` where the sender wrote one.
  package var address: String
  package init(family: Family, address: String) {
    self.family = family
    self.address = address
  }
}

/// A line that is kept and not looked into.
package struct OtherLine: Sendable, Equatable {
  package var type: Character
  package var value: String
  package init(type: Character, value: String) {
    self.type = type
    self.value = value
  }
}

/// One media section (RFC 8866 §5.14).
package struct MediaDescription: Sendable, Equatable {
  /// `audio`, `video`, `application` …
  package var kind: String
  /// 0 refuses the section, 9 stands for a port that ICE will tell.
  package var port: UInt16
  /// The number of ports where the sender wrote one (`5004/2`).
  package var portCount: Int?
  /// `RTP/AVP`, `RTP/SAVP`, `UDP/TLS/RTP/SAVPF` …
  package var transport: String
  /// For RTP: the payload types, preferred first.
  package var formats: [String]
  package var connections: [ConnectionData]
  package var otherLines: [OtherLine]
  package var attributes: [Attribute]

  package init(
    kind: String, port: UInt16, portCount: Int? = nil, transport: String = "RTP/AVP", formats: [String],
    connections: [ConnectionData] = [], otherLines: [OtherLine] = [], attributes: [Attribute] = []
  ) {
    self.kind = kind
    self.port = port
    self.portCount = portCount
    self.transport = transport
    self.formats = formats
    self.connections = connections
    self.otherLines = otherLines
    self.attributes = attributes
  }

  /// Where the section's RTCP goes: `a=rtcp`, or the RTP port with `rtcp-mux`, or the next port (RFC 3605 §2.1, RFC 5761 §5.1.1).
  package var rtcpPort: UInt16 {
    if attributes.hasRTCPMux { return port }
    return attributes.rtcp?.port ?? (port == .max ? port : port + 1)
  }
}
