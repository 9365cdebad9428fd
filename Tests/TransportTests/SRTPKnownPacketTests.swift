import Ground
import SRTP
import Testing

/// Each suite against packets of another implementation, both ways.
@Suite struct SRTPKnownPacketTests {
  @Test(arguments: KnownPacket.all) func packetsAreOpened(_ known: KnownPacket) throws {
    let ends = try Ends(known.suite, key: known.key)
    #expect(ends.receiver.open(known.before) == .success(KnownPacket.clearBefore))
    #expect(ends.receiver.open(known.after) == .success(KnownPacket.clearAfter))
    #expect(ends.receiver.openRTCP(known.rtcp) == .success(KnownPacket.clearRTCP))
  }

  @Test(arguments: KnownPacket.all) func packetsAreSealed(_ known: KnownPacket) throws {
    let ends = try Ends(known.suite, key: known.key)
    #expect(try ends.sender.sealed(KnownPacket.clearBefore) == known.before)
    #expect(try ends.sender.sealed(KnownPacket.clearAfter) == known.after)
    #expect(try ends.sender.sealedRTCP(KnownPacket.clearRTCP) == known.rtcp)
  }

  /// The tag and nothing else is added: no MKI. SRTCP adds its index too, and has the long tag under the suite with the short one.
  @Test(
    arguments: [(.aesCM80, 10, 14), (.aesCM32, 4, 14), (.aeadAES128GCM, 16, 20), (.aeadAES256GCM, 16, 20)] as [(CryptoSuite, Int, Int)])
  func whatIsAdded(_ suite: CryptoSuite, _ rtp: Int, _ rtcp: Int) throws {
    let ends = try Ends(suite)
    #expect(try ends.sender.sealed(media(1)).count == media(1).count + rtp)
    #expect(try ends.sender.sealedRTCP(KnownPacket.clearRTCP).count == KnownPacket.clearRTCP.count + rtcp)
    #expect(rtp <= SRTPSession.maximumTrailerBytes && rtcp <= SRTPSession.maximumTrailerBytes)
  }

  /// A sender that puts a key identifier between payload and tag, which nobody agreed on, is not understood.
  @Test(arguments: KnownPacket.all) func aKeyIdentifierIsNotGuessed(_ known: KnownPacket) throws {
    let tag =
      switch known.suite {
      case .aesCM80: 10
      case .aesCM32: 4
      case .aeadAES128GCM, .aeadAES256GCM: 0  // stands at the end (RFC 7714 §8.2)
      }
    var packet = known.before
    packet.insert(contentsOf: [0, 0, 0, 1], at: packet.count - tag)
    #expect(try Ends(known.suite, key: known.key).receiver.open(packet) == .failure(.authenticationFailed))
  }

  @Test(
    arguments: [
      (.aesCM80, "AES_CM_128_HMAC_SHA1_80", 16, 14), (.aesCM32, "AES_CM_128_HMAC_SHA1_32", 16, 14),
      (.aeadAES128GCM, "AEAD_AES_128_GCM", 16, 12), (.aeadAES256GCM, "AEAD_AES_256_GCM", 32, 12),
    ] as [(CryptoSuite, String, Int, Int)]) func namesAndLengths(_ suite: CryptoSuite, _ name: String, _ key: Int, _ salt: Int)
  {
    #expect(CryptoSuite(rawValue: name) == suite)
    #expect(suite.keyBytes == key && suite.saltBytes == salt && suite.keyAndSaltBytes == key + salt)
  }

  @Test(arguments: CryptoSuite.allCases) func aKeyOfAnotherLengthIsRefused(_ suite: CryptoSuite) {
    let needed = suite.keyAndSaltBytes
    for have in Set([0, 1, suite.keyBytes, needed - 1, needed + 1, 28, 30, 44, 46, 1000]).subtracting([needed]) {
      for direction in [SRTPSession.Direction.inbound, .outbound] {
        #expect(throws: SRTPError.badKey(needed: needed, have: have)) {
          _ = try SRTPSession(suite: suite, key: Array(repeating: 1, count: have), direction: direction)
        }
      }
    }
  }
}
