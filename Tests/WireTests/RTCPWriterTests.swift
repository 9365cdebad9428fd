import Ground
import RTCP
import Testing

/// What a receiver sends, byte for byte, and that it reads back.
@Suite struct RTCPWriterTests {
  private func block(_ ssrc: UInt32 = 0x0102_0304, lost: Int32 = 5, fraction: UInt8 = 64) -> ReportBlock {
    ReportBlock(
      ssrc: SSRC(ssrc), fractionLost: fraction, cumulativeLost: lost, extendedHighestSequenceNumber: 0x0001_ffff, jitter: 99,
      lastSR: 0xb2c3_8000, delaySinceLastSR: 65_536)
  }

  @Test func receiverReportWithItsName() {
    var writer = RTCPWriter()
    writer.receiverReport(from: SSRC(7), blocks: [block()])
    writer.sourceDescription(of: SSRC(7), cname: "me@x")
    writer.pictureLossIndication(from: SSRC(7), media: SSRC(0x0102_0304))
    #expect(
      writer.bytes == [0x81, 201, 0, 7] + words(7, 0x0102_0304, 0x4000_0005, 0x0001_ffff, 99, 0xb2c3_8000, 65_536)
        + [0x81, 202, 0, 3] + words(7) + [1, 4, 109, 101, 64, 120, 0, 0] + [0x81, 206, 0, 2] + words(7, 0x0102_0304))
    #expect(
      RTCPTold(writer.bytes).packets == [
        .receiverReport(ssrc: SSRC(7)), .cname(ssrc: SSRC(7), range: 42..<46),
        .feedback(packetType: 206, format: 1, sender: SSRC(7), media: SSRC(0x0102_0304)),
      ])
  }

  /// 24 bits, signed; what is beyond stays at the end of the range (RFC 3550 appendix A.3).
  @Test(
    arguments: [
      (0, 0x00_0000), (1, 0x00_0001), (-1, 0xff_ffff), (0x7f_ffff, 0x7f_ffff), (0x80_0000, 0x7f_ffff), (.max, 0x7f_ffff),
      (-0x80_0000, 0x80_0000), (-0x80_0001, 0x80_0000), (.min, 0x80_0000),
    ] as [(Int32, UInt32)]) func cumulativeLost(_ lost: Int32, _ field: UInt32)
  {
    for fraction in [0, 255] as [UInt8] {
      var writer = RTCPWriter()
      writer.receiverReport(from: SSRC(7), blocks: [block(lost: lost, fraction: fraction)])
      #expect(word(writer.bytes, at: 12) == UInt32(fraction) << 24 | field)
    }
  }

  @Test(arguments: [(0, [0]), (1, [1]), (31, [31]), (32, [31, 1]), (62, [31, 31]), (63, [31, 31, 1])])
  func aPacketHoldsThirtyOneBlocks(_ count: Int, _ packets: [Int]) {
    var writer = RTCPWriter()
    writer.receiverReport(from: SSRC(7), blocks: (0..<count).map { block(UInt32($0)) })
    #expect(writer.bytes.count == packets.reduce(0) { $0 + 8 + 24 * $1 })
    #expect(RTCPTold(writer.bytes) == RTCPTold(packets.map { _ in .receiverReport(ssrc: SSRC(7)) }))
    var at = 0
    var next: UInt32 = 0
    for blocks in packets {
      #expect(Int(writer.bytes[at] & 0x1f) == blocks && writer.bytes[at] & 0xe0 == 0x80)
      for i in 0..<blocks {
        #expect(word(writer.bytes, at: at + 8 + 24 * i) == next)
        next += 1
      }
      at += 8 + 24 * blocks
    }
  }

  /// A name of any length ends in one to four zeros, on a word's edge; beyond 255 bytes it is cut.
  @Test func namesOfEveryLength() {
    for length in 0...260 {
      let name = String(repeating: "n", count: length)
      var writer = RTCPWriter()
      writer.sourceDescription(of: SSRC(7), cname: name)
      writer.goodbye(from: SSRC(7))
      let kept = min(length, 255)
      #expect(writer.bytes.count % 4 == 0)
      #expect(RTCPTold(writer.bytes) == RTCPTold([.cname(ssrc: SSRC(7), range: 10..<10 + kept), .goodbye(ssrc: SSRC(7))]))
      let zeros = writer.bytes.count - 8 - (10 + kept)
      #expect((1...4).contains(zeros))
      #expect(writer.bytes[(10 + kept)..<(10 + kept + zeros)].allSatisfy { $0 == 0 })
    }
  }

  @Test func senderReportReadsBack() {
    var writer = RTCPWriter()
    writer.senderReport(RTCPReaderTests.report)
    #expect(writer.bytes == [0x80, 200, 0, 6] + RTCPReaderTests.senderInfo)
    #expect(RTCPTold(writer.bytes).packets == [.senderReport(RTCPReaderTests.report)])
  }

  @Test func aResetBeginsANewDatagram() {
    var writer = RTCPWriter()
    writer.goodbye(from: SSRC(1))
    writer.reset()
    #expect(writer.bytes.isEmpty)
    writer.goodbye(from: SSRC(2))
    #expect(writer.bytes == [0x81, 203, 0, 1, 0, 0, 0, 2])
  }
}
