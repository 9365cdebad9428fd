import CTLS
package import Ground

/// Who we are to every peer: an ECDSA P-256 key and a self-signed certificate (RFC 8827 §6.5), made here and never written anywhere.
/// Any number of sessions on any threads share one.
@safe package final class DTLSIdentity: @unchecked Sendable {
  /// The certificate's fingerprints, strongest hash last. An SDP needs one of them; `sha256` is understood by all.
  package let fingerprints: [DTLSFingerprint]
  /// The fingerprint that goes into SDP.
  package var sha256: DTLSFingerprint { fingerprints[0] }

  /// OpenSSL locks what it changes in it; nothing here does after `init`.
  private let context: OpaquePointer

  /// Suites with forward secrecy and authenticated encryption. A server's certificate decides between ECDSA and RSA, ours is ECDSA.
  private static let cipherSuites =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:"
    + "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384"

  /// Makes key and certificate, valid from a day before `now` (the peer's clock may be behind) to a year after.
  package init(at now: WallTime) throws(DTLSError) {
    ERR_clear_error()
    defer { ERR_clear_error() }
    guard let key = unsafe ctls_generate_p256() else { throw .library(TLSConnection.reason()) }
    defer { unsafe EVP_PKEY_free(key) }
    guard let certificate = unsafe X509_new() else { throw .library(TLSConnection.reason()) }
    defer { unsafe X509_free(certificate) }
    guard unsafe DTLSIdentity.fill(certificate, key, now) else { throw .library(TLSConnection.reason()) }
    let made = DTLSHash.allCases.compactMap { unsafe CertificateHash.fingerprint(of: certificate, $0) }
    guard made.count == DTLSHash.allCases.count else { throw .library(TLSConnection.reason()) }
    guard let context = unsafe SSL_CTX_new(DTLS_method()) else { throw .library(TLSConnection.reason()) }
    guard unsafe DTLSIdentity.configure(context), unsafe SSL_CTX_use_certificate(context, certificate) == 1,
      unsafe SSL_CTX_use_PrivateKey(context, key) == 1
    else {
      unsafe SSL_CTX_free(context)
      throw .library(TLSConnection.reason())
    }
    fingerprints = made
    unsafe self.context = unsafe context
  }

  deinit { unsafe SSL_CTX_free(context) }

  /// A connection with this identity; nil without memory. It keeps what it needs of the identity alive.
  func makeSSL() -> OpaquePointer? { unsafe SSL_new(context) }

  private static func fill(_ certificate: OpaquePointer, _ key: OpaquePointer, _ now: WallTime) -> Bool {
    var serial: UInt64 = 0
    let drawn = unsafe withUnsafeMutableBytes(of: &serial) { bytes in
      unsafe RAND_bytes(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(bytes.count))
    }
    let seconds = Int(now.nanosecondsSinceEpoch / 1_000_000_000)
    guard drawn == 1, unsafe X509_set_version(certificate, 2) == 1,
      // A serial number is positive (RFC 5280 §4.1.2.2).
      unsafe ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1) == 1,
      unsafe ASN1_TIME_set(X509_getm_notBefore(certificate), seconds - 86_400) != nil,
      unsafe ASN1_TIME_set(X509_getm_notAfter(certificate), seconds + 366 * 86_400) != nil,
      unsafe X509_set_pubkey(certificate, key) == 1, let name = unsafe X509_get_subject_name(certificate)
    else { return false }
    let common = Array("WebRTC".utf8)
    return unsafe X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, common, Int32(common.count), -1, 0) == 1
      && X509_set_issuer_name(certificate, name) == 1 && X509_sign(certificate, key, EVP_sha256()) > 0
  }

  private static func configure(_ context: OpaquePointer) -> Bool {
    unsafe PeerWitness.install(in: context)
    unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    unsafe SSL_CTX_set_options(
      context, CTLS_OP_NO_TICKET | CTLS_OP_NO_RENEGOTIATION | CTLS_OP_NO_COMPRESSION | CTLS_OP_CIPHER_SERVER_PREFERENCE)
    unsafe ctls_context_disable_session_cache(context)
    return unsafe ctls_context_set_versions(context, DTLS1_2_VERSION, DTLS1_2_VERSION) == 1
      && SSL_CTX_set_cipher_list(context, cipherSuites) == 1
      && ctls_context_set_groups(context, "X25519:P-256:P-384") == 1
      // This one answers 0 for success.
      && SSL_CTX_set_tlsext_use_srtp(context, TLSConnection.profiles.map(\.name).joined(separator: ":")) == 0
  }
}
