import Ground
import RTCP
import Seeded
import Testing

/// RTCP that lies about its lengths: what was told before stands, the rest is refused, and nothing is read beyond the end.
@Suite struct RTCPDamageTests {
  typealias Case = RTCPReaderTests.Case
  static let senderInfo = RTCPReaderTests.senderInfo
  static let block = RTCPReaderTests.block
  static let pli = rtcp(206, count: 1, words(1, 2))
  static let told: [RTCPPacket] = [RTCPReaderTests.feedback(206, 1)]

  static let broken: [Case] = [
    Case("one byte", [0x80], [], .truncated(needed: 4, have: 1)),
    Case("three bytes after a packet", pli + [0x80, 200, 0], told, .truncated(needed: 16, have: 15)),
    Case("a length beyond the datagram", pli + rtcp(203, count: 1, length: 2, words(9)), told, .truncated(needed: 24, have: 20)),
    Case("the longest length", rtcp(201, length: .max, words(1)), [], .truncated(needed: 65_536 * 4, have: 8)),
    Case("version 1", pli + rtcp(201, version: 1, words(1)), told, .badVersion(1)),
    Case("version 0 where zeros follow", pli + [0, 0, 0, 0], told, .badVersion(0)),
    Case("SR without its sender", rtcp(200, []), [], .badLength),
    Case("SR one word short", rtcp(200, Array(senderInfo.dropLast(4))), [], .badLength),
    Case("SR with a block too few", pli + rtcp(200, count: 2, senderInfo + block), told, .badLength),
    Case("SR with a block one word short", rtcp(200, count: 1, senderInfo + block.dropLast(4)), [], .badLength),
    Case("RR without its sender", rtcp(201, []), [], .badLength),
    Case("RR with a block too few", rtcp(201, count: 1, words(7)), [], .badLength),
    Case("RR with 31 blocks and none there", pli + rtcp(201, count: 31, words(7)), told, .badLength),
    Case("SDES of a chunk and none there", pli + rtcp(202, count: 1, []), told, .badLength),
    Case("SDES with a chunk too few", rtcp(202, count: 2, words(5) + [1, 1, 65, 0]), [.cname(ssrc: SSRC(5), range: 10..<11)], .badLength),
    Case("SDES item beyond its packet", rtcp(202, count: 1, words(5) + [1, 3, 65, 66]) + pli, [], .badLength),
    Case("SDES item without its length", rtcp(202, count: 1, words(5) + [2, 1, 65, 1]) + pli, [], .badLength),
    Case("BYE of more than there are", rtcp(203, count: 2, words(9)) + pli, [.goodbye(ssrc: SSRC(9))], .badLength),
    Case("BYE of one and none there", rtcp(203, count: 1, []) + pli, [], .badLength),
    Case("feedback without media", rtcp(206, count: 1, words(1)), [], .badLength),
    Case("feedback of nothing", rtcp(205, count: 1, []), [], .badLength),
  ]

  @Test(arguments: broken) func refuses(_ given: Case) { #expect(RTCPTold(given.datagram) == given.want) }

  static let padded: [Case] = [
    Case("one word", rtcp(206, count: 1, padding: true, words(1, 2, 4)), told),
    Case("two words, whatever they are", rtcp(206, count: 1, padding: true, words(1, 2, 0xdead_beef, 0xffff_ff08)), told),
    Case(
      "at the end of a compound", rtcp(201, words(7)) + rtcp(206, count: 1, padding: true, words(1, 2, 4)),
      [.receiverReport(ssrc: SSRC(7))] + told),
    Case("before another packet, as Chromium's feedback", rtcp(206, count: 1, padding: true, words(1, 2, 1)) + pli, told + told),
    Case("three bytes, as Chromium's feedback", rtcp(206, count: 1, padding: true, words(1, 2) + [9, 0, 0, 3]), told),
    Case("all that an unknown type has", rtcp(207, padding: true, words(4)), [.other(packetType: 207)]),
    Case("none counted", rtcp(206, count: 1, padding: true, words(1, 2, 0)), [], .badLength),
    Case("more than the packet", pli + rtcp(206, count: 1, padding: true, words(1, 2, 16)), told, .badLength),
    Case("no room for any", pli + rtcp(203, padding: true, []), told, .badLength),
    Case("into what a PLI needs", rtcp(206, count: 1, padding: true, words(1, 4)), [], .badLength),
    Case("into what an SR needs", rtcp(200, padding: true, Array(senderInfo.dropLast(4)) + words(4)), [], .badLength),
    Case("into a report block", rtcp(201, count: 1, padding: true, words(7) + block.dropLast(4) + words(4)), [], .badLength),
    Case("into a chunk", rtcp(202, count: 1, padding: true, words(5) + [1, 4, 65, 66, 67, 4]), [], .badLength),
    Case("instead of a second source", rtcp(203, count: 2, padding: true, words(9, 4)), [.goodbye(ssrc: SSRC(9))], .badLength),
  ]

  @Test(arguments: padded) func padding(_ given: Case) { #expect(RTCPTold(given.datagram) == given.want) }

  /// Every packet that is told took at least a word, and every range lies in the datagram.
  private func check(_ datagram: [UInt8]) -> RTCPTold {
    let told = RTCPTold(datagram)
    #expect(told.packets.count <= datagram.count / 4)
    for case .cname(_, let range) in told.packets { #expect(range.lowerBound >= 10 && range.upperBound <= datagram.count) }
    return told
  }

  @Test func randomBytesNeverTrap() {
    var random = SeededGenerator(11)
    var kinds: Set<String> = []
    for _ in 0..<30_000 {
      // Words that could be heads, small lengths, small counts: what gets far into the parser.
      var datagram: [UInt8] = []
      for _ in 0..<random.pick(0...12) {
        if random.pick(0...2) == 0 {
          datagram += [UInt8(random.pick(0x7f...0xa3)), UInt8(random.pick(199...208)), 0, UInt8(random.pick(0...7))]
        } else {
          datagram += random.bytes(4).map { random.pick(0...1) == 0 ? $0 : $0 & 7 }
        }
      }
      datagram += random.bytes(random.pick(0...7) == 0 ? random.pick(0...3) : 0)
      let told = check(datagram)
      for packet in told.packets { kinds.insert(String("\(packet)".prefix { $0 != "(" })) }
      if let error = told.error { kinds.insert(String("\(error)".prefix { $0 != "(" })) }
    }
    #expect(kinds == ["senderReport", "receiverReport", "cname", "goodbye", "feedback", "other", "truncated", "badVersion", "badLength"])
  }

  @Test func damagedCompoundsNeverTrap() {
    var random = SeededGenerator(12)
    let parts = (RTCPReaderTests.whole + RTCPDamageTests.padded).map(\.datagram)
    var refused = 0
    for _ in 0..<30_000 {
      let compound = (0..<random.pick(1...4)).flatMap { _ in parts[random.pick(0...parts.count - 1)] }
      if check(random.damaged(compound)).error != nil { refused += 1 }
    }
    #expect(refused > 5000 && refused < 30_000)
  }
}
