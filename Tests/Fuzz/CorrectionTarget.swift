import Correction
import Ground
import RTP

extension FuzzTarget {
  /// The first byte chooses the scheme; then steps of three bytes and what they bring along: a packet of so many bytes, or a correction, with
  /// numbers near each other. The whole is also read as one correction.
  static let fec = FuzzTarget(name: "fec", maximumBytes: 1024, seeds: { correctionSeeds($0) }) { bytes in
    guard bytes.count > 1 else { return }
    let scheme: RTPCorrection.Scheme = bytes[0] & 1 == 0 ? .ulpfec : .flexfec
    requireInside(Array(bytes[1...]), scheme)
    var corrector = ForwardErrorCorrector(scheme)
    corrector.extensions[.absoluteSendTime] = bytes[0] & 2 == 0 ? nil : 2
    var at = 1
    var proofs = false
    while at + 3 <= bytes.count {
      let count = min(Int(bytes[at + 2]), bytes.count - at - 3)
      let content = Array(bytes[at + 3..<at + 3 + count])
      let isCorrection = bytes[at] & 0x80 != 0
      var fields = RTPHeaderFields(
        payloadType: PayloadType(isCorrection ? 122 : 96), marker: bytes[at] & 0x40 != 0,
        sequenceNumber: SequenceNumber(65_500 &+ UInt16(bytes[at + 1])), timestamp: RTPTimestamp(UInt32(bytes[at] & 0x0f)), ssrc: SSRC(7))
      if bytes[at] & 0x20 != 0 { fields.extensions = [(2, [bytes[at], bytes[at + 1], 3])] }
      let datagram = fields.packet(payload: content)
      at += 3 + count
      guard let packet = try? RTPPacket(parsing: datagram.span) else { fatalError("what was written is not read") }
      if isCorrection { try? corrector.receive(correction: packet, datagram.span) } else { corrector.receive(packet, datagram.span) }
      var rebuilt: [UInt8] = []
      var turns = 0
      while corrector.popRebuilt(of: SSRC(7), into: &rebuilt) {
        turns += 1
        proofs = proofs || corrector.isProven
        require(proofs, "nothing is rebuilt before a proof")
        require(turns <= 2 * ForwardErrorCorrector.capacity, "each correction gives one packet")
        guard let packet = try? RTPPacket(parsing: rebuilt.span) else { fatalError("what is rebuilt is not read") }
        require(packet.ssrc == SSRC(7), "what is rebuilt is of the stream")
        rebuilt.removeAll()
      }
      require(!corrector.mayRebuild, "all that is known is told")
    }
  }

  private static func requireInside(_ bytes: [UInt8], _ scheme: RTPCorrection.Scheme) {
    guard let read = try? RTPCorrection(parsing: 0..<bytes.count, of: bytes.span, as: scheme) else { return }
    var offset = 0
    for number in 0..<read.levelCount {
      let level = read.level(number, in: bytes.span)
      require(level.range.lowerBound >= 14 && level.range.upperBound <= bytes.count, "a level's bytes lie inside")
      require(level.offset == offset, "levels protect one stretch after another")
      require(level.mask & (1 << 18 - 1) == 0, "at most 110 packets are protected")
      offset += level.range.count
    }
  }

  /// Two groups of two packets, each with its correction; of the second one packet is missing.
  private static func correctionSeeds(_ sources: SeedSources) -> [[UInt8]] {
    func group(_ scheme: UInt8, from number: UInt8, without lost: Int?) -> [UInt8] {
      let payloads: [[UInt8]] = [[1, 2, 3, 4, 5], [9, 8, 7]]
      var out: [UInt8] = []
      for (index, payload) in payloads.enumerated() where index != lost {
        out += [UInt8(index), number + UInt8(index), UInt8(payload.count)] + payload
      }
      let base = 65_500 &+ UInt16(number)
      let baseBytes = [UInt8(base >> 8), UInt8(base & 255)]
      let body: [UInt8] = [8, 10, 4, 4, 5]
      let correction: [UInt8] =
        scheme == 0
        ? [0, 0] + baseBytes + [0, 0, 0, 1, 0, 6, 0, 5, 0xc0, 0] + body
        : [0, 0, 0, 6, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 7] + baseBytes + [0xe0, 0] + body
      return out + [0x80, number + 2, UInt8(correction.count)] + correction
    }
    var seeds = ([0, 1] as [UInt8]).map { [$0] + group($0, from: 1, without: nil) + group($0, from: 10, without: 1) }
    seeds += sources.payloads(120, longest: 200).prefix(40).map { [0] + $0.dropFirst() }
    return seeds
  }
}
