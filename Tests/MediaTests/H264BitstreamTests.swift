import Codecs
import Ground
import Testing

/// What H.264's headers say, and what they must not be made to say.
@Suite struct H264BitstreamTests {
  /// As encoders wrote them: Chromium's (OpenH264, 42e01f, 320x240), x264's High with VUI (1280x720) and x264's of 1080 cropped lines.
  @Test func setsOfRealEncodersAreRead() throws {
    let constrained: [UInt8] = [0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40, 0xa0, 0xfd, 0x00, 0xf0, 0x88, 0x46, 0xa0]
    let first = try H264SequenceParameterSet(parsing: constrained.span)
    #expect(first.profile == 66 && first.level == 31 && first.size == PictureSize(width: 320, height: 240))
    let high: [UInt8] = [
      0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0xc0,
      0xf1, 0x83, 0x19, 0x60,
    ]
    let second = try H264SequenceParameterSet(parsing: high.span)
    #expect(second.profile == 100 && second.chromaFormat == 1 && second.lumaBits == 8)
    #expect(second.size == PictureSize(width: 1280, height: 720) && second.hasFramesOnly)
  }

  @Test func croppingIsTakenOff() throws {
    let set = H264Stream.sequenceSet(id: 3, across: 120, down: 68, cropped: (0, 8))
    let read = try H264SequenceParameterSet(parsing: set.span)
    #expect(read.id == 3 && read.size == PictureSize(width: 1920, height: 1080))
    let more = H264Stream.sequenceSet(across: 2, down: 2, cropped: (30, 30))
    #expect(try size(more) == PictureSize(width: 2, height: 2))
    let all = H264Stream.sequenceSet(across: 2, down: 2, cropped: (32, 0))
    #expect(throws: WireError.badValue) { try H264SequenceParameterSet(parsing: all.span) }
  }

  /// 65536 pixels fit no container.
  @Test func hugePicturesAreRefused() {
    #expect(throws: WireError.badValue) { try H264SequenceParameterSet(parsing: H264Stream.sequenceSet(across: 4096).span) }
    #expect(throws: WireError.badValue) { try H264SequenceParameterSet(parsing: H264Stream.sequenceSet(down: 1 << 30).span) }
  }

