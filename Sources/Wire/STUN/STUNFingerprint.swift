import Ground

/// FINGERPRINT's value: the CRC-32 of ISO 3309 (as in zip), XORed with "STUN" (RFC 8489 §14.7).
package enum STUNFingerprint {
  /// The value for the datagram's bytes before `end`, where the attribute begins. The length field must already count the attribute.
  package static func value(of datagram: Span<UInt8>, upTo end: Int) -> UInt32 {
    crc32(datagram, upTo: end) ^ 0x5354_554e
  }

  /// The CRC-32 of the bytes before `end`, four at a time.
  static func crc32(_ bytes: Span<UInt8>, upTo end: Int) -> UInt32 {
    let tables = STUNFingerprint.tables
    var crc = UInt32.max
    var i = 0
    while i + 4 <= end {
      crc ^= bytes.u32(at: i).byteSwapped
      let one = tables[768 + Int(crc & 0xff)] ^ tables[512 + Int(crc >> 8 & 0xff)]
      let two = tables[256 + Int(crc >> 16 & 0xff)] ^ tables[Int(crc >> 24)]
      crc = one ^ two
      i += 4
    }
    while i < end {
      crc = tables[Int((crc ^ UInt32(bytes[i])) & 0xff)] ^ (crc >> 8)
      i += 1
    }
    return ~crc
  }

  /// Four tables of 256: what a byte does to the remainder when none to three bytes follow it.
  private static let tables: [UInt32] = {
    var out: [UInt32] = []
    for byte in UInt32(0)..<256 {
      var crc = byte
      for _ in 0..<8 { crc = crc & 1 == 1 ? 0xedb8_8320 ^ (crc >> 1) : crc >> 1 }
      out.append(crc)
    }
    for i in 256..<1024 {
      let shorter = out[i - 256]
      out.append(out[Int(shorter & 0xff)] ^ (shorter >> 8))
    }
    return out
  }()
}
