/// H.264's two framings: start codes, as encoders write them (ITU-T H.264 Annex B), and lengths, as MP4 files hold them (ISO/IEC 14496-15).
enum AnnexB {
  private static let sequenceParameterSet: UInt8 = 7
  private static let pictureParameterSet: UInt8 = 8

  /// The ranges of the NAL units in `stream`, without their start codes and the zeros after them.
  static func units(_ stream: Span<UInt8>) -> [Range<Int>] {
    var units: [Range<Int>] = []
    var begin: Int?
    var at = 0
    while at + 2 < stream.count {
      // The byte furthest ahead tells how far no start code can begin.
      if stream[at + 2] > 1 {
        at += 3
      } else if stream[at] == 0, stream[at + 1] == 0, stream[at + 2] == 1 {
        if let begin { append(begin, at, of: stream, to: &units) }
        at += 3
        begin = at
      } else {
        at += 1
      }
    }
    if let begin { append(begin, stream.count, of: stream, to: &units) }
    return units
  }

  private static func append(_ begin: Int, _ end: Int, of stream: Span<UInt8>, to units: inout [Range<Int>]) {
    var end = end
    // A NAL unit never ends in a zero byte (§7.4.1): these are the next start code's.
    while end > begin, stream[end - 1] == 0 { end -= 1 }
    if end > begin { units.append(begin..<end) }
  }

  /// The slices of an access unit, each behind a 4-byte length. Parameter sets are the format's business; what is neither (the encoder's
  /// remarks about itself) no player needs.
  static func lengthPrefixed(_ stream: Span<UInt8>) -> [UInt8] {
    var frame: [UInt8] = []
    frame.reserveCapacity(stream.count + 8)
    for unit in units(stream) where (1...5).contains(stream[unit.lowerBound] & 0x1f) {
      let length = UInt32(unit.count)
      frame.append(UInt8(truncatingIfNeeded: length >> 24))
      frame.append(UInt8(truncatingIfNeeded: length >> 16))
      frame.append(UInt8(truncatingIfNeeded: length >> 8))
      frame.append(UInt8(truncatingIfNeeded: length))
      append(unit, of: stream, to: &frame)
    }
    return frame
  }

  /// The AVCDecoderConfigurationRecord (avcC, ISO/IEC 14496-15 §5.3.3.1) of an encoder's headers; nil if they lack a parameter set.
  static func decoderConfiguration(_ headers: Span<UInt8>) -> [UInt8]? {
    let found = units(headers)
    let sequence = found.filter { headers[$0.lowerBound] & 0x1f == sequenceParameterSet }
    let picture = found.filter { headers[$0.lowerBound] & 0x1f == pictureParameterSet }
    guard let first = sequence.first, first.count >= 4, !picture.isEmpty, sequence.count < 32, picture.count < 256 else { return nil }
    let profile = headers[first.lowerBound + 1]
    // Version 1; profile, compatibility and level of the set; lengths of 4 bytes.
    var record: [UInt8] = [1, profile, headers[first.lowerBound + 2], headers[first.lowerBound + 3], 0xfc | 3]
    record.append(0xe0 | UInt8(sequence.count))
    for unit in sequence { appendSet(unit, of: headers, to: &record) }
    record.append(UInt8(picture.count))
    for unit in picture { appendSet(unit, of: headers, to: &record) }
    // High and its relatives say their chroma format and depths again: 4:2:0 and 8 bits, which is all that is encoded here.
    if ![66, 77, 88].contains(profile) { record += [0xfc | 1, 0xf8, 0xf8, 0] }
    return record
  }

  private static func appendSet(_ unit: Range<Int>, of stream: Span<UInt8>, to record: inout [UInt8]) {
    record.append(UInt8(truncatingIfNeeded: unit.count >> 8))
    record.append(UInt8(truncatingIfNeeded: unit.count))
    append(unit, of: stream, to: &record)
  }

  private static func append(_ range: Range<Int>, of stream: Span<UInt8>, to bytes: inout [UInt8]) {
    bytes.append(addingCapacity: range.count) { output in
      for index in range { output.append(stream[index]) }
    }
  }
}
