import Ground
import ICE
import Testing

/// RFC 8445 §9: new credentials while the old pair carries on.
@Suite struct RestartTests {
  enum Kind: CaseIterable, Sendable { case liteAndFull, fullAndFull }

  private func connected(_ kind: Kind) throws -> (AgentBox, AgentBox, Network) {
    let left = try AgentBox(kind == .liteAndFull ? Sample.lite() : Sample.full([Sample.here], role: .controlled, seed: 4))
    let right = try AgentBox(Sample.full([Sample.there, address("198.51.100.8", 6000)]))
    let network = Network([left, right])
    try left.hear(of: right, at: network.now)
    try right.hear(of: left, at: network.now)
    network.run(2)
    #expect(left.pair?.isNominated == true && right.pair?.isNominated == true)
    return (left, right, network)
  }

  private func restart(_ box: AgentBox, at now: Instant) throws { try box.agent.restart(at: now) }

  @Test(arguments: Kind.allCases) func theOldPairCarriesUntilTheNewIsNominated(_ kind: Kind) throws {
    let (left, right, network) = try connected(kind)
    let before = (left.credentials.usernameFragment, right.credentials.usernameFragment)
    let events = left.events.count
    let pair = left.pair
    // The offer is made; the answer takes long.
    try restart(right, at: network.now)
    network.run(12)
    #expect(right.state == .connected && right.pair?.isNominated == true && right.agent.isRestarting == true)
    #expect(right.agent.localFragments == [right.credentials.usernameFragment, before.1])
    try restart(left, at: network.now)
    try left.hear(of: right, at: network.now)
    network.run(3)
    #expect(left.pair == pair && left.state == .connected)
    try right.hear(of: left, at: network.now)
    network.run(1)
    // What is still on its way with the old credentials finds them for a while.
    #expect(left.agent.isRestarting == false && left.agent.localFragments == [left.credentials.usernameFragment, before.0])
    network.run(3)
    for (box, old) in [(left, before.0), (right, before.1)] {
      #expect(box.state == .connected && box.pair?.isNominated == true)
      #expect(box.agent.isRestarting == false)
      #expect(box.agent.localFragments == [box.credentials.usernameFragment])
      #expect(box.credentials.usernameFragment != old)
      #expect(box.events.contains(.credentialsRetired(usernameFragment: old)))
    }
    // Same addresses, same pair: nothing else was told.
    #expect(left.pair == pair)
    #expect(left.events.count == events + 1)
    network.run(60)
    #expect(left.states == [.checking, .connected] && right.states == [.checking, .connected])
  }

  @Test(arguments: Kind.allCases) func thePeerMovesToAnotherAddress(_ kind: Kind) throws {
    let (left, right, network) = try connected(kind)
    #expect(left.pair?.remote == Sample.there)
    network.isClosed = { from, to in from == Sample.there || to == Sample.there }
    try restart(right, at: network.now)
    try restart(left, at: network.now)
    try left.hear(of: right, at: network.now)
    try right.hear(of: left, at: network.now)
    network.run(2)
    // Media that left before the switch is let in for a while.
    #expect(left.pair?.remote == address("198.51.100.8", 6000) && left.accepts(from: Sample.there, to: Sample.here))
    network.run(4)
    #expect(left.pair?.remote == address("198.51.100.8", 6000) && left.pair?.isNominated == true)
    #expect(left.accepts(from: address("198.51.100.8", 6000), to: Sample.here))
    #expect(!left.accepts(from: Sample.there, to: Sample.here))
    #expect(right.pair?.local == address("198.51.100.8", 6000))
    #expect(left.states == [.checking, .connected])
  }

  @Test(arguments: Kind.allCases) func anOldPairThatDiesLeavesTheNewItsTime(_ kind: Kind) throws {
    let (left, right, network) = try connected(kind)
    network.isClosed = { _, _ in true }
    network.run(20)
    #expect(left.state == .disconnected && right.state == .disconnected)
    try restart(right, at: network.now)
    try restart(left, at: network.now)
    try left.hear(of: right, at: network.now)
    try right.hear(of: left, at: network.now)
    network.run(15)
    #expect(left.state == .checking && right.state == .checking && left.pair == nil)
    network.isClosed = { _, _ in false }
    network.run(14)
    #expect(left.state == .connected && right.state == .connected)
  }

  @Test(arguments: Kind.allCases) func itLeavesFailed(_ kind: Kind) throws {
    let (left, right, network) = try connected(kind)
    network.isClosed = { _, _ in true }
    network.run(40)
    #expect(left.state == .failed && right.state == .failed)
    let peer = right.credentials
    #expect(throws: ICEError.restartNeeded) { try left.agent.setRemote(credentials: peer, at: network.now) }
    network.isClosed = { _, _ in false }
    for box in [left, right] { try restart(box, at: network.now) }
    #expect(left.state == .new && right.state == .new)
    try left.hear(of: right, at: network.now)
    try right.hear(of: left, at: network.now)
    network.run(3)
    #expect(left.state == .connected && right.state == .connected && left.pair?.isNominated == true)
  }

  @Test func otherRemoteCredentialsNeedARestart() throws {
    let (left, right, network) = try connected(.liteAndFull)
    // The same ones again are a renegotiation without a restart.
    try left.hear(of: right, at: network.now)
    let stranger = ICECredentials.random()
    #expect(throws: ICEError.restartNeeded) { try left.agent.setRemote(credentials: stranger, at: network.now) }
    #expect(left.state == .connected)
  }

  @Test func ofTwoRestartsOnlyTheLastCounts() throws {
    let (left, right, network) = try connected(.liteAndFull)
    let first = left.credentials.usernameFragment
    try restart(left, at: network.now)
    let second = left.credentials.usernameFragment
    try restart(left, at: network.now)
    let third = left.credentials.usernameFragment
    #expect(left.agent.localFragments == [third, first])
    // A table of numbers finds the agent by either.
    for (name, key) in zip([third, first], left.agent.localFragmentKeys) {
      let bytes = Message(username: "\(name):x").bytes()
      #expect(ICEAgent.localFragmentKey(of: bytes.span) == key)
    }
    network.run(1)
    #expect(left.events.last == .credentialsRetired(usernameFragment: second))
    try restart(right, at: network.now)
    try left.hear(of: right, at: network.now)
    try right.hear(of: left, at: network.now)
    network.run(5)
    #expect(left.agent.localFragments == [third])
    #expect(left.state == .connected && left.states == [.checking, .connected])
  }

  @Test func candidatesOfAnotherGenerationAreDisregarded() throws {
    let (left, right, network) = try connected(.liteAndFull)
    var candidate = ICECandidate(foundation: "1", priority: 1, address: address("198.51.100.30", 3), type: .host)
    candidate.usernameFragment = "older"
    #expect(left.agent.addRemoteCandidate(candidate, at: network.now) == .generation)
    candidate.usernameFragment = right.credentials.usernameFragment
    #expect(left.agent.addRemoteCandidate(candidate, at: network.now) == nil)
    #expect(left.agent.remoteCandidates.contains(candidate) == true)
  }
}
