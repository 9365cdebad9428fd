import Ground
import RTP
import Testing

/// RFC 3550 §5.1 field by field, and every way to lie about a length.
@Suite struct RTPPacketTests {
  @Test func readsEveryField() throws {
    let datagram = rtp(second: 0xe0, rest: [9, 8, 7])
    let packet = try RTPPacket(parsing: datagram.span)
    #expect(packet.marker)
    #expect(packet.payloadType == PayloadType(96))
    #expect(packet.sequenceNumber == SequenceNumber(0x1234))
    #expect(packet.timestamp == RTPTimestamp(0xdead_beef))
    #expect(packet.ssrc == SSRC(0x0102_0304))
    #expect(packet.csrcCount == 0)
    #expect(packet.extensionProfile == 0)
    #expect(packet.extensionStart == packet.extensionEnd)
    #expect(Array(datagram[packet.payloadStart..<packet.payloadEnd]) == [9, 8, 7])
    #expect(packet.payloadCount == 3)
    #expect(!packet.isPaddingOnly)
  }

  @Test func markerIsNoPartOfThePayloadType() throws {
    let packet = try parsed(rtp(second: 0x60)).get()
    #expect(!packet.marker)
    #expect(packet.payloadType == PayloadType(96))
    #expect(try parsed(rtp(second: 0xff)).get().payloadType == PayloadType(127))
    #expect(try parsed(rtp(second: 0x80)).get().payloadType == PayloadType(0))
  }

  /// Twelve bytes are a packet: a sender's probe, or a keep-alive (RFC 6263).
  @Test func aBareHeaderCarriesNothing() throws {
    let packet = try parsed(rtp()).get()
    #expect(packet.isPaddingOnly)
    #expect(packet.payloadStart == 12)
    #expect(RTPPacket.minimumBytes == 12)
  }

  @Test(arguments: [0, 1, 3] as [UInt8]) func onlyVersionTwo(_ version: UInt8) {
    #expect(parsed(rtp(version: version, rest: [1, 2, 3, 4])) == .failure(.badVersion(version)))
  }

  @Test(arguments: 0...15) func contributingSources(_ count: Int) throws {
    let list = (0..<count * 4).map { UInt8($0) }
    let packet = try parsed(rtp(csrcCount: UInt8(count), rest: list + [0xaa])).get()
    #expect(packet.csrcCount == count)
    #expect(packet.payloadStart == 12 + 4 * count)
    #expect(packet.payloadCount == 1)
    guard count > 0 else { return }
    // One byte of the list is missing.
    let short = rtp(csrcCount: UInt8(count), rest: list.dropLast())
    #expect(parsed(short) == .failure(.truncated(needed: 12 + 4 * count, have: 11 + 4 * count)))
  }

  struct Padding: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var datagram: [UInt8]
    /// Bytes of payload that are left, or nil where the packet is refused.
    var payload: Int?
    init(_ name: String, _ datagram: [UInt8], _ payload: Int?) {
      (testDescription, self.datagram, self.payload) = (name, datagram, payload)
    }
  }

  static let paddings = [
    Padding("one byte", rtp(padding: true, rest: [7, 7, 1]), 2),
    Padding("four bytes", rtp(padding: true, rest: [7, 0, 0, 0, 4]), 1),
    Padding("what stands in the padding is no matter", rtp(padding: true, rest: [7, 9, 9, 3]), 1),
    Padding("all of it", rtp(padding: true, rest: [0, 0, 0, 4]), 0),
    Padding("one byte and nothing else", rtp(padding: true, rest: [1]), 0),
    Padding("255 bytes and nothing else", rtp(padding: true, rest: Array(repeating: 0, count: 254) + [255]), 0),
    Padding("a count of none", rtp(padding: true, rest: [7, 7, 0]), nil),
    Padding("more than there is", rtp(padding: true, rest: [0, 0, 4]), nil),
    Padding("announced, and nothing follows the header", rtp(padding: true), nil),
    Padding("into the CSRCs", rtp(padding: true, csrcCount: 1, rest: [0, 0, 0, 0, 2]), nil),
    Padding("nothing follows the CSRCs", rtp(padding: true, csrcCount: 1, rest: [0, 0, 0, 1]), nil),
    Padding("into the extension", rtp(padding: true, extensionBit: true, rest: [0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0, 2]), nil),
    Padding("after the extension", rtp(padding: true, extensionBit: true, rest: [0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0, 5, 0, 2]), 1),
    Padding("nothing follows the extension", rtp(padding: true, extensionBit: true, rest: [0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 1]), nil),
    Padding("no bit: the bytes are payload", rtp(rest: [7, 0, 0, 0, 4]), 5),
  ]

  @Test(arguments: paddings) func padding(_ given: Padding) {
    switch (parsed(given.datagram), given.payload) {
    case (.success(let packet), let payload?):
      #expect(packet.payloadCount == payload)
      #expect(packet.isPaddingOnly == (payload == 0))
    case (let answer, let payload): #expect(answer == .failure(.badLength) && payload == nil)
    }
  }

  /// Every beginning of a packet is refused for what is missing, or is the packet with less payload.
  @Test func everyTruncation() throws {
    var fields = RTPHeaderFields(
      payloadType: PayloadType(111), marker: true, sequenceNumber: SequenceNumber(65535), timestamp: RTPTimestamp(.max), ssrc: SSRC(1))
    fields.csrcs = [SSRC(7), SSRC(8)]
    fields.extensions = [(1, [0xff]), (14, Array(0..<16))]
    let whole = fields.packet(payload: Array(1...60))
    let header = try parsed(whole).get().payloadStart
    #expect(header == 12 + 8 + 4 + 20)
    for count in 0..<whole.count {
      switch parsed(Array(whole.prefix(count))) {
      case .failure(.truncated(let needed, let have)):
        #expect(count < header)
        #expect(have == count && needed > count && needed <= header)
      case .failure(let error): Issue.record("\(count) bytes: \(error)")
      case .success(let packet):
        #expect(count >= header)
        #expect(packet.payloadStart == header && packet.payloadEnd == count)
      }
    }
  }

  /// A cut packet with padding takes its last byte for the count, as it must; it never reaches outside itself.
  @Test func everyTruncationOfAPaddedPacket() {
    let fields = RTPHeaderFields(
      payloadType: PayloadType(96), sequenceNumber: SequenceNumber(1), timestamp: RTPTimestamp(2), ssrc: SSRC(3))
    let whole = fields.packet(payload: Array(repeating: 200, count: 30) + [3, 2, 1], padding: 6)
    for count in 0..<whole.count {
      let last = count > 0 ? Int(whole[count - 1]) : 0
      switch parsed(Array(whole.prefix(count))) {
      case .failure(.truncated(needed: 12, have: count)): #expect(count < 12)
      case .failure(let error): #expect(error == .badLength && count >= 12 && (count == 12 || last == 0 || 12 + last > count))
      case .success(let packet): #expect(packet.payloadEnd == count - last && packet.payloadEnd >= 12)
      }
    }
  }
}
