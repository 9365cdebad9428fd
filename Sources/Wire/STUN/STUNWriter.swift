package import Ground

/// Writes one STUN message, attribute by attribute. MESSAGE-INTEGRITY comes after all others but FINGERPRINT, FINGERPRINT last.
package struct STUNWriter: Sendable {
  /// The message so far, a whole one after each call.
  package private(set) var bytes: [UInt8]
  private let transactionID: STUNTransactionID

  /// A message without attributes.
  package init(_ messageClass: STUNMessage.Class, method: UInt16 = STUNMessage.bindingMethod, transactionID: STUNTransactionID) {
    self.transactionID = transactionID
    bytes = []
    bytes.reserveCapacity(128)
    let kind = UInt16(messageClass.rawValue)
    bytes.appendU16(method & 0xf | (method & 0x70) << 1 | (method & 0xf80) << 2 | (kind & 1) << 4 | (kind & 2) << 7)
    bytes.appendU16(0)
    bytes.appendU32(STUNMessage.magicCookie)
    bytes.appendU32(transactionID.high)
    bytes.appendU64(transactionID.low)
  }

  /// Any attribute; of a value longer than 1000 bytes only so many are written.
  package mutating func attribute(_ type: UInt16, _ value: some Collection<UInt8>) {
    let value = value.prefix(1000)
    bytes.appendU16(type)
    bytes.appendU16(UInt16(value.count))
    bytes.append(contentsOf: value)
    while bytes.count & 3 != 0 { bytes.append(0) }
    setLength(bytes.count - STUNMessage.headerBytes)
  }

  /// USERNAME.
  package mutating func username(_ name: String) { attribute(STUNAttribute.username, name.utf8) }
  /// SOFTWARE.
  package mutating func software(_ name: String) { attribute(STUNAttribute.software, name.utf8) }
  /// PRIORITY.
  package mutating func priority(_ priority: UInt32) { u32(STUNAttribute.priority, priority) }
  /// USE-CANDIDATE.
  package mutating func useCandidate() { attribute(STUNAttribute.useCandidate, []) }
  /// ICE-CONTROLLING.
  package mutating func iceControlling(_ tieBreaker: UInt64) { u64(STUNAttribute.iceControlling, tieBreaker) }
  /// ICE-CONTROLLED.
  package mutating func iceControlled(_ tieBreaker: UInt64) { u64(STUNAttribute.iceControlled, tieBreaker) }

  /// XOR-MAPPED-ADDRESS.
  package mutating func xorMappedAddress(_ address: SocketAddress) {
    var value: [UInt8] = [0, address.isIPv4 ? 1 : 2]
    value.appendU16(address.port ^ UInt16(STUNMessage.magicCookie >> 16))
    if address.isIPv4 {
      value.appendU32(address.ipv4 ^ STUNMessage.magicCookie)
    } else {
      value.appendU64(address.high ^ (UInt64(STUNMessage.magicCookie) << 32 | UInt64(transactionID.high)))
      value.appendU64(address.low ^ transactionID.low)
    }
    attribute(STUNAttribute.xorMappedAddress, value)
  }

  /// ERROR-CODE; `code` is 300 to 699.
  package mutating func errorCode(_ code: Int, reason: String) {
    attribute(STUNAttribute.errorCode, [0, 0, UInt8(truncatingIfNeeded: code / 100), UInt8(truncatingIfNeeded: code % 100)] + reason.utf8)
  }

  /// UNKNOWN-ATTRIBUTES.
  package mutating func unknownAttributes(_ types: [UInt16]) {
    var value: [UInt8] = []
    for type in types { value.appendU16(type) }
    attribute(STUNAttribute.unknownAttributes, value)
  }

  /// MESSAGE-INTEGRITY with what `hmac` answers for the bytes so far, whose length field already counts the attribute.
  package mutating func messageIntegrity(_ hmac: (Span<UInt8>) -> InlineArray<20, UInt8>) {
    setLength(bytes.count + 24 - STUNMessage.headerBytes)
    let code = hmac(bytes.span)
    bytes.appendU16(STUNAttribute.messageIntegrity)
    bytes.appendU16(20)
    for i in code.indices { bytes.append(code[i]) }
  }

  /// FINGERPRINT.
  package mutating func fingerprint() {
    setLength(bytes.count + 8 - STUNMessage.headerBytes)
    let value = STUNFingerprint.value(of: bytes.span, upTo: bytes.count)
    u32(STUNAttribute.fingerprint, value)
  }

  private mutating func u32(_ type: UInt16, _ value: UInt32) {
    bytes.appendU16(type)
    bytes.appendU16(4)
    bytes.appendU32(value)
    setLength(bytes.count - STUNMessage.headerBytes)
  }

  private mutating func u64(_ type: UInt16, _ value: UInt64) {
    bytes.appendU16(type)
    bytes.appendU16(8)
    bytes.appendU64(value)
    setLength(bytes.count - STUNMessage.headerBytes)
  }

  private mutating func setLength(_ length: Int) {
    bytes[2] = UInt8(truncatingIfNeeded: length >> 8)
    bytes[3] = UInt8(truncatingIfNeeded: length)
  }
}
