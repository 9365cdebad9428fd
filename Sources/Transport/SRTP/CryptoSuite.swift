/// An SRTP protection profile by its SDES name (RFC 4568 §6.2, RFC 7714 §14.2).
package enum CryptoSuite: String, Sendable, Hashable, CaseIterable {
  case aesCM80 = "AES_CM_128_HMAC_SHA1_80"
  case aesCM32 = "AES_CM_128_HMAC_SHA1_32"
  case aeadAES128GCM = "AEAD_AES_128_GCM"
  case aeadAES256GCM = "AEAD_AES_256_GCM"

  /// Bytes of the master key.
  package var keyBytes: Int { self == .aeadAES256GCM ? 32 : 16 }
  /// Bytes of the master salt: 14, or 12 for AEAD (RFC 7714 §11).
  package var saltBytes: Int {
    switch self {
    case .aesCM80, .aesCM32: 14
    case .aeadAES128GCM, .aeadAES256GCM: 12
    }
  }
  /// Bytes of key and salt together, as SDES's `inline` carries them.
  package var keyAndSaltBytes: Int { keyBytes + saltBytes }
}
