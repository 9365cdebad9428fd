import Ground
import STUN
import STUNSamples
import Testing

/// What the vectors of RFC 5769 and the messages of real peers say.
@Suite struct STUNReadingTests {
  private func text(_ range: Range<Int>?, _ bytes: [UInt8]) -> String? { range.map { String(decoding: bytes[$0], as: UTF8.self) } }

  @Test func theSampleRequest() throws {
    let bytes = SampleSTUN.request
    let message = try STUNMessage(parsing: bytes.span)
    #expect(message.messageClass == .request)
    #expect(message.method == STUNMessage.bindingMethod)
    #expect(message.transactionID == STUNTransactionID(high: 0xb7e7_a701, low: 0xbc34_d686_fa87_dfae))
    #expect(text(message.username, bytes) == "evtj:h6vY")
    #expect(text(message.software, bytes) == "STUN test client")
    #expect(message.priority == 0x6e00_01ff)
    #expect(message.iceControlled == 0x932f_f9b1_5126_3b36)
    #expect(message.iceControlling == nil)
    #expect(!message.hasUseCandidate)
    #expect(message.integrityCover == STUNIntegrityCover(length: 80, body: 4..<76, code: 80..<100))
    #expect(bytes.isFingerprintValid == true)
    #expect(bytes.receiverFragment == "evtj")
  }

  @Test func theSampleResponses() throws {
    let v4 = try SampleSTUN.responseV4.message()
    #expect(v4.messageClass == .success)
    #expect(v4.mappedAddress == SocketAddress(ip: "192.0.2.1", port: 32853))
    #expect(SampleSTUN.responseV4.isFingerprintValid == true)
    let v6 = try SampleSTUN.responseV6.message()
    #expect(v6.mappedAddress == SocketAddress(ip: "2001:db8:1234:5678:11:2233:4455:6677", port: 32853))
    #expect(SampleSTUN.responseV6.isFingerprintValid == true)
    #expect(SampleSTUN.responseV6.receiverFragment == nil)
  }

  @Test(arguments: CapturedSTUN.all) func realPeersAreRead(_ captured: CapturedSTUN) throws {
    let bytes = captured.bytes
    let message = try STUNMessage(parsing: bytes.span)
    #expect(bytes.looksLikeSTUN)
    #expect(bytes.isFingerprintValid == true)
    #expect((message.messageIntegrity != nil) == (captured.password != nil))
    #expect(bytes.unknownRequired == [])
  }

  /// What the captures are known to hold (priorities and tie-breakers are the peers' own).
  @Test func chromiumsCheck() throws {
    let bytes = CapturedSTUN.all[2].bytes
    let message = try STUNMessage(parsing: bytes.span)
    #expect(text(message.username, bytes) == "ea4974fa:zeMY")
    #expect(message.priority == 0x6e00_1eff)
    #expect(message.iceControlling == 0xc156_2bb0_3a91_1d95)
    #expect(message.hasUseCandidate)
    #expect(bytes.receiverFragment == "ea4974fa")
    let answer = try CapturedSTUN.all[1].bytes.message()
    #expect(answer.mappedAddress == SocketAddress(ip: "127.0.0.1", port: 42761))
  }

  @Test func janusOverIPv6() throws {
    let answer = try CapturedSTUN.all[8].bytes.message()
    #expect(answer.mappedAddress == SocketAddress(ip: "fd00::2", port: 35502))
    let check = try CapturedSTUN.all[9].bytes.message()
    #expect(check.iceControlled == 0x748f_9ded_1acd_3c30)
    let indication = try CapturedSTUN.all[11].bytes.message()
    #expect(indication.messageClass == .indication)
    #expect(indication.integrityCover == nil)
  }

  @Test func onlySTUNLooksLikeIt() {
    let good = SampleSTUN.request
    for first in UInt8.min...UInt8.max {
      var bytes = good
      bytes[0] = first
      #expect(bytes.looksLikeSTUN == (first < 4))
    }
    for cookieByte in 4..<8 {
      var bytes = good
      bytes[cookieByte] ^= 1
      #expect(!bytes.looksLikeSTUN)
    }
    let short = Array(good[..<19])
    #expect(!short.looksLikeSTUN)
    let none: [UInt8] = []
    #expect(!none.looksLikeSTUN)
  }

  @Test func theFingerprintCoversEachByte() throws {
    let good = SampleSTUN.request
    // Padding after USERNAME and both length fields are covered too; a changed length is no message at all.
    for i in good.indices {
      var bytes = good
      bytes[i] ^= 0x10
      guard (try? bytes.message()) != nil else { continue }
      #expect(bytes.isFingerprintValid != true, "byte \(i)")
    }
  }
}
