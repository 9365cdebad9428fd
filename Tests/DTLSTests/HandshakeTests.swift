import DTLS
import Ground
import SRTP
import Testing

@Suite struct HandshakeTests {
  @Test func `both sides have the same keys, crosswise, and the first profile`() throws {
    let pair = try Pair()
    pair.run()
    let client = try #require(pair.client.keys)
    let server = try #require(pair.server.keys)
    #expect(client.suite == .aeadAES256GCM)
    #expect(server.suite == .aeadAES256GCM)
    #expect(client.ours == server.theirs)
    #expect(client.theirs == server.ours)
    #expect(client.ours != client.theirs)
    #expect(client.ours.exposed.count == CryptoSuite.aeadAES256GCM.keyAndSaltBytes)
    #expect("\(client.ours)" == "…")
    #expect(pair.client.cipherSuite == "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
    #expect(pair.server.cipherSuite == pair.client.cipherSuite)
    #expect(pair.client.nextDeadline == nil)
    #expect(pair.server.nextDeadline == nil)
  }

  @Test func `SRTP protected by one side is read by the other, both ways`() throws {
    let pair = try Pair()
    pair.run()
    for (from, to) in [(pair.client, pair.server), (pair.server, pair.client)] {
      let sender = try #require(from.keys).session(.outbound)
      let receiver = try #require(to.keys).session(.inbound)
      let plain: [UInt8] = [0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3] + Array(1...100)
      var packet = plain
      try sender.protectRTP(&packet)
      #expect(packet != plain)
      var span = packet.mutableSpan
      let count = try receiver.unprotectRTP(&span)
      #expect(Array(packet[..<count]) == plain)
    }
  }

  @Test func `two sessions of the same identities share no key`() throws {
    let first = try Pair()
    first.run()
    let second = try Pair()
    second.run()
    #expect(try #require(first.client.keys).ours != (try #require(second.client.keys).ours))
  }

  @Test func `a flight goes in one datagram where the MTU allows it, never in OpenSSL's 256 bytes`() throws {
    let pair = try Pair()
    pair.run()
    #expect(pair.client.keys != nil)
    // Hello; certificate to Finished; the server's hello to its done; its Finished.
    #expect(pair.sent.client.count == 2)
    #expect(pair.sent.server.count == 2)
    #expect(pair.sent.server[0].count > 600)
  }

  @Test(arguments: [300, 400, 500, 700]) func `a longer flight fills the MTU and never passes it`(mtu: Int) throws {
    let pair = try Pair(mtu: mtu)
    pair.run()
    #expect(pair.client.keys != nil)
    #expect(pair.server.keys != nil)
    for datagram in pair.sent.client + pair.sent.server { #expect(datagram.count <= mtu) }
    let flight = pair.sent.server.dropLast()
    let whole = flight.map(\.count).reduce(0, +)
    // A fragment needs a header of its own (13 + 12 bytes), and OpenSSL leaves room for what encryption could add.
    #expect(flight.count <= whole / (mtu - 100) + 1)
    #expect(flight[0].count > mtu - 100)
  }

  @Test func `a second start, and datagrams that come twice, change nothing`() throws {
    let pair = try Pair(network: Network(duplicatePercent: 100))
    pair.client.start(at: pair.now)
    pair.run()
    #expect(pair.client.keys != nil)
    #expect(pair.server.keys != nil)
    #expect(pair.client.counters.retransmissions == 0)
  }

  @Test func `without fingerprints there is no session`() {
    #expect(throws: DTLSError.noFingerprint) { try DTLSSession(identity: Identities.a, role: .server, fingerprints: []) }
  }
}

@Suite struct PeerIdentityTests {
  private func pair(client: [DTLSFingerprint], server: [DTLSFingerprint]) throws -> Pair {
    try Pair(
      DTLSSession(identity: Identities.a, role: .client, fingerprints: client),
      DTLSSession(identity: Identities.b, role: .server, fingerprints: server))
  }

  @Test func `a client refuses a server whose certificate was not named, and says bad_certificate`() throws {
    let pair = try pair(client: [Identities.stranger.sha256], server: [Identities.a.sha256])
    pair.run()
    #expect(pair.client.failure == .fingerprintMismatch(Identities.b.sha256))
    #expect(pair.server.failure == .peerAlert(42))
  }

  @Test func `a server refuses a client whose certificate was not named, and says bad_certificate`() throws {
    let pair = try pair(client: [Identities.b.sha256], server: [Identities.stranger.sha256])
    pair.run()
    #expect(pair.server.failure == .fingerprintMismatch(Identities.a.sha256))
    #expect(pair.client.failure == .peerAlert(42))
    #expect(pair.server.nextDeadline == nil)
  }

  @Test(arguments: DTLSHash.allCases) func `each hash is enough`(hash: DTLSHash) throws {
    let a = try #require(Identities.a.fingerprints.first { $0.hash == hash })
    let b = try #require(Identities.b.fingerprints.first { $0.hash == hash })
    let pair = try pair(client: [b], server: [a])
    pair.run()
    #expect(pair.client.keys != nil)
    #expect(pair.server.keys != nil)
  }

  @Test func `of several fingerprints with one hash, any may match`() throws {
    let pair = try pair(
      client: [Identities.stranger.sha256, Identities.b.sha256], server: [Identities.a.sha256, Identities.stranger.sha256])
    pair.run()
    #expect(pair.client.keys != nil)
    #expect(pair.server.keys != nil)
  }

  @Test func `the strongest hash decides, whatever a weaker one says`() throws {
    let strong = try #require(Identities.stranger.fingerprints.last)
    let pair = try pair(client: [Identities.b.sha256, strong], server: [Identities.a.sha256])
    pair.run()
    #expect(pair.client.failure == .fingerprintMismatch(try #require(Identities.b.fingerprints.last)))
  }
}

@Suite struct CloseTests {
  @Test(arguments: [true, false]) func `close_notify ends both sides`(clientCloses: Bool) throws {
    let pair = try Pair()
    pair.run()
    let (closer, other) = clientCloses ? (pair.client, pair.server) : (pair.server, pair.client)
    closer.close()
    pair.settle()
    #expect(closer.isClosed)
    #expect(other.isClosed)
    // What comes after the end is counted and left alone.
    let before = other.counters
    other.receive(pair.sent.client[0], at: pair.now)
    #expect(other.isClosed)
    #expect(other.counters.datagramsLate == before.datagramsLate + 1)
    #expect(other.popOutgoing() == nil)
  }

  @Test func `a session that closes before it is established says nothing`() throws {
    let session = try DTLSSession(identity: Identities.a, role: .server, fingerprints: [Identities.b.sha256])
    session.start(at: .milliseconds(1))
    session.close()
    session.close()
    #expect(session.isClosed)
    #expect(session.takeAll().isEmpty)
    #expect(session.nextDeadline == nil)
  }

  @Test func `keys outlive the session that made them`() throws {
    let pair = try Pair()
    pair.run()
    let keys = try #require(pair.client.keys)
    let before = keys.ours
    pair.client.close()
    #expect(keys.ours == before)
  }
}
