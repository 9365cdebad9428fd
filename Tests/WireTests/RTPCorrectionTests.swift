import Ground
import RTP
import Seeded
import Testing

/// Forward error correction as it lies in a packet: RFC 5109 and flexfec-03.
@Suite struct RTPCorrectionTests {
  /// The places that a mask names.
  private func places(_ mask: UInt128) -> [Int] { (0..<128).filter { mask & UInt128(1) << UInt128(127 - $0) != 0 } }

  @Test func aShortMask() throws {
    let bytes: [UInt8] = [0x12, 0x83, 0xff, 0xfe, 1, 2, 3, 4, 0, 9, 0, 3, 0b1010_0000, 1, 0xa, 0xb, 0xc]
    let read = try RTPCorrection(parsing: 0..<bytes.count, of: bytes.span, as: .ulpfec)
    #expect(read.base == SequenceNumber(0xfffe) && read.levelCount == 1 && read.ssrc == nil)
    #expect(read.header == RTPCorrection.Header(flags: 0x12, type: 0x83, timestamp: 0x0102_0304, length: 9))
    let level = read.level(0, in: bytes.span)
    #expect(places(level.mask) == [0, 2, 15] && level.count == 3)
    #expect(level.offset == 0 && Array(bytes[level.range]) == [0xa, 0xb, 0xc])
  }

  @Test func aLongMaskAndTwoLevels() throws {
    let header: [UInt8] = [0x40, 96, 0, 5, 0, 0, 0, 0, 0, 7]
    let bytes = header + [0, 2, 0x80, 0, 0, 0, 0, 1, 0xa, 0xb] + [0, 1, 0, 1, 0x80, 0, 0, 0, 0xc]
    let read = try RTPCorrection(parsing: 0..<bytes.count, of: bytes.span, as: .ulpfec)
    #expect(read.levelCount == 2)
    let (low, high) = (read.level(0, in: bytes.span), read.level(1, in: bytes.span))
    #expect(places(low.mask) == [0, 47] && low.offset == 0 && Array(bytes[low.range]) == [0xa, 0xb])
    #expect(places(high.mask) == [15, 16] && high.offset == 2 && Array(bytes[high.range]) == [0xc])
  }

  @Test(
    arguments: [
      ([0x80 | 0x40, 1], [0, 14], 2), ([0x00, 1, 0x80, 0, 0, 1], [14, 45], 6),
      ([0x40, 0, 0x40, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 1], [0, 15, 46, 108], 14),
    ] as [([UInt8], [Int], Int)])
  func flexibleMasks(_ mask: [UInt8], _ members: [Int], _ length: Int) throws {
    let bytes: [UInt8] = [0x25, 0xe0, 0, 8, 1, 2, 3, 4, 1, 0, 0, 0, 0, 0, 0, 7, 0xab, 0xcd] + mask + [9, 9]
    let read = try RTPCorrection(parsing: 0..<bytes.count, of: bytes.span, as: .flexfec)
    #expect(read.header == RTPCorrection.Header(flags: 0x25, type: 0xe0, timestamp: 0x0102_0304, length: 8))
    #expect(read.base == SequenceNumber(0xabcd) && read.ssrc == SSRC(7) && read.levelCount == 1)
    let level = read.level(0, in: bytes.span)
    #expect(places(level.mask) == members)
    #expect(level.range == 18 + length..<bytes.count)
  }

  @Test func whatIsOfAnotherFormIsRefused() {
    let level: [UInt8] = [0, 1, 0x80, 0, 5]
    let extended: [UInt8] = [0x80, 96, 0, 5, 0, 0, 0, 0, 0, 7] + level
    #expect(throws: WireError.badValue) { try RTPCorrection(parsing: 0..<extended.count, of: extended.span, as: .ulpfec) }
    let many: [UInt8] = [0, 96, 0, 5, 0, 0, 0, 0, 0, 7] + [[UInt8]](repeating: level, count: RTPCorrection.mostLevels + 1).flatMap { $0 }
    #expect(throws: WireError.badLength) { try RTPCorrection(parsing: 0..<many.count, of: many.span, as: .ulpfec) }
    let flexible: [UInt8] = [0, 96, 0, 8, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7, 0, 1, 0x80, 1]
    let wrong: [(Int, UInt8)] = [(0, 0x80), (0, 0x40), (8, 0), (8, 2)]
    for (place, value) in wrong {
      var bytes = flexible
      bytes[place] = value
      #expect(throws: WireError.badValue) { try RTPCorrection(parsing: 0..<bytes.count, of: bytes.span, as: .flexfec) }
    }
    let endless = flexible[..<18] + [0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 8)
    #expect(throws: WireError.badValue) { try RTPCorrection(parsing: 0..<endless.count, of: Array(endless).span, as: .flexfec) }
  }

  /// What breaks off is refused, but for flexfec's protected bytes, which go on to the packet's end.
  @Test func prefixes() throws {
    let packets = (0..<20).map { number -> [UInt8] in [0x80, 96, 0, UInt8(number)] + [UInt8](repeating: UInt8(number), count: 12) }
    for (scheme, payload) in [
      (RTPCorrection.Scheme.ulpfec, CorrectionEncoder.ulpfec(packets, long: true)), (.flexfec, CorrectionEncoder.flexfec(packets)),
    ] {
      for count in 0..<payload.count {
        let cut = Array(payload[..<count])
        let read = try? RTPCorrection(parsing: 0..<count, of: cut.span, as: scheme)
        #expect(scheme == .flexfec ? (read == nil) == (count < 24) : read == nil)
      }
    }
  }

  @Test func damageNeverTraps() {
    var chance = SeededGenerator(5109)
    let packets = (0..<12).map { number -> [UInt8] in [0x80, 96, 0, UInt8(number)] + [UInt8](repeating: UInt8(number), count: 12) }
    for scheme in RTPCorrection.Scheme.allCases {
      let whole = scheme == .ulpfec ? CorrectionEncoder.ulpfec(packets) : CorrectionEncoder.flexfec(packets)
      for _ in 0..<500 {
        let bytes = chance.damaged(whole)
        guard let read = try? RTPCorrection(parsing: 0..<bytes.count, of: bytes.span, as: scheme) else { continue }
        for number in 0..<read.levelCount { #expect(read.level(number, in: bytes.span).range.upperBound <= bytes.count) }
      }
    }
  }
}
