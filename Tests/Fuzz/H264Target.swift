import Codecs
import Ground

extension FuzzTarget {
  static let h264 = FuzzTarget(name: "h264", maximumBytes: 512, seeds: { $0.payloads(102, longest: 400) }) { bytes in
    let span = bytes.span
    if let payload = try? H264Payload(parsing: span, from: 0, to: bytes.count) {
      switch payload {
      case .single: require((1...23).contains(bytes[0] & 0x1f), "a unit's type")
      case .fragment(let head, let isFirst, let isLast):
        require(head & 0x80 == 0 && (1...23).contains(head & 0x1f) && !(isFirst && isLast), "a fragment of a unit")
      case .aggregate:
        var at = 0
        var end = 1
        while let unit = H264Payload.nextUnit(span, at: &at, start: 0, end: bytes.count) {
          require(unit.lowerBound == end + 2 && unit.upperBound <= bytes.count && !unit.isEmpty, "units follow each other inside")
          end = unit.upperBound
          read(Array(bytes[unit]))
        }
        require(end == bytes.count, "nothing is left of an aggregate")
      }
    }
    read(bytes)
    var at = 0
    while let unit = H264AccessUnit.nextUnit(span, at: &at) { read(Array(bytes[unit])) }
    if let record = H264AccessUnit.configuration(ofKeyFrame: span) {
      require(record.count >= 11 && record[0] == 1 && record[4] == 0xff, "an avcC with a set of each kind")
    }
  }

  private static func read(_ unit: [UInt8]) {
    let set = try? H264SequenceParameterSet(parsing: unit.span)
    if let set {
      require((1...65_535).contains(set.size.width) && (1...65_535).contains(set.size.height), "a size that containers can say")
      require((0...31).contains(set.id) && (4...16).contains(set.frameNumberBits), "fields in range")
      require((8...14).contains(set.lumaBits) && (8...14).contains(set.chromaBits) && set.chromaFormat < 4, "a format that is one")
    }
    if let picture = try? H264PictureParameterSet(parsing: unit.span) {
      require((0...255).contains(picture.id) && (0...31).contains(picture.sequenceID), "ids in range")
    }
    let bare = try? H264SliceHead(parsing: unit.span) { _ in nil }
    if let known = try? H264SliceHead(parsing: unit.span, sequence: { _ in set }) {
      require(
        bare?.firstMacroblock == known.firstMacroblock && (known.frameNumber ?? 0) < 1 << 16, "the same head with and without its set")
    }
    _ = H264RecoveryPoint.isExactHere(unit.span)
  }
}
