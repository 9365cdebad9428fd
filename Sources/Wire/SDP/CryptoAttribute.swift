package import Ground

/// `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:…`: a key for SRTP, told in the description (RFC 4568 §9.1).
package struct CryptoAttribute: Sendable, Equatable {
  package var tag: UInt32
  /// A suite's name, such as `AES_CM_128_HMAC_SHA1_80`. Which names and lengths are good is the SRTP room's question.
  package var suite: String
  /// At least one.
  package var keys: [Key]
  /// `UNENCRYPTED_SRTCP`, `KDR=…` and the like, as they came.
  package var sessionParameters: [String]

  package struct Key: Sendable, Equatable {
    /// Master key and salt, concatenated.
    package var keyAndSalt: Redacted<[UInt8]>
    /// The packets that the key is good for, as written (`2^20`).
    package var lifetime: String?
    /// The master key identifier and its length, as written (`1:4`).
    package var mki: String?
    package init(keyAndSalt: [UInt8], lifetime: String? = nil, mki: String? = nil) {
      self.keyAndSalt = Redacted(keyAndSalt)
      self.lifetime = lifetime
      self.mki = mki
    }
  }

  package init(tag: UInt32, suite: String, keys: [Key], sessionParameters: [String] = []) {
    self.tag = tag
    self.suite = suite
    self.keys = keys
    self.sessionParameters = sessionParameters
  }

  /// Reads what follows `a=crypto:`; nil where it has not that form.
  package init?(_ value: Substring) {
    let parts = value.split(separator: " ")
    guard parts.count >= 3, let tag: UInt32 = SDPText.number(parts[0]) else { return nil }
    var keys: [Key] = []
    for text in parts[2].split(separator: ";") {
      guard let key = Key(text) else { return nil }
      keys.append(key)
    }
    guard !keys.isEmpty else { return nil }
    self.init(tag: tag, suite: String(parts[1]), keys: keys, sessionParameters: parts[3...].map(String.init))
  }

  /// What follows `a=crypto:`. It holds the key: never for a log.
  package var text: String {
    let all = [String(tag), suite, keys.map(\.text).joined(separator: ";")] + sessionParameters
    return all.joined(separator: " ")
  }
}

extension CryptoAttribute.Key {
  /// `inline:` base64, then the lifetime and the key identifier where they are told (RFC 4568 §6.1).
  fileprivate init?(_ text: Substring) {
    guard text.hasPrefix("inline:") else { return nil }
    let parts = text.dropFirst(7).split(separator: "|", omittingEmptySubsequences: false)
    guard parts.count <= 3, let first = parts.first, let bytes = Base64.decode(first.utf8), !bytes.isEmpty else { return nil }
    var lifetime: String?
    var mki: String?
    for part in parts.dropFirst() {
      // Either may be left out; only the identifier has a colon.
      if part.contains(":") {
        guard mki == nil else { return nil }
        mki = String(part)
      } else {
        guard lifetime == nil, mki == nil, !part.isEmpty else { return nil }
        lifetime = String(part)
      }
    }
    self.init(keyAndSalt: bytes, lifetime: lifetime, mki: mki)
  }

  fileprivate var text: String {
    var out = "inline:" + Base64.encode(keyAndSalt.exposed)
    if let lifetime { out += "|" + lifetime }
    if let mki { out += "|" + mki }
    return out
  }
}

/// Base64 with the standard alphabet and padding (RFC 4648 §4).
package enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  package static func encode(_ bytes: [UInt8]) -> String {
    var out: [UInt8] = []
    var i = 0
    while i < bytes.count {
      let left = bytes.count - i
      let group = UInt32(bytes[i]) << 16 | (left > 1 ? UInt32(bytes[i + 1]) << 8 : 0) | (left > 2 ? UInt32(bytes[i + 2]) : 0)
      for digit in 0..<4 {
        out.append(digit <= left ? alphabet[Int(group >> UInt32(18 - 6 * digit) & 63)] : 61)
      }
      i += 3
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// The bytes, or nil for a character outside the alphabet or a length that no encoder makes. Padding may be left out, as some
  /// senders of SDES keys do.
  package static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
    var digits: [UInt8] = []
    var padding = 0
    for character in text {
      if character == 61 {
        padding += 1
        continue
      }
      guard padding == 0, let digit = value(of: character) else { return nil }
      digits.append(digit)
    }
    guard padding <= 2, digits.count % 4 != 1, padding == 0 || (digits.count + padding) % 4 == 0 else { return nil }
    var out: [UInt8] = []
    var pending: UInt32 = 0
    var bits = 0
    for digit in digits {
      pending = pending << 6 | UInt32(digit)
      bits += 6
      if bits >= 8 {
        bits -= 8
        out.append(UInt8(truncatingIfNeeded: pending >> UInt32(bits)))
      }
    }
    return out
  }

  private static func value(of character: UInt8) -> UInt8? {
    switch character {
    case 65...90: character - 65
    case 97...122: character - 71
    case 48...57: character + 4
    case 43: 62
    case 47: 63
    default: nil
    }
  }
}
