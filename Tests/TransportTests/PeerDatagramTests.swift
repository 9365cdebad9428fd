import Ground
import Peer
import RTP
import SRTP
import Seeded
import Testing

/// What a datagram is, by its bytes and the port that it came in on.
@Suite struct PeerDatagramTests {
  /// RTP and RTCP on one port are told apart by the second byte (RFC 5761 §4).
  @Test func everySecondByte() throws {
    var peer = try RTPPeer { _ in }
    for second in UInt8.min...UInt8.max {
      var datagram = media(1)
      datagram[1] = second
      let onMedia = peer.hear(datagram)
      let onRTCP = peer.hear(datagram, on: .rtcp)
      if (192...223).contains(second) {
        #expect(onMedia == .rtcp(count: datagram.count) && onRTCP == onMedia)
      } else {
        guard case .rtp(let packet, datagram.count) = onMedia else { throw WireError.badValue }
        #expect(packet.payloadType.value == second & 0x7f && packet.marker == (second >= 128))
        #expect(onRTCP == .discarded(.notRTCP))
      }
    }
  }

  /// STUN, ZRTP, DTLS, TURN channels and what has no name (RFC 7983 §7).
  @Test func everyFirstByte() throws {
    var peer = try RTPPeer { _ in }
    for first in UInt8.min...UInt8.max where !(128...191).contains(first) {
      for second in [0, 96, 200, 255] as [UInt8] {
        let datagram = [first, second] + Array(repeating: 1, count: 40)
        #expect(peer.hear(datagram) == .discarded(.notRTP))
        #expect(peer.hear(datagram, on: .rtcp) == .discarded(.notRTCP))
      }
    }
  }

  @Test func whatIsBroken() throws {
    var peer = try RTPPeer { _ in }
    for count in 0..<12 { #expect(peer.hear(Array(media(1).prefix(count))) == .discarded(.malformed)) }
    var lying = media(1)
    lying[0] = 0x8f
    #expect(peer.hear(lying) == .discarded(.malformed))
    lying[0] = 0xa0
    lying[lying.count - 1] = 0
    #expect(peer.hear(lying) == .discarded(.malformed))
    // What RTCP's packets say is for their reader.
    #expect(peer.hear([0x80, 200, 0xff, 0xff]) == .rtcp(count: 4))
  }

  @Test(arguments: CryptoSuite.allCases) func whatIsBrokenUnderProtection(_ suite: CryptoSuite) throws {
    let ends = try Ends(suite)
    var peer = try RTPPeer {
      $0.suite = suite
      $0.key = Redacted(Ends.key(suite))
    }
    var lying = media(1)
    lying[0] = 0xa0
    lying[lying.count - 1] = 0
    #expect(peer.hear(try ends.sender.sealed(lying)) == .discarded(.malformed))
    let sealed = try ends.sender.sealed(media(2))
    for count in 0..<12 { #expect(peer.hear(Array(sealed.prefix(count))) == .discarded(.malformed)) }
    guard case .rtp(let packet, let count) = peer.hear(sealed) else { throw WireError.badValue }
    #expect(packet.sequenceNumber == SequenceNumber(2) && count == media(2).count && packet.payloadEnd == count)
    #expect(peer.hear(sealed) == .discarded(.replayed))
  }

  @Test func aKeyOfAnotherLengthMakesNoPeer() {
    #expect(throws: SRTPError.badKey(needed: 44, have: 30)) {
      _ = try RTPPeer {
        $0.suite = .aeadAES256GCM
        $0.key = Redacted(Ends.key(.aesCM80))
      }
    }
  }

  /// Random and damaged datagrams from three addresses on both ports: nothing but the sender's own packets ever comes through, and with
  /// keys nothing that was not sealed.
  @Test(arguments: [nil, .aesCM32, .aeadAES128GCM] as [CryptoSuite?]) func nothingTraps(_ suite: CryptoSuite?) throws {
    var random = SeededGenerator(5761)
    let ends = try suite.map { try Ends($0) }
    var peer = try RTPPeer {
      $0.suite = suite
      if let suite { $0.key = Redacted(Ends.key(suite)) }
    }
    #expect(peer.take(try ends?.sender.sealed(media(0)) ?? media(0)).isRTP)
    var seen: Set<DatagramDiscard> = []
    for number in 1..<10_000 {
      let whole = random.pick(0...3) == 0 ? KnownPacket.clearRTCP : try ends?.sender.sealed(media(number)) ?? media(number)
      let datagram = random.pick(0...3) == 0 ? random.bytes(random.pick(0...60)) : random.damaged(whole)
      let address = [Hosts.sender, Hosts.sender, Hosts.senderRTCP, Hosts.stranger][random.pick(0...3)]
      let port = random.pick(0...1) == 0 ? PeerPort.rtp : .rtcp
      switch peer.hear(datagram, from: address, on: port) {
      case .discarded(let cause):
        seen.insert(cause)
        if address == Hosts.stranger { #expect(cause == .stranger) }
      case .rtp(let packet, let count):
        #expect(port == .rtp && address == Hosts.sender && packet.payloadEnd <= count && count <= datagram.count)
        if ends != nil { #expect(datagram == whole) }
      case .rtcp(let count):
        #expect(address != Hosts.stranger && count <= datagram.count && ends == nil)
      case .transport, .early: Issue.record("a sender of RTP has no handshake")
      }
    }
    let always: Set<DatagramDiscard> = [.stranger, .malformed, .notRTP, .notRTCP]
    #expect(seen.isSuperset(of: always))
    #expect(seen.contains(.authenticationFailed) == (suite != nil))
  }
}
