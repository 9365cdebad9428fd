import Ground
import Peer
import RTP
import SRTP
import Testing

/// Who is the sender, and who is a stranger.
@Suite struct PeerLatchTests {
  @Test func nobodyIsPinnedBeforeAPacketIsValid() throws {
    var peer = try RTPPeer { _ in }
    #expect(peer.remote == nil && peer.rtcpDestination == nil)
    // The owner finds neither valid: both may still speak.
    #expect(peer.hear(media(1), from: Hosts.stranger).isRTP)
    #expect(peer.hear(media(2)).isRTP)
    #expect(peer.remote == nil)
    peer.latch(Hosts.sender, at: Hosts.at(0))
    #expect(peer.remote == Hosts.sender && peer.rtcpDestination == Hosts.sender)
    #expect(peer.hear(media(3)).isRTP)
    #expect(peer.hear(media(3), from: Hosts.stranger) == .discarded(.stranger))
  }

  /// Whatever a stranger sends, on whichever port, it is a stranger's, and changes nothing.
  @Test func strangers() throws {
    var peer = try RTPPeer { _ in }
    #expect(peer.take(media(1)).isRTP)
    for content in [[], [0x80], media(2), Hosts.report, Hosts.opener, [22, 254, 253, 0, 0], Array(repeating: 0xff, count: 1500)]
      as [[UInt8]]
    {
      for address in [Hosts.stranger, Hosts.six] {
        for port in [PeerPort.rtp, .rtcp] { #expect(peer.hear(content, from: address, on: port, at: 100_000) == .discarded(.stranger)) }
      }
      // The sender's host with another port is one on the media port only.
      #expect(peer.hear(content, from: Hosts.again) == .discarded(.stranger))
    }
    #expect(peer.remote == Hosts.sender && peer.rtcpDestination == Hosts.sender)
  }

  @Test func aConfiguredSenderIsPinnedFromTheBeginning() throws {
    var peer = try RTPPeer { $0.remote = Hosts.sender }
    #expect(peer.remote == Hosts.sender && peer.rtcpDestination == Hosts.sender)
    #expect(peer.hear(media(1), from: Hosts.stranger) == .discarded(.stranger))
    #expect(peer.hear(media(1), from: Hosts.again) == .discarded(.stranger))
    #expect(peer.hear(Hosts.report, from: Hosts.again, on: .rtcp) == .rtcp(count: 8))
    #expect(peer.take(media(1)).isRTP)
    // However long it is silent.
    #expect(peer.hear(media(1), from: Hosts.again, at: 100_000) == .discarded(.stranger))
  }

  /// Port 0 pins the host, and the first packet its port.
  @Test func aConfiguredHost() throws {
    var peer = try RTPPeer { $0.remote = SocketAddress(ip: "192.0.2.1", port: 0) }
    #expect(peer.remote == nil && peer.rtcpDestination == nil)
    #expect(peer.hear(media(1), from: Hosts.stranger) == .discarded(.stranger))
    #expect(peer.hear(Hosts.opener, from: Hosts.stranger, on: .rtcp) == .discarded(.stranger))
    #expect(peer.take(media(1), from: Hosts.again).isRTP)
    #expect(peer.remote == Hosts.again)
    #expect(peer.hear(media(2)) == .discarded(.stranger))
  }

  @Test func addressesOfTheSixthVersion() throws {
    var peer = try RTPPeer { _ in }
    #expect(peer.take(media(1), from: Hosts.six).isRTP)
    // Half of the address is the same.
    let near = SocketAddress(high: Hosts.six.high, low: 2, port: 5000)
    for address in [near, Hosts.sixStranger, Hosts.sender] { #expect(peer.hear(media(2), from: address) == .discarded(.stranger)) }
    #expect(peer.hear(Hosts.report, from: SocketAddress(high: Hosts.six.high, low: Hosts.six.low, port: 9), on: .rtcp) == .rtcp(count: 8))
    #expect(peer.hear(Hosts.report, from: near, on: .rtcp) == .discarded(.stranger))
  }

  /// With SRTP a stranger that comes first gets nowhere, whatever it sends.
  @Test(arguments: CryptoSuite.allCases) func onlyWhatAuthenticatesLatches(_ suite: CryptoSuite) throws {
    let ends = try Ends(suite)
    var peer = try RTPPeer {
      $0.suite = suite
      $0.key = Redacted(Ends.key(suite))
    }
    var forged = try ends.sender.sealed(media(1))
    forged[forged.count - 1] ^= 1
    for content in [media(1), forged] {
      #expect(peer.take(content, from: Hosts.stranger).discard == .authenticationFailed)
      #expect(peer.remote == nil)
    }
    #expect(peer.take(try ends.sender.sealed(media(2))).isRTP)
    #expect(peer.remote == Hosts.sender)
    #expect(peer.take(try ends.sender.sealed(media(3)), from: Hosts.stranger) == .discarded(.stranger))
  }

  // MARK: A sender that comes back

  @Test func aSilentSenderMayComeBackFromAnotherPort() throws {
    var peer = try RTPPeer { _ in }
    _ = peer.take(media(1), at: 0)
    _ = peer.take(media(2), at: 1000)
    #expect(peer.take(media(3), from: Hosts.again, at: 2999) == .discarded(.stranger))
    // RTCP proves no sender, and another host is another sender.
    #expect(peer.hear(Hosts.report, from: Hosts.again, at: 3000) == .discarded(.stranger))
    #expect(peer.take(media(3), from: Hosts.stranger, at: 3000) == .discarded(.stranger))
    #expect(peer.hear([0x80, 96, 0], from: Hosts.again, at: 3000) == .discarded(.stranger))
    #expect(peer.take(media(3), from: Hosts.again, at: 3000).isRTP)
    #expect(peer.remote == Hosts.again && peer.rtcpDestination == Hosts.again)
    // Now the first one is the stranger, until this one is silent.
    #expect(peer.take(media(4), at: 3010) == .discarded(.stranger))
    #expect(peer.take(media(5), at: 5000).isRTP)
    #expect(RTPPeer.restartAfter == .milliseconds(2000))
  }

  /// What the owner does not find valid is no sign of life, and takes nobody's place.
  @Test func onlyValidPacketsCount() throws {
    var peer = try RTPPeer { _ in }
    _ = peer.take(media(1), at: 0)
    _ = peer.hear(media(2), at: 1500)
    #expect(peer.hear(media(3), from: Hosts.again, at: 2000).isRTP)
    #expect(peer.remote == Hosts.sender)
    #expect(peer.take(media(4), at: 2001).isRTP)
    #expect(peer.hear(media(5), from: Hosts.again, at: 4000) == .discarded(.stranger))
  }

  @Test(arguments: CryptoSuite.allCases) func withKeysItMayComeBackFromAnywhere(_ suite: CryptoSuite) throws {
    let ends = try Ends(suite)
    var peer = try RTPPeer {
      $0.suite = suite
      $0.key = Redacted(Ends.key(suite))
    }
    let first = try ends.sender.sealed(media(1))
    #expect(peer.take(first, at: 0).isRTP)
    let next = try ends.sender.sealed(media(2))
    #expect(peer.take(next, from: Hosts.stranger, at: 1999) == .discarded(.stranger))
    #expect(peer.take(media(2), from: Hosts.stranger, at: 2000).discard == .authenticationFailed)
    #expect(peer.take(first, from: Hosts.stranger, at: 2000).discard == .replayed)
    #expect(peer.remote == Hosts.sender)
    #expect(peer.take(next, from: Hosts.stranger, at: 2000).isRTP)
    #expect(peer.remote == Hosts.stranger)
  }

  /// The operator named the host: a key does not make another one of it.
  @Test func aConfiguredHostStaysTheOnlyOne() throws {
    let ends = try Ends(.aesCM80)
    var peer = try RTPPeer {
      $0.remote = SocketAddress(ip: "192.0.2.1", port: 0)
      $0.suite = .aesCM80
      $0.key = Redacted(Ends.key(.aesCM80))
    }
    #expect(peer.take(try ends.sender.sealed(media(1)), at: 0).isRTP)
    #expect(peer.take(try ends.sender.sealed(media(2)), from: Hosts.stranger, at: 60_000) == .discarded(.stranger))
    #expect(peer.take(try ends.sender.sealed(media(3)), from: Hosts.again, at: 60_000).isRTP)
    #expect(peer.remote == Hosts.again)
  }
}
