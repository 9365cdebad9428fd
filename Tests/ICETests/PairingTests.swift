import Ground
import ICE
import STUN
import Testing

/// Two agents and a network between them, in every combination of what they can be.
@Suite struct PairingTests {
  struct Case: Sendable, CustomTestStringConvertible {
    /// The left one's mode and role, then the right one's.
    let left: Side
    let right: Side
    let nomination: ICEConfiguration.Nomination
    let lostPerMille: Int
    let seed: UInt64
    var testDescription: String { "\(left) \(right) \(nomination.rawValue) loss \(lostPerMille) seed \(seed)" }
  }
  enum Side: Sendable { case lite, controlling, controlled }

  static let cases: [Case] = {
    var out: [Case] = []
    for left in [Side.lite, .controlling, .controlled] {
      for right in [Side.lite, .controlling, .controlled] where !(left == .lite && right == .lite) {
        for nomination in [ICEConfiguration.Nomination.regular, .aggressive] {
          for (loss, seed) in [(0, 1), (100, 2), (300, 3), (300, 4), (400, 5), (400, 6), (300, 7), (300, 8)] {
            out.append(Case(left: left, right: right, nomination: nomination, lostPerMille: loss, seed: UInt64(seed)))
          }
        }
      }
    }
    return out
  }()

  private static let lefts = [address("192.0.2.1", 5000), address("fd00::1", 5000)]
  private static let rights = [address("198.51.100.7", 6000), address("fd00::7", 6000)]

  private func box(_ side: Side, _ hosts: [SocketAddress], _ nomination: ICEConfiguration.Nomination, seed: UInt64) throws -> AgentBox {
    switch side {
    case .lite: try AgentBox(Sample.lite(hosts))
    case .controlling: try AgentBox(Sample.full(hosts, role: .controlling, nomination: nomination, seed: seed))
    case .controlled: try AgentBox(Sample.full(hosts, role: .controlled, nomination: nomination, seed: seed))
    }
  }

  private func isAgreed(_ a: AgentBox, _ b: AgentBox) -> Bool {
    guard let one = a.pair, let other = b.pair, one.isNominated, other.isNominated else { return false }
    return one.local == other.remote && one.remote == other.local && a.state == .connected && b.state == .connected
  }

  @Test(arguments: cases) func theyAgreeOnAPair(_ row: Case) throws {
    let left = try box(row.left, Self.lefts, row.nomination, seed: row.seed &+ 100)
    let right = try box(row.right, Self.rights, row.nomination, seed: row.seed &+ 200)
    let network = Network([left, right], seed: row.seed)
    network.lostPerMille = row.lostPerMille
    network.delay = 5...60
    try left.hear(of: right, at: network.now)
    // The answer comes a little later; the offerer's checks may be first.
    network.run(0.2)
    try right.hear(of: left, at: network.now)
    network.run(25) { isAgreed(left, right) }
    #expect(isAgreed(left, right), "\(left.state) \(String(describing: left.pair)) \(right.state) \(String(describing: right.pair))")
    // One side controls, and a lite one never does.
    if row.left == .lite {
      #expect(left.role == .controlled && right.role == .controlling)
    } else if row.right == .lite {
      #expect(right.role == .controlled && left.role == .controlling)
    } else {
      #expect(left.role != right.role)
    }
    if row.lostPerMille == 0 {
      // The first of both sides' addresses is the best pair, and nothing had to be sent twice for long.
      #expect(left.pair?.local == Self.lefts[0] && left.pair?.remote == Self.rights[0])
      #expect(network.now - .zero < .milliseconds(1_500))
    }
    // It holds, by consent, for two minutes.
    let events = left.events.count + right.events.count
    if row.lostPerMille == 0 {
      network.run(120)
      #expect(isAgreed(left, right))
      #expect(left.events.count + right.events.count == events)
      for side in [left, right] where side.configuration.mode == .full {
        // 120 s of 4 to 6 s each.
        #expect((19...31).contains(side.counters.consentSent) && side.counters.consentReceived == side.counters.consentSent)
      }
    }
  }

  @Test func roundTripTimeIsMeasured() throws {
    let left = try AgentBox(Sample.lite())
    let right = try AgentBox(Sample.full())
    let network = Network([left, right])
    network.delay = 35...35
    try left.hear(of: right, at: network.now)
    try right.hear(of: left, at: network.now)
    network.run(20)
    #expect(right.agent.roundTripTime == .milliseconds(70))
    #expect(left.agent.roundTripTime == nil)
  }

  @Test func aFullAgentsNATIsLearned() throws {
    // The private address is signalled; the lite side only ever sees the mapped one.
    let inside = address("10.0.0.5", 4000)
    let outside = address("203.0.113.80", 41000)
    let left = try AgentBox(Sample.lite())
    let right = try AgentBox(Sample.full([inside]))
    let network = Network([left, right])
    network.mapping = [inside: outside]
    try left.hear(of: right, at: network.now)
    try right.hear(of: left, at: network.now)
    network.run(2)
    #expect(left.pair?.remote == outside && left.pair?.remoteType == .peerReflexive)
    #expect(right.pair?.local == inside && right.pair?.localType == .peerReflexive)
    // The mapping changes: consent checks nominate again, so the lite side follows.
    network.mapping = [inside: address("203.0.113.80", 41001)]
    network.run(15)
    #expect(left.pair?.remote == address("203.0.113.80", 41001))
    #expect(left.state == .connected && right.state == .connected)
    network.run(60)
    #expect(left.state == .connected && right.state == .connected && !left.states.contains(.disconnected))
  }

