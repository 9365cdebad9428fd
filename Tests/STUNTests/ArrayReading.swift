import Ground
import STUN

/// The room's questions asked of an array, because expectations cannot hold spans.
extension [UInt8] {
  func message() throws(WireError) -> STUNMessage { try STUNMessage(parsing: span) }
  var looksLikeSTUN: Bool { STUNMessage.looksLikeSTUN(span) }
  var receiverFragment: String? { STUNMessage.receiverFragment(in: span).map { String(decoding: self[$0], as: UTF8.self) } }
  /// Nil where it is no message, too.
  var isFingerprintValid: Bool? { try? message().isFingerprintValid(in: span) }
  var unknownRequired: [UInt16]? { try? message().unknownRequired(in: span) }
}
