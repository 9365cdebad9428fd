import Ground
import Peer
import SRTP
import Testing

/// Where RTCP goes, and how it is protected.
@Suite struct PeerRTCPTests {
  private func keyed(_ suite: CryptoSuite, isRTCPClear: Bool = false) throws -> RTPPeer {
    try RTPPeer {
      $0.suite = suite
      $0.key = Redacted(Ends.key(suite))
      $0.isRTCPClear = isRTCPClear
    }
  }

  @Test func withoutAnythingOnItsPortItGoesWhereMediaComesFrom() throws {
    var peer = try RTPPeer { _ in }
    _ = peer.take(media(1))
    #expect(peer.rtcpDestination == Hosts.sender)
  }

  /// Janus's datagrams are RTP of nothing; others punch with a byte or less.
  @Test(arguments: [Hosts.opener, [0], [], Hosts.report, media(7)]) func whateverReachesThePortTeaches(_ content: [UInt8]) throws {
    var peer = try RTPPeer { _ in }
    let answer = peer.hear(content, from: Hosts.senderRTCP, on: .rtcp)
    let want: Reception = content == Hosts.report ? .rtcp(count: 8) : .discarded(content.count < 4 ? .malformed : .notRTCP)
    #expect(answer == want)
    #expect(peer.rtcpDestination == Hosts.senderRTCP && peer.remote == nil)
    _ = peer.take(media(1))
    #expect(peer.rtcpDestination == Hosts.senderRTCP && peer.remote == Hosts.sender)
  }

  @Test func withKeysItTeachesToo() throws {
    var peer = try keyed(.aesCM80)
    #expect(peer.hear(Hosts.opener, from: Hosts.senderRTCP, on: .rtcp) == .discarded(.notRTCP))
    #expect(peer.rtcpDestination == Hosts.senderRTCP)
  }

  @Test func datagramsOnTheMediaPortTeachNothing() throws {
    var peer = try RTPPeer { _ in }
    #expect(peer.hear(Hosts.report, from: Hosts.senderRTCP) == .rtcp(count: 8))
    #expect(peer.rtcpDestination == nil)
  }

  @Test func theFirstTeacherStaysUntilTheSenderIsKnown() throws {
    var peer = try RTPPeer { _ in }
    _ = peer.hear(Hosts.opener, from: Hosts.senderRTCP, on: .rtcp)
    _ = peer.hear(Hosts.opener, from: Hosts.stranger, on: .rtcp)
    #expect(peer.rtcpDestination == Hosts.senderRTCP)
  }

  @Test func whatAStrangerTaughtIsForgotten() throws {
    var peer = try RTPPeer { _ in }
    _ = peer.hear(Hosts.opener, from: Hosts.stranger, on: .rtcp)
    _ = peer.take(media(1))
    #expect(peer.rtcpDestination == Hosts.sender)
    _ = peer.hear(Hosts.opener, from: Hosts.stranger, on: .rtcp)
    #expect(peer.rtcpDestination == Hosts.sender)
    _ = peer.hear(Hosts.opener, from: Hosts.senderRTCP, on: .rtcp)
    #expect(peer.rtcpDestination == Hosts.senderRTCP)
  }

  /// A stranger that came first does not hide what the sender itself said before its media.
  @Test func aStrangerBeforeTheSenderHidesNothing() throws {
    var peer = try RTPPeer { _ in }
    _ = peer.hear(Hosts.opener, from: Hosts.stranger, on: .rtcp)
    _ = peer.hear(Hosts.opener, from: Hosts.senderRTCP, on: .rtcp)
    _ = peer.take(media(1))
    #expect(peer.rtcpDestination == Hosts.senderRTCP)
  }

  /// Nor do many; only so many are remembered.
  @Test(arguments: [6, 7, 8, 1000]) func manyStrangersBeforeTheSender(_ count: Int) throws {
    var peer = try RTPPeer { _ in }
    for number in 0..<count {
      let address = SocketAddress(ipv4: 0x0a00_0000 + UInt32(number), port: 1)
      _ = peer.hear(Hosts.opener, from: address, on: .rtcp)
    }
    _ = peer.hear(Hosts.opener, from: SocketAddress(ip: "192.0.2.1", port: 1)!, on: .rtcp)
    _ = peer.hear(Hosts.opener, from: Hosts.senderRTCP, on: .rtcp)
    _ = peer.take(media(1))
    #expect(peer.rtcpDestination == (count < 8 ? Hosts.senderRTCP : Hosts.sender))
    _ = peer.hear(Hosts.report, from: Hosts.senderRTCP, on: .rtcp)
    #expect(peer.rtcpDestination == Hosts.senderRTCP)
  }

  @Test func aSenderMayMoveItsRTCP() throws {
    var peer = try RTPPeer { _ in }
    _ = peer.take(media(1))
    _ = peer.hear(Hosts.report, from: Hosts.senderRTCP, on: .rtcp)
    let moved = SocketAddress(ip: "192.0.2.1", port: 7001)!
    #expect(peer.hear(Hosts.report, from: moved, on: .rtcp) == .rtcp(count: 8))
    #expect(peer.rtcpDestination == moved)
  }

