/// A hash function that certificates are named by in SDP (RFC 8122 §5), weakest first.
package enum DTLSHash: String, Sendable, Hashable, CaseIterable, Comparable {
  case sha256 = "sha-256"
  case sha384 = "sha-384"
  case sha512 = "sha-512"

  /// Bytes of the hash.
  package var bytes: Int {
    switch self {
    case .sha256: 32
    case .sha384: 48
    case .sha512: 64
    }
  }

  package static func < (a: DTLSHash, b: DTLSHash) -> Bool { a.bytes < b.bytes }
}

/// A certificate's fingerprint: the hash of its DER form, as the `fingerprint` attribute carries it (RFC 8122 §5).
package struct DTLSFingerprint: Sendable, Hashable, CustomStringConvertible {
  package let hash: DTLSHash
  /// `hash.bytes` of them.
  package let bytes: [UInt8]

  /// Throws `badFingerprint` when the number of bytes is not the hash's.
  package init(hash: DTLSHash, bytes: [UInt8]) throws(DTLSError) {
    guard bytes.count == hash.bytes else { throw .badFingerprint("\(bytes.count) bytes for \(hash.rawValue)") }
    self.hash = hash
    self.bytes = bytes
  }

  /// Reads an attribute's value, such as `sha-256 4A:AD:…`; either case of letters. Throws `unsupportedHash` or `badFingerprint`.
  package init(parsing value: String) throws(DTLSError) {
    let parts = value.split(separator: " ", omittingEmptySubsequences: true)
    guard parts.count == 2 else { throw .badFingerprint(value) }
    guard let hash = DTLSHash(rawValue: parts[0].lowercased()) else { throw .unsupportedHash(String(parts[0])) }
    var bytes: [UInt8] = []
    for pair in parts[1].split(separator: ":", omittingEmptySubsequences: false) {
      guard pair.utf8.count == 2, pair.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
        let byte = UInt8(pair, radix: 16)
      else { throw .badFingerprint(value) }
      bytes.append(byte)
    }
    guard bytes.count == hash.bytes else { throw .badFingerprint(value) }
    self.hash = hash
    self.bytes = bytes
  }

  /// The attribute's value: the hash's name, a space, and capital hexadecimal bytes with colons between them.
  package var description: String {
    let digits = Array("0123456789ABCDEF")
    var text = hash.rawValue + " "
    for (i, byte) in bytes.enumerated() {
      if i > 0 { text.append(":") }
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return text
  }
}
