import CCrypto
import STUN

/// HMAC-SHA1 with one password, for MESSAGE-INTEGRITY (RFC 8489 §14.5). Owns OpenSSL's context, keyed once: each use starts from the
/// keyed state. For one thread.
@safe final class IntegrityKey {
  private let context: OpaquePointer

  /// OpenSSL's HMAC, found once per process. It lives as long as the process.
  private static let algorithm = Algorithm()

  @safe private struct Algorithm: @unchecked Sendable {
    let hmac: OpaquePointer?
    init() { unsafe hmac = EVP_MAC_fetch(nil, "HMAC", nil) }
  }

  /// The key is the password as it stands (RFC 8489 §9.1.1; ice-chars need no OpaqueString preparation).
  init(password: String) throws(ICEError) {
    guard let hmac = unsafe IntegrityKey.algorithm.hmac, let made = unsafe EVP_MAC_CTX_new(hmac) else { throw .cryptography }
    var key = Array(password.utf8)
    var digest = Array("SHA1".utf8CString)
    let isKeyed = unsafe digest.withUnsafeMutableBufferPointer { name in
      let parameters = unsafe [OSSL_PARAM_construct_utf8_string("digest", name.baseAddress, 0), OSSL_PARAM_construct_end()]
      return unsafe EVP_MAC_init(made, key, key.count, parameters) == 1
    }
    for i in key.indices { key[i] = 0 }
    guard isKeyed else {
      unsafe EVP_MAC_CTX_free(made)
      throw .cryptography
    }
    unsafe context = made
  }

  deinit { unsafe EVP_MAC_CTX_free(context) }

  /// Whether the datagram's code fits what it covers. The comparison takes the same time whatever differs.
  func verifies(_ datagram: Span<UInt8>, _ cover: STUNIntegrityCover) -> Bool {
    guard let code = code(over: datagram, length: cover.length, end: cover.body.upperBound) else { return false }
    return unsafe datagram.withUnsafeBytes { bytes in
      let given = unsafe bytes.baseAddress! + cover.code.lowerBound
      return unsafe code.span.withUnsafeBytes { unsafe CRYPTO_memcmp($0.baseAddress!, given, 20) == 0 }
    }
  }

  /// The code over a message that is being written. Zeros, which verify nowhere, where OpenSSL fails.
  func code(over message: Span<UInt8>) -> InlineArray<20, UInt8> {
    code(over: message, length: UInt16(message[2]) << 8 | UInt16(message[3]), end: message.count) ?? InlineArray(repeating: 0)
  }

  /// HMAC over the first two bytes, `length`, and the bytes from the fifth to `end`.
  private func code(over message: Span<UInt8>, length: UInt16, end: Int) -> InlineArray<20, UInt8>? {
    guard unsafe EVP_MAC_init(context, nil, 0, nil) == 1 else { return nil }
    let head: InlineArray<4, UInt8> = [message[0], message[1], UInt8(length >> 8), UInt8(length & 0xff)]
    let hasHead = unsafe head.span.withUnsafeBufferPointer { unsafe EVP_MAC_update(context, $0.baseAddress, 4) == 1 }
    let hasBody = unsafe message.withUnsafeBufferPointer { unsafe EVP_MAC_update(context, $0.baseAddress! + 4, end - 4) == 1 }
    var code = InlineArray<20, UInt8>(repeating: 0)
    var written = 0
    var out = code.mutableSpan
    let isDone = unsafe out.withUnsafeMutableBufferPointer { unsafe EVP_MAC_final(context, $0.baseAddress, &written, 20) == 1 }
    return hasHead && hasBody && isDone && written == 20 ? code : nil
  }
}
