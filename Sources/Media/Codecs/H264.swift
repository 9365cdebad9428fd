package import Ground

/// What a NAL unit is (ITU-T H.264 table 7-1): the low five bits of its first byte.
package enum H264UnitType {
  /// A slice of a picture that refers to others.
  package static let slice: UInt8 = 1
  /// The first part of a slice in three.
  package static let partitionA: UInt8 = 2
  /// A slice of a picture where decoding can start.
  package static let idrSlice: UInt8 = 5
  package static let supplementalInformation: UInt8 = 6
  package static let sequenceParameterSet: UInt8 = 7
  package static let pictureParameterSet: UInt8 = 8
  package static let accessUnitDelimiter: UInt8 = 9

  /// Whether the unit is a part of a picture.
  package static func isPicture(_ type: UInt8) -> Bool { (1...5).contains(type) }
}

/// What a sequence parameter set says (ITU-T H.264 §7.3.2.1.1), up to its cropping.
package struct H264SequenceParameterSet: Sendable, Equatable {
  /// 0 to 31.
  package var id: Int
  package var profile: UInt8
  /// The constraint flags, as they stand in avcC.
  package var compatibility: UInt8
  package var level: UInt8
  /// 0: grey, 1: 4:2:0, 2: 4:2:2, 3: 4:4:4.
  package var chromaFormat: UInt8 = 1
  package var hasSeparatePlanes = false
  package var lumaBits: UInt8 = 8
  package var chromaBits: UInt8 = 8
  /// How many bits a slice's frame_num takes: 4 to 16.
  package var frameNumberBits = 4
  /// Whether pictures are shown in the order in which they are decoded (pic_order_cnt_type 2).
  package var keepsOrder = false
  /// Whether every picture is a frame and none a field.
  package var hasFramesOnly = true
  /// What is shown: without what is cropped.
  package var size = PictureSize(width: 0, height: 0)

  /// Profiles whose sets say their chroma format.
  private static let highProfiles: Set<UInt8> = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]
  /// No side has more macroblocks: what containers can say ends at 65535 pixels.
  private static let mostMacroblocks: UInt32 = 4095

  /// Reads a whole NAL unit of type 7. Throws on what ends early, and on values that the format forbids.
  package init(parsing unit: Span<UInt8>) throws(WireError) {
    guard unit.count >= 5 else { throw .truncated(needed: 5, have: unit.count) }
    guard unit[0] & 0x1f == H264UnitType.sequenceParameterSet else { throw .badValue }
    (profile, compatibility, level) = (unit[1], unit[2], unit[3])
    var reader = RBSPReader(unit, from: 4, to: unit.count)
    id = Int(try reader.unsigned(atMost: 31))
    if H264SequenceParameterSet.highProfiles.contains(profile) { try readFormat(&reader) }
    frameNumberBits = Int(try reader.unsigned(atMost: 12)) + 4
    try readOrder(&reader)
    _ = try reader.unsigned(atMost: 16)
    _ = try reader.flag()
    try readSize(&reader)
  }

  private mutating func readFormat(_ reader: inout RBSPReader) throws(WireError) {
    chromaFormat = UInt8(try reader.unsigned(atMost: 3))
    if chromaFormat == 3 { hasSeparatePlanes = try reader.flag() }
    lumaBits = UInt8(try reader.unsigned(atMost: 6)) + 8
    chromaBits = UInt8(try reader.unsigned(atMost: 6)) + 8
    _ = try reader.flag()
    guard try reader.flag() else { return }
    for list in 0..<(chromaFormat == 3 ? 12 : 8) where try reader.flag() {
      var last: Int64 = 8
      var next: Int64 = 8
      for _ in 0..<(list < 6 ? 16 : 64) {
        if next != 0 {
          let delta = try reader.signed()
          guard (-128...127).contains(delta) else { throw .badValue }
          next = (last + delta + 256) % 256
        }
        if next != 0 { last = next }
      }
    }
  }

  private mutating func readOrder(_ reader: inout RBSPReader) throws(WireError) {
    let kind = try reader.unsigned(atMost: 2)
    keepsOrder = kind == 2
    if kind == 0 {
      _ = try reader.unsigned(atMost: 12)
    } else if kind == 1 {
      _ = try reader.flag()
      _ = try reader.signed()
      _ = try reader.signed()
      for _ in 0..<(try reader.unsigned(atMost: 255)) { _ = try reader.signed() }
    }
  }

  private mutating func readSize(_ reader: inout RBSPReader) throws(WireError) {
    let limit = H264SequenceParameterSet.mostMacroblocks
    let across = Int(try reader.unsigned(atMost: limit - 1)) + 1
    let down = Int(try reader.unsigned(atMost: limit - 1)) + 1
    hasFramesOnly = try reader.flag()
    if !hasFramesOnly { _ = try reader.flag() }
    _ = try reader.flag()
    let fields = hasFramesOnly ? 1 : 2
    var (width, height) = (across * 16, down * 16 * fields)
    if try reader.flag() {
      let isSubsampled = !hasSeparatePlanes
      let unitX = isSubsampled && (chromaFormat == 1 || chromaFormat == 2) ? 2 : 1
      let unitY = (isSubsampled && chromaFormat == 1 ? 2 : 1) * fields
      let left = Int(try reader.unsigned(atMost: 65_535))
      let right = Int(try reader.unsigned(atMost: 65_535))
      let top = Int(try reader.unsigned(atMost: 65_535))
      let bottom = Int(try reader.unsigned(atMost: 65_535))
      width -= unitX * (left + right)
      height -= unitY * (top + bottom)
    }
    guard (1...65_535).contains(width), (1...65_535).contains(height) else { throw .badValue }
    size = PictureSize(width: width, height: height)
  }
}

