import CTLS

/// What one handshake shows of the peer while OpenSSL runs it: the certificate, held against the SDP's fingerprints, and the peer's alerts.
@safe final class PeerWitness {
  /// Those of the strongest hash among the given ones: RFC 8122 §5.1 lets only them decide.
  private let expected: [DTLSFingerprint]
  /// What the peer showed instead of what was expected.
  private(set) var stranger: DTLSFingerprint?
  /// Whether a certificate matched.
  private(set) var matched = false
  /// The fatal alert that the peer sent.
  private(set) var fatalAlert: UInt8?
  /// How often OpenSSL's timer ran out.
  private(set) var timeouts = 0

  init(fingerprints: [DTLSFingerprint]) {
    let strongest = fingerprints.map(\.hash).max()
    expected = fingerprints.filter { $0.hash == strongest }
  }

  /// Makes OpenSSL's callbacks for this connection come here; the witness must outlive it.
  func attach(to ssl: OpaquePointer) -> Bool {
    guard unsafe SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque()) == 1 else { return false }
    unsafe SSL_set_info_callback(ssl) { ssl, event, value in
      // The level is in the upper byte, 2 for fatal; the alert itself in the lower (SSL_CTX_set_info_callback(3)).
      guard event == SSL_CB_READ_ALERT, value >> 8 == 2 else { return }
      unsafe PeerWitness.of(ssl)?.fatalAlert = UInt8(truncatingIfNeeded: value)
    }
    unsafe DTLS_set_timer_cb(ssl) { ssl, previous in
      if previous > 0 { unsafe PeerWitness.of(ssl)?.timeouts += 1 }
      return PeerWitness.nextTimeout(after: previous)
    }
    return true
  }

  /// Makes a context ask the witness of each of its connections about the peer's certificate.
  static func install(in context: OpaquePointer) {
    unsafe SSL_CTX_set_cert_verify_callback(
      context,
      { store, _ in
        guard let store = unsafe store, let ssl = unsafe X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
          let witness = unsafe PeerWitness.of(OpaquePointer(ssl))
        else { return 0 }
        if let certificate = unsafe X509_STORE_CTX_get0_cert(store), unsafe witness.judge(certificate) {
          unsafe X509_STORE_CTX_set_error(store, Int32(X509_V_OK))
          return 1
        }
        // Goes to the peer as bad_certificate, which RFC 8122 §6.2 asks for.
        unsafe X509_STORE_CTX_set_error(store, Int32(X509_V_ERR_CERT_REJECTED))
        return 0
      }, nil)
  }

  private func judge(_ certificate: OpaquePointer) -> Bool {
    guard let hash = expected.first?.hash, let shown = unsafe CertificateHash.fingerprint(of: certificate, hash) else { return false }
    matched = expected.contains(shown)
    if !matched { stranger = shown }
    return matched
  }

  private static func of(_ ssl: OpaquePointer?) -> PeerWitness? {
    guard let ssl = unsafe ssl, let data = unsafe SSL_get_ex_data(ssl, 0) else { return nil }
    return unsafe Unmanaged<PeerWitness>.fromOpaque(data).takeUnretainedValue()
  }

  /// Microseconds. RFC 6347 §4.2.4.1 starts at a second and allows less where latency counts, as it does while a publisher's first frames
  /// pass by unreadable; it doubles up to a minute.
  private static func nextTimeout(after previous: UInt32) -> UInt32 { previous == 0 ? 100_000 : min(previous * 2, 60_000_000) }
}

/// Fingerprints of certificates that OpenSSL holds.
enum CertificateHash {
  static func fingerprint(of certificate: OpaquePointer, _ hash: DTLSHash) -> DTLSFingerprint? {
    let function =
      switch hash {
      case .sha256: unsafe EVP_sha256()
      case .sha384: unsafe EVP_sha384()
      case .sha512: unsafe EVP_sha512()
      }
    var bytes = [UInt8](repeating: 0, count: hash.bytes)
    var count: UInt32 = 0
    let made = unsafe bytes.withUnsafeMutableBufferPointer { bytes in
      unsafe X509_digest(certificate, function, bytes.baseAddress, &count)
    }
    guard made == 1, Int(count) == hash.bytes else { return nil }
    return try? DTLSFingerprint(hash: hash, bytes: bytes)
  }
}