  /// A forwarder that is started anew opens its RTCP channel before its media, as it did the first time.
  @Test func aSenderThatComesBackHasOpenedItsRTCPBefore() throws {
    var peer = try RTPPeer { _ in }
    _ = peer.hear(Hosts.opener, from: Hosts.senderRTCP, on: .rtcp)
    _ = peer.take(media(1), at: 0)
    let opened = SocketAddress(ip: "192.0.2.1", port: 6001)!
    #expect(peer.hear(Hosts.opener, from: opened, on: .rtcp, at: 2500) == .discarded(.notRTCP))
    #expect(peer.take(media(2), from: Hosts.again, at: 2600).isRTP)
    #expect(peer.rtcpDestination == opened)
  }

  /// With keys it may come from another host; what the host that is gone taught goes with it.
  @Test func aSenderFromElsewhereTakesItsRTCPAlong() throws {
    let ends = try Ends(.aeadAES256GCM)
    var peer = try keyed(.aeadAES256GCM)
    _ = peer.hear(Hosts.opener, from: Hosts.senderRTCP, on: .rtcp)
    _ = peer.take(try ends.sender.sealed(media(1)), at: 0)
    #expect(peer.rtcpDestination == Hosts.senderRTCP)
    _ = peer.take(try ends.sender.sealed(media(2)), from: Hosts.stranger, at: 3000)
    #expect(peer.rtcpDestination == Hosts.stranger)
  }

  @Test func aConfiguredAddressIsTheOnlyOne() throws {
    var peer = try RTPPeer { $0.remoteRTCP = Hosts.senderRTCP }
    #expect(peer.rtcpDestination == Hosts.senderRTCP)
    _ = peer.take(media(1), from: Hosts.six)
    for address in [Hosts.sender, Hosts.stranger, Hosts.six] {
      #expect(peer.hear(Hosts.report, from: address, on: .rtcp) == .discarded(.stranger))
    }
    #expect(peer.hear(Hosts.report, from: Hosts.senderRTCP, on: .rtcp) == .rtcp(count: 8))
    #expect(peer.rtcpDestination == Hosts.senderRTCP)
  }

  // MARK: Protection

  @Test func inClearWithoutKeys() throws {
    var peer = try RTPPeer { _ in }
    var out = Hosts.report
    try peer.protectRTCP(&out)
    #expect(out == Hosts.report)
    #expect(peer.hear(Hosts.report) == .rtcp(count: 8))
  }

  @Test(arguments: CryptoSuite.allCases) func protectedBothWays(_ suite: CryptoSuite) throws {
    let ends = try Ends(suite)
    var peer = try keyed(suite)
    var out = Hosts.report
    try peer.protectRTCP(&out)
    #expect(out != Hosts.report)
    #expect(ends.receiver.openRTCP(out) == .success(Hosts.report))

    for port in [PeerPort.rtp, .rtcp] {
      let sealed = try ends.sender.sealedRTCP(Hosts.report)
      #expect(peer.hear(sealed, on: port) == .rtcp(count: 8))
      #expect(peer.hear(sealed, on: port) == .discarded(.replayed))
      var forged = try ends.sender.sealedRTCP(Hosts.report)
      forged[forged.count - 5] ^= 1
      #expect(peer.hear(forged, on: port) == .discarded(.authenticationFailed))
      // In clear it is too short to be protected, or not protected rightly.
      #expect([.malformed, .authenticationFailed].contains(peer.hear(Hosts.report, on: port).discard))
    }
  }

  /// Janus's forwarder encrypts media alone.
  @Test(arguments: CryptoSuite.allCases) func inClearBesideProtectedMedia(_ suite: CryptoSuite) throws {
    let ends = try Ends(suite)
    var peer = try keyed(suite, isRTCPClear: true)
    var out = Hosts.report
    try peer.protectRTCP(&out)
    #expect(out == Hosts.report)
    #expect(peer.hear(Hosts.report, on: .rtcp) == .rtcp(count: 8))
    #expect(peer.hear(media(1)) == .discarded(.authenticationFailed))
    #expect(peer.hear(try ends.sender.sealed(media(1))).isRTP)
  }

  /// What is decrypted is decrypted in place, and the count says how much of it is clear.
  @Test func inPlace() throws {
    let ends = try Ends(.aesCM80)
    var peer = try keyed(.aesCM80)
    var datagram = try ends.sender.sealedRTCP(KnownPacket.clearRTCP)
    var span = datagram.mutableSpan
    let answer = peer.receive(&span, from: Hosts.sender, on: .rtp, at: Hosts.at(0))
    #expect(answer == .rtcp(count: KnownPacket.clearRTCP.count))
    #expect(Array(datagram.prefix(KnownPacket.clearRTCP.count)) == KnownPacket.clearRTCP)
  }
}
