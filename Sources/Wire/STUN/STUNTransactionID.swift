/// The 96 bits that tie a response to its request (RFC 8489 §5).
package struct STUNTransactionID: Hashable, Sendable {
  /// The first four bytes, big-endian.
  package var high: UInt32
  /// The last eight bytes, big-endian.
  package var low: UInt64

  /// The identifier with these two halves.
  package init(high: UInt32, low: UInt64) {
    self.high = high
    self.low = low
  }
}
