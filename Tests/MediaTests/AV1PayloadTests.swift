import Codecs
import Ground
import RTP
import Seeded
import Testing
import Track

/// AV1 RTP payload format 1.0, and what the bitstream's headers say.
@Suite struct AV1PayloadTests {
  /// What a browser's encoder writes for 320 by 240 pictures: profile 0, level 2.0.
  static let sequence: [UInt8] = [0x08, 0x00, 0x00, 0x00, 0x04, 0x3c, 0xff, 0xbc, 0x01, 0xa0, 0x08]
  /// The same as it stands in a file.
  static let sized: [UInt8] = [0x0a, 10] + sequence.dropFirst()
  /// A frame's unit: its head, then a frame header that says key or not, shown.
  static func frame(isKey: Bool, _ count: Int, fill: UInt8 = 7) -> [UInt8] {
    [0x30, isKey ? 0x10 : 0x30] + [UInt8](repeating: fill, count: count)
  }

  private func packet(_ payload: [UInt8], number: UInt16 = 1, timestamp: UInt32 = 0, marker: Bool = true) -> [UInt8] {
    RTPHeaderFields(
      payloadType: PayloadType(45), marker: marker, sequenceNumber: SequenceNumber(number), timestamp: RTPTimestamp(timestamp),
      ssrc: SSRC(1)
    ).packet(payload: payload)
  }

  /// Puts packets together; answers what the last one led to, and what there is.
  private func assemble(_ packets: [[UInt8]]) throws -> (outcome: AV1Assembler.Outcome, unit: AV1Assembler.TemporalUnit?) {
    var assembler = AV1Assembler()
    let pool = BufferPool()
    var outcome = AV1Assembler.Outcome.pending
    for bytes in packets {
      // What does not fit is dropped by the assembler's owner.
      if outcome != .pending { _ = assembler.takeUnit() }
      outcome = assembler.receive(
        try RTPPacket(parsing: bytes.span), datagram: bytes.span, ticks: 0, at: Instant(nanoseconds: 0), pool: pool)
    }
    return (outcome, assembler.takeUnit())
  }

  @Test func theSequenceHeaderOfABrowser() throws {
    let payload = Array(AV1PayloadTests.sequence.dropFirst())
    let header = try AV1SequenceHeader(parsing: payload.span)
    #expect(header.size == PictureSize(width: 320, height: 240))
    #expect(header.profile == 0 && header.bitDepth == 8 && !header.isMonochrome && header.subsamplingX && header.subsamplingY)
    let sized = AV1PayloadTests.sized
    #expect(AV1SequenceHeader.codecName(header.configuration(unit: sized.span)) == "av01.0.00M.08")
    #expect(header.configuration(unit: sized.span) == [0x81, 0, 0x0c | header.chromaSamplePosition, 0] + sized)
    let whole = sized + [0x32, 1, 0x10]
    #expect(AV1Units.configuration(of: whole.span) == header.configuration(unit: sized.span))
    for count in 0..<payload.count - 1 {
      let cut = Array(payload[..<count])
      #expect(throws: WireError.self) { try AV1SequenceHeader(parsing: cut.span) }
    }
  }

  @Test func sizesOfSevenBitsToAByte() throws {
    for value in [0, 1, 127, 128, 16_383, 16_384, 4_294_967_295] {
      let bytes = AV1Size.bytes(value)
      var at = 0
      #expect(try AV1Size.read(bytes.span, at: &at, end: bytes.count) == value)
      #expect(at == bytes.count)
    }
    for bytes in [[], [0x80], [0xff, 0xff, 0xff, 0xff, 0x7f], [UInt8](repeating: 0x80, count: 9)] as [[UInt8]] {
      var at = 0
      #expect(throws: WireError.self) { try AV1Size.read(bytes.span, at: &at, end: bytes.count) }
    }
    // Longer than need be, and still right (AV1 §4.10.5).
    var at = 0
    #expect(try AV1Size.read([0x85, 0x80, 0x00].span, at: &at, end: 3) == 5)
  }

