import SRTP

/// Packets that were made by another implementation than the one under test: the formulas of RFC 3711 §4.1, §4.2 and §4.3 and of RFC 7714
/// §8 and §9 over plain AES and HMAC, which derive the session keys of RFC 3711 appendix B.3 from the same master key.
struct KnownPacket: Sendable, CustomStringConvertible {
  var suite: CryptoSuite
  /// Master key and salt.
  var key: [UInt8]
  /// Sequence number 65534 before the first wrap of the sequence numbers.
  var before: [UInt8]
  /// Sequence number 1 after it.
  var after: [UInt8]
  /// A sender report with its description, as the first SRTCP packet that libsrtp2 sends: index 1.
  var rtcp: [UInt8]

  var description: String { suite.rawValue }

  /// In clear, with a contributing source, a header extension and 20 bytes of payload.
  static let clearBefore = bytes("91e0fffedeadbeef01020304cafebabebede000110aa0000303132333435363738393a3b3c3d3e3f40414243")
  static let clearAfter = bytes("91e00001deadbeef01020304cafebabebede000110aa0000303132333435363738393a3b3c3d3e3f40414243")
  static let clearRTCP = bytes(
    "80c80006cafebabee7a1b2c380000000fffffff0000000110000465081ca0003cafebabe01046d6540780000")

  static let all = [
    KnownPacket(
      suite: .aesCM80,
      key: bytes("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6"),
      before: bytes("91e0fffedeadbeef01020304cafebabebede000110aa0000de6c80e8c14e6cae6dcd5dd2ad97a7d541c9ef6d77c80b81f9257c82469b"),
      after: bytes("91e00001deadbeef01020304cafebabebede000110aa0000180ab17423c094bd491041b20ddff09e49c5d0f440b81427bee7d5ab1bba"),
      rtcp: bytes(
        "80c80006cafebabe3d221a33cf2c1216eaacc41a52dc0e127e44557a"
          + "40de2d24555b419714b15604800e9a3e800000012c6aa47ace7b5bd423be")),
    KnownPacket(
      suite: .aesCM32,
      key: bytes("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6"),
      before: bytes("91e0fffedeadbeef01020304cafebabebede000110aa0000de6c80e8c14e6cae6dcd5dd2ad97a7d541c9ef6d77c80b81"),
      after: bytes("91e00001deadbeef01020304cafebabebede000110aa0000180ab17423c094bd491041b20ddff09e49c5d0f440b81427"),
      rtcp: bytes(
        "80c80006cafebabe3d221a33cf2c1216eaacc41a52dc0e127e44557a"
          + "40de2d24555b419714b15604800e9a3e800000012c6aa47ace7b5bd423be")),
    KnownPacket(
      suite: .aeadAES128GCM,
      key: bytes("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3a"),
      before: bytes(
        "91e0fffedeadbeef01020304cafebabebede000110aa00002dbe21d81a7f730ccf3448401dde2f7664b5e324bf421d59340a8a401243f7120a26073d"),
      after: bytes(
        "91e00001deadbeef01020304cafebabebede000110aa0000b0a8f262955c76818a186e837973b02fb8a4647b71e144bc0cb11ced8ee90abb8dff80c4"),
      rtcp: bytes(
        "80c80006cafebabea66447dbecf7ed8b54a1cae435e516f439671b0a"
          + "2dc2f77adadc48811fa2bcdb4a349d709524ea976412fc0f6e560b3bf72911ce80000001")),
    KnownPacket(
      suite: .aeadAES256GCM,
      key: bytes("e1f97a0d3e018be0d64fa32c06de4139000102030405060708090a0b0c0d0e0f0ec675ad498afeebb6960b3a"),
      before: bytes(
        "91e0fffedeadbeef01020304cafebabebede000110aa00002425a4ecccb2d2a3c5d09efa7df84d70be48923094a1e1d398d2892a1a40e8b5788e9e82"),
      after: bytes(
        "91e00001deadbeef01020304cafebabebede000110aa000090473a49d9e0a581daaf5ff75e3bb1d7a508f0e1c4a2f6463f3f6c5e60c86f069b658121"),
      rtcp: bytes(
        "80c80006cafebabed8e7997b8b0fd29b4d54f528128fe24d1afb4611"
          + "c5092c2bdb50d0caa35db9af35de71b1a71f13d789834e47b58c124a12e37e8a80000001")),
  ]

  private static func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.utf8.map { $0 < 58 ? $0 - 48 : $0 - 87 }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
