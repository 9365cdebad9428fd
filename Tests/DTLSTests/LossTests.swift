import DTLS
import Ground
import Testing

@Suite struct LossTests {
  private static let bad = Network(lossPercent: 30, duplicatePercent: 10, delay: 5...150)

  @Test(arguments: UInt64(1)...60) func `a network that loses, repeats and reorders delays a handshake but does not prevent it`(
    seed: UInt64
  ) throws {
    let pair = try Pair(mtu: seed % 2 == 0 ? 1200 : 300, network: LossTests.bad, seed: seed)
    pair.run(seconds: 120)
    let client = try #require(pair.client.keys)
    let server = try #require(pair.server.keys)
    #expect(client.ours == server.theirs)
    #expect(client.theirs == server.ours)
  }

  @Test func `the same network makes the same handshake, datagram by datagram`() throws {
    for seed in UInt64(100)...105 {
      let first = try Pair(network: LossTests.bad, seed: seed)
      first.run()
      let second = try Pair(network: LossTests.bad, seed: seed)
      second.run()
      #expect(first.events == second.events)
      #expect(first.client.counters.retransmissions == second.client.counters.retransmissions)
    }
  }

  @Test func `an unanswered hello is repeated at its deadlines, and given up after twelve`() throws {
    let session = try DTLSSession(identity: Identities.a, role: .client, fingerprints: [Identities.b.sha256])
    var now = Instant.milliseconds(5_000)
    #expect(session.nextDeadline == nil)
    session.start(at: now)
    #expect(session.takeAll().count == 1)
    var wait: Int64 = 100
    for round in 1...12 {
      let deadline = try #require(session.nextDeadline)
      #expect(deadline - now == .milliseconds(wait))
      // Long before it is due (OpenSSL takes the last 15 ms for over), nothing is sent.
      session.advance(to: deadline - .milliseconds(20))
      #expect(session.takeAll().isEmpty)
      session.advance(to: deadline)
      #expect(!session.takeAll().isEmpty)
      #expect(session.counters.retransmissions == round)
      now = deadline
      wait = min(wait * 2, 60_000)
    }
    session.advance(to: try #require(session.nextDeadline))
    #expect(session.failure == .unanswered)
    #expect(session.nextDeadline == nil)
  }

  @Test func `a repeated hello is the same message in a new record`() throws {
    let session = try DTLSSession(identity: Identities.a, role: .client, fingerprints: [Identities.b.sha256])
    session.start(at: .milliseconds(1))
    let first = try #require(session.popOutgoing())
    session.advance(to: try #require(session.nextDeadline))
    let second = try #require(session.popOutgoing())
    #expect(first[13...] == second[13...])
    #expect(first[5..<11] != second[5..<11])
  }

  @Test func `what arrives before the deadline repeats nothing`() throws {
    // The server's whole answer is lost, so that the client only hears its own echo.
    let session = try DTLSSession(identity: Identities.a, role: .server, fingerprints: [Identities.b.sha256])
    let client = try DTLSSession(identity: Identities.b, role: .client, fingerprints: [Identities.a.sha256])
    client.start(at: .milliseconds(1))
    let hello = try #require(client.popOutgoing())
    session.receive(hello, at: .milliseconds(10))
    #expect(session.takeAll().count == 1)
    for millisecond in UInt64(11)...90 { session.receive(hello, at: .milliseconds(millisecond)) }
    #expect(session.takeAll().isEmpty)
    #expect(session.nextDeadline == .milliseconds(110))
  }

  @Test func `a server whose last flight was lost sends it again when the client repeats its own`() throws {
    // The server's second datagram carries its Finished.
    let pair = try Pair(network: Network(passes: { fromClient, n in fromClient || n != 1 }))
    pair.run()
    #expect(pair.client.keys != nil)
    #expect(pair.client.counters.retransmissions == 1)
    #expect(pair.server.counters.retransmissions == 0)
    #expect(pair.sent.server.count > 2)
    #expect(try #require(pair.client.keys).ours == (try #require(pair.server.keys).theirs))
  }

  @Test func `time that steps back is taken for standing still`() throws {
    let session = try DTLSSession(identity: Identities.a, role: .client, fingerprints: [Identities.b.sha256])
    session.start(at: .milliseconds(1_000))
    _ = session.takeAll()
    session.advance(to: .milliseconds(500))
    #expect(session.takeAll().isEmpty)
    #expect(session.nextDeadline == .milliseconds(1_100))
  }

  @Test func `nobody who forgets to send makes the queue grow without end`() throws {
    let server = try DTLSSession(identity: Identities.a, role: .server, fingerprints: [Identities.b.sha256], mtu: 300)
    let client = try DTLSSession(identity: Identities.b, role: .client, fingerprints: [Identities.a.sha256])
    client.start(at: .milliseconds(1))
    for hello in client.takeAll() { server.receive(hello, at: .milliseconds(1)) }
    while let deadline = server.nextDeadline { server.advance(to: deadline) }
    #expect(server.failure == .unanswered)
    let counters = server.counters
    #expect(counters.datagramsSent == 64)
    #expect(counters.outgoingDropped > 0)
    #expect(server.takeAll().count == 64)
  }
}
