import Ground
import STUN
import STUNSamples
import Seeded
import Testing

/// What a hostile or broken sender can do with lengths and values.
@Suite struct STUNDamageTests {
  struct Malformed: Sendable, CustomTestStringConvertible {
    let name: String
    let attributes: String
    let error: WireError
    var testDescription: String { name }
  }

  static let malformed: [Malformed] = [
    Malformed(name: "a value beyond the end", attributes: "0006000561626364", error: .badLength),
    Malformed(name: "the longest length", attributes: "0006ffff61626364", error: .badLength),
    Malformed(name: "PRIORITY of 3", attributes: "00240003 6e000100", error: .badLength),
    Malformed(name: "PRIORITY of 8", attributes: "00240008 6e0001006e000100", error: .badLength),
    Malformed(name: "USE-CANDIDATE with a value", attributes: "00250004 00000000", error: .badLength),
    Malformed(name: "ICE-CONTROLLING of 4", attributes: "802a0004 00000000", error: .badLength),
    Malformed(name: "ICE-CONTROLLED of none", attributes: "80290000", error: .badLength),
    Malformed(name: "MESSAGE-INTEGRITY of 16", attributes: "00080010" + String(repeating: "00", count: 16), error: .badLength),
    Malformed(name: "FINGERPRINT of 8", attributes: "80280008 0000000000000000", error: .badLength),
    Malformed(name: "something after FINGERPRINT", attributes: "80280004 00000000 802200046c6c6c6c", error: .badValue),
    Malformed(name: "an address of an unknown family", attributes: "00200008 0003a147e112a643", error: .badValue),
    Malformed(name: "an IPv4 address of 20 bytes", attributes: "00200014 0001a147" + String(repeating: "00", count: 16), error: .badLength),
    Malformed(name: "an IPv6 address of 8 bytes", attributes: "00010008 0002a147e112a643", error: .badLength),
    Malformed(name: "an address of none", attributes: "00200000", error: .badLength),
    Malformed(name: "ERROR-CODE of 2", attributes: "00090002 00000000", error: .badLength),
    Malformed(name: "ERROR-CODE of class 7", attributes: "00090004 00000700", error: .badValue),
    Malformed(name: "ERROR-CODE number 100", attributes: "00090004 00000464", error: .badValue),
    Malformed(name: "UNKNOWN-ATTRIBUTES of 3", attributes: "000a0003 7fff0000", error: .badLength),
    Malformed(name: "USERNAME of 514", attributes: "00060202" + String(repeating: "61", count: 516), error: .badLength),
  ]

  private func message(_ attributes: [UInt8], type: UInt16 = 1) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendU16(type)
    bytes.appendU16(UInt16(attributes.count))
    bytes += hexBytes("2112a442b7e7a701bc34d686fa87dfae")
    return bytes + attributes
  }

  private func refusal(_ bytes: [UInt8]) -> WireError? {
    do throws(WireError) {
      _ = try STUNMessage(parsing: bytes.span)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: malformed) func isRefused(_ row: Malformed) {
    var attributes = hexBytes(row.attributes)
    while attributes.count & 3 != 0 { attributes.append(0) }
    #expect(refusal(message(attributes)) == row.error)
  }

  @Test func lengthsMustFitTheDatagram() {
    var good = SampleSTUN.request
    #expect(refusal(good) == nil)
    good.append(0)
    #expect(refusal(good) == .badLength)
    for end in 0..<SampleSTUN.request.count {
      let prefix = Array(SampleSTUN.request[..<end])
      #expect(refusal(prefix) == (end < 20 ? .truncated(needed: 20, have: end) : .badLength))
    }
    for length in 0...UInt8.max where length != 88 {
      var bytes = SampleSTUN.request
      bytes[3] = length
      #expect(refusal(bytes) == .badLength)
    }
    var other = SampleSTUN.request
    other[0] = 0x80
    #expect(refusal(other) == .badVersion(0x80))
  }

  @Test func eachAttributeShortenedOrGrown() {
    // All of the message's lengths right, but for one attribute's value: it is refused, or what it says is read from its own bytes.
    let values: [(type: UInt16, value: [UInt8])] = [
      (STUNAttribute.username, Array("ab:cd".utf8)), (STUNAttribute.priority, [1, 2, 3, 4]), (STUNAttribute.useCandidate, []),
      (STUNAttribute.iceControlled, Array(1...8)), (STUNAttribute.iceControlling, Array(1...8)),
      (STUNAttribute.xorMappedAddress, [0, 1] + Array(1...6)), (STUNAttribute.mappedAddress, [0, 2] + Array(1...18)),
      (STUNAttribute.errorCode, [0, 0, 4, 1]), (STUNAttribute.unknownAttributes, [1, 2]), (STUNAttribute.software, [65]),
      (STUNAttribute.messageIntegrity, Array(1...20)), (STUNAttribute.fingerprint, [1, 2, 3, 4]),
    ]
    let free: Set<UInt16> = [STUNAttribute.username, STUNAttribute.software]
    for (type, value) in values {
      for count in 0...40 {
        var writer = STUNWriter(.request, transactionID: STUNTransactionID(high: 1, low: 2))
        writer.attribute(type, (value + Array(repeating: 7, count: 40)).prefix(count))
        let isGood = refusal(writer.bytes) == nil
        switch type {
        case _ where free.contains(type): #expect(isGood)
        case STUNAttribute.errorCode: #expect(isGood == (count >= 4))
        case STUNAttribute.unknownAttributes: #expect(isGood == (count % 2 == 0))
        default: #expect(isGood == (count == value.count), "\(type) of \(count)")
        }
      }
    }
  }

  @Test func randomBytesAndDamage() {
    var random = SeededGenerator(8489)
    let seeds = CapturedSTUN.all.map(\.bytes) + [SampleSTUN.request, SampleSTUN.responseV4, SampleSTUN.responseV6]
    var read = 0
    for round in 0..<60_000 {
      var bytes = round % 3 == 0 ? random.bytes(random.pick(0...120)) : random.damaged(seeds[random.pick(0...seeds.count - 1)])
      // Let more of them past the header.
      if bytes.count >= 20, random.pick(0...1) == 0 {
        bytes.replaceSubrange(4..<8, with: [0x21, 0x12, 0xa4, 0x42])
        bytes[0] &= 3
        bytes.removeLast(bytes.count & 3)
        bytes[2] = UInt8((bytes.count - 20) >> 8)
        bytes[3] = UInt8((bytes.count - 20) & 0xff)
      }
      if let fragment = STUNMessage.receiverFragment(in: bytes.span) { #expect(fragment.upperBound < bytes.count) }
      guard let message = try? STUNMessage(parsing: bytes.span) else { continue }
      read += 1
      let ranges = [
        message.username, message.errorReason, message.unknownAttributes, message.software, message.messageIntegrity, message.fingerprint,
        message.integrityCover?.body,
      ]
      for range in ranges { #expect(range.map { 4 <= $0.lowerBound && $0.upperBound <= bytes.count } != false) }
      #expect(bytes.unknownRequired?.isEmpty == (message.unknownRequiredCount == 0))
      _ = message.isFingerprintValid(in: bytes.span)
    }
    #expect(read > 5_000)
  }
}
