/// Why a session was not made, or failed.
package enum DTLSError: Error, Sendable, Hashable {
  /// No fingerprint was given to know the peer by.
  case noFingerprint
  /// A hash function other than SHA-256, SHA-384 and SHA-512; its name as the SDP writes it.
  case unsupportedHash(String)
  /// A fingerprint that is not its hash's number of hexadecimal bytes with colons between them.
  case badFingerprint(String)
  /// The peer's certificate is not the one that the SDP named; what the peer showed.
  case fingerprintMismatch(DTLSFingerprint)
  /// The peer showed no certificate.
  case noPeerCertificate
  /// The peer ended the handshake or the session with this alert (RFC 5246 §7.2).
  case peerAlert(UInt8)
  /// The handshake ended without an SRTP profile that both sides have (RFC 5764 §4.1.2).
  case noSRTPProfile
  /// The peer left every retransmission unanswered.
  case unanswered
  /// The peer broke the protocol, or offers nothing that we do; OpenSSL's words for it.
  case refused(String)
  /// OpenSSL could not make a key, a certificate or a connection.
  case library(String)
}
