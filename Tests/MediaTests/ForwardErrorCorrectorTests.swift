import Correction
import Ground
import RTP
import Seeded
import Testing

/// Lost packets that are rebuilt from forward error correction: the right ones, bit by bit, and no others.
@Suite struct ForwardErrorCorrectorTests {
  /// A stream whose packets differ in all that a header may have, and its correction.
  private struct Stream {
    var chance: SeededGenerator
    var number: UInt16 = 65_480
    var extensionIDs = RTPExtensionIDs()
    /// Values that change from packet to packet, and are zero in what the correction is made of.
    var writesWhenSent = false

    init(seed: UInt64) { chance = SeededGenerator(seed) }

    /// A packet as it is protected, and as it is sent.
    mutating func packet() -> (protected: [UInt8], sent: [UInt8]) {
      var fields = RTPHeaderFields(
        payloadType: PayloadType(96), marker: chance.pick(0...3) == 0, sequenceNumber: SequenceNumber(number),
        timestamp: RTPTimestamp(UInt32(truncatingIfNeeded: chance.next())), ssrc: SSRC(7))
      number &+= 1
      let payload = chance.bytes(chance.pick(1...300))
      fields.csrcs = (0..<chance.pick(0...2)).map { SSRC(UInt32($0)) }
      let padding = chance.pick(0...4) == 0 ? chance.pick(1...9) : 0
      guard writesWhenSent else {
        let bytes = fields.packet(payload: payload, padding: padding)
        return (bytes, bytes)
      }
      // Of different length, so that what lies behind is nowhere in the same place.
      let mid = (UInt8(1), chance.bytes(chance.pick(1...9)))
      fields.extensions = [mid, (2, [0, 0, 0]), (3, [0, 0])]
      let protected = fields.packet(payload: payload, padding: padding)
      fields.extensions = [mid, (2, chance.bytes(3)), (3, chance.bytes(2))]
      return (protected, fields.packet(payload: payload, padding: padding))
    }

    /// A packet of correction among the stream's numbers, or, where it has a stream of its own, with any.
    mutating func correction(_ payload: [UInt8]) -> [UInt8] {
      defer { number &+= 1 }
      return RTPHeaderFields(
        payloadType: PayloadType(122), sequenceNumber: SequenceNumber(number), timestamp: RTPTimestamp(0), ssrc: SSRC(7)
      ).packet(payload: payload)
    }
  }

  private func give(_ datagram: [UInt8], to corrector: inout ForwardErrorCorrector) throws -> [[UInt8]] {
    let span = datagram.span
    let packet = try RTPPacket(parsing: span)
    if packet.payloadType == PayloadType(122) {
      try corrector.receive(correction: packet, span)
    } else {
      corrector.receive(packet, span)
    }
    var rebuilt: [[UInt8]] = []
    var bytes: [UInt8] = []
    while corrector.popRebuilt(of: SSRC(7), into: &bytes) {
      rebuilt.append(bytes)
      bytes = []
    }
    return rebuilt
  }

  private func corrector(_ scheme: RTPCorrection.Scheme, withValues: Bool = false) -> ForwardErrorCorrector {
    var corrector = ForwardErrorCorrector(scheme)
    if withValues {
      corrector.extensions[.mid] = 1
      corrector.extensions[.absoluteSendTime] = 2
      corrector.extensions[.transportSequenceNumber] = 3
    }
    return corrector
  }