/// Which sequence parameter set a picture parameter set refers to (ITU-T H.264 §7.3.2.2); the rest is the decoder's.
package struct H264PictureParameterSet: Sendable, Equatable {
  /// 0 to 255.
  package var id: Int
  /// 0 to 31.
  package var sequenceID: Int

  /// Reads a whole NAL unit of type 8. Throws `truncated`, `badValue`.
  package init(parsing unit: Span<UInt8>) throws(WireError) {
    guard unit.count >= 2 else { throw .truncated(needed: 2, have: unit.count) }
    guard unit[0] & 0x1f == H264UnitType.pictureParameterSet else { throw .badValue }
    var reader = RBSPReader(unit, from: 1, to: unit.count)
    id = Int(try reader.unsigned(atMost: 255))
    sequenceID = Int(try reader.unsigned(atMost: 31))
  }
}

/// The head of a slice (ITU-T H.264 §7.3.3), as far as it can be read without the parameter sets.
package struct H264SliceHead: Sendable, Equatable {
  /// 0 in the first slice of a picture.
  package var firstMacroblock: Int
  /// Whether it refers to no other picture: I or SI.
  package var isIntra: Bool
  package var pictureSetID: Int
  /// A running number of the pictures that others refer to; nil where it was read without the sequence parameter set.
  package var frameNumber: Int?

  /// Reads the head of a NAL unit that is a slice. Throws `truncated`, `badValue`. `sequence` answers the sequence parameter set of a
  /// picture parameter set where both are known.
  package init(parsing unit: Span<UInt8>, sequence: (_ pictureSetID: Int) -> H264SequenceParameterSet?) throws(WireError) {
    var reader = RBSPReader(unit, from: min(1, unit.count), to: unit.count)
    firstMacroblock = Int(try reader.unsigned())
    let type = try reader.unsigned(atMost: 9) % 5
    isIntra = type == 2 || type == 4
    pictureSetID = Int(try reader.unsigned(atMost: 255))
    guard let set = sequence(pictureSetID) else { return }
    if set.hasSeparatePlanes { _ = try reader.bits(2) }
    frameNumber = Int(try reader.bits(set.frameNumberBits))
  }
}

/// Supplemental information as far as it says where decoding can go on (ITU-T H.264 §D.1.8).
package enum H264RecoveryPoint {
  /// Whether a NAL unit of type 6 promises that from this picture on, in the order of showing, all are exact, whatever was before it:
  /// recovery_frame_cnt 0, exact_match_flag 1, broken_link_flag 0.
  package static func isExactHere(_ unit: Span<UInt8>) -> Bool {
    var at = 1
    while at + 2 < unit.count {
      var (type, size) = (0, 0)
      while at < unit.count, unit[at] == 0xff { (type, at) = (type + 255, at + 1) }
      guard at < unit.count else { return false }
      (type, at) = (type + Int(unit[at]), at + 1)
      while at < unit.count, unit[at] == 0xff { (size, at) = (size + 255, at + 1) }
      guard at < unit.count else { return false }
      (size, at) = (size + Int(unit[at]), at + 1)
      guard size <= unit.count - at else { return false }
      if type == 6 {
        var reader = RBSPReader(unit, from: at, to: at + size)
        guard let count = try? reader.unsigned(), let isExact = try? reader.flag(), let isBroken = try? reader.flag() else { return false }
        return count == 0 && isExact && !isBroken
      }
      at += size
    }
    return false
  }
}
