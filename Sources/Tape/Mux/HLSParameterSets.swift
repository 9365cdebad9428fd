import Codecs

/// The parameter sets of an H.264 track as they may stand in front of a key frame.
///
/// They are in the initialization segment already. But a reader that goes on with its decoder when the initialization segment changes (that of
/// libavformat does) takes the new ones only from the stream; and every reader takes them there.
struct HLSParameterSets {
  /// Each with its length in 32 bits; empty where the configuration cannot be read.
  private let bytes: [UInt8]

  /// Reads an avcC (ISO/IEC 14496-15 §5.3.3.1): five bytes, then the number of sequence parameter sets (5 bits) and each with its length
  /// (16), then the number of picture parameter sets (8) and each with its length.
  init(avcC: [UInt8]) {
    var sets: [UInt8] = []
    var at = 5
    for mask in [0x1f, 0xff] as [UInt8] {
      guard at < avcC.count else { break }
      let count = avcC[at] & mask
      at += 1
      for _ in 0..<count {
        guard at + 2 <= avcC.count else { break }
        let length = Int(avcC[at]) << 8 | Int(avcC[at + 1])
        guard length > 0, at + 2 + length <= avcC.count else { break }
        sets += [0, 0] + avcC[at..<at + 2 + length]
        at += 2 + length
      }
    }
    bytes = sets
  }

  /// The access unit with the sets in front, unless it has its own.
  func prepended(to unit: [UInt8]) -> [UInt8] {
    var at = 0
    while let found = H264AccessUnit.nextUnit(unit.span, at: &at) {
      if unit[found.lowerBound] & 0x1f == H264UnitType.sequenceParameterSet { return unit }
      if H264UnitType.isPicture(unit[found.lowerBound] & 0x1f) { break }
    }
    return bytes + unit
  }
}
