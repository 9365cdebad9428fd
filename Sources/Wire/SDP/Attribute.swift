package import Ground

/// An `a=` line. The cases are what a receiver of RTP asks about; anything else is `other`, kept as it came.
package enum Attribute: Sendable, Equatable {
  case rtpMap(RTPMap)
  case formatParameters(FormatParameters)
  case ssrc(SSRCAttribute)
  case ssrcGroup(SSRCGroup)
  case mid(String)
  case msid(MediaStreamID)
  case rtcp(RTCPAttribute)
  case rtcpMux
  case crypto(CryptoAttribute)
  case direction(Direction)
  case extensionMap(ExtensionMap)
  case group(MediaGroup)
  case rid(RestrictionID)
  case other(name: String, value: String?)
}

/// Which way media flows, seen from whoever wrote the description (RFC 8866 §6.7).
package enum Direction: String, Sendable, CaseIterable {
  case sendReceive = "sendrecv"
  case sendOnly = "sendonly"
  case receiveOnly = "recvonly"
  case inactive
}

/// `a=rtpmap:111 opus/48000/2`: what a payload type means (RFC 8866 §6.6).
package struct RTPMap: Sendable, Equatable {
  package var payloadType: PayloadType
  /// Compared without case.
  package var encoding: String
  package var clockRate: UInt32
  /// Audio only, where told.
  package var channels: Int?
  package init(payloadType: PayloadType, encoding: String, clockRate: UInt32, channels: Int? = nil) {
    self.payloadType = payloadType
    self.encoding = encoding
    self.clockRate = clockRate
    self.channels = channels
  }
}

/// `a=fmtp:97 apt=96`: a format's parameters (RFC 8866 §6.15).
package struct FormatParameters: Sendable, Equatable {
  /// A payload type, in RTP sections.
  package var format: String
  /// The parameters as they came.
  package var text: String
  package init(format: String, text: String) {
    self.format = format
    self.text = text
  }
  /// The value of `name=value` among parameters parted by semicolons; empty for a bare name, nil where it is not there. Names are
  /// compared without case.
  package subscript(_ name: String) -> String? {
    let wanted = name.lowercased()
    for part in text.split(separator: ";") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let first = pair.first, SDPText.trimmed(first).lowercased() == wanted else { continue }
      return pair.count > 1 ? SDPText.trimmed(pair[1]) : ""
    }
    return nil
  }
}

/// `a=ssrc:1111 cname:x`: one fact of one source (RFC 5576 §4.1).
package struct SSRCAttribute: Sendable, Equatable {
  package var ssrc: SSRC
  package var name: String
  package var value: String?
  package init(ssrc: SSRC, name: String, value: String? = nil) {
    self.ssrc = ssrc
    self.name = name
    self.value = value
  }
}

/// `a=ssrc-group:FID 1111 2222` (RFC 5576 §4.2).
package struct SSRCGroup: Sendable, Equatable {
  /// `FID` (a stream and its retransmissions), `SIM`, `FEC-FR` …
  package var semantics: String
  package var ssrcs: [SSRC]
  package init(semantics: String, ssrcs: [SSRC]) {
    self.semantics = semantics
    self.ssrcs = ssrcs
  }
}

/// `a=msid:stream track` (RFC 8830 §2).
package struct MediaStreamID: Sendable, Equatable {
  /// `-` for a track of no stream.
  package var stream: String
  package var track: String?
  package init(stream: String, track: String? = nil) {
    self.stream = stream
    self.track = track
  }
}

/// `a=rtcp:5003 IN IP4 192.0.2.1` (RFC 3605 §2.1).
package struct RTCPAttribute: Sendable, Equatable {
  package var port: UInt16
  package var connection: ConnectionData?
  package init(port: UInt16, connection: ConnectionData? = nil) {
    self.port = port
    self.connection = connection
  }
}

/// `a=extmap:4/sendonly urn:ietf:params:rtp-hdrext:sdes:mid` (RFC 8285 §8).
package struct ExtensionMap: Sendable, Equatable {
  package var id: UInt16
  package var direction: Direction?
  package var uri: String
  package var parameters: String?
  package init(id: UInt16, direction: Direction? = nil, uri: String, parameters: String? = nil) {
    self.id = id
    self.direction = direction
    self.uri = uri
    self.parameters = parameters
  }
}

/// `a=group:BUNDLE 0 1` (RFC 5888 §5).
package struct MediaGroup: Sendable, Equatable {
  package var semantics: String
  package var mids: [String]
  package init(semantics: String, mids: [String]) {
    self.semantics = semantics
    self.mids = mids
  }
}

/// `a=rid:q send` (RFC 8851 §4).
package struct RestrictionID: Sendable, Equatable {
  package enum Direction: String, Sendable { case send, receive = "recv" }
  package var id: String
  package var direction: Direction
  package var parameters: String?
  package init(id: String, direction: Direction, parameters: String? = nil) {
    self.id = id
    self.direction = direction
    self.parameters = parameters
  }
}

extension [Attribute] {
  package var rtpMaps: [RTPMap] { compactMap { if case .rtpMap(let value) = $0 { value } else { nil } } }
  package var formatParameters: [FormatParameters] {
    compactMap { if case .formatParameters(let value) = $0 { value } else { nil } }
  }
  package var ssrcs: [SSRCAttribute] { compactMap { if case .ssrc(let value) = $0 { value } else { nil } } }
  package var ssrcGroups: [SSRCGroup] { compactMap { if case .ssrcGroup(let value) = $0 { value } else { nil } } }
  package var cryptos: [CryptoAttribute] { compactMap { if case .crypto(let value) = $0 { value } else { nil } } }
  package var extensionMaps: [ExtensionMap] { compactMap { if case .extensionMap(let value) = $0 { value } else { nil } } }
  package var groups: [MediaGroup] { compactMap { if case .group(let value) = $0 { value } else { nil } } }
  package var rids: [RestrictionID] { compactMap { if case .rid(let value) = $0 { value } else { nil } } }
  package var msids: [MediaStreamID] { compactMap { if case .msid(let value) = $0 { value } else { nil } } }
  package var mid: String? { lazy.compactMap { if case .mid(let value) = $0 { value } else { nil } }.first }
  package var rtcp: RTCPAttribute? { lazy.compactMap { if case .rtcp(let value) = $0 { value } else { nil } }.first }
  package var direction: Direction? { lazy.compactMap { if case .direction(let value) = $0 { value } else { nil } }.first }
  package var hasRTCPMux: Bool { contains(.rtcpMux) }
  /// The values of the attributes of a name that this room does not type; nil stands for a bare `a=name`.
  package func values(of name: String) -> [String?] {
    compactMap { if case .other(name, let value) = $0 { .some(value) } else { nil } }
  }
}
