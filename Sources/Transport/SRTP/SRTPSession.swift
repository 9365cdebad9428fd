import CSRTP

/// Why a packet was not let through, or a session not made.
package enum SRTPError: Error, Sendable, Hashable {
  /// The tag does not fit: forged, or another key.
  case authenticationFailed
  /// Seen before, or older than the replay window.
  case replayed
  /// Too short, or broken in its framing.
  case malformed
  /// The key material has not the suite's length.
  case badKey(needed: Int, have: Int)
  /// libsrtp's own code for anything else.
  case library(Int32)
}

/// One direction's SRTP and SRTCP state with one master key, for any number of SSRCs. Owns libsrtp's handle.
@safe package final class SRTPSession {
  private let session: srtp_t

  package enum Direction: Sendable { case inbound, outbound }

  /// The widest trailer that protection appends.
  package static let maximumTrailerBytes = Int(SRTP_MAX_TRAILER_LEN) + 4

  private static let started: srtp_err_status_t = srtp_init()
  /// Never used, never given up.
  private nonisolated(unsafe) static let kept = try? SRTPSession(
    suite: .aesCM80, key: [UInt8](repeating: 0, count: CryptoSuite.aesCM80.keyAndSaltBytes), direction: .inbound)

  /// Loads what sessions need, for as long as the process lives. A libsrtp on NSS, as Debian's is, loads the cipher modules with each
  /// session that is the only one (50 ms the first time, 2 ms after), and drops them with it; beside another, a session takes microseconds.
  package static func prepare() { _ = unsafe kept }

  /// `key` is master key and salt, concatenated.
  package init(suite: CryptoSuite, key: [UInt8], direction: Direction) throws(SRTPError) {
    guard key.count == suite.keyAndSaltBytes else { throw .badKey(needed: suite.keyAndSaltBytes, have: key.count) }
    guard SRTPSession.started == srtp_err_status_ok else { throw .library(Int32(bitPattern: SRTPSession.started.rawValue)) }
    var policy = unsafe srtp_policy_t()
    switch suite {
    case .aesCM80:
      unsafe srtp_crypto_policy_set_rtp_default(&policy.rtp)
      unsafe srtp_crypto_policy_set_rtcp_default(&policy.rtcp)
    case .aesCM32:
      unsafe srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp)
      // SRTCP keeps the 80-bit tag under this suite (RFC 4568 §6.2.2).
      unsafe srtp_crypto_policy_set_rtcp_default(&policy.rtcp)
    case .aeadAES128GCM:
      unsafe srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp)
      unsafe srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp)
    case .aeadAES256GCM:
      unsafe srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp)
      unsafe srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp)
    }
    unsafe policy.ssrc.type = direction == .inbound ? ssrc_any_inbound : ssrc_any_outbound
    // A recorder waits for reordered packets longer than a call does, so the replay window is wider than libsrtp's 128.
    unsafe policy.window_size = 2048
    var created: srtp_t?
    var keyCopy = key
    let status = unsafe keyCopy.withUnsafeMutableBufferPointer { bytes in
      unsafe policy.key = bytes.baseAddress
      return unsafe srtp_create(&created, &policy)
    }
    for i in keyCopy.indices { keyCopy[i] = 0 }
    guard status == srtp_err_status_ok, let made = unsafe created else { throw .library(Int32(bitPattern: status.rawValue)) }
    unsafe session = made
  }

  deinit { _ = unsafe srtp_dealloc(session) }

  /// Checks and decrypts an RTP packet in place; answers its new length.
  package func unprotectRTP(_ packet: inout MutableSpan<UInt8>) throws(SRTPError) -> Int {
    var count = Int32(packet.count)
    let status = unsafe packet.withUnsafeMutableBufferPointer { bytes in unsafe srtp_unprotect(session, bytes.baseAddress, &count) }
    return try SRTPSession.check(status, count)
  }

  /// Checks and decrypts an RTCP packet in place; answers its new length.
  package func unprotectRTCP(_ packet: inout MutableSpan<UInt8>) throws(SRTPError) -> Int {
    var count = Int32(packet.count)
    let status = unsafe packet.withUnsafeMutableBufferPointer { bytes in unsafe srtp_unprotect_rtcp(session, bytes.baseAddress, &count) }
    return try SRTPSession.check(status, count)
  }

  /// Encrypts an RTP packet; the array grows by the trailer, and keeps its length where it is refused.
  package func protectRTP(_ packet: inout [UInt8]) throws(SRTPError) {
    try unsafe protect(&packet) { bytes, count in unsafe srtp_protect(session, bytes, count) }
  }

  /// Encrypts an RTCP packet; the array grows by the trailer, and keeps its length where it is refused.
  package func protectRTCP(_ packet: inout [UInt8]) throws(SRTPError) {
    try unsafe protect(&packet) { bytes, count in unsafe srtp_protect_rtcp(session, bytes, count) }
  }

  private func protect(
    _ packet: inout [UInt8], with call: (UnsafeMutableRawPointer?, UnsafeMutablePointer<Int32>) -> srtp_err_status_t
  ) throws(SRTPError) {
    let clear = packet.count
    var count = Int32(clear)
    packet.append(contentsOf: repeatElement(0, count: SRTPSession.maximumTrailerBytes))
    let status = unsafe packet.withUnsafeMutableBytes { bytes in unsafe call(bytes.baseAddress, &count) }
    packet.removeLast(packet.count - (status == srtp_err_status_ok ? Int(count) : clear))
    _ = try SRTPSession.check(status, count)
  }

  private static func check(_ status: srtp_err_status_t, _ count: Int32) throws(SRTPError) -> Int {
    switch status {
    case srtp_err_status_ok: return Int(count)
    case srtp_err_status_auth_fail: throw .authenticationFailed
    case srtp_err_status_replay_fail, srtp_err_status_replay_old: throw .replayed
    case srtp_err_status_bad_param, srtp_err_status_parse_err: throw .malformed
    // libsrtp 2.5 answers a failed AEAD tag as a cipher failure.
    case srtp_err_status_cipher_fail: throw .authenticationFailed
    default: throw .library(Int32(bitPattern: status.rawValue))
    }
  }
}
