import Ground
import ICE
import STUN
import STUNSamples
import Testing

/// MESSAGE-INTEGRITY against the RFC's vectors, real peers, and a second HMAC.
@Suite struct IntegrityTests {
  @Test func theTestsOwnHMACIsRight() {
    // RFC 2202 §3, cases 1, 2 and 6.
    #expect(
      HMACSHA1.code(key: Array(repeating: 0x0b, count: 20), Array("Hi There".utf8)) == hexBytes("b617318655057264e28bc0b6fb378c8ef146be00"))
    #expect(
      HMACSHA1.code(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
        == hexBytes("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"))
    #expect(
      HMACSHA1.code(key: Array(repeating: 0xaa, count: 80), Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8))
        == hexBytes("aa4ae5e15272d00e95705637ce8a3b55ed402112"))
  }

  @Test(arguments: CapturedSTUN.all) func realPeersCodesFit(_ captured: CapturedSTUN) throws {
    let answer = try Answer(ICEDatagram(bytes: captured.bytes, to: Sample.here, fromLocal: Sample.here))
    if let password = captured.password { #expect(answer.isSigned(by: password)) }
  }

  /// The RFC's request is let in by an agent with its credentials, and is not with any byte changed.
  @Test func theSampleRequestIsLetInAndNothingLikeIt() throws {
    func reception(_ bytes: [UInt8]) throws -> ICEReception {
      // The sample's sender is controlled, so a full controlling agent must hear it.
      let box = try AgentBox(
        Sample.full([Sample.here]), credentials: ICECredentials(usernameFragment: "evtj", password: SampleSTUN.password))
      return box.receive(bytes, from: Sample.there, to: Sample.here, at: .zero)
    }
    let good = SampleSTUN.request
    #expect(try reception(good) == .accepted)
    // Bytes 100 and 101 are FINGERPRINT's type; changed, they make a message without one, which is allowed.
    for i in good.indices where i != 100 && i != 101 {
      var bytes = good
      bytes[i] ^= 1
      #expect(try reception(bytes) != .accepted, "byte \(i)")
      // The fingerprint made right again: now the code alone stands against it.
      guard (4..<76).contains(i) || (80..<100).contains(i) else { continue }
      let body = Array(bytes[..<100])
      let value = STUNFingerprint.value(of: body.span, upTo: 100)
      bytes.replaceSubrange(104..<108, with: [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) })
      #expect(try reception(bytes) != .accepted, "byte \(i) with its fingerprint")
    }
  }

  @Test(arguments: CapturedSTUN.all) func realChecksAreAnswered(_ captured: CapturedSTUN) throws {
    let bytes = captured.bytes
    let message = try STUNMessage(parsing: bytes.span)
    guard message.messageClass == .request, let password = captured.password, let username = message.username else { return }
    let name = String(decoding: captured.bytes[username], as: UTF8.self).split(separator: ":")
    let ours = try ICECredentials(usernameFragment: String(name[0]), password: password)
    let box = try AgentBox(message.iceControlled == nil ? Sample.lite() : Sample.full([Sample.here]), credentials: ours)
    #expect(box.receive(captured.bytes, from: Sample.there, to: Sample.here, at: .zero) == .accepted)
    let answer = try Answer(box.drain()[0])
    #expect(answer.message.messageClass == .success)
    #expect(answer.message.transactionID == message.transactionID)
    #expect(answer.message.mappedAddress == Sample.there)
    #expect(answer.isSigned(by: password))
    #expect(answer.isFingerprintValid == true)
    let fragment = ICEAgent.localFragment(of: bytes.span)
    #expect(fragment == String(name[0]))
  }

  /// Byte for byte what aiortc's agent answered in the capture.
  @Test func theAnswerToChromiumIsTheCaptured() throws {
    let request = CapturedSTUN.all[0]
    let ours = try ICECredentials(usernameFragment: "ea4974fa", password: #require(request.password))
    let box = try AgentBox(Sample.lite(), credentials: ours)
    box.receive(request.bytes, from: address("127.0.0.1", 42761), to: address("127.0.0.1", 41148), at: .zero)
    let sent = box.drain()
    #expect(
      sent == [ICEDatagram(bytes: CapturedSTUN.all[1].bytes, to: address("127.0.0.1", 42761), fromLocal: address("127.0.0.1", 41148))])
  }
}
