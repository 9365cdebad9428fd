/// What of a candidate line could not be read (RFC 8839 §5.1).
package enum ICECandidateField: String, Sendable {
  case prefix, foundation, component, transport, priority, address, port, type, relatedAddress
}

/// Why a command to the agent, or a peer's signalling, was refused.
package enum ICEError: Error, Hashable, Sendable {
  /// A ufrag of less than 4 or more than 256 characters, or with a colon, a space, or what is not visible ASCII (RFC 8839 §5.4).
  case badUsernameFragment
  /// A password of less than 22 or more than 256 characters, or with what is not visible ASCII.
  case badPassword
  /// A candidate line that breaks the grammar.
  case malformedCandidate(ICECandidateField)
  /// Other remote credentials than before, without a `restart` of ours (RFC 8839 §4.4.1.1.1).
  case restartNeeded
  /// The agent was closed.
  case closed
  /// OpenSSL made no HMAC: out of memory, or built without SHA-1.
  case cryptography
}
