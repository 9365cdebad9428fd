/// What an MP4 file says of a VP9 track (VP codec ISO media file format binding): the `vpcC` box less its version and flags.
///
///     | profile | level | bit depth, 4 | chroma, 3 | full range, 1 | primaries | transfer | matrix | 0, 16 |
package struct VP9Configuration: Sendable, Hashable {
  package var bytes: [UInt8]

  /// Of a key frame; nil for a header without size and colour.
  package init?(_ header: VP9FrameHeader) {
    guard let size = header.size, let color = header.color else { return nil }
    // Where chroma is sited nobody tells; it is taken to lie between two rows, as MPEG-2 has it.
    let chroma: UInt8 = color.isHalvedDown ? 0 : color.isHalvedAcross ? 2 : 3
    let (primaries, matrix) = VP9Configuration.codePoints(color.space)
    bytes = [
      header.profile, VP9Configuration.level(of: size), color.bitDepth << 4 | chroma << 1 | (color.isFullRange ? 1 : 0), primaries,
      primaries == 9 ? 14 : primaries, matrix, 0, 0,
    ]
  }

  /// The name in a playlist (RFC 6381): `vp09.`, profile, level and bit depth. Nil where the bytes are no configuration.
  package static func codecName(_ bytes: [UInt8]) -> String? {
    guard bytes.count >= 3 else { return nil }
    func twoDigits(_ value: UInt8) -> String { (value < 10 ? "0" : "") + "\(value)" }
    return "vp09." + twoDigits(bytes[0]) + "." + twoDigits(bytes[1]) + "." + twoDigits(bytes[2] >> 4)
  }

  /// Colour primaries and matrix (ISO/IEC 23091-2) of a color_space; 2 is not told.
  private static func codePoints(_ space: UInt8) -> (primaries: UInt8, matrix: UInt8) {
    switch space {
    case 1: (6, 6)  // BT.601
    case 2: (1, 1)  // BT.709
    case 3: (6, 6)  // SMPTE 170M
    case 4: (7, 7)  // SMPTE 240M
    case 5: (9, 9)  // BT.2020
    case 7: (1, 0)  // sRGB
    default: (2, 2)
    }
  }

  /// Ten times the lowest level that allows 60 pictures of the size a second (VP9 bitstream specification, annex A): how many come nobody
  /// tells beforehand.
  static func level(of size: PictureSize) -> UInt8 {
    let samples = size.width * size.height
    let levels: [(UInt8, samples: Int, rate: Int)] = [
      (10, 36_864, 829_440), (11, 73_728, 2_764_800), (20, 122_880, 4_608_000), (21, 245_760, 9_216_000), (30, 552_960, 20_736_000),
      (31, 983_040, 36_864_000), (40, 2_228_224, 83_558_400), (41, 2_228_224, 160_432_128), (50, 8_912_896, 311_951_360),
      (51, 8_912_896, 588_251_136), (52, 8_912_896, 1_176_502_272), (60, 35_651_584, 1_176_502_272), (61, 35_651_584, 2_353_004_544),
    ]
    return levels.first { samples <= $0.samples && samples * 60 <= $0.rate }?.0 ?? 62
  }
}
