import Codecs
import Ground
import RTP
import Track

extension FuzzTarget {
  /// Payloads of one temporal unit, each with its length before it.
  static let av1 = FuzzTarget(name: "av1", maximumBytes: 512, seeds: { $0.payloads(45, longest: 255).map { [UInt8($0.count)] + $0 } }) {
    bytes in
    readDescriptor(bytes)
    var assembler = AV1Assembler()
    let pool = BufferPool()
    var at = 0
    var number: UInt16 = 0
    while at < bytes.count {
      let end = min(bytes.count, at + 1 + Int(bytes[at]))
      let fields = RTPHeaderFields(
        payloadType: PayloadType(45), marker: end == bytes.count, sequenceNumber: SequenceNumber(number), timestamp: RTPTimestamp(0),
        ssrc: SSRC(1))
      let datagram = fields.packet(payload: Array(bytes[at + 1..<end]))
      at = end
      number &+= 1
      guard let packet = try? RTPPacket(parsing: datagram.span) else { continue }
      switch assembler.receive(packet, datagram: datagram.span, ticks: 0, at: Instant(nanoseconds: 0), pool: pool) {
      case .pending: continue
      case .orphaned, .malformed, .oversized: _ = assembler.takeUnit()
      case .whole:
        guard let unit = assembler.takeUnit() else { fatalError("broken promise: what is whole can be taken") }
        var units = AV1Units()
        var read = 0
        while let found = units.next(in: unit.bytes.span) {
          require(found.header.kind != .temporalDelimiter && found.unit.lowerBound == read, "units lie behind each other")
          read = found.unit.upperBound
        }
        require(read == unit.bytes.count, "units lead to the end")
        if unit.isKey {
          require(AV1Units.configuration(of: unit.bytes.span) != nil, "a key frame tells its configuration")
          require((unit.sequence?.size.width ?? 0) > 0 && (unit.sequence?.size.height ?? 0) > 0, "pictures have a size")
        }
      }
    }
  }

  /// The same bytes as a dependency descriptor, and its second half as one that names the structure of the first.
  private static func readDescriptor(_ bytes: [UInt8]) {
    var structure: DependencyStructure?
    for part in [bytes[...], bytes.dropFirst(bytes.count / 2)] {
      guard let descriptor = try? DependencyDescriptor(parsing: Array(part).span, structure: &structure) else { continue }
      require(structure != nil && descriptor.differences.count <= 16, "a structure, and as many references as there may be")
      require(descriptor.differences.allSatisfy { (1...4096).contains($0) }, "frames that lie back")
    }
  }
}
