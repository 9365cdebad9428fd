package import Ground

/// What a sequence header says (AV1 §5.5): what containers and their players need to know.
package struct AV1SequenceHeader: Sendable, Equatable {
  package var profile: UInt8
  /// The first operating point's, which is the one that decoders choose.
  package var level: UInt8 = 0
  package var isHighTier = false
  /// The largest picture of the sequence.
  package var size: PictureSize
  package var bitDepth = 8
  package var isMonochrome = false
  package var subsamplingX = true
  package var subsamplingY = true
  package var chromaSamplePosition: UInt8 = 0

  /// Reads the payload of a sequence header unit. Throws `badLength` where it ends too early, `badValue` for a profile that there is not, and
  /// for single stills, which nobody sends as video.
  package init(parsing payload: Span<UInt8>) throws(WireError) {
    var reader = AV1BitReader(payload)
    profile = UInt8(reader.bits(3))
    _ = reader.flag()
    let isReduced = reader.flag()
    guard profile <= 2, !isReduced else { throw .badValue }
    size = PictureSize(width: 0, height: 0)
    readOperatingPoints(&reader)
    let widthBits = Int(reader.bits(4)) + 1
    let heightBits = Int(reader.bits(4)) + 1
    size.width = Int(reader.bits(widthBits)) + 1
    size.height = Int(reader.bits(heightBits)) + 1
    AV1SequenceHeader.skipTools(&reader)
    readColour(&reader)
    _ = reader.flag()
    guard !reader.isOver else { throw .badLength }
  }

  private mutating func readOperatingPoints(_ reader: inout AV1BitReader) {
    var delayBits: Int?
    if reader.flag() {
      _ = reader.bits(32)
      _ = reader.bits(32)
      if reader.flag() { reader.skipUVLC() }
      if reader.flag() {
        delayBits = Int(reader.bits(5)) + 1
        _ = reader.bits(32)
        _ = reader.bits(10)
      }
    }
    let tellsDelays = reader.flag()
    let count = Int(reader.bits(5)) + 1
    for point in 0..<count {
      _ = reader.bits(12)
      let level = UInt8(reader.bits(5))
      let isHigh = level > 7 && reader.flag()
      if point == 0 {
        self.level = level
        isHighTier = isHigh
      }
      if let delayBits, reader.flag() {
        _ = reader.bits(delayBits)
        _ = reader.bits(delayBits)
        _ = reader.flag()
      }
      if tellsDelays, reader.flag() { _ = reader.bits(4) }
    }
  }

  /// From frame ids to loop restoration: tools that only a decoder needs to know of.
  private static func skipTools(_ reader: inout AV1BitReader) {
    if reader.flag() { _ = reader.bits(7) }
    // Superblocks, intra filters, compounds, warping, filters of two directions.
    _ = reader.bits(7)
    let hasOrderHint = reader.flag()
    if hasOrderHint { _ = reader.bits(2) }
    let forcesScreenContent = reader.flag() || reader.flag()
    if forcesScreenContent, !reader.flag() { _ = reader.flag() }
    if hasOrderHint { _ = reader.bits(3) }
    _ = reader.bits(3)
  }

  /// AV1 §5.5.2.
  private mutating func readColour(_ reader: inout AV1BitReader) {
    let isHigh = reader.flag()
    bitDepth = profile == 2 && isHigh ? (reader.flag() ? 12 : 10) : isHigh ? 10 : 8
    isMonochrome = profile != 1 && reader.flag()
    var isSRGB = false
    if reader.flag() { isSRGB = reader.bits(24) == 1 << 16 | 13 << 8 }
    if isMonochrome {
      _ = reader.flag()
      return
    }
    if isSRGB {
      subsamplingX = false
      subsamplingY = false
    } else {
      _ = reader.flag()
      switch profile {
      case 0: break
      case 1:
        subsamplingX = false
        subsamplingY = false
      default:
        subsamplingX = bitDepth < 12 || reader.flag()
        subsamplingY = bitDepth == 12 && subsamplingX && reader.flag()
      }
      if subsamplingX, subsamplingY { chromaSamplePosition = UInt8(reader.bits(2)) }
    }
    _ = reader.flag()
  }

  /// The codec configuration record (AV1 in ISOBMFF §2.3.3), which is Matroska's CodecPrivate too. `unit`: the sequence header as it stands
  /// in the stream, with its size.
  package func configuration(unit: Span<UInt8>) -> [UInt8] {
    var out: [UInt8] = [0x81, profile << 5 | level]
    let depth: UInt8 = (bitDepth > 8 ? 0x40 : 0) | (bitDepth == 12 ? 0x20 : 0)
    let chroma: UInt8 = (isMonochrome ? 0x10 : 0) | (subsamplingX ? 8 : 0) | (subsamplingY ? 4 : 0) | chromaSamplePosition
    out.append((isHighTier ? 0x80 : 0) | depth | chroma)
    out.append(0)
    out.append(copying: unit, 0..<unit.count)
    return out
  }

  /// The name in a playlist (RFC 6381; AV1 in ISOBMFF §5): `av01.`, profile, level and tier, bit depth. Nil where the bytes are no codec
  /// configuration record.
  package static func codecName(_ configuration: [UInt8]) -> String? {
    guard configuration.count >= 4, configuration[0] == 0x81 else { return nil }
    let (profileAndLevel, flags) = (configuration[1], configuration[2])
    let depth = flags & 0x40 == 0 ? "08" : flags & 0x20 == 0 ? "10" : "12"
    let level = profileAndLevel & 0x1f
    return "av01.\(profileAndLevel >> 5).\(level < 10 ? "0" : "")\(level)\(flags & 0x80 == 0 ? "M" : "H").\(depth)"
  }
}
