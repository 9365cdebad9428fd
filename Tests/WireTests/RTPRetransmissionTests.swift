import Ground
import RTP
import Testing

@Suite struct RTPRetransmissionTests {
  /// What is repeated, or nil.
  private func restored(_ datagram: [UInt8]) throws -> [UInt8]? {
    let packet = try RTPPacket(parsing: datagram.span)
    var bytes: [UInt8] = [9]
    guard RTPRetransmission.restore(packet, in: datagram.span, payloadType: PayloadType(96), ssrc: SSRC(7), into: &bytes) else {
      #expect(bytes == [9])
      return nil
    }
    return Array(bytes.dropFirst())
  }

  @Test func thePacketIsAsItWas() throws {
    let repeated = try restored([0x80, 0xe1, 0, 50, 0, 0, 1, 0, 0, 0, 0, 8, 0x12, 0x34, 1, 2, 3])
    #expect(repeated == [0x80, 0xe0, 0x12, 0x34, 0, 0, 1, 0, 0, 0, 0, 7, 1, 2, 3])
  }

  @Test func contributorsExtensionsAndPadding() throws {
    let head: [UInt8] = [0xb1, 0x61, 0, 50, 0, 0, 1, 0, 0, 0, 0, 8]
    let middle: [UInt8] = [0, 0, 0, 77, 0xbe, 0xde, 0, 1, 0x10, 5, 0, 0]
    let repeated = try restored(head + middle + [0xff, 0xff, 42, 0, 0, 3])
    #expect(repeated == [0x91, 0x60, 0xff, 0xff, 0, 0, 1, 0, 0, 0, 0, 7] + middle + [42])
    let bytes = repeated ?? []
    let packet = try RTPPacket(parsing: bytes.span)
    #expect(packet.payloadCount == 1 && packet.csrcCount == 1 && packet.ssrc == SSRC(7))
  }

  @Test func probesRepeatNothing() throws {
    let head: [UInt8] = [0xa0, 0x61, 0, 50, 0, 0, 1, 0, 0, 0, 0, 8]
    #expect(try restored(head + [0, 0, 0, 4]) == nil)
    #expect(try restored([0x80] + head.dropFirst() + [1]) == nil)
    #expect(try restored([0x80] + head.dropFirst()) == nil)
    // An original without payload: padding that was repeated.
    #expect(try restored([0x80] + head.dropFirst() + [0, 9])?.count == 12)
  }
}
