import Ground
import RTP
import SRTP
import Seeded
import Testing

/// What comes through, what does not, and that nothing forged disturbs what is genuine.
@Suite struct SRTPSessionTests {
  @Test(arguments: CryptoSuite.allCases) func whateverIsSealedOpens(_ suite: CryptoSuite) throws {
    var random = SeededGenerator(3711)
    let ends = try Ends(suite)
    for number in 0..<500 {
      var fields = RTPHeaderFields(
        payloadType: PayloadType(UInt8(random.pick(0...127))), marker: random.pick(0...1) == 1,
        sequenceNumber: SequenceNumber(UInt16(number)), timestamp: RTPTimestamp(UInt32(truncatingIfNeeded: random.next())),
        ssrc: SSRC(UInt32(random.pick(1...3))))
      fields.csrcs = (0..<random.pick(0...15)).map { SSRC(UInt32($0)) }
      if random.pick(0...1) == 1 { fields.extensions = [(UInt8(random.pick(1...20)), random.bytes(random.pick(0...30)))] }
      let clear = fields.packet(payload: random.bytes(random.pick(0...1200)), padding: random.pick(0...20))
      let sealed = try ends.sender.sealed(clear)
      #expect(ends.receiver.open(sealed) == .success(clear))
      // The header stays readable on the way; the payload does not.
      let header = try RTPPacket(parsing: clear.span).payloadStart
      #expect(sealed.prefix(header) == clear.prefix(header))
      if clear.count - header >= 16 { #expect(sealed[header..<clear.count] != clear[header...]) }
    }
  }

  @Test(arguments: CryptoSuite.allCases) func rtcpBothWays(_ suite: CryptoSuite) throws {
    let key = Ends.key(suite)
    let here = try Ends(suite, key: key)
    let there = try Ends(suite, key: key)
    for number in 0..<200 {
      var report = KnownPacket.clearRTCP
      report[27] = UInt8(number)
      let out = try here.sender.sealedRTCP(report)
      #expect(there.receiver.openRTCP(out) == .success(report))
      #expect(there.receiver.openRTCP(out) == .failure(.replayed))
      report[7] ^= 1
      let back = try there.sender.sealedRTCP(report)
      #expect(here.receiver.openRTCP(back) == .success(report))
      // RTP and RTCP have keys of their own.
      #expect(here.receiver.open(back) != .success(report))
    }
  }

  @Test(arguments: CryptoSuite.allCases) func anotherKeyOpensNothing(_ suite: CryptoSuite) throws {
    let ends = try Ends(suite)
    let sealed = try ends.sender.sealed(media(1))
    let report = try ends.sender.sealedRTCP(KnownPacket.clearRTCP)
    // One bit of the key, and one of the salt.
    for at in [0, suite.keyBytes - 1, suite.keyBytes, suite.keyAndSaltBytes - 1] {
      var other = Ends.key(suite)
      other[at] ^= 0x80
      let receiver = try SRTPSession(suite: suite, key: other, direction: .inbound)
      #expect(receiver.open(sealed) == .failure(.authenticationFailed))
      #expect(receiver.openRTCP(report) == .failure(.authenticationFailed))
    }
    #expect(ends.receiver.open(sealed) == .success(media(1)))
    #expect(ends.receiver.openRTCP(report) == .success(KnownPacket.clearRTCP))
  }

  /// Each bit of the packet, header, extension, payload, index and tag alike; the genuine packet is welcome afterwards.
  @Test(arguments: KnownPacket.all) func noBitMayChange(_ known: KnownPacket) throws {
    let receiver = try Ends(known.suite, key: known.key).receiver
    func isRefused(_ answer: Result<[UInt8], SRTPError>) -> Bool {
      // A changed length in the header breaks the framing, a changed E bit asks for what was not agreed: neither is a question of the tag.
      switch answer {
      case .failure(.authenticationFailed), .failure(.malformed), .failure(.library): true
      case .failure(.replayed), .failure(.badKey), .success: false
      }
    }
    for bit in 0..<known.before.count * 8 {
      var forged = known.before
      forged[bit / 8] ^= 0x80 >> UInt8(bit % 8)
      #expect(isRefused(receiver.open(forged)), "bit \(bit)")
      if bit >= 32 && bit < 96 || bit >= 192 { #expect(receiver.open(forged) == .failure(.authenticationFailed), "bit \(bit)") }
    }
    for bit in 0..<known.rtcp.count * 8 {
      var forged = known.rtcp
      forged[bit / 8] ^= 0x80 >> UInt8(bit % 8)
      #expect(isRefused(receiver.openRTCP(forged)), "bit \(bit) of RTCP")
    }
    #expect(receiver.open(known.before) == .success(KnownPacket.clearBefore))
    #expect(receiver.openRTCP(known.rtcp) == .success(KnownPacket.clearRTCP))
  }

  /// Every beginning of a packet, from nothing on, and what is no packet at all.
  @Test(arguments: KnownPacket.all) func tooShort(_ known: KnownPacket) throws {
    let receiver = try Ends(known.suite, key: known.key).receiver
    for count in 0..<known.before.count {
      let answer = receiver.open(Array(known.before.prefix(count)))
      #expect(answer == .failure(.malformed) || answer == .failure(.authenticationFailed), "\(count) bytes")
      if count < 24 { #expect(answer == .failure(.malformed), "\(count) bytes") }
    }
    for count in 0..<known.rtcp.count {
      let answer = receiver.openRTCP(Array(known.rtcp.prefix(count)))
      #expect(answer != .success([]) && (try? answer.get()) == nil, "\(count) bytes of RTCP")
      if count < 8 + 4 + 10 { #expect(answer == .failure(.malformed), "\(count) bytes of RTCP") }
    }
    #expect(receiver.open(known.before) == .success(KnownPacket.clearBefore))
  }

  @Test(arguments: CryptoSuite.allCases) func randomAndDamagedPacketsNeverPass(_ suite: CryptoSuite) throws {
    var random = SeededGenerator(7714)
    let ends = try Ends(suite)
    for number in 0..<2000 {
      let sealed = try ends.sender.sealed(media(number, ssrc: 5))
      let damaged = random.damaged(sealed)
      let noise = random.bytes(random.pick(0...120))
      #expect((try? ends.receiver.open(noise).get()) == nil)
      #expect((try? ends.receiver.openRTCP(noise).get()) == nil)
      #expect((try? ends.receiver.openRTCP(damaged).get()) == nil)
      if damaged != sealed { #expect((try? ends.receiver.open(damaged).get()) == nil) }
      #expect(ends.receiver.open(sealed) == .success(media(number, ssrc: 5)))
    }
  }

  /// What cannot be sealed stays as it was.
  @Test(arguments: CryptoSuite.allCases) func whatIsNoPacketIsNotSealed(_ suite: CryptoSuite) throws {
    let sender = try Ends(suite).sender
    for count in [0, 1, 11] {
      var bytes = Array(media(1).prefix(count))
      #expect(throws: SRTPError.malformed) { try sender.protectRTP(&bytes) }
      #expect(bytes == Array(media(1).prefix(count)))
    }
    for count in [0, 1, 7] {
      var bytes = Array(KnownPacket.clearRTCP.prefix(count))
      #expect(throws: SRTPError.malformed) { try sender.protectRTCP(&bytes) }
      #expect(bytes == Array(KnownPacket.clearRTCP.prefix(count)))
    }
  }
}
