import Codecs
import Ground
import Seeded
import Testing

/// The payload descriptor (RFC 7741 §4.2) and the frame's head (RFC 6386 §9.1).
@Suite struct VP8HeaderTests {
  private static func parse(_ bytes: [UInt8], from start: Int = 0) -> Result<VP8PayloadDescriptor, WireError> {
    Result { () throws(WireError) in try VP8PayloadDescriptor(parsing: bytes.span, from: start, to: bytes.count) }
  }

  /// Every set of optional fields, with values at their ends and in between.
  static let descriptors: [VP8Descriptor] = {
    var all: [VP8Descriptor] = []
    let pictures: [VP8Descriptor.PictureID?] = [
      nil, .short(0), .short(0x55), .short(0x7f), .long(0), .long(0x80), .long(0x2a55), .long(0x7fff),
    ]
    for picture in pictures {
      for tl0 in [nil, 0, 0x80, 0xff] as [UInt8?] {
        for layer in [nil, (0, false), (1, true), (2, false), (3, true)] as [(UInt8, Bool)?] {
          for key in [nil, 0, 17, 31] as [UInt8?] {
            all.append(VP8Descriptor(pictureID: picture, tl0: tl0, layer: layer.map { .init(id: $0.0, isSync: $0.1) }, keyIndex: key))
          }
        }
      }
    }
    return all
  }()

  @Test func everySetOfFieldsReadsBack() throws {
    var random = SeededGenerator(1)
    for descriptor in VP8HeaderTests.descriptors {
      var descriptor = descriptor
      descriptor.isNonReference = random.unit() < 0.5
      descriptor.startsPartition = random.unit() < 0.5
      descriptor.partition = UInt8.random(in: 0...7, using: &random)
      let before = [UInt8](repeating: 0xff, count: Int.random(in: 0...20, using: &random))
      let bytes = descriptor.bytes
      let read = try VP8HeaderTests.parse(before + bytes + [0], from: before.count).get()
      #expect(read.count == bytes.count)
      #expect(read.isNonReference == descriptor.isNonReference && read.startsPartition == descriptor.startsPartition)
      #expect(read.partitionIndex == descriptor.partition)
      #expect(read.startsFrame == (descriptor.startsPartition && descriptor.partition == 0))
      #expect(read.pictureID == descriptor.pictureID?.value && read.isExtendedPictureID == (descriptor.pictureID?.isLong ?? false))
      #expect(read.tl0PictureIndex == descriptor.tl0 && read.keyIndex == descriptor.keyIndex)
      #expect(read.temporalLayer == descriptor.layer?.id && read.isLayerSync == (descriptor.layer?.isSync ?? false))
      // Reserved bits mean nothing, nor do the bits of a field that the flags leave out.
      var reserved = bytes
      reserved[0] |= 0x48
      if bytes.count > 1 { reserved[1] |= 0x0f }
      if descriptor.layer == nil, descriptor.keyIndex != nil { reserved[bytes.count - 1] |= 0xe0 }
      if descriptor.layer != nil, descriptor.keyIndex == nil { reserved[bytes.count - 1] |= 0x1f }
      #expect(try VP8HeaderTests.parse(before + reserved + [0], from: before.count).get() == read)
    }
  }

  /// Without the last byte of itself it is cut short; without a byte behind it there is no payload.
  @Test func everyBeginningIsRefused() {
    for descriptor in VP8HeaderTests.descriptors {
      let bytes = descriptor.bytes
      #expect(VP8HeaderTests.parse(bytes) == .failure(.badLength))
      for count in 0..<bytes.count {
        guard case .failure(.truncated(let needed, let have)) = VP8HeaderTests.parse(Array(bytes.prefix(count))) else {
          Issue.record("\(count) of \(bytes)")
          continue
        }
        #expect(have == count && needed > have)
      }
    }
  }

  @Test func theRangeMustLieInTheDatagram() {
    let bytes: [UInt8] = [0x10, 0, 0]
    #expect(throws: WireError.self) { try VP8PayloadDescriptor(parsing: bytes.span, from: 0, to: 4) }
    #expect(throws: WireError.self) { try VP8PayloadDescriptor(parsing: bytes.span, from: 2, to: 2) }
    #expect(throws: WireError.self) { try VP8PayloadDescriptor(parsing: bytes.span, from: 3, to: 2) }
    // What lies behind the range is not read.
    #expect(throws: WireError.badLength) { try VP8PayloadDescriptor(parsing: bytes.span, from: 0, to: 1) }
  }

