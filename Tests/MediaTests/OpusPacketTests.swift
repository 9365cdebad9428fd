import Codecs
import Ground
import Seeded
import Testing

/// The table of contents and RFC 6716 §3's rules.
@Suite struct OpusPacketTests {
  private static func parse(_ bytes: [UInt8]) -> Result<OpusPacket, WireError> {
    Result { () throws(WireError) in try OpusPacket(parsing: bytes.span) }
  }

  private static func toc(_ configuration: Int, _ code: Int, stereo: Bool = false) -> UInt8 {
    OpusPackets.toc(configuration, code, stereo: stereo)
  }

  private func agree(_ bytes: [UInt8], _ note: @autoclosure () -> String) {
    let judged = OpusPackets.judge(bytes)
    let parsed = try? OpusPacketTests.parse(bytes).get()
    let ours = parsed.map {
      OpusPackets.Judgement(frameCount: $0.frameCount, samplesPerFrame: $0.samplesPerFrame, isStereo: $0.isStereo)
    }
    if ours != judged { Issue.record("\(note()): \(bytes.prefix(8))… of \(bytes.count) bytes") }
  }

  @Test(arguments: 0..<32) func everyConfigurationAndCode(configuration: Int) throws {
    let samples = OpusPackets.samples[configuration]
    for stereo in [false, true] {
      let one = try OpusPacketTests.parse([Self.toc(configuration, 0, stereo: stereo), 1, 2, 3]).get()
      #expect(one.frameCount == 1 && one.samplesPerFrame == samples && one.samples == samples && one.isStereo == stereo)
      #expect(one.duration == .microseconds(Int64(samples) * 125 / 6))
      let two = try OpusPacketTests.parse([Self.toc(configuration, 1, stereo: stereo), 1, 2]).get()
      #expect(two.frameCount == 2 && two.samples == 2 * samples && two.isStereo == stereo)
      let unequal = try OpusPacketTests.parse([Self.toc(configuration, 2, stereo: stereo), 1, 9, 8, 7]).get()
      #expect(unequal.frameCount == 2 && unequal.samples == 2 * samples && unequal.isStereo == stereo)
      for count in 1...63 {
        for isVBR in [false, true] {
          let bytes = OpusPackets.many(configuration, frames: Array(repeating: 2, count: count), isVBR: isVBR, stereo: stereo)
          // R5: no more than 120 ms.
          guard count * samples <= 5760 else {
            #expect(OpusPacketTests.parse(bytes) == .failure(.badValue), "\(count) frames")
            continue
          }
          let many = try OpusPacketTests.parse(bytes).get()
          #expect(many.frameCount == count && many.samples == count * samples && many.isStereo == stereo)
        }
      }
    }
  }

  /// What DTX leaves (RFC 7587 §3.1.3): a table of contents, and frames without a byte.
  @Test(arguments: 0..<32) func framesWithoutAByte(configuration: Int) throws {
    let samples = OpusPackets.samples[configuration]
    #expect(try OpusPacketTests.parse([Self.toc(configuration, 0)]).get().samples == samples)
    #expect(try OpusPacketTests.parse([Self.toc(configuration, 1)]).get().samples == 2 * samples)
    #expect(try OpusPacketTests.parse([Self.toc(configuration, 2), 0]).get().samples == 2 * samples)
    #expect(try OpusPacketTests.parse([Self.toc(configuration, 3), 2]).get().samples == 2 * samples)
    #expect(try OpusPacketTests.parse([Self.toc(configuration, 3), 0x82, 0]).get().samples == 2 * samples)
  }

