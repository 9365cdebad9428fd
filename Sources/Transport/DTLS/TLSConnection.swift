import CTLS
import Ground
import SRTP

/// Owns one OpenSSL connection and what it calls back. Every call sets OpenSSL's clock to the given time, and starts and ends with an empty
/// error queue.
@safe final class TLSConnection {
  /// What a call came to.
  enum Outcome {
    /// OpenSSL waits for the peer.
    case waiting
    /// The handshake is done.
    case finished
    /// The peer said close_notify.
    case closed
    /// It cannot go on.
    case failed(DTLSError)
  }

  /// The SRTP profiles in the order of our preference, by OpenSSL's names.
  static let profiles: [(name: String, suite: CryptoSuite, number: UInt)] = [
    ("SRTP_AEAD_AES_256_GCM", .aeadAES256GCM, 0x0008),
    ("SRTP_AEAD_AES_128_GCM", .aeadAES128GCM, 0x0007),
    ("SRTP_AES128_CM_SHA1_80", .aesCM80, 0x0001),
  ]
  /// OpenSSL takes a time of 0 for "no timer", so its clock starts later than ours.
  private static let clockOffset: Int64 = 1_000_000_000_000
  /// A record's plain text at most.
  private static let readBytes = 1 << 14

  let port: DatagramPort
  let witness: PeerWitness
  private let isClient: Bool
  private let ssl: OpaquePointer

  init(identity: DTLSIdentity, isClient: Bool, fingerprints: [DTLSFingerprint], mtu: Int) throws(DTLSError) {
    ERR_clear_error()
    defer { ERR_clear_error() }
    port = DatagramPort(mtu: mtu)
    witness = PeerWitness(fingerprints: fingerprints)
    self.isClient = isClient
    guard let ssl = unsafe identity.makeSSL() else { throw .library(TLSConnection.reason()) }
    guard unsafe witness.attach(to: ssl), let bio = unsafe port.makeBIO() else {
      unsafe SSL_free(ssl)
      throw .library(TLSConnection.reason())
    }
    // The connection takes the one reference for both directions.
    unsafe SSL_set_bio(ssl, bio, bio)
    if isClient { unsafe SSL_set_connect_state(ssl) } else { unsafe SSL_set_accept_state(ssl) }
    unsafe self.ssl = unsafe ssl
  }

  deinit { unsafe SSL_free(ssl) }

  /// When OpenSSL wants `handleTimeout`; nil while it has nothing to repeat.
  var deadline: Instant? {
    guard let microseconds = port.timerMicroseconds else { return nil }
    return Instant(nanoseconds: UInt64(max(microseconds - TLSConnection.clockOffset, 0)) &* 1_000)
  }

  /// The negotiated cipher suite by IANA's name.
  var cipherSuite: String? {
    guard let cipher = unsafe SSL_get_current_cipher(ssl), let name = unsafe SSL_CIPHER_standard_name(cipher) else { return nil }
    return unsafe String(cString: name)
  }

  /// Goes on with the handshake: sends the first flight, or takes what `port` lends.
  func handshake(at now: Instant) -> Outcome {
    calling(at: now) {
      let result = unsafe SSL_do_handshake(ssl)
      return result == 1 ? .finished : outcome(of: result)
    }
  }

  /// Repeats the last flight when its time has come.
  func handleTimeout(at now: Instant) -> Outcome {
    calling(at: now) { unsafe ctls_handle_timeout(ssl) < 0 ? .failed(failure()) : .waiting }
  }

  /// Takes what `port` lends after the handshake. Application data is not ours: `ignored` is told its bytes, record by record.
  func read(at now: Instant, ignored: (Int) -> Void) -> Outcome {
    calling(at: now) {
      unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: TLSConnection.readBytes) { buffer in
        while true {
          let result = unsafe SSL_read(ssl, buffer.baseAddress, Int32(buffer.count))
          guard result > 0 else { return outcome(of: result) }
          ignored(Int(result))
        }
      }
    }
  }

  /// Tells the peer close_notify.
  func shutdown(at now: Instant) {
    calling(at: now) { _ = unsafe SSL_shutdown(ssl) }
  }

  /// The keys of a finished handshake whose certificate matched; nil when the peer agreed to no profile.
  func exportKeys() -> DTLSKeys? {
    guard witness.matched, let selected = unsafe SSL_get_selected_srtp_profile(ssl),
      let profile = TLSConnection.profiles.first(where: { unsafe $0.number == selected.pointee.id })
    else { return nil }
    ERR_clear_error()
    defer { ERR_clear_error() }
    let label = "EXTRACTOR-dtls_srtp"
    var exported = [UInt8](repeating: 0, count: 2 * profile.suite.keyAndSaltBytes)
    let done = unsafe exported.withUnsafeMutableBufferPointer { bytes in
      unsafe SSL_export_keying_material(ssl, bytes.baseAddress, bytes.count, label, label.utf8.count, nil, 0, 0)
    }
    guard done == 1 else { return nil }
    return DTLSKeys(suite: profile.suite, exported: &exported, weAreClient: isClient)
  }

  // What OpenSSL said.

  private func calling<Result>(at now: Instant, _ body: () -> Result) -> Result {
    ctls_clock_set(Int64(truncatingIfNeeded: now.nanoseconds / 1_000) &+ TLSConnection.clockOffset)
    ERR_clear_error()
    defer {
      ERR_clear_error()
      ctls_clock_clear()
    }
    return body()
  }

  private func outcome(of result: Int32) -> Outcome {
    switch unsafe SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: .waiting
    case SSL_ERROR_ZERO_RETURN: .closed
    default: .failed(failure())
    }
  }

  private func failure() -> DTLSError {
    if let stranger = witness.stranger { return .fingerprintMismatch(stranger) }
    if let alert = witness.fatalAlert { return .peerAlert(alert) }
    return switch ERR_GET_REASON(ERR_peek_error()) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: .noPeerCertificate
    case SSL_R_READ_TIMEOUT_EXPIRED: .unanswered
    default: .refused(TLSConnection.reason())
    }
  }

  /// OpenSSL's words for the first error of its queue.
  static func reason() -> String {
    guard let words = unsafe ERR_reason_error_string(ERR_peek_error()) else { return "no reason given" }
    return unsafe String(cString: words)
  }
}
