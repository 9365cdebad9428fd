package import Ground

/// Where the agent stands.
package enum ICEState: String, Sendable {
  /// The peer's credentials are not known yet.
  case new
  /// They are, and no pair works yet.
  case checking
  /// Data can be sent on the selected pair.
  case connected
  /// The peer gave no sign on the selected pair for `disconnectedAfter`. Data may still be sent.
  case disconnected
  /// No pair within `handshakeTimeout`, or consent expired: nothing may be sent. Only `restart` leaves it.
  case failed
  /// The owner ended it.
  case closed
}

/// The pair that carries data.
package struct ICESelectedPair: Sendable, Equatable {
  /// Where to send from: one of our sockets' addresses.
  package var local: SocketAddress
  package var localType: ICECandidateType
  /// Where to send to.
  package var remote: SocketAddress
  package var remoteType: ICECandidateType
  /// Whether the controlling side chose it; before that it is the best that works.
  package var isNominated: Bool

  /// A pair with these facts.
  package init(
    local: SocketAddress, localType: ICECandidateType, remote: SocketAddress, remoteType: ICECandidateType, isNominated: Bool
  ) {
    self.local = local
    self.localType = localType
    self.remote = remote
    self.remoteType = remoteType
    self.isNominated = isNominated
  }
}

/// What the owner should know, in the order in which it happened.
package enum ICEEvent: Sendable, Equatable {
  case state(ICEState)
  /// Another pair was selected, or the selected one was nominated.
  case selected(ICESelectedPair)
  /// A role conflict was resolved.
  case role(ICERole)
  /// Checks with this local ufrag are no longer answered: a restart is complete.
  case credentialsRetired(usernameFragment: String)
}

/// A datagram to send.
package struct ICEDatagram: Sendable, Equatable {
  package var bytes: [UInt8]
  package var to: SocketAddress
  /// Which of our addresses it leaves from.
  package var fromLocal: SocketAddress

  /// `bytes` on their way.
  package init(bytes: [UInt8], to: SocketAddress, fromLocal: SocketAddress) {
    self.bytes = bytes
    self.to = to
    self.fromLocal = fromLocal
  }
}

/// Why a datagram was not let in. Each is counted by its name.
package enum ICERejection: String, Sendable, CaseIterable {
  /// Its lengths or values are wrong, or it is not STUN at all.
  case malformed
  /// STUN with another method than Binding.
  case method
  /// A request without USERNAME or MESSAGE-INTEGRITY: 400.
  case unsigned
  /// A request for another ufrag, or from another one than the peer's: 401.
  case unknownUser
  /// FINGERPRINT does not fit.
  case fingerprint
  /// MESSAGE-INTEGRITY does not fit: 401 for a request.
  case integrity
  /// A signed request with attributes that must be understood and are not: 420.
  case unknownAttributes
  /// A signed request of a peer that must change its role: 487.
  case roleConflict
  /// A response to nothing that was asked, or too late.
  case unmatched
  /// A response from another address than the one asked (RFC 8445 §7.2.5.2.1).
  case asymmetric
  /// The agent is closed, or failed and was not restarted.
  case closed
}

/// What became of a datagram.
package enum ICEReception: Sendable, Equatable {
  case accepted
  case rejected(ICERejection)
}

/// Numbers since the agent began.
package struct ICECounters: Sendable, Equatable {
  /// The peer's authenticated checks, consent included.
  package var checksReceived = 0
  /// Our checks, consent included, each once.
  package var checksSent = 0
  package var retransmissions = 0
  /// Authenticated answers, errors included.
  package var responsesReceived = 0
  /// Consent checks among `checksSent`, and answers to them.
  package var consentSent = 0
  package var consentReceived = 0
  package var indicationsReceived = 0
  /// Errors answered to what did not authenticate, and such as were left unanswered (`maximumRefusalsPerSecond`).
  package var refusalsSent = 0
  package var refusalsWithheld = 0
  package var candidatesRefused = 0
  package var pairsRefused = 0
  package var pairsDisplaced = 0
  package var outgoingDropped = 0
  private var rejections = InlineArray<16, Int>(repeating: 0)

  /// How many datagrams were rejected for this cause.
  package func rejected(_ cause: ICERejection) -> Int { rejections[ICECounters.place(cause)] }

  mutating func count(_ cause: ICERejection) { rejections[ICECounters.place(cause)] += 1 }

  package static func == (a: ICECounters, b: ICECounters) -> Bool {
    ICERejection.allCases.allSatisfy { a.rejected($0) == b.rejected($0) }
      && a.sums == b.sums
  }

  private var sums: [Int] {
    [
      checksReceived, checksSent, retransmissions, responsesReceived, consentSent, consentReceived, indicationsReceived, refusalsSent,
      refusalsWithheld, candidatesRefused, pairsRefused, pairsDisplaced, outgoingDropped,
    ]
  }

  /// No dictionary, because this is on the path of floods.
  private static func place(_ cause: ICERejection) -> Int {
    switch cause {
    case .malformed: 0
    case .method: 1
    case .unsigned: 2
    case .unknownUser: 3
    case .fingerprint: 4
    case .integrity: 5
    case .unknownAttributes: 6
    case .roleConflict: 7
    case .unmatched: 8
    case .asymmetric: 9
    case .closed: 10
    }
  }
}