  /// R1 to R7 of RFC 6716 §3.4, each broken, and just not broken.
  static let rules: [(rule: String, bytes: [UInt8], isValid: Bool)] = {
    let a = [UInt8](repeating: 0xa5, count: 3000)
    func code(_ code: Int) -> [UInt8] { [toc(4, code)] }
    return [
      ("R1 at least one byte", [], false),
      ("R2 a frame has at most 1275 bytes", code(0) + a[..<1275], true),
      ("R2 in code 0", code(0) + a[..<1276], false),
      ("R2 in code 1, fits", code(1) + a[..<2550], true),
      ("R2 in code 1", code(1) + a[..<2552], false),
      ("R2 in code 2, fits", code(2) + [10] + a[..<1285], true),
      ("R2 in code 2", code(2) + [10] + a[..<1286], false),
      ("R2 in code 3 CBR, fits", code(3) + [2] + a[..<2550], true),
      ("R2 in code 3 CBR", code(3) + [2] + a[..<2552], false),
      ("R2 in code 3 VBR, fits", code(3) + [0x82, 10] + a[..<1285], true),
      ("R2 in code 3 VBR", code(3) + [0x82, 10] + a[..<1286], false),
      ("R2 with padding, fits", OpusPackets.many(4, frames: [1275], isVBR: false, padding: 1), true),
      ("R2 with padding", OpusPackets.many(4, frames: [1276], isVBR: false, padding: 0), false),
      ("R3 an even rest in code 1", code(1) + a[..<6], true),
      ("R3 an odd rest in code 1", code(1) + a[..<5], false),
      ("R4 without a length", code(2), false),
      ("R4 with half a length", code(2) + [252], false),
      ("R4 a length that just fits", code(2) + [5] + a[..<5], true),
      ("R4 a length beyond the end", code(2) + [6] + a[..<5], false),
      ("R4 the longest length", code(2) + [255, 255] + a[..<1275], true),
      ("R4 a long length beyond the end", code(2) + [255, 255] + a[..<1274], false),
      ("R5 no count", code(3), false),
      ("R5 no frame", code(3) + [0] + a[..<4], false),
      ("R5 120 ms", OpusPackets.many(5, frames: [1, 1, 1, 1, 1, 1], isVBR: false), true),
      ("R5 140 ms", OpusPackets.many(5, frames: [1, 1, 1, 1, 1, 1, 1], isVBR: false), false),
      ("R5 48 frames of 2.5 ms", OpusPackets.many(16, frames: Array(repeating: 1, count: 48), isVBR: true), true),
      ("R5 49 frames of 2.5 ms", OpusPackets.many(16, frames: Array(repeating: 1, count: 49), isVBR: true), false),
      ("R5 two of 60 ms", OpusPackets.many(3, frames: [1, 1], isVBR: true), true),
      ("R5 three of 60 ms", OpusPackets.many(3, frames: [1, 1, 1], isVBR: true), false),
      ("R6 a rest that three frames share", code(3) + [3] + a[..<9], true),
      ("R6 a rest that they cannot share", code(3) + [3] + a[..<10], false),
      ("R6 padding that leaves what they share", code(3) + [0x43, 1] + a[..<9] + [0], true),
      ("R6 padding that does not", code(3) + [0x43, 2] + a[..<9] + [0], false),
      ("R6 padding of all the rest", code(3) + [0x43, 5] + a[..<5], true),
      ("R6 more padding than there is", code(3) + [0x43, 6] + a[..<5], false),
      ("R6 no padding length", code(3) + [0x43], false),
      ("R6 no end of the padding length", code(3) + [0x43, 255] + a[..<253], false),
      ("R6 a padding length that eats itself", code(3) + [0x41, 255, 254] + a[..<254], false),
      ("R7 lengths that just fit", code(3) + [0x83, 2, 3] + a[..<5], true),
      ("R7 lengths beyond the end", code(3) + [0x83, 2, 3] + a[..<4], false),
      ("R7 a length missing", code(3) + [0x83, 2], false),
      ("R7 half a length", code(3) + [0x83, 2, 253], false),
      ("R7 padding up to the lengths' sum", code(3) + [0xc3, 1, 2, 3] + a[..<6], true),
      ("R7 padding beyond it", code(3) + [0xc3, 2, 2, 3] + a[..<6], false),
      ("R7 padding over the lengths", code(3) + [0xc3, 8, 2, 3] + a[..<6], false),
    ]
  }()

  @Test(arguments: rules.indices) func theRules(index: Int) {
    let (rule, bytes, isValid) = OpusPacketTests.rules[index]
    switch OpusPacketTests.parse(bytes) {
    case .success(let packet): #expect(isValid && packet.samples <= 5760, "\(rule)")
    case .failure: #expect(!isValid, "\(rule)")
    }
    agree(bytes, rule)
  }

  @Test(arguments: [0, 1, 2, 252, 253, 254, 255, 256, 507, 508, 509, 762, 1000]) func paddingOfAnyLength(padding: Int) throws {
    for isVBR in [false, true] {
      let bytes = OpusPackets.many(9, frames: [30, 30, 30], isVBR: isVBR, padding: padding)
      #expect(try OpusPacketTests.parse(bytes).get().samples == 3 * 960)
      agree(bytes, "padding of \(padding)")
      // A byte less is missing from the frames, which then are not equal.
      if !isVBR { #expect(OpusPacketTests.parse(Array(bytes.dropLast())) == .failure(.badLength)) }
    }
  }

  @Test func everyBeginningOfAPacketIsJudgedAlike() {
    let packets = [
      OpusPackets.many(1, frames: [300, 0, 251], isVBR: true, padding: 300), OpusPackets.many(20, frames: [252, 253, 1, 7], isVBR: true),
      OpusPackets.many(17, frames: Array(repeating: 20, count: 24), isVBR: false, padding: 508),
      [Self.toc(30, 2), 254, 1] + Array(0..<255),
    ]
    for packet in packets {
      for count in 0...packet.count { agree(Array(packet.prefix(count)), "\(count) bytes") }
    }
  }

  /// Random packets, with heads that make many of them nearly valid: we accept exactly what libopus does.
  @Test(arguments: 0..<8) func randomBytesAreJudgedAsLibopusDoes(seed: UInt64) {
    var random = SeededGenerator(seed)
    var accepted = 0
    for _ in 0..<20_000 {
      var bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      if bytes.count > 1, random.unit() < 0.7 { bytes[1] = bytes[1] & 0xc0 | UInt8.random(in: 0...8, using: &random) }
      for index in bytes.indices.dropFirst(2).prefix(6) where random.unit() < 0.7 { bytes[index] = UInt8.random(in: 0...6, using: &random) }
      if random.unit() < 0.1 {
        bytes += [UInt8](repeating: 255, count: Int.random(in: 200...3000, using: &random))
        if random.unit() < 0.5 { bytes[1] = 0xc2 }
      }
      agree(bytes, "seed \(seed)")
      if OpusPackets.judge(bytes) != nil { accepted += 1 }
    }
    #expect((4000..<16_000).contains(accepted))
  }
}
