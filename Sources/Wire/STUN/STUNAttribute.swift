package import Ground

/// The attribute types that an ICE agent meets (RFC 8489 §18.3, RFC 8445 §20.1). Types below 0x8000 must be understood by who reads them.
package enum STUNAttribute {
  package static let mappedAddress: UInt16 = 0x0001
  package static let username: UInt16 = 0x0006
  package static let messageIntegrity: UInt16 = 0x0008
  package static let errorCode: UInt16 = 0x0009
  package static let unknownAttributes: UInt16 = 0x000a
  package static let realm: UInt16 = 0x0014
  package static let nonce: UInt16 = 0x0015
  package static let messageIntegritySHA256: UInt16 = 0x001c
  package static let xorMappedAddress: UInt16 = 0x0020
  package static let priority: UInt16 = 0x0024
  package static let useCandidate: UInt16 = 0x0025
  package static let software: UInt16 = 0x8022
  package static let fingerprint: UInt16 = 0x8028
  package static let iceControlled: UInt16 = 0x8029
  package static let iceControlling: UInt16 = 0x802a

  /// Whether a message with this type must be refused by a reader that does not know it (RFC 8489 §14).
  package static func isComprehensionRequired(_ type: UInt16) -> Bool { type < 0x8000 }

  /// Whether the type is one that this room reads, or may safely pass over.
  package static func isKnown(_ type: UInt16) -> Bool {
    switch type {
    case mappedAddress, username, messageIntegrity, errorCode, unknownAttributes, realm, nonce, messageIntegritySHA256, xorMappedAddress,
      priority, useCandidate, software, fingerprint, iceControlled, iceControlling:
      true
    default: false
    }
  }
}

/// Walks a message's attributes in their order (RFC 8489 §14).
///
///      |         type                  |         length of the value   |
///      |         value, padded to a multiple of four with any bytes    |
package struct STUNAttributes: Sendable {
  private var offset: Int

  /// Stands before the first attribute.
  package init() { offset = STUNMessage.headerBytes }

  /// The next attribute's type and where its value lies, without padding; nil at the datagram's end. Throws `badLength` where an
  /// attribute reaches beyond the datagram, and stays there.
  package mutating func next(in datagram: Span<UInt8>) throws(WireError) -> (type: UInt16, value: Range<Int>)? {
    if offset == datagram.count { return nil }
    guard offset + 4 <= datagram.count else { throw .badLength }
    let length = Int(datagram.u16(at: offset + 2))
    let start = offset + 4
    let padded = start + (length + 3) & ~3
    guard padded <= datagram.count else { throw .badLength }
    let type = datagram.u16(at: offset)
    offset = padded
    return (type, start..<start + length)
  }
}
