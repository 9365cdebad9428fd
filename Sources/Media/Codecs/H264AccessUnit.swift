import Ground

/// An access unit as it lies on tape: NAL units, each behind a length of 4 bytes (ISO/IEC 14496-15 §5.3.2).
package enum H264AccessUnit {
  /// The next unit's bytes; `at` begins at 0. Nil at the end, and where a length leads outside.
  package static func nextUnit(_ bytes: Span<UInt8>, at: inout Int) -> Range<Int>? {
    guard at + 4 < bytes.count else { return nil }
    let count = Int(bytes.u32(at: at))
    guard count > 0, count <= bytes.count - at - 4 else { return nil }
    let unit = at + 4..<at + 4 + count
    at = unit.upperBound
    return unit
  }

  /// The AVCDecoderConfigurationRecord (avcC, ISO/IEC 14496-15 §5.3.3.1) of the parameter sets that stand in a key frame; nil where they
  /// are not all there.
  package static func configuration(ofKeyFrame bytes: Span<UInt8>) -> [UInt8]? {
    var sequence: [Range<Int>] = []
    var picture: [Range<Int>] = []
    var at = 0
    while let unit = nextUnit(bytes, at: &at) {
      let type = bytes[unit.lowerBound] & 0x1f
      if type == H264UnitType.sequenceParameterSet { note(unit, in: &sequence, of: bytes) }
      if type == H264UnitType.pictureParameterSet { note(unit, in: &picture, of: bytes) }
    }
    guard (sequence + picture).allSatisfy({ $0.count <= 0xffff }), let first = sequence.first,
      let set = try? H264SequenceParameterSet(parsing: bytes.extracting(first)), !picture.isEmpty,
      sequence.count < 32, picture.count < 256
    else { return nil }
    // Version 1; lengths of 4 bytes.
    var record: [UInt8] = [1, set.profile, set.compatibility, set.level, 0xfc | 3, 0xe0 | UInt8(sequence.count)]
    for unit in sequence { append(unit, of: bytes, to: &record) }
    record.append(UInt8(picture.count))
    for unit in picture { append(unit, of: bytes, to: &record) }
    if ![66, 77, 88].contains(set.profile) {
      record += [0xfc | set.chromaFormat, 0xf8 | (set.lumaBits - 8), 0xf8 | (set.chromaBits - 8), 0]
    }
    return record
  }

  /// Adds a unit to those of its kind, unless the same bytes are there: senders repeat what they do not know to have arrived. More than a
  /// record can hold are not gone through.
  static func note(_ unit: Range<Int>, in units: inout [Range<Int>], of bytes: Span<UInt8>) {
    func isSame(_ other: Range<Int>) -> Bool {
      guard other.count == unit.count else { return false }
      for offset in 0..<unit.count where bytes[unit.lowerBound + offset] != bytes[other.lowerBound + offset] { return false }
      return true
    }
    if units.count <= 256, !units.contains(where: isSame) { units.append(unit) }
  }

  private static func append(_ unit: Range<Int>, of bytes: Span<UInt8>, to record: inout [UInt8]) {
    record.appendU16(UInt16(truncatingIfNeeded: unit.count))
    record.append(copying: bytes, unit)
  }
}