  @Test func announcedAddressesStandForLocalOnes() throws {
    let inside = address("10.0.0.5", 4000)
    let outside = address("203.0.113.80", 4000)
    var configuration = ICEConfiguration(hosts: [ICEHost(inside, announced: outside)])
    configuration.randomSeed = 5
    let left = try AgentBox(configuration)
    let right = try AgentBox(Sample.full())
    let network = Network([left, right])
    network.mapping = [inside: outside]
    try left.hear(of: right, at: network.now)
    try right.hear(of: left, at: network.now)
    network.run(2)
    #expect(right.pair?.remote == outside && right.pair?.isNominated == true)
    #expect(left.pair?.local == inside)
  }

  /// A browser's ClientHello follows its own check, and may come before the answer to ours.
  @Test func dataIsLetInFromWhereTheCheckCame() throws {
    let box = try AgentBox(Sample.full([Sample.here], role: .controlled))
    let peer = try AgentBox(Sample.full([Sample.there]))
    try box.hear(of: peer, candidates: [], at: .zero)
    try peer.hear(of: box, at: .zero)
    #expect(!box.accepts(from: Sample.there, to: Sample.here))
    let check = try #require(peer.drain().first)
    box.receive(check.bytes, from: Sample.there, to: Sample.here, at: .zero)
    #expect(box.pair == nil && box.accepts(from: Sample.there, to: Sample.here))
    #expect(!box.accepts(from: Sample.there, to: address("192.0.2.9", 9)))
  }

  @Test func trickledCandidatesConnect() throws {
    for (leftSide, rightSide) in [(Side.lite, Side.controlling), (.controlled, .controlling), (.controlling, .controlled)] {
      let left = try box(leftSide, Self.lefts, .regular, seed: 7)
      let right = try box(rightSide, Self.rights, .regular, seed: 8)
      let network = Network([left, right])
      try left.hear(of: right, candidates: [], at: network.now)
      try right.hear(of: left, candidates: [], at: network.now)
      network.run(3)
      #expect(left.state == .checking && right.state == .checking)
      // Only the side that must send needs to know an address; the other learns it.
      for candidate in left.agent.localCandidates { #expect(right.agent.addRemoteCandidate(candidate, at: network.now) == nil) }
      right.agent.endOfCandidates(at: network.now)
      network.run(3) { isAgreed(left, right) }
      #expect(isAgreed(left, right))
      #expect(right.agent.hasEndOfCandidates == true)
    }
  }

  @Test func theNextPairIsUsedWhereTheBestIsClosed() throws {
    for nomination in [ICEConfiguration.Nomination.regular, .aggressive] {
      let left = try AgentBox(Sample.full(Self.lefts, role: .controlled, seed: 3))
      let right = try AgentBox(Sample.full(Self.rights, role: .controlling, nomination: nomination, seed: 4))
      let network = Network([left, right])
      network.isClosed = { from, to in from.isIPv4 }
      try left.hear(of: right, at: network.now)
      try right.hear(of: left, at: network.now)
      network.run(5) { isAgreed(left, right) }
      #expect(isAgreed(left, right))
      #expect(left.pair?.local == Self.lefts[1])
      #expect(network.now - .zero < .milliseconds(1_000))
    }
  }

  @Test func nothingWorksNothingConnects() throws {
    let left = try AgentBox(Sample.full(Self.lefts, role: .controlled, seed: 3))
    let right = try AgentBox(Sample.full(Self.rights, role: .controlling, seed: 4))
    let network = Network([left, right])
    network.isClosed = { _, _ in true }
    try left.hear(of: right, at: network.now)
    try right.hear(of: left, at: network.now)
    network.run(29.9)
    #expect(left.state == .checking && right.state == .checking)
    network.run(0.2)
    #expect(left.state == .failed && right.state == .failed)
    // Two pairs, each sent no more than 7 times within 30 s.
    #expect(right.counters.checksSent == 2 && (8...12).contains(right.counters.retransmissions))
    let before = right.counters
    network.run(60)
    #expect(right.counters == before)
  }

  /// Checks leave no faster than one per 50 ms, and each again after 500 ms, 1 s, 2 s…
  @Test func checksArePaced() throws {
    let box = try AgentBox(Sample.full())
    let peer = ICECredentials.random()
    let candidates = (1...20).map { i in
      ICECandidate(foundation: "\(i)", priority: UInt32(1000 - i), address: address("198.51.100.\(i)", 9), type: .host)
    }
    try box.agent.setRemote(credentials: peer, candidates: candidates, at: .zero)
    var sent: [(at: Instant, to: SocketAddress)] = box.drain().map { (.zero, $0.to) }
    while let due = box.agent.nextDeadline, due < Instant.zero + .seconds(4) {
      box.agent.advance(to: due)
      sent += box.drain().map { (due, $0.to) }
    }
    var seen: Set<SocketAddress> = []
    let first = sent.filter { seen.insert($0.to).inserted }
    #expect(first.map(\.to) == candidates.map(\.address))
    #expect(first.enumerated().allSatisfy { i, one in one.at - .zero == .milliseconds(50) * Int64(i) })
    // The first of 20 waits 20 times 50 ms (RFC 8445 §14.3), and twice as long after.
    let again = sent.filter { $0.to == candidates[0].address }.map { ($0.at - .zero).milliseconds }
    #expect(again == [0, 1000, 3000])
  }
}