  /// Cut anywhere and with any one byte changed, a set is read or refused, and never leads outside.
  @Test func damagedSetsAreReadOrRefused() {
    for set in [H264Stream.sequenceSet(across: 120, down: 68, cropped: (0, 8)), H264Stream.pictureSet(id: 200, sequence: 31)] {
      for cut in 0..<set.count {
        let part = Array(set[..<cut])
        if part.count < set.count / 2, part.first == 0x67 {
          #expect(throws: WireError.self) { try H264SequenceParameterSet(parsing: part.span) }
        }
        _ = try? H264PictureParameterSet(parsing: part.span)
      }
      for index in set.indices {
        for value in UInt8.min...UInt8.max {
          var changed = set
          changed[index] = value
          if let read = try? H264SequenceParameterSet(parsing: changed.span) {
            #expect((1...65_535).contains(read.size.width) && (1...65_535).contains(read.size.height) && (0...31).contains(read.id))
          }
          if let read = try? H264PictureParameterSet(parsing: changed.span) { #expect((0...255).contains(read.id)) }
        }
      }
    }
  }

  @Test func sliceHeadsAreReadWithAndWithoutTheirSet() throws {
    let set = try H264SequenceParameterSet(parsing: H264Stream.sequenceSet(frameNumberBits: 10).span)
    let unit = H264Stream.slice(isKey: false, frameNumber: 700, first: 40, set: 5, frameNumberBits: 10)
    let known = try H264SliceHead(parsing: unit.span) { $0 == 5 ? set : nil }
    #expect(known.firstMacroblock == 40 && !known.isIntra && known.pictureSetID == 5 && known.frameNumber == 700)
    let unknown = try H264SliceHead(parsing: unit.span) { _ in nil }
    #expect(unknown.frameNumber == nil && unknown.pictureSetID == 5)
    #expect(throws: WireError.self) { try H264SliceHead(parsing: [0x65].span) { _ in nil } }
    #expect(throws: WireError.self) { try H264SliceHead(parsing: [0x65, 0, 0, 3, 0, 0, 3, 0].span) { _ in nil } }
  }

  @Test func recoveryPointsAreExactOrNone() {
    #expect(isExact(H264Stream.recoveryPoint()))
    #expect(!isExact(H264Stream.recoveryPoint(count: 5)))
    #expect(!isExact(H264Stream.recoveryPoint(isExact: false)))
    // Behind another message with a type and a size of more than 255.
    let long: [UInt8] = [0x06, 0xff, 0x05, 0xff, 0x01] + [UInt8](repeating: 7, count: 256)
    #expect(isExact((long + H264Stream.recoveryPoint().dropFirst())))
    #expect(!isExact(long))
    #expect(!isExact([0x06, 6, 200, 0x80]))
    #expect(!isExact([0x06, 0xff, 0xff]))
  }

  private func isExact(_ unit: [UInt8]) -> Bool { H264RecoveryPoint.isExactHere(unit.span) }
  private func configuration(_ frame: [UInt8]) -> [UInt8]? { H264AccessUnit.configuration(ofKeyFrame: frame.span) }
  private func size(_ set: [UInt8]) throws(WireError) -> PictureSize { try H264SequenceParameterSet(parsing: set.span).size }

  // MARK: RTP payloads

  @Test func payloadsOfBothModesAreTold() throws {
    #expect(try payload([0x65, 1, 2]) == .single)
    #expect(try payload([0x78, 0, 2, 0x67, 1, 0, 1, 0x68]) == .aggregate)
    #expect(try payload([0x7c, 0x85, 9]) == .fragment(head: 0x65, isFirst: true, isLast: false))
    #expect(try payload([0x5c, 0x01, 9]) == .fragment(head: 0x41, isFirst: false, isLast: false))
    #expect(try payload([0x1c, 0x41]) == .fragment(head: 0x01, isFirst: false, isLast: true))
  }

  @Test(
    arguments: [
      [], [0x00, 1], [0x1e, 1], [0x1f, 1],  // undefined types
      [0xe5, 1], [0x78, 0, 1, 0xe7],  // declared damaged
      [0x79, 0, 0, 0, 1, 0x65], [0x7a, 0, 0, 0, 0, 0, 0, 0], [0x7b, 0, 0], [0x7d, 0x85, 0, 1, 2],  // interleaved mode
      [0x78], [0x78, 0], [0x78, 0, 1], [0x78, 0, 0, 0x67], [0x78, 0, 3, 0x67, 1], [0x78, 0xff, 0xff, 0x67],  // lengths
      [0x78, 0, 1, 0x67, 9], [0x78, 0, 2, 0x78, 0],  // a rest, an aggregate in an aggregate
      [0x7c], [0x7c, 0xc5, 1], [0x7c, 0x9c, 1], [0x7c, 0x80, 1],  // first and last at once; what is no unit
    ] as [[UInt8]])
  func whatIsNoPayloadIsRefused(bytes: [UInt8]) {
    #expect(throws: WireError.self) { try payload(bytes) }
  }

  private func payload(_ bytes: [UInt8]) throws(WireError) -> H264Payload { try H264Payload(parsing: bytes.span, from: 0, to: bytes.count) }

  @Test func configurationIsThatOfTheKeyFramesSets() throws {
    let set = H264Stream.sequenceSet()
    let pictures = [H264Stream.pictureSet(id: 0), H264Stream.pictureSet(id: 1)]
    let slice = H264Stream.slice(isKey: true, frameNumber: 0)
    let frame = H264Stream.onTape([[0x09, 0xf0], set] + pictures + [slice])
    var expected: [UInt8] = [1, 66, 0xe0, 31, 0xff, 0xe1, 0, UInt8(set.count)] + set + [2]
    for picture in pictures { expected += [0, UInt8(picture.count)] + picture }
    #expect(configuration(frame) == expected)
    #expect(configuration(H264Stream.onTape([set] + pictures + [set] + pictures + [slice])) == expected)
    #expect(configuration(H264Stream.onTape([set, slice])) == nil)
    #expect(configuration(H264Stream.onTape([slice])) == nil)
    #expect(configuration([0, 0, 0, 9, 0x67]) == nil)
  }
}
