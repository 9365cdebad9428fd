/// The outside of DTLS 1.2 records (RFC 6347 §4.1), which says what is worth OpenSSL's time.
///
///     0       1       3       5                       11      13
///     | type  |version| epoch |    sequence number    |length |
enum DTLSRecord {
  static let headerBytes = 13
  /// Plain text and what encryption may add to it (RFC 6347 §4.1).
  static let maximumBytes = 1 << 14 + 2048

  /// How many of the datagram's first bytes are whole records that this protocol knows: 0 for what is not DTLS.
  /// Epochs after 1 do not exist without renegotiation.
  static func wholeRecords(_ datagram: Span<UInt8>) -> Int {
    var at = 0
    while at + headerBytes <= datagram.count {
      let length = Int(datagram[at + 11]) << 8 | Int(datagram[at + 12])
      guard (20...23).contains(datagram[at]), datagram[at + 1] == 0xfe, datagram[at + 3] == 0, datagram[at + 4] <= 1,
        length <= maximumBytes, at + headerBytes + length <= datagram.count
      else { break }
      at += headerBytes + length
    }
    return at
  }

  /// How many of the records are of epoch 1: encrypted, which before the keys are known OpenSSL can only keep.
  static func encrypted(_ records: Span<UInt8>) -> Int {
    var (at, count) = (0, 0)
    while at + headerBytes <= records.count {
      if records[at + 4] == 1 { count += 1 }
      at += headerBytes + Int(records[at + 11]) << 8 + Int(records[at + 12])
    }
    return count
  }
}