  // MARK: Frames

  private static func head(_ bytes: [UInt8]) -> Result<VP8FrameHeader, WireError> {
    Result { () throws(WireError) in try VP8FrameHeader(parsing: bytes.span) }
  }

  @Test(arguments: [0, 1, 7, 8, 255, 2047, 2048, 0x3_ffff, 0x7_ffff]) func framesOfEveryVersion(partition: Int) throws {
    for version in UInt8(0)..<8 {
      for isShown in [false, true] {
        let inter = try VP8HeaderTests.head(VP8Frame.tag(isKey: false, version: version, isShown: isShown, partition: partition)).get()
        #expect(!inter.isKey && inter.isShown == isShown && inter.firstPartitionBytes == partition)
        #expect(inter.headBytes == 3 && inter.size == nil)
        let key = try VP8HeaderTests.head(
          VP8Frame.tag(isKey: true, version: version, isShown: isShown, partition: partition) + VP8Frame.size(640, 360)
        ).get()
        #expect(key.isKey && key.isShown == isShown && key.firstPartitionBytes == partition)
        #expect(key.headBytes == 10 && key.size == PictureSize(width: 640, height: 360))
      }
    }
  }

  /// Odd ones, the smallest and the largest; the upper two bits ask a player to scale and are no part of them.
  @Test(arguments: [(1, 1), (2, 1), (1, 16_383), (16_383, 16_383), (175, 143), (255, 256), (256, 255), (1280, 720), (8191, 4097)])
  func sizes(width: Int, height: Int) throws {
    for scales in [(0, 0), (1, 0), (0, 2), (3, 3)] {
      let bytes =
        VP8Frame.tag(isKey: true, partition: 5) + VP8Frame.size(width, height, scaleX: UInt8(scales.0), scaleY: UInt8(scales.1))
      #expect(try VP8HeaderTests.head(bytes).get().size == PictureSize(width: width, height: height))
    }
  }

  @Test func keyFramesWithoutSizeOrStartCodeAreNone() {
    let tag = VP8Frame.tag(isKey: true, partition: 5)
    for (width, height) in [(0, 0), (0, 100), (100, 0)] {
      for scale in [UInt8(0), 3] {
        #expect(VP8HeaderTests.head(tag + VP8Frame.size(width, height, scaleX: scale, scaleY: scale)) == .failure(.badValue))
      }
    }
    let whole = tag + VP8Frame.size(640, 360)
    for index in 3..<6 {
      for bit in 0..<8 {
        var broken = whole
        broken[index] ^= 1 << bit
        #expect(VP8HeaderTests.head(broken) == .failure(.badValue))
      }
    }
    for count in 0..<whole.count {
      #expect(VP8HeaderTests.head(Array(whole.prefix(count))) == .failure(.truncated(needed: count < 3 ? 3 : 10, have: count)))
    }
    let inter = VP8Frame.tag(isKey: false, partition: 5)
    for count in 0..<3 { #expect(VP8HeaderTests.head(Array(inter.prefix(count))) == .failure(.truncated(needed: 3, have: count))) }
  }

  // MARK: Names

  @Test func codecsGoByTheirNamesInSDP() {
    for name in ["opus", "OPUS", "Opus"] { #expect(Codec(name: name) == .opus) }
    for name in ["VP8", "vp8", "Vp8"] { #expect(Codec(name: name) == .vp8) }
    for name in ["VP9", "vp9"] { #expect(Codec(name: name) == .vp9) }
    for name in ["H264", "h264"] { #expect(Codec(name: name) == .h264) }
    // Made here, never received; or no codec at all.
    for name in ["AAC", "VP7", "", "vp8 ", "red", "rtx"] { #expect(Codec(name: name) == nil, "\(name)") }
    #expect(Codec.opus.kind == .audio && Codec.opus.clockRate == ClockRate(48_000))
    #expect(Codec.vp8.kind == .video && Codec.vp8.clockRate == ClockRate(90_000))
  }
}
