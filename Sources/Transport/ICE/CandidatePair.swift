import Ground
import STUN

/// One of our addresses and one of the peer's, and what is known about the way between them.
struct CandidatePair {
  /// RFC 8445 §6.1.2.6. A lite agent's pairs are `succeeded` when the peer's check came in.
  enum CheckState { case frozen, waiting, inProgress, succeeded, failed }

  let id: Int
  /// Where we send from.
  let local: SocketAddress
  let localFoundation: String
  let localPriority: UInt32
  let localPreference: UInt32
  var remote: SocketAddress
  var remoteType: ICECandidateType
  var remoteFoundation: String
  var remotePriority: UInt32
  var priority: UInt64 = 0
  var state = CheckState.frozen
  /// Data can pass: our check was answered (full), or the peer's check was authenticated (lite).
  var isValid = false
  var isNominated = false
  /// The peer nominated it before our own check succeeded (RFC 8445 §7.3.1.5).
  var isNominatedOnSuccess = false
  /// Where the peer sees us, if that is none of our addresses (RFC 8445 §7.2.5.3.1).
  var mapped: SocketAddress?
  /// The peer's last sign.
  var heardAt: Instant?
  /// The peer's last check, and whether it nominated.
  var checkedAt: Instant?
  var isLastCheckNominating = false
  /// The peer's last nominating check.
  var nominatedAt: Instant?
  /// The last answer to a check of ours: consent runs from it (RFC 7675 §5.1).
  var consentAt: Instant?
  /// The sender's ufrag of checks that came before the peer's credentials.
  var earlyFragment: String?

  /// Whether the peer proved itself on it, by a check of its own or an answer to ours: then data may come before our own check is answered
  /// (RFC 8445 §12.2).
  var isProven: Bool { isValid || checkedAt != nil }

  /// RFC 8445 §6.1.2.3, G being the controlling side's priority.
  static func priority(controlling g: UInt32, controlled d: UInt32) -> UInt64 {
    (UInt64(min(g, d)) << 32) + UInt64(max(g, d)) * 2 + (g > d ? 1 : 0)
  }

  mutating func setPriority(for role: ICERole) {
    priority =
      role == .controlling
      ? CandidatePair.priority(controlling: localPriority, controlled: remotePriority)
      : CandidatePair.priority(controlling: remotePriority, controlled: localPriority)
  }

  /// Whether the two pairs probably share a path (RFC 8445 §6.1.2.6).
  func sharesFoundation(with other: CandidatePair) -> Bool {
    localFoundation == other.localFoundation && remoteFoundation == other.remoteFoundation
  }

  var selected: ICESelectedPair {
    ICESelectedPair(
      local: local, localType: mapped == nil ? .host : .peerReflexive, remote: remote, remoteType: remoteType, isNominated: isNominated)
  }
}

/// A check of ours that may still be answered.
struct CheckTransaction {
  enum Purpose { case check, consent }

  let id: STUNTransactionID
  let generation: Int
  let pairID: Int
  let purpose: Purpose
  let bytes: [UInt8]
  let to: SocketAddress
  let from: SocketAddress
  let role: ICERole
  let isNominating: Bool
  let sentAt: Instant
  /// When it is sent again, or given up.
  var nextAt: Instant
  var interval: TimeSpan
  var transmissions = 1
  /// A triggered check took its place: it is not sent again, but may be answered (RFC 8445 §7.3.1.4).
  var isCancelled = false
}
