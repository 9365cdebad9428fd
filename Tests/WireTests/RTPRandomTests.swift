import Ground
import RTP
import Seeded
import Testing

/// Written packets read back as they were, and no bytes whatever are read beyond their end.
@Suite struct RTPRandomTests {
  private func randomFields(_ random: inout SeededGenerator) -> RTPHeaderFields {
    var fields = RTPHeaderFields(
      payloadType: PayloadType(UInt8(random.pick(0...127))), marker: random.pick(0...1) == 1,
      sequenceNumber: SequenceNumber(UInt16(random.pick(0...65535))), timestamp: RTPTimestamp(UInt32(truncatingIfNeeded: random.next())),
      ssrc: SSRC(UInt32(truncatingIfNeeded: random.next())))
    fields.csrcs = (0..<random.pick(0...15)).map { _ in SSRC(UInt32(truncatingIfNeeded: random.next())) }
    switch random.pick(0...2) {
    case 0: break
    case 1: fields.extensions = (0..<random.pick(1...6)).map { _ in (UInt8(random.pick(1...14)), random.bytes(random.pick(1...16))) }
    default: fields.extensions = (0..<random.pick(1...6)).map { _ in (UInt8(random.pick(1...255)), random.bytes(random.pick(0...255))) }
    }
    return fields
  }

  @Test func whatIsWrittenIsRead() throws {
    var random = SeededGenerator(3550)
    for _ in 0..<3000 {
      let fields = randomFields(&random)
      let payload = random.bytes(random.pick(0...200))
      let padding = random.pick(0...3) == 0 ? random.pick(1...255) : 0
      let datagram = fields.packet(payload: payload, padding: padding)
      let packet = try parsed(datagram).get()
      var read = RTPHeaderFields(
        payloadType: packet.payloadType, marker: packet.marker, sequenceNumber: packet.sequenceNumber, timestamp: packet.timestamp,
        ssrc: packet.ssrc)
      read.csrcs = (0..<packet.csrcCount).map { SSRC(datagram.span.u32(at: 12 + 4 * $0)) }
      read.extensions = elements(of: packet, in: datagram).map { ($0.id, $0.value) }
      #expect(read == fields)
      #expect(Array(datagram[packet.payloadStart..<packet.payloadEnd]) == payload)
      #expect(packet.isPaddingOnly == payload.isEmpty)
    }
  }

  @Test func theFormFollowsTheElements() throws {
    func profile(_ extensions: [(id: UInt8, value: [UInt8])]) throws -> UInt16 {
      var fields = RTPHeaderFields(
        payloadType: PayloadType(0), sequenceNumber: SequenceNumber(0), timestamp: RTPTimestamp(0), ssrc: SSRC(0))
      fields.extensions = extensions
      return try parsed(fields.packet(payload: [])).get().extensionProfile
    }
    #expect(try profile([(1, [1]), (14, Array(0..<16))]) == 0xbede)
    #expect(try profile([(1, [1]), (15, [1])]) == 0x1000)
    #expect(try profile([(1, [])]) == 0x1000)
    #expect(try profile([(1, Array(0..<17))]) == 0x1000)
  }

  @Test func onlyWhatFitsIsWritten() throws {
    var fields = RTPHeaderFields(payloadType: PayloadType(0), sequenceNumber: SequenceNumber(0), timestamp: RTPTimestamp(0), ssrc: SSRC(0))
    fields.csrcs = (0..<20).map { SSRC($0) }
    fields.extensions = [(1, Array(repeating: 9, count: 300))]
    let datagram = fields.packet(payload: [5])
    let packet = try parsed(datagram).get()
    #expect(packet.csrcCount == 15)
    #expect(elements(of: packet, in: datagram) == [RTPElement(1, Array(repeating: 9, count: 255))])
    #expect(packet.payloadCount == 1)
  }

  /// The room's invariant: a packet that parses has every range inside its datagram.
  private func check(_ datagram: [UInt8]) -> Bool {
    guard case .success(let packet) = parsed(datagram) else { return false }
    #expect(packet.csrcCount == Int(datagram[0] & 15))
    let fixed = 12 + 4 * packet.csrcCount
    #expect(fixed <= packet.extensionStart && packet.extensionStart <= packet.extensionEnd)
    #expect(packet.extensionEnd == packet.payloadStart)
    #expect(packet.payloadStart <= packet.payloadEnd && packet.payloadEnd <= datagram.count)
    let padding = datagram[0] & 0x20 != 0 ? Int(datagram.last ?? 0) : 0
    #expect(packet.payloadEnd == datagram.count - padding)
    var walk = RTPExtensionElements(packet)
    var reached = packet.extensionStart
    while let element = walk.next(in: datagram.span) {
      #expect(element.id != 0 && element.value.lowerBound > reached && element.value.upperBound <= packet.extensionEnd)
      reached = element.value.upperBound
    }
    return true
  }

  @Test func randomBytesNeverTrap() {
    var random = SeededGenerator(1)
    var accepted = 0
    for _ in 0..<20_000 {
      var datagram = random.bytes(random.pick(0...80))
      // Three of four have the version right, or little would get past it.
      if !datagram.isEmpty, random.pick(0...3) > 0 { datagram[0] = datagram[0] & 0x3f | 0x80 }
      if check(datagram) { accepted += 1 }
    }
    #expect(accepted > 1000)
  }

  @Test func damagedPacketsNeverTrap() {
    var random = SeededGenerator(2)
    var accepted = 0
    for _ in 0..<20_000 {
      let fields = randomFields(&random)
      let whole = fields.packet(payload: random.bytes(random.pick(0...60)), padding: random.pick(0...9))
      if check(random.damaged(whole)) { accepted += 1 }
    }
    #expect(accepted > 1000 && accepted < 20_000)
  }
}
