package import Ground

/// How a candidate was found (RFC 8445 §4), by its name in SDP.
package enum ICECandidateType: String, Sendable {
  case host
  case serverReflexive = "srflx"
  case peerReflexive = "prflx"
  case relayed = "relay"

  /// The type preference that RFC 8445 §5.1.2.2 recommends.
  var preference: UInt32 {
    switch self {
    case .host: 126
    case .peerReflexive: 110
    case .serverReflexive: 100
    case .relayed: 0
    }
  }
}

/// A UDP address of one side for component 1.
package struct ICECandidate: Sendable, Equatable {
  /// The same for candidates that probably share a path (RFC 8445 §5.1.1.3).
  package var foundation: String
  /// Larger is better, at least 1 (RFC 8445 §5.1.2).
  package var priority: UInt32
  /// Where it receives.
  package var address: SocketAddress
  package var type: ICECandidateType
  /// `raddr` and `rport`, for people to read.
  package var relatedAddress: SocketAddress?
  /// The `ufrag` extension of a trickled candidate: which generation it belongs to (RFC 8838 §11).
  package var usernameFragment: String?

  /// A candidate with these facts.
  package init(
    foundation: String, priority: UInt32, address: SocketAddress, type: ICECandidateType, relatedAddress: SocketAddress? = nil,
    usernameFragment: String? = nil
  ) {
    self.foundation = foundation
    self.priority = priority
    self.address = address
    self.type = type
    self.relatedAddress = relatedAddress
    self.usernameFragment = usernameFragment
  }

  /// RFC 8445 §5.1.2.1 for component 1.
  static func priority(_ type: ICECandidateType, localPreference: UInt32) -> UInt32 {
    type.preference << 24 | min(localPreference, 65535) << 8 | 255
  }
}

/// One of our addresses.
package struct ICEHost: Sendable, Equatable {
  /// Where the socket is bound, and where datagrams leave from.
  package var local: SocketAddress
  /// What peers are told instead, where a NAT maps that address one to one.
  package var announced: SocketAddress?

  /// A host's address, and what is announced for it.
  package init(_ local: SocketAddress, announced: SocketAddress? = nil) {
    self.local = local
    self.announced = announced
  }
}

extension SocketAddress {
  /// fe80::/10, which reaches only its own link.
  var isLinkLocalIPv6: Bool { high >> 54 == 0x3fa }

  /// Whether a datagram can be sent there: a port, and neither the unspecified address nor multicast.
  var isUsable: Bool {
    if port == 0 { return false }
    if isIPv4 { return ipv4 != 0 && ipv4 >> 28 < 14 }
    return (high != 0 || low != 0) && high >> 56 != 0xff
  }
}