  /// Groups of packets of every size, two overlapping corrections for each, a tenth of all lost: what comes back is what a plain search
  /// finds, as it was.
  @Test(arguments: [RTPCorrection.Scheme.ulpfec, .flexfec], [(3, false), (16, false), (40, true)])
  func whatCanBeRebuiltIs(_ scheme: RTPCorrection.Scheme, _ group: (size: Int, isLong: Bool)) throws {
    for seed in 0..<UInt64(6) {
      for writesWhenSent in [false, true] {
        var stream = Stream(seed: seed)
        stream.writesWhenSent = writesWhenSent
        var chance = SeededGenerator(seed + 100)
        var corrector = corrector(scheme, withValues: writesWhenSent)
        var rebuilt: [[UInt8]] = []
        var sent: [UInt16: [UInt8]] = [:]
        for round in 0..<12 {
          let packets = (0..<group.size).map { _ in stream.packet() }
          var wire = packets.map(\.sent)
          var have: Set<UInt16> = []
          var groups: [Set<UInt16>] = []
          for members in [Array(packets.indices), packets.indices.filter { $0 % 2 == 0 }] {
            let protected = members.map { packets[$0].protected }
            let payload = scheme == .ulpfec ? CorrectionEncoder.ulpfec(protected, long: group.isLong) : CorrectionEncoder.flexfec(protected)
            let datagram = stream.correction(payload)
            // The first round comes whole: it shows how the sender makes its correction.
            guard round == 0 || chance.pick(0...9) > 0 else { continue }
            wire.append(datagram)
            groups.append(Set(protected.map(CorrectionEncoder.number)))
          }
          var lostOnes: Set<UInt16> = []
          for (index, packet) in packets.enumerated() {
            let number = CorrectionEncoder.number(packet.sent)
            sent[number] = packet.protected
            if round > 0, chance.pick(0...9) == 0 {
              lostOnes.insert(number)
              wire.removeAll { $0 == packets[index].sent }
            } else {
              have.insert(number)
            }
          }
          let expected = CorrectionEncoder.rebuildable(groups, have: have)
          var found: Set<UInt16> = []
          for datagram in wire {
            for bytes in try give(datagram, to: &corrector) {
              rebuilt.append(bytes)
              found.insert(CorrectionEncoder.number(bytes))
            }
          }
          #expect(found == expected)
        }
        for bytes in rebuilt { #expect(bytes == sent[CorrectionEncoder.number(bytes)]) }
        #expect(!rebuilt.isEmpty && Set(rebuilt).count == rebuilt.count)
      }
    }
  }

  /// Packets that come after their correction, in any order.
  @Test func orderDoesNotMatter() throws {
    for seed in 0..<UInt64(20) {
      var stream = Stream(seed: seed)
      var chance = SeededGenerator(seed)
      var corrector = corrector(.ulpfec)
      let first = (0..<4).map { _ in stream.packet().sent }
      for datagram in first + [stream.correction(CorrectionEncoder.ulpfec(first))] { #expect(try give(datagram, to: &corrector).isEmpty) }
      let packets = (0..<10).map { _ in stream.packet().sent }
      let lost = chance.pick(0...9)
      var wire = packets
      wire.remove(at: lost)
      wire.append(stream.correction(CorrectionEncoder.ulpfec(packets)))
      wire.shuffle(using: &chance)
      #expect(try wire.flatMap { try give($0, to: &corrector) } == [packets[lost]])
    }
  }

  /// RFC 5109 §10.2: the beginnings are protected in small groups, the rest in a large one.
  @Test func higherLevelsGiveTheRest() throws {
    var stream = Stream(seed: 2)
    var corrector = corrector(.ulpfec)
    let all = (0..<8).map { _ in stream.packet().sent }
    let longest = all.map { $0.count - 12 }.max() ?? 0
    let short = 40
    func corrections(_ packets: [[UInt8]]) -> [[UInt8]] {
      [
        CorrectionEncoder.ulpfec(packets, long: false, levels: [([0, 1], short)]),
        CorrectionEncoder.ulpfec(packets, long: false, levels: [([2, 3], short), ([0, 1, 2, 3], longest)]),
      ]
    }
    for datagram in all[..<4] + corrections(Array(all[..<4])).map({ stream.correction($0) }) { _ = try give(datagram, to: &corrector) }
    var told: [[UInt8]] = []
    for datagram in [all[5], all[6], all[7]] + corrections(Array(all[4...])).map({ stream.correction($0) }) {
      told += try give(datagram, to: &corrector)
    }
    #expect(told == [all[4]])
  }

  /// A server that rewrites packets and passes their correction on as it was: nothing is made of it.
  @Test func correctionThatDoesNotFitIsNotUsed() throws {
    var stream = Stream(seed: 3)
    var corrector = corrector(.ulpfec)
    for round in 0..<20 {
      let packets = (0..<5).map { _ in stream.packet().sent }
      let correction = stream.correction(CorrectionEncoder.ulpfec(packets))
      for (index, packet) in packets.enumerated() where round % 2 == 0 || index != 2 {
        var rewritten = packet
        if index == 1 { rewritten[7] ^= 1 }
        #expect(try give(rewritten, to: &corrector).isEmpty)
      }
      #expect(try give(correction, to: &corrector).isEmpty)
    }
    let isProven = corrector.isProven
    #expect(!isProven)
  }

  /// Before a whole group came, nothing is known; from then on what waited is rebuilt as well.
  @Test func theFirstWholeGroupIsTheProof() throws {
    var stream = Stream(seed: 4)
    var corrector = corrector(.ulpfec)
    let first = (0..<5).map { _ in stream.packet().sent }
    for datagram in first[1...] + [stream.correction(CorrectionEncoder.ulpfec(first))] {
      #expect(try give(datagram, to: &corrector).isEmpty)
    }
    let second = (0..<5).map { _ in stream.packet().sent }
    for datagram in second { #expect(try give(datagram, to: &corrector).isEmpty) }
    #expect(try give(stream.correction(CorrectionEncoder.ulpfec(second)), to: &corrector) == [first[0]])
    let isProven = corrector.isProven
    #expect(isProven)
  }

  /// The numbering begins anew a little further back: what was before is no partner of what comes.
  @Test func anotherNumberingIsAnotherStream() throws {
    var stream = Stream(seed: 5)
    var corrector = corrector(.ulpfec)
    for _ in 0..<8 {
      let packets = (0..<5).map { _ in stream.packet().sent }
      for datagram in packets + [stream.correction(CorrectionEncoder.ulpfec(packets))] { _ = try give(datagram, to: &corrector) }
    }
    let wasProven = corrector.isProven
    #expect(wasProven)
    stream.number &-= 30
    let packets = (0..<5).map { _ in stream.packet().sent }
    for datagram in packets[1...] + [stream.correction(CorrectionEncoder.ulpfec(packets))] {
      #expect(try give(datagram, to: &corrector).isEmpty)
    }
    let isProven = corrector.isProven
    #expect(!isProven)
  }

  /// Hostile correction: nothing traps, and what is rebuilt is a packet of the stream by its form.
  @Test func damageNeverTraps() throws {
    var stream = Stream(seed: 6)
    var chance = SeededGenerator(6)
    for scheme in RTPCorrection.Scheme.allCases {
      var corrector = corrector(scheme)
      for _ in 0..<300 {
        let packets = (0..<4).map { _ in stream.packet().sent }
        let payload = scheme == .ulpfec ? CorrectionEncoder.ulpfec(packets) : CorrectionEncoder.flexfec(packets)
        let damaged = chance.pick(0...2) == 0 ? payload : chance.damaged(payload)
        for datagram in packets where chance.pick(0...5) > 0 { _ = try give(datagram, to: &corrector) }
        for bytes in (try? give(stream.correction(damaged), to: &corrector)) ?? [] { _ = try RTPPacket(parsing: bytes.span) }
      }
    }
  }
}
