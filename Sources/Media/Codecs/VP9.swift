package import Ground

/// The VP9 payload descriptor (RFC 9628 §4.2).
///
///         0 1 2 3 4 5 6 7
///        |I|P|L|F|B|E|V|Z|
///     I: |M| PICTURE ID  |
///     M: | EXTENDED PID  |
///     L: | TID |U| SID |D|
///        |   TL0PICIDX   | (not in flexible mode)
///   P,F: | P_DIFF      |N| (up to three times)
///     V: | scalability structure …
package struct VP9PayloadDescriptor: Sendable, Equatable {
  /// P: the layer frame refers to earlier pictures.
  package var isInterPicture: Bool
  /// F: the references are told with each layer frame, not by a picture group.
  package var isFlexible: Bool
  /// B: the payload begins a layer frame.
  package var startsFrame: Bool
  /// E: the payload ends a layer frame.
  package var endsFrame: Bool
  /// Z: no upper spatial layer needs the layer frame, now or later.
  package var isNotForUpperLayers: Bool
  /// 7 or 15 bits.
  package var pictureID: UInt16?
  /// Whether the picture id has 15 bits.
  package var isExtendedPictureID: Bool
  /// Whether the layer is told.
  package var hasLayer: Bool
  /// TID: 0 is the base layer.
  package var temporalLayer: UInt8
  /// U: no later picture of a higher temporal layer refers to such a one before this picture.
  package var isSwitchingPoint: Bool
  /// SID: 0 is the smallest picture.
  package var spatialLayer: UInt8
  /// D: the layer frame refers to the spatial layer below it in its own picture.
  package var needsLowerLayer: Bool
  /// A running number of the base temporal layer's pictures: that of the last one up to this. Not in flexible mode.
  package var tl0PictureIndex: UInt8?
  /// P_DIFF: how many picture ids ago the pictures are that the layer frame refers to. In flexible mode only.
  package var differences: VP9Differences
  /// V: what the stream's layers are from here on.
  package var structure: VP9ScalabilityStructure?
  /// How many bytes the descriptor takes: the frame's bytes follow.
  package var count: Int

  /// Reads the descriptor at the beginning of `payload[start..<end]`. Throws `truncated`, `badValue` for a difference of 0 or more than
  /// three of them, and `badLength` where no byte of the frame follows.
  package init(parsing payload: Span<UInt8>, from start: Int, to end: Int) throws(WireError) {
    guard start < end, end <= payload.count else { throw .truncated(needed: 1, have: 0) }
    var reader = ByteReader(payload, from: start, to: end)
    let first = try reader.u8()
    isInterPicture = first & 0x40 != 0
    isFlexible = first & 0x10 != 0
    startsFrame = first & 0x08 != 0
    endsFrame = first & 0x04 != 0
    isNotForUpperLayers = first & 0x01 != 0
    pictureID = nil
    isExtendedPictureID = false
    if first & 0x80 != 0 {
      let id = try reader.u8()
      isExtendedPictureID = id & 0x80 != 0
      pictureID = isExtendedPictureID ? UInt16(id & 0x7f) << 8 | UInt16(try reader.u8()) : UInt16(id)
    }
    hasLayer = first & 0x20 != 0
    let layer = hasLayer ? try reader.u8() : 0
    temporalLayer = layer >> 5
    isSwitchingPoint = layer & 0x10 != 0
    spatialLayer = layer >> 1 & 0x07
    needsLowerLayer = layer & 0x01 != 0
    tl0PictureIndex = hasLayer && !isFlexible ? try reader.u8() : nil
    differences = VP9Differences()
    if isInterPicture, isFlexible {
      var more = true
      while more {
        let byte = try reader.u8()
        // Differences tell pictures apart by their ids (RFC 9628 §4.2).
        guard byte >> 1 > 0, pictureID != nil, differences.append(byte >> 1) else { throw .badValue }
        more = byte & 1 != 0
      }
    }
    structure = first & 0x02 != 0 ? try VP9ScalabilityStructure(from: &reader) : nil
    // A descriptor without a byte of the frame behind it is no payload.
    guard reader.remaining > 0 else { throw .badLength }
    count = reader.offset - start
  }
}

/// Up to three distances to earlier pictures.
package struct VP9Differences: Sendable, Equatable {
  private var values: UInt32 = 0
  package private(set) var count = 0

  package init() {}

  /// False where there are three already.
  package mutating func append(_ difference: UInt8) -> Bool {
    guard count < 3 else { return false }
    values |= UInt32(difference) << (8 * UInt32(count))
    count += 1
    return true
  }
  /// The distance at `index`, which is below `count`.
  package subscript(index: Int) -> UInt8 { UInt8(truncatingIfNeeded: values >> (8 * UInt32(index))) }
}

/// What a VP9 stream's layers are (RFC 9628 §4.2.1).
///
///        | N_S |Y|G|-|-|-|
///     Y: | width, 16 bits | height, 16 bits | for each spatial layer
///     G: |      N_G      |
///        | TID |U| R |-|-| and R times P_DIFF, 8 bits, for each picture of the group
package struct VP9ScalabilityStructure: Sendable, Equatable {
  /// One picture of the group that non-flexible mode repeats.
  package struct Picture: Sendable, Equatable {
    package var temporalLayer: UInt8
    package var isSwitchingPoint: Bool
    package var differences: VP9Differences
    package init(temporalLayer: UInt8, isSwitchingPoint: Bool, differences: VP9Differences) {
      self.temporalLayer = temporalLayer
      self.isSwitchingPoint = isSwitchingPoint
      self.differences = differences
    }
  }
  /// 1 to 8.
  package var spatialLayers: Int
  /// For each spatial layer, where told.
  package var sizes: [PictureSize] = []
  /// From the picture that bears the structure on; empty where not told.
  package var group: [Picture] = []

  fileprivate init(from reader: inout ByteReader) throws(WireError) {
    let head = try reader.u8()
    spatialLayers = Int(head >> 5) + 1
    if head & 0x10 != 0 {
      for _ in 0..<spatialLayers { sizes.append(PictureSize(width: Int(try reader.u16()), height: Int(try reader.u16()))) }
    }
    guard head & 0x08 != 0 else { return }
    for _ in 0..<(try reader.u8()) {
      let picture = try reader.u8()
      var differences = VP9Differences()
      for _ in 0..<(picture >> 2 & 0x03) { _ = differences.append(try reader.u8()) }
      group.append(Picture(temporalLayer: picture >> 5, isSwitchingPoint: picture & 0x10 != 0, differences: differences))
    }
  }
}
