import Ground
import RTCP
import Testing

/// RTCP as senders write it: every packet type, compound and alone (RFC 3550 §6, RFC 4585 §6, RFC 5506).
@Suite struct RTCPReaderTests {
  static let report = SenderReport(
    ssrc: SSRC(0xaabb_ccdd), ntp: NTPTimestamp(0xe7a1_b2c3_8000_0000), rtp: RTPTimestamp(0xffff_fff0), packetCount: 17, octetCount: 18_000)
  static let senderInfo = words(0xaabb_ccdd, 0xe7a1_b2c3, 0x8000_0000, 0xffff_fff0, 17, 18_000)
  static let block = words(0x0102_0304, 0x4000_0005, 0x0001_ffff, 99, 0xb2c3_8000, 65_536)
  /// A CNAME of seven bytes behind a NAME of two: the text ends three bytes short of a word, or of none.
  static let chunk = words(0x0102_0304) + [2, 2, 65, 66, 1, 7] + Array("a@b.org".utf8) + [0, 0, 0]

  struct Case: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var datagram: [UInt8]
    var want: RTCPTold
    init(_ name: String, _ datagram: [UInt8], _ want: [RTCPPacket], _ error: WireError? = nil) {
      (testDescription, self.datagram, self.want) = (name, datagram, RTCPTold(want, error))
    }
  }

  static let whole: [Case] = [
    Case("nothing", [], []),
    Case("sender report", rtcp(200, senderInfo), [.senderReport(report)]),
    Case("sender report with blocks", rtcp(200, count: 2, senderInfo + block + block), [.senderReport(report)]),
    Case("sender report with a profile's extension", rtcp(200, senderInfo + words(1, 2, 3)), [.senderReport(report)]),
    Case("receiver report", rtcp(201, count: 1, words(7) + block), [.receiverReport(ssrc: SSRC(7))]),
    Case("receiver report of nothing", rtcp(201, words(7)), [.receiverReport(ssrc: SSRC(7))]),
    Case(
      "receiver report, all 31 blocks", rtcp(201, count: 31, words(7) + Array(repeating: block, count: 31).joined()),
      [.receiverReport(ssrc: SSRC(7))]),
    Case("CNAME after another item", rtcp(202, count: 1, chunk), [.cname(ssrc: SSRC(0x0102_0304), range: 14..<21)]),
    Case(
      "two chunks", rtcp(202, count: 2, words(5) + [1, 1, 65, 0] + chunk),
      [.cname(ssrc: SSRC(5), range: 10..<11), .cname(ssrc: SSRC(0x0102_0304), range: 22..<29)]),
    Case("an empty CNAME", rtcp(202, count: 1, words(5) + [1, 0, 0, 0]), [.cname(ssrc: SSRC(5), range: 10..<10)]),
    Case(
      "a chunk without CNAME, then one with it", rtcp(202, count: 2, words(5) + [6, 1, 65, 0] + words(6) + [1, 1, 66, 0]),
      [.cname(ssrc: SSRC(6), range: 18..<19)]),
    Case("a chunk without items", rtcp(202, count: 2, words(5, 0, 6) + [1, 1, 66, 0]), [.cname(ssrc: SSRC(6), range: 18..<19)]),
    Case(
      "a text that fills its word wants one more of zeros", rtcp(202, count: 1, words(5) + [1, 2, 65, 66] + words(0)),
      [.cname(ssrc: SSRC(5), range: 10..<12)]),
    Case("an end without zeros", rtcp(202, count: 1, words(5) + [1, 2, 65, 66]), [.cname(ssrc: SSRC(5), range: 10..<12)]),
    Case("no chunks", rtcp(202, []), []),
    Case("goodbye", rtcp(203, count: 1, words(9)), [.goodbye(ssrc: SSRC(9))]),
    Case(
      "goodbye of three, with a reason", rtcp(203, count: 3, words(9, 10, 11) + [3, 66, 121, 101]),
      [.goodbye(ssrc: SSRC(9)), .goodbye(ssrc: SSRC(10)), .goodbye(ssrc: SSRC(11))]),
    Case("goodbye of nobody", rtcp(203, []), []),
    Case("APP", rtcp(204, count: 3, words(1, 0x4141_4141)), [.other(packetType: 204)]),
    Case("NACK", rtcp(205, count: 1, words(1, 2, 0x0064_8001)), [feedback(205, 1)]),
    Case("transport-wide feedback", rtcp(205, count: 15, padding: true, words(1, 2, 3, 4) + [0, 0, 0, 1]), [feedback(205, 15)]),
    Case("PLI", rtcp(206, count: 1, words(1, 2)), [feedback(206, 1)]),
    Case("FIR", rtcp(206, count: 4, words(1, 0, 2, 0x0100_0000)), [feedback(206, 4, media: 0)]),
    Case("REMB", rtcp(206, count: 15, words(1, 0, 0x5245_4d42, 0x0100_ffff, 2)), [feedback(206, 15, media: 0)]),
    Case("XR", rtcp(207, words(1, 2)), [.other(packetType: 207)]),
    Case("a type of tomorrow", rtcp(223, words(1)), [.other(packetType: 223)]),
    Case("a type of the day before yesterday", rtcp(192, []), [.other(packetType: 192)]),
  ]

  static func feedback(_ type: UInt8, _ format: UInt8, media: UInt32 = 2) -> RTCPPacket {
    .feedback(packetType: type, format: format, sender: SSRC(1), media: SSRC(media))
  }

  @Test(arguments: whole) func tells(_ given: Case) { #expect(RTCPTold(given.datagram) == given.want) }

  /// One after the other in one datagram, in this order and the other: what each tells, and no more.
  @Test func compounds() {
    for order in [RTCPReaderTests.whole, RTCPReaderTests.whole.reversed()] {
      var datagram: [UInt8] = []
      var want: [RTCPPacket] = []
      for item in order {
        want += item.want.packets.map { packet in
          guard case .cname(let ssrc, let range) = packet else { return packet }
          return .cname(ssrc: ssrc, range: range.lowerBound + datagram.count..<range.upperBound + datagram.count)
        }
        datagram += item.datagram
      }
      #expect(RTCPTold(datagram) == RTCPTold(want))
    }
  }

  @Test func theRangeOfANameIsItsText() throws {
    let datagram = rtcp(201, words(7)) + rtcp(202, count: 1, RTCPReaderTests.chunk)
    guard case .cname(_, let range)? = RTCPTold(datagram).packets.last else { throw WireError.badValue }
    #expect(String(decoding: datagram[range], as: UTF8.self) == "a@b.org")
  }

  /// A compound cut anywhere tells what came whole before the cut, and throws where the cut is inside a packet.
  @Test func everyTruncation() {
    let parts = [
      rtcp(200, count: 1, RTCPReaderTests.senderInfo + RTCPReaderTests.block), rtcp(202, count: 1, RTCPReaderTests.chunk),
      rtcp(206, count: 1, words(1, 2)), rtcp(203, count: 1, words(9)),
    ]
    let datagram = Array(parts.joined())
    let all = RTCPTold(datagram)
    #expect(all.packets.count == 4 && all.error == nil)
    let ends = parts.indices.map { parts[...$0].map(\.count).reduce(0, +) }
    for count in 0..<datagram.count {
      let told = RTCPTold(Array(datagram.prefix(count)))
      let before = ends.filter { $0 <= count }.count
      #expect(told.packets == Array(all.packets.prefix(before)))
      let isBoundary = count == 0 || ends.contains(count)
      let isTruncation = if case .truncated(let needed, count)? = told.error { needed > count } else { false }
      #expect(isBoundary ? told.error == nil : isTruncation, "\(count) bytes")
    }
  }

  @Test func whatLooksLikeRTCP() {
    for type in UInt8.min...UInt8.max {
      #expect(looksLikeRTCP([0x80, type, 0, 0]) == (192...223).contains(type))
    }
    for first in UInt8.min...UInt8.max {
      #expect(looksLikeRTCP([first, 200, 0, 0]) == (0x80...0xbf).contains(first))
    }
    for count in 0..<4 { #expect(!looksLikeRTCP(Array([0x80, 200, 0, 0].prefix(count)))) }
    // RTP with the payload types that RFC 5761 §4 keeps free, and those beside them, both with the marker.
    #expect(looksLikeRTCP(rtp(second: 0x80 | 72)))
    #expect(!looksLikeRTCP(rtp(second: 0x80 | 63)))
    #expect(!looksLikeRTCP(rtp(second: 0x80 | 96)))
    #expect(!looksLikeRTCP(rtp(second: 72)))
  }
}
