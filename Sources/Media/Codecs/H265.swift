package import Ground

/// What a NAL unit is (ITU-T H.265 table 7-1).
///
///     |F|   type    | layer, 6  | TID |   two bytes of head
package enum H265UnitType {
  package static let videoParameterSet: UInt8 = 32
  package static let sequenceParameterSet: UInt8 = 33
  package static let pictureParameterSet: UInt8 = 34
  package static let accessUnitDelimiter: UInt8 = 35
  /// A picture where decoding can start although pictures that follow, and are shown before it, may refer to earlier ones.
  package static let cleanRandomAccess: UInt8 = 21

  /// The type by the head's first byte.
  package static func of(_ first: UInt8) -> UInt8 { first >> 1 & 63 }
  /// Whether the unit is a part of a picture.
  package static func isPicture(_ type: UInt8) -> Bool { type < 32 }
  /// Whether decoding can start at the picture: IDR, CRA or BLA, and what is reserved beside them.
  package static func isRandomAccess(_ type: UInt8) -> Bool { (16...23).contains(type) }
  /// Whether the picture is such a start after which the stream before is not to be had (BLA).
  package static func isBrokenLink(_ type: UInt8) -> Bool { (16...18).contains(type) }
  /// Whether the picture may refer to what was before the start that it follows (RASL).
  package static func isSkippedLeading(_ type: UInt8) -> Bool { type == 8 || type == 9 }
  /// Whether the unit is a parameter set.
  package static func isParameterSet(_ type: UInt8) -> Bool { (32...34).contains(type) }
}

/// What a sequence parameter set says (ITU-T H.265 §7.3.2.2), up to its bit depths.
package struct H265SequenceParameterSet: Sendable, Equatable {
  /// 0 to 15.
  package var id = 0
  /// Of the video parameter set that it refers to: 0 to 15.
  package var videoSetID: Int
  /// 1 to 7.
  package var temporalLayers: UInt8
  package var isTemporalIDNested: Bool
  /// Profile, tier, flags and level as they stand in the set, and in hvcC: 12 bytes.
  package var profile: [UInt8] = []
  /// 0: grey, 1: 4:2:0, 2: 4:2:2, 3: 4:4:4.
  package var chromaFormat: UInt8 = 1
  package var lumaBits: UInt8 = 8
  package var chromaBits: UInt8 = 8
  /// What is shown: without what lies outside the conformance window.
  package var size = PictureSize(width: 0, height: 0)

  /// Reads a whole NAL unit of type 33. Throws on what ends early, and on values that the format forbids.
  package init(parsing unit: Span<UInt8>) throws(WireError) {
    guard unit.count >= 3 else { throw .truncated(needed: 3, have: unit.count) }
    guard H265UnitType.of(unit[0]) == H265UnitType.sequenceParameterSet else { throw .badValue }
    var reader = RBSPReader(unit, from: 2, to: unit.count)
    videoSetID = Int(try reader.bits(4))
    let layers = try reader.bits(3)
    guard layers < 7 else { throw .badValue }
    temporalLayers = UInt8(layers) + 1
    isTemporalIDNested = try reader.flag()
    try readProfile(&reader, subLayers: Int(layers))
    id = Int(try reader.unsigned(atMost: 15))
    chromaFormat = UInt8(try reader.unsigned(atMost: 3))
    let hasSeparatePlanes = chromaFormat == 3 ? try reader.flag() : false
    try readSize(&reader, isSubsampled: !hasSeparatePlanes)
    lumaBits = UInt8(try reader.unsigned(atMost: 8)) + 8
    chromaBits = UInt8(try reader.unsigned(atMost: 8)) + 8
  }

  /// §7.3.3; of the sub-layers nothing is kept.
  private mutating func readProfile(_ reader: inout RBSPReader, subLayers: Int) throws(WireError) {
    for _ in 0..<12 { profile.append(UInt8(try reader.bits(8))) }
    guard subLayers > 0 else { return }
    var bits = 0
    for layer in 0..<8 {
      let flags = try reader.bits(2)
      if layer < subLayers { bits += (flags & 2 != 0 ? 88 : 0) + (flags & 1 != 0 ? 8 : 0) }
    }
    for _ in 0..<bits { _ = try reader.bit() }
  }

  private mutating func readSize(_ reader: inout RBSPReader, isSubsampled: Bool) throws(WireError) {
    var width = Int(try reader.unsigned(atMost: 65_535))
    var height = Int(try reader.unsigned(atMost: 65_535))
    if try reader.flag() {
      let unitX = isSubsampled && (chromaFormat == 1 || chromaFormat == 2) ? 2 : 1
      let unitY = isSubsampled && chromaFormat == 1 ? 2 : 1
      let left = Int(try reader.unsigned(atMost: 65_535))
      let right = Int(try reader.unsigned(atMost: 65_535))
      let top = Int(try reader.unsigned(atMost: 65_535))
      let bottom = Int(try reader.unsigned(atMost: 65_535))
      width -= unitX * (left + right)
      height -= unitY * (top + bottom)
    }
    guard width > 0, height > 0 else { throw .badValue }
    size = PictureSize(width: width, height: height)
  }
}

/// Which sequence parameter set a picture parameter set refers to (ITU-T H.265 §7.3.2.3); the rest is the decoder's.
package struct H265PictureParameterSet: Sendable, Equatable {
  /// 0 to 63.
  package var id: Int
  /// 0 to 15.
  package var sequenceID: Int

  /// Reads a whole NAL unit of type 34. Throws `truncated`, `badValue`.
  package init(parsing unit: Span<UInt8>) throws(WireError) {
    guard unit.count >= 3 else { throw .truncated(needed: 3, have: unit.count) }
    guard H265UnitType.of(unit[0]) == H265UnitType.pictureParameterSet else { throw .badValue }
    var reader = RBSPReader(unit, from: 2, to: unit.count)
    id = Int(try reader.unsigned(atMost: 63))
    sequenceID = Int(try reader.unsigned(atMost: 15))
  }
}

/// The head of a slice segment (ITU-T H.265 §7.3.6.1), as far as it can be read without the parameter sets.
package struct H265SliceHead: Sendable, Equatable {
  package var type: UInt8
  /// Whether its picture begins with it.
  package var isFirst: Bool
  package var pictureSetID: Int

  /// Reads the head of a NAL unit that is a part of a picture. Throws `truncated`, `badValue`.
  package init(parsing unit: Span<UInt8>) throws(WireError) {
    guard unit.count >= 3 else { throw .truncated(needed: 3, have: unit.count) }
    type = H265UnitType.of(unit[0])
    guard H265UnitType.isPicture(type) else { throw .badValue }
    var reader = RBSPReader(unit, from: 2, to: unit.count)
    isFirst = try reader.flag()
    if H265UnitType.isRandomAccess(type) { _ = try reader.flag() }
    pictureSetID = Int(try reader.unsigned(atMost: 63))
  }
}
