import Codecs
import Ground
import Testing

/// What H.265's headers say, and what they must not be made to say.
@Suite struct H265BitstreamTests {
  private typealias S = H265Stream

  /// x265's, of 320x240.
  private static let real: [UInt8] = [
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x3c, 0xa0, 0x0a, 0x08, 0x0f,
    0x16,
    0x5b, 0xa4, 0xa4, 0xc2, 0xff, 0xf0, 0x00, 0x10, 0x00, 0x16, 0xa0, 0xc0, 0xc0, 0xc0, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00,
    0x0f,
    0x04,
  ]

  @Test func theSetOfARealEncoderIsRead() throws {
    let set = try H265SequenceParameterSet(parsing: H265BitstreamTests.real.span)
    #expect(set.size == PictureSize(width: 320, height: 240) && set.id == 0 && set.videoSetID == 0)
    #expect(set.profile == [1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 60])
    #expect(set.chromaFormat == 1 && set.lumaBits == 8 && set.chromaBits == 8 && set.temporalLayers == 1)
  }

  @Test func theWindowIsWhatIsShown() throws {
    let cropped = S.sequenceSet(id: 3, video: 5, width: 1920, height: 1088, cropped: (0, 8), subLayers: 2)
    let set = try H265SequenceParameterSet(parsing: cropped.span)
    #expect(set.size == PictureSize(width: 1920, height: 1080) && set.id == 3 && set.videoSetID == 5 && set.temporalLayers == 3)
    for wrong in [S.sequenceSet(width: 2, height: 2, cropped: (2, 0)), S.sequenceSet(width: 65_536), S.sequenceSet(id: 16)] {
      #expect(throws: WireError.badValue) { try H265SequenceParameterSet(parsing: wrong.span) }
    }
  }

  /// Cut anywhere and with any one byte changed, a set is read or refused, and never leads outside.
  @Test func damagedSetsAreReadOrRefused() {
    let set = S.sequenceSet(width: 1920, height: 1088, cropped: (0, 8), subLayers: 1)
    for cut in 0..<set.count - 3 {
      let part = Array(set[..<cut])
      #expect(throws: WireError.self) { try H265SequenceParameterSet(parsing: part.span) }
    }
    for index in set.indices {
      for value in UInt8.min...UInt8.max {
        var changed = set
        changed[index] = value
        guard let read = try? H265SequenceParameterSet(parsing: changed.span) else { continue }
        #expect((1...65_535).contains(read.size.width) && (1...65_535).contains(read.size.height) && (0...15).contains(read.id))
      }
    }
  }

  @Test func sliceHeadsAreRead() throws {
    #expect(try slice(S.slice(19, set: 5)) == (19, true, 5))
    #expect(try slice(S.slice(1, isFirst: false, set: 63)) == (1, false, 63))
    #expect(throws: WireError.self) { try slice([0x26, 1]) }
    #expect(throws: WireError.self) { try slice(S.pictureSet()) }
  }

  private func slice(_ unit: [UInt8]) throws(WireError) -> (UInt8, Bool, Int) {
    let head = try H265SliceHead(parsing: unit.span)
    return (head.type, head.isFirst, head.pictureSetID)
  }

  // MARK: RTP payloads

  @Test func payloadsAreTold() throws {
    #expect(try payload([0x26, 1, 9]).kind == .single)
    let aggregate = try payload([0x60, 1, 0, 3, 0x40, 1, 9, 0, 2, 0x48, 1])
    #expect(aggregate.kind == .aggregate)
    let first = try payload([0x62, 1, 0x93, 9])
    #expect(first.kind == .fragment(isFirst: true, isLast: false) && first.head == 0x2601 && first.body == 3..<4)
    let carried = try payload(S.wrapped([0x26, 1, 9]))
    #expect(carried.kind == .single && carried.head == 0x2601 && carried.body == 7..<8)
    let numbered = try payload([0x26, 1, 0x12, 0x34, 9], hasOrderNumbers: true)
    #expect(numbered.orderNumber == 0x1234 && numbered.body == 4..<5)
  }

  @Test(
    arguments: [
      [], [0x26], [0xa6, 1, 9],  // too short, declared damaged
      [0x66, 1, 9], [0x7e, 1, 9],  // reserved types
      [0x60, 1], [0x60, 1, 0, 1, 0x40], [0x60, 1, 0, 9, 0x40, 1], [0x60, 1, 0, 2, 0x60, 1], [0x60, 1, 0, 2, 0x40, 1, 7],  // aggregates
      [0x62, 1], [0x62, 1, 0x93], [0x62, 1, 0xd3, 9], [0x62, 1, 0xb1, 9],  // fragments
      [0x64, 1], [0x64, 1, 0x26, 0xf0, 1], [0x64, 1, 0x64, 0, 1],  // PACI: cut, and within itself
    ] as [[UInt8]])
  func whatIsNoPayloadIsRefused(bytes: [UInt8]) {
    #expect(throws: WireError.self) { try payload(bytes) }
  }

  private func payload(_ bytes: [UInt8], hasOrderNumbers: Bool = false) throws(WireError) -> H265Payload {
    try H265Payload(parsing: bytes.span, from: 0, to: bytes.count, hasOrderNumbers: hasOrderNumbers)
  }

  @Test func configurationIsThatOfTheKeyFramesSets() {
    let frame = H264Stream.onTape(S.sets + [S.slice(19)])
    let record = H265AccessUnit.configuration(ofKeyFrame: frame.span) ?? []
    var expected: [UInt8] = [1, 1, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 3]
    for set in S.sets { expected += [0x80 | set[0] >> 1, 0, 1, 0, UInt8(set.count)] + set }
    #expect(record == expected)
    #expect(H265AccessUnit.codecName(record) == "hvc1.1.6.L93.B0")
    // Sets that a sender repeats in front of one key frame are the same sets.
    let repeated = H264Stream.onTape(S.sets + [S.sets[0]] + S.sets + [S.slice(19)])
    let again = H265AccessUnit.configuration(ofKeyFrame: repeated.span)
    #expect(again == record)
    let without = H264Stream.onTape([S.sets[1], S.sets[2], S.slice(19)])
    let none = H265AccessUnit.configuration(ofKeyFrame: without.span)
    #expect(none == nil)
    #expect(H265AccessUnit.codecName([1, 2]) == nil)
  }
}
