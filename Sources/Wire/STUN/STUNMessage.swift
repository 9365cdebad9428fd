package import Ground

/// The facts of one STUN message (RFC 8489 §5). It holds ranges, not bytes: they refer to the datagram it was parsed from.
///
///      0                   1                   2                   3
///     |0 0|  class and method         |   length without this header  |
///     |                   magic cookie, 0x2112A442                    |
///     |                   transaction ID, 96 bits                     |
package struct STUNMessage: Sendable, Equatable {
  package enum Class: UInt8, Sendable { case request, indication, success, error }

  /// What kind of message it is.
  package var messageClass: Class
  /// Binding is 1, the only one known here. At most 255: larger ones do not fit the first bytes that RFC 7983 leaves to STUN.
  package var method: UInt16
  /// Ties responses to requests.
  package var transactionID: STUNTransactionID
  /// USERNAME: for a connectivity check `receiver's ufrag:sender's ufrag` (RFC 8445 §7.2.2).
  package var username: Range<Int>?
  /// PRIORITY: what the sender's candidate would have as a peer-reflexive one (RFC 8445 §7.1.1).
  package var priority: UInt32?
  /// USE-CANDIDATE: the controlling agent nominates this pair (RFC 8445 §7.1.2).
  package var hasUseCandidate = false
  /// ICE-CONTROLLING: the sender believes to be controlling, with this tie-breaker (RFC 8445 §7.1.3).
  package var iceControlling: UInt64?
  /// ICE-CONTROLLED: the sender believes to be controlled, with this tie-breaker.
  package var iceControlled: UInt64?
  /// XOR-MAPPED-ADDRESS, or MAPPED-ADDRESS where only that is there: where the request was seen to come from.
  package var mappedAddress: SocketAddress?
  /// ERROR-CODE's number, 300 to 699.
  package var errorCode: Int?
  /// ERROR-CODE's reason, UTF-8.
  package var errorReason: Range<Int>?
  /// UNKNOWN-ATTRIBUTES: 16-bit types that the responder did not understand.
  package var unknownAttributes: Range<Int>?
  /// SOFTWARE, UTF-8.
  package var software: Range<Int>?
  /// MESSAGE-INTEGRITY's 20 bytes.
  package var messageIntegrity: Range<Int>?
  /// FINGERPRINT's four bytes.
  package var fingerprint: Range<Int>?
  /// How many attributes must be understood and are not known here (RFC 8489 §6.3.1); `unknownRequired(in:)` lists them.
  package var unknownRequiredCount = 0

  /// The length of the fixed header.
  package static let headerBytes = 20
  /// The method of all connectivity checks.
  package static let bindingMethod: UInt16 = 1
  /// Bytes 4 to 7 of each message.
  package static let magicCookie: UInt32 = 0x2112_a442

  /// Whether a datagram is STUN by its first byte (RFC 7983 §7) and its cookie. Its lengths may still be wrong.
  package static func looksLikeSTUN(_ datagram: Span<UInt8>) -> Bool {
    datagram.count >= headerBytes && datagram[0] < 4 && datagram.u32(at: 4) == magicCookie
  }

  /// Reads header and attributes. Of an attribute that comes twice the first counts, and what follows MESSAGE-INTEGRITY is passed over,
  /// but for FINGERPRINT (RFC 8489 §14, §14.5). Throws `truncated` where the header is not whole, `badVersion` where it is not STUN's,
  /// `badLength` where a length is not a multiple of four, reaches outside, or is not the attribute's, and `badValue` where a value is
  /// forbidden or something follows FINGERPRINT.
  package init(parsing datagram: Span<UInt8>) throws(WireError) {
    guard datagram.count >= STUNMessage.headerBytes else {
      throw .truncated(needed: STUNMessage.headerBytes, have: datagram.count)
    }
    guard STUNMessage.looksLikeSTUN(datagram) else { throw .badVersion(datagram[0]) }
    let length = Int(datagram.u16(at: 2))
    guard length & 3 == 0, STUNMessage.headerBytes + length == datagram.count else { throw .badLength }
    let type = datagram.u16(at: 0)
    // The class's two bits stand between the method's twelve (RFC 8489 §5, figure 3).
    switch (type >> 7 & 2) | (type >> 4 & 1) {
    case 0: messageClass = .request
    case 1: messageClass = .indication
    case 2: messageClass = .success
    default: messageClass = .error
    }
    method = type & 0xf | type >> 1 & 0x70 | type >> 2 & 0xf80
    transactionID = STUNTransactionID(high: datagram.u32(at: 8), low: datagram.u64(at: 12))
    var walk = STUNAttributes()
    while let (type, value) = try walk.next(in: datagram) {
      guard fingerprint == nil else { throw .badValue }
      try read(type, value, in: datagram)
    }
  }

  private mutating func read(_ type: UInt16, _ value: Range<Int>, in datagram: Span<UInt8>) throws(WireError) {
    if type == STUNAttribute.fingerprint {
      guard value.count == 4 else { throw .badLength }
      fingerprint = value
      return
    }
    // Nothing after the code is covered by it, so nothing there may count.
    guard messageIntegrity == nil else { return }
    switch type {
    case STUNAttribute.messageIntegrity:
      guard value.count == 20 else { throw .badLength }
      messageIntegrity = value
    case STUNAttribute.username:
      guard value.count <= 513 else { throw .badLength }
      if username == nil { username = value }
    case STUNAttribute.priority:
      guard value.count == 4 else { throw .badLength }
      if priority == nil { priority = datagram.u32(at: value.lowerBound) }
    case STUNAttribute.useCandidate:
      guard value.isEmpty else { throw .badLength }
      hasUseCandidate = true
    case STUNAttribute.iceControlling:
      guard value.count == 8 else { throw .badLength }
      if iceControlling == nil { iceControlling = datagram.u64(at: value.lowerBound) }
    case STUNAttribute.iceControlled:
      guard value.count == 8 else { throw .badLength }
      if iceControlled == nil { iceControlled = datagram.u64(at: value.lowerBound) }
    default: try readRare(type, value, in: datagram)
    }
  }

  /// What stands in responses, or is for people.
  private mutating func readRare(_ type: UInt16, _ value: Range<Int>, in datagram: Span<UInt8>) throws(WireError) {
    switch type {
    case STUNAttribute.xorMappedAddress:
      // The obfuscated form wins over the plain one, whichever comes first.
      mappedAddress = try STUNMessage.address(value, in: datagram, unmaskedBy: transactionID)
    case STUNAttribute.mappedAddress:
      let plain = try STUNMessage.address(value, in: datagram, unmaskedBy: nil)
      if mappedAddress == nil { mappedAddress = plain }
    case STUNAttribute.errorCode:
      guard value.count >= 4 else { throw .badLength }
      let hundreds = Int(datagram[value.lowerBound + 2] & 7)
      let rest = Int(datagram[value.lowerBound + 3])
      guard (3...6).contains(hundreds), rest < 100 else { throw .badValue }
      if errorCode == nil {
        errorCode = hundreds * 100 + rest
        errorReason = value.lowerBound + 4..<value.upperBound
      }
    case STUNAttribute.unknownAttributes:
      guard value.count & 1 == 0 else { throw .badLength }
      if unknownAttributes == nil { unknownAttributes = value }
    case STUNAttribute.software:
      if software == nil { software = value }
    default:
      if STUNAttribute.isComprehensionRequired(type), !STUNAttribute.isKnown(type) { unknownRequiredCount += 1 }
    }
  }

  /// An address with its family in the second byte (RFC 8489 §14.1), XORed with cookie and transaction ID where one is given (§14.2).
  private static func address(
    _ value: Range<Int>, in datagram: Span<UInt8>, unmaskedBy mask: STUNTransactionID?
  ) throws(WireError) -> SocketAddress {
    guard value.count >= 4 else { throw .badLength }
    let start = value.lowerBound
    let port = datagram.u16(at: start + 2) ^ (mask == nil ? 0 : UInt16(magicCookie >> 16))
    switch datagram[start + 1] {
    case 1:
      guard value.count == 8 else { throw .badLength }
      return SocketAddress(ipv4: datagram.u32(at: start + 4) ^ (mask == nil ? 0 : magicCookie), port: port)
    case 2:
      guard value.count == 20 else { throw .badLength }
      let high = mask.map { UInt64(magicCookie) << 32 | UInt64($0.high) } ?? 0
      return SocketAddress(high: datagram.u64(at: start + 4) ^ high, low: datagram.u64(at: start + 12) ^ (mask?.low ?? 0), port: port)
    default: throw .badValue
    }
  }
}
