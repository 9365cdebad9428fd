import Ground
import STUN
import STUNSamples
import Seeded
import Testing

/// What is written reads back, and the rules about order and repetition.
@Suite struct STUNWritingTests {
  private let id = STUNTransactionID(high: 0xb7e7_a701, low: 0xbc34_d686_fa87_dfae)

  @Test func theSampleRequestIsWritten() {
    var writer = STUNWriter(.request, transactionID: id)
    writer.software("STUN test client")
    writer.priority(0x6e00_01ff)
    writer.iceControlled(0x932f_f9b1_5126_3b36)
    // The vector pads with spaces; any bytes are allowed there, ours are zeros, so the codes differ.
    writer.username("evtj:h6vY")
    #expect(writer.bytes.count == 76)
    var covered = 0
    writer.messageIntegrity { bytes in
      covered = bytes.count
      #expect(bytes.u16(at: 2) == 80)
      return InlineArray<20, UInt8>(repeating: 9)
    }
    #expect(covered == 76)
    writer.fingerprint()
    let want = SampleSTUN.request
    #expect(Array(writer.bytes[..<73]) == Array(want[..<73]))
    #expect(Array(writer.bytes[76..<80]) == Array(want[76..<80]))
    #expect(Array(writer.bytes[80..<100]) == Array(repeating: 9, count: 20))
    #expect(writer.bytes.count == want.count)
  }

  @Test func randomMessagesReadBack() throws {
    var random = SeededGenerator(5769)
    for _ in 0..<2_000 {
      let kinds: [STUNMessage.Class] = [.request, .indication, .success, .error]
      let kind = kinds[random.pick(0...3)]
      let method = UInt16(random.pick(0...0xff))
      let id = STUNTransactionID(high: UInt32(truncatingIfNeeded: random.next()), low: random.next())
      var writer = STUNWriter(kind, method: method, transactionID: id)
      let name = String(repeating: "x", count: random.pick(0...40))
      let address =
        random.pick(0...1) == 0
        ? SocketAddress(ipv4: UInt32(truncatingIfNeeded: random.next()), port: UInt16(random.pick(0...65535)))
        : SocketAddress(high: random.next() | 1, low: random.next(), port: UInt16(random.pick(0...65535)))
      let number = random.next()
      let code = random.pick(3...6) * 100 + random.pick(0...99)
      writer.username(name)
      writer.xorMappedAddress(address)
      writer.errorCode(code, reason: name)
      writer.iceControlled(number)
      writer.iceControlling(~number)
      writer.priority(UInt32(truncatingIfNeeded: number))
      writer.unknownAttributes([0x7fff, 3])
      writer.attribute(0xc057, random.bytes(random.pick(0...9)))
      writer.useCandidate()
      writer.fingerprint()
      let message = try STUNMessage(parsing: writer.bytes.span)
      #expect(message.messageClass == kind && message.method == method && message.transactionID == id)
      #expect(message.username?.count == name.utf8.count && message.errorReason?.count == name.utf8.count)
      #expect(message.mappedAddress == address)
      #expect(message.errorCode == code)
      #expect(message.iceControlled == number && message.iceControlling == ~number)
      #expect(message.priority == UInt32(truncatingIfNeeded: number))
      #expect(message.unknownAttributes.map { Array(writer.bytes[$0]) } == [0x7f, 0xff, 0, 3])
      #expect(message.hasUseCandidate)
      #expect(writer.bytes.isFingerprintValid == true)
    }
  }

  @Test func theFirstOfTwoCounts() throws {
    var writer = STUNWriter(.request, transactionID: id)
    writer.username("first")
    writer.username("second!")
    writer.priority(1)
    writer.priority(2)
    writer.software("a")
    writer.software("bc")
    let message = try STUNMessage(parsing: writer.bytes.span)
    #expect(message.username?.count == 5 && message.priority == 1 && message.software?.count == 1)
  }

  @Test func whatFollowsTheCodeDoesNotCount() throws {
    var writer = STUNWriter(.request, transactionID: id)
    writer.username("a:b")
    writer.messageIntegrity { _ in InlineArray<20, UInt8>(repeating: 1) }
    writer.useCandidate()
    writer.priority(7)
    writer.attribute(0x7abc, [])
    writer.messageIntegrity { _ in InlineArray<20, UInt8>(repeating: 2) }
    writer.fingerprint()
    let message = try STUNMessage(parsing: writer.bytes.span)
    #expect(!message.hasUseCandidate && message.priority == nil && message.unknownRequiredCount == 0)
    #expect(message.integrityCover == STUNIntegrityCover(length: 32, body: 4..<28, code: 32..<52))
    #expect(writer.bytes.unknownRequired == [])
    #expect(writer.bytes.isFingerprintValid == true)
  }

  @Test func unknownTypesAreListedOnce() throws {
    var writer = STUNWriter(.request, transactionID: id)
    for type: UInt16 in [0x7abc, 0xc057, 0x0002, 0x7abc, 0x0003, 0x8fff] { writer.attribute(type, [1]) }
    let message = try STUNMessage(parsing: writer.bytes.span)
    #expect(message.unknownRequiredCount == 4)
    #expect(writer.bytes.unknownRequired == [0x7abc, 0x0002, 0x0003])
    var many = STUNWriter(.request, transactionID: id)
    for type: UInt16 in 0x0100..<0x0140 { many.attribute(type, []) }
    #expect(many.bytes.unknownRequired == Array(0x0100..<0x0110))
  }

  @Test func theFragmentIsWhatStandsBeforeTheColon() {
    func fragment(_ name: String, _ kind: STUNMessage.Class = .request, method: UInt16 = 1) -> String? {
      var writer = STUNWriter(kind, method: method, transactionID: id)
      writer.software("before")
      writer.username(name)
      return writer.bytes.receiverFragment
    }
    #expect(fragment("me:you") == "me")
    #expect(fragment("me:you:more") == "me")
    #expect(fragment(":you") == "")
    #expect(fragment("nobody") == nil)
    #expect(fragment("me:you", .success) == nil)
    #expect(fragment("me:you", method: 3) == nil)
    let bare = STUNWriter(.request, transactionID: id)
    #expect(bare.bytes.receiverFragment == nil)
  }
}