  /// Two elements, the first with its size: what Chromium sends as a key frame.
  @Test func aKeyFrameInOnePacket() throws {
    let frame = AV1PayloadTests.frame(isKey: true, 300)
    let (outcome, unit) = try assemble([packet([0x28, 11] + AV1PayloadTests.sequence + frame)])
    #expect(outcome == .whole)
    #expect(unit?.bytes == AV1PayloadTests.sized + [0x32, 0xad, 0x02] + frame.dropFirst())
    #expect(unit?.isKey == true && unit?.sequence?.size == PictureSize(width: 320, height: 240))
  }

  /// Every element with its size (W is 0), a temporal delimiter among them, and units that bring their own size.
  @Test func elementsWithSizes() throws {
    let delimiter: [UInt8] = [0x12, 0]
    let (outcome, unit) = try assemble([
      packet([0x08, 2] + delimiter + [12] + AV1PayloadTests.sized + [5, 0x32, 3, 0x10, 1, 2])
    ])
    #expect(outcome == .whole)
    #expect(unit?.bytes == AV1PayloadTests.sized + [0x32, 3, 0x10, 1, 2])
    #expect(unit?.isKey == true)
  }

  /// A unit over any number of packets is what it is in one.
  @Test(arguments: [1, 2, 3, 7, 50, 299])
  func unitsInFragments(_ share: Int) throws {
    let frame = AV1PayloadTests.frame(isKey: false, 298, fill: 0xab)
    var packets: [[UInt8]] = []
    for start in stride(from: 0, to: frame.count, by: share) {
      let end = min(frame.count, start + share)
      let header: UInt8 = 0x10 | (start > 0 ? 0x80 : 0) | (end < frame.count ? 0x40 : 0)
      packets.append(packet([header] + frame[start..<end], number: UInt16(start), marker: end == frame.count))
    }
    let (outcome, unit) = try assemble(packets)
    #expect(outcome == .whole)
    #expect(unit?.bytes == [0x32, 0xab, 0x02] + frame.dropFirst())
    #expect(unit?.packets == packets.count && unit?.isKey == false)
  }

  @Test func whatDoesNotFitIsTold() throws {
    let frame = AV1PayloadTests.frame(isKey: false, 20)
    // Goes on with nothing; goes on although nothing is open; is left open at the marker; begins a sequence within a unit.
    #expect(try assemble([packet([0x90] + frame)]).outcome == .orphaned)
    #expect(try assemble([packet([0x10] + frame, marker: false), packet([0x90] + frame, number: 2)]).outcome == .malformed)
    #expect(try assemble([packet([0x50] + frame)]).outcome == .malformed)
    #expect(try assemble([packet([0x98] + frame)]).outcome == .malformed)
    // Sizes beyond the payload, units without a head, the forbidden bit, a unit's own size that is wrong.
    for payload in [[0x20, 40, 1], [0x20, 0, 0x30], [0x10, 0xb0, 1], [0x10, 0x32, 9, 1], [0x10]] as [[UInt8]] {
      #expect(try assemble([packet(payload)]).outcome == .malformed)
    }
  }

  /// Whatever bytes come, what is assembled is units that lead from one to the next.
  @Test func anyBytes() throws {
    var chance = SeededGenerator(45)
    var whole = 0
    for _ in 0..<5_000 {
      let packets = (0..<Int.random(in: 1...4, using: &chance)).map { index in
        var payload = (0..<Int.random(in: 0...40, using: &chance)).map { _ in
          UInt8.random(in: 0...255, using: &chance) & (Bool.random(using: &chance) ? 0x3f : 0x07)
        }
        if !payload.isEmpty { payload[0] = [0x10, 0x00, 0x50, 0x90, 0x20].randomElement(using: &chance)! }
        return packet(payload, number: UInt16(index), marker: Bool.random(using: &chance))
      }
      let (outcome, unit) = try assemble(packets)
      guard outcome == .whole, let unit else { continue }
      whole += 1
      var units = AV1Units()
      var end = 0
      while let found = units.next(in: unit.bytes.span) { end = found.unit.upperBound }
      #expect(end == unit.bytes.count)
    }
    #expect(whole > 200)
  }
}
