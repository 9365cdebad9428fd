import Ground
import RTP
import Seeded
import Testing

/// RFC 2198: payloads that carry older ones along.
@Suite struct RTPRedundancyTests {
  private func packet(_ payload: [UInt8], padding: Int = 0) -> [UInt8] {
    RTPHeaderFields(
      payloadType: PayloadType(63), marker: true, sequenceNumber: SequenceNumber(7), timestamp: RTPTimestamp(100), ssrc: SSRC(9)
    ).packet(payload: payload, padding: padding)
  }

  /// §4's figure in small: one redundant block of another type, 160 ticks older, and the primary one behind it.
  @Test func theFigureOfTheStandard() throws {
    let datagram = packet([0x80 | 7, 160 >> 6, (160 & 63) << 2, 3, 5, 0xa1, 0xa2, 0xa3, 0xb1, 0xb2], padding: 4)
    let packet = try RTPPacket(parsing: datagram.span)
    let blocks = try RTPRedundancy(parsing: packet, in: datagram.span)
    #expect(blocks.redundantCount == 1)
    #expect(blocks.payloadType == PayloadType(5))
    #expect(Array(datagram[blocks.primary]) == [0xb1, 0xb2])
    let block = blocks.block(0, in: datagram.span)
    #expect(block.payloadType == PayloadType(7) && block.age == 160)
    #expect(Array(datagram[block.range]) == [0xa1, 0xa2, 0xa3])
    var bytes: [UInt8] = []
    blocks.writePrimary(of: packet, in: datagram.span, into: &bytes)
    #expect(bytes == [0x80, 0x85, 0, 7, 0, 0, 0, 100, 0, 0, 0, 9, 0xb1, 0xb2])
    bytes = []
    blocks.writePacket(repeatedBy: block, of: packet, in: datagram.span, number: SequenceNumber(6), into: &bytes)
    #expect(bytes == [0x80, 7, 0, 6, 0xff, 0xff, 0xff, 0xc4, 0, 0, 0, 9, 0xa1, 0xa2, 0xa3])
  }

  @Test func threeBlocksLieBehindEachOther() throws {
    // Ages 16383 and 960, lengths 1023 and 2.
    let headers: [UInt8] = [0x80 | 111, 0xff, 0xff, 0xff, 0x80 | 111, 0x0f, 0x00, 0x02, 111]
    let datagram = packet(headers + [UInt8](repeating: 1, count: 1023) + [2, 2] + [3])
    let parsed = try RTPPacket(parsing: datagram.span)
    let blocks = try RTPRedundancy(parsing: parsed, in: datagram.span)
    let found = (0..<blocks.redundantCount).map { blocks.block($0, in: datagram.span) }
    #expect(found.map(\.age) == [16_383, 960])
    #expect(found.map { Array(datagram[$0.range]) } == [[UInt8](repeating: 1, count: 1023), [2, 2]])
    #expect(Array(datagram[blocks.primary]) == [3])
  }

  @Test func aLonelyPrimaryBlockAndAnEmptyOne() throws {
    for body in [[UInt8]](arrayLiteral: [1, 2, 3], []) {
      let datagram = packet([96] + body)
      let blocks = try RTPRedundancy(parsing: try RTPPacket(parsing: datagram.span), in: datagram.span)
      #expect(blocks.redundantCount == 0 && Array(datagram[blocks.primary]) == body)
    }
  }

  @Test func whatBreaksOffIsRefused() throws {
    let payload: [UInt8] = [0x80 | 111, 0x0f, 0x00, 0x03, 111, 1, 2, 3]
    for count in 0..<payload.count {
      let datagram = packet(Array(payload[..<count]))
      let parsed = try RTPPacket(parsing: datagram.span)
      #expect(throws: WireError.self) { try RTPRedundancy(parsing: parsed, in: datagram.span) }
    }
  }

  /// Whatever bytes come, blocks lie inside the payload and behind each other.
  @Test func anyBytes() throws {
    var chance = SeededGenerator(2198)
    var whole = 0
    for _ in 0..<20_000 {
      let payload = (0..<Int.random(in: 0...60, using: &chance)).map { _ in
        UInt8.random(in: 0...255, using: &chance) & (Bool.random(using: &chance) ? 0x83 : 0xff)
      }
      let datagram = packet(payload)
      let parsed = try RTPPacket(parsing: datagram.span)
      guard let blocks = try? RTPRedundancy(parsing: parsed, in: datagram.span) else { continue }
      whole += 1
      var end = parsed.payloadStart + blocks.redundantCount * 4 + 1
      for index in 0..<blocks.redundantCount {
        let block = blocks.block(index, in: datagram.span)
        #expect(block.range.lowerBound == end)
        end = block.range.upperBound
      }
      #expect(blocks.primary == end..<parsed.payloadEnd)
    }
    #expect(whole > 1_000)
  }
}
