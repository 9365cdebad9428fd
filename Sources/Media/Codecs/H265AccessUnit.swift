import Ground

/// What the parameter sets of an H.265 access unit on tape tell, whose units lie as H.264's do (ISO/IEC 14496-15 §8.3.2).
package enum H265AccessUnit {
  /// The HEVCDecoderConfigurationRecord (hvcC, ISO/IEC 14496-15 §8.3.3.1) of the parameter sets that stand in a key frame; nil where they
  /// are not all there.
  package static func configuration(ofKeyFrame bytes: Span<UInt8>) -> [UInt8]? {
    let kinds = [H265UnitType.videoParameterSet, H265UnitType.sequenceParameterSet, H265UnitType.pictureParameterSet]
    var sets: [[Range<Int>]] = [[], [], []]
    var at = 0
    while let unit = H264AccessUnit.nextUnit(bytes, at: &at) {
      if let kind = kinds.firstIndex(of: H265UnitType.of(bytes[unit.lowerBound])) {
        H264AccessUnit.note(unit, in: &sets[kind], of: bytes)
      }
    }
    guard sets.allSatisfy({ (1...64).contains($0.count) && $0.allSatisfy { $0.count <= 0xffff } }),
      let set = try? H265SequenceParameterSet(parsing: bytes.extracting(sets[1][0]))
    else { return nil }
    // Version 1; nothing is said of segmentation, parallelism and frame rates; lengths of 4 bytes.
    var record: [UInt8] = [1]
    record += set.profile
    record += [0xf0, 0, 0xfc, 0xfc | set.chromaFormat, 0xf8 | (set.lumaBits - 8), 0xf8 | (set.chromaBits - 8), 0, 0]
    record += [set.temporalLayers << 3 | (set.isTemporalIDNested ? 4 : 0) | 3, UInt8(kinds.count)]
    for (kind, units) in zip(kinds, sets) {
      // All sets of the kind that are used are here.
      record.append(0x80 | kind)
      record.appendU16(UInt16(units.count))
      for unit in units {
        record.appendU16(UInt16(truncatingIfNeeded: unit.count))
        record.append(copying: bytes, unit)
      }
    }
    return record
  }

  /// The name in a playlist (RFC 6381; ISO/IEC 14496-15 annex E): `hvc1.`, profile, compatibility flags, tier and level, constraints. Nil
  /// where the bytes are no hvcC.
  package static func codecName(_ configuration: [UInt8]) -> String? {
    guard configuration.count >= 23, configuration[0] == 1 else { return nil }
    let profile = configuration[1]
    let space = ["", "A", "B", "C"][Int(profile >> 6)]
    // The flags stand in the name with the last one first.
    let flags = configuration[2..<6].reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
    let reversed = (0..<32).reduce(0 as UInt32) { $0 | (flags >> $1 & 1) << (31 - $1) }
    var constraints = Array(configuration[6..<12])
    while constraints.last == 0 { constraints.removeLast() }
    let tier = profile & 0x20 == 0 ? "L" : "H"
    return
      (["hvc1", space + "\(profile & 31)", hexadecimal(reversed), tier + "\(configuration[12])"]
      + constraints.map { hexadecimal(UInt32($0)) }).joined(separator: ".")
  }

  private static func hexadecimal(_ value: UInt32) -> String { String(value, radix: 16, uppercase: true) }
}

extension Codec {
  /// The configuration that containers hold, as a key frame tells it: avcC, hvcC or av1C. Nil where the frame does not tell it, and for
  /// codecs whose frames need none.
  package func configuration(ofKeyFrame bytes: Span<UInt8>) -> [UInt8]? {
    switch self {
    case .h264: H264AccessUnit.configuration(ofKeyFrame: bytes)
    case .h265: H265AccessUnit.configuration(ofKeyFrame: bytes)
    case .av1: AV1Units.configuration(of: bytes)
    default: nil
    }
  }
}
