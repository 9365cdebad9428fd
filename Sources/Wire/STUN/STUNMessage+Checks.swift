import Ground

/// What MESSAGE-INTEGRITY is computed over (RFC 8489 §14.5): the datagram's first two bytes, then `length` in the place of its length
/// field, because what follows the code is not counted, then the bytes of `body`.
package struct STUNIntegrityCover: Sendable, Equatable {
  /// The length field's value for the computation.
  package var length: UInt16
  /// From the cookie to the last byte before the attribute.
  package var body: Range<Int>
  /// The 20 bytes to compare the result with.
  package var code: Range<Int>

  /// A cover with these parts.
  package init(length: UInt16, body: Range<Int>, code: Range<Int>) {
    self.length = length
    self.body = body
    self.code = code
  }
}

extension STUNMessage {
  /// What the caller's HMAC-SHA1 must cover, or nil where the message has no MESSAGE-INTEGRITY.
  package var integrityCover: STUNIntegrityCover? {
    guard let code = messageIntegrity else { return nil }
    return STUNIntegrityCover(
      length: UInt16(truncatingIfNeeded: code.upperBound - STUNMessage.headerBytes), body: 4..<code.lowerBound - 4, code: code)
  }

  /// Whether FINGERPRINT fits the datagram (RFC 8489 §14.7), or nil where there is none.
  package func isFingerprintValid(in datagram: Span<UInt8>) -> Bool? {
    guard let fingerprint else { return nil }
    return datagram.u32(at: fingerprint.lowerBound) == STUNFingerprint.value(of: datagram, upTo: fingerprint.lowerBound - 4)
  }

  /// The types that must be understood and are not known, each once, in their order, for the UNKNOWN-ATTRIBUTES of a 420. At most 16.
  package func unknownRequired(in datagram: Span<UInt8>) -> [UInt16] {
    guard unknownRequiredCount > 0 else { return [] }
    var found: [UInt16] = []
    var walk = STUNAttributes()
    // The datagram was parsed before, so the walk cannot throw; what follows the code does not count.
    while let next = try? walk.next(in: datagram), next.type != STUNAttribute.messageIntegrity, found.count < 16 {
      let type = next.type
      if STUNAttribute.isComprehensionRequired(type), !STUNAttribute.isKnown(type), !found.contains(type) { found.append(type) }
    }
    return found
  }

  /// Where the receiver's ufrag lies in a Binding request, the part of USERNAME before its colon (RFC 8445 §7.2.2): who of many agents on
  /// one port is meant. Nil where the datagram is no such request. Reads no further than USERNAME.
  package static func receiverFragment(in datagram: Span<UInt8>) -> Range<Int>? {
    guard looksLikeSTUN(datagram), datagram.u16(at: 0) == bindingMethod, Int(datagram.u16(at: 2)) + headerBytes == datagram.count
    else { return nil }
    var walk = STUNAttributes()
    while let next = try? walk.next(in: datagram) {
      guard next.type == STUNAttribute.username else { continue }
      for i in next.value where datagram[i] == 0x3a { return next.value.lowerBound..<i }
      return nil
    }
    return nil
  }
}
