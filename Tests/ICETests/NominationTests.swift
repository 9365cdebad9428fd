import Ground
import ICE
import STUN
import Testing

/// Which pair a lite agent uses when its peer nominates more than once, in the ways that real controlling agents do.
@Suite struct NominationTests {
  private static let password = "bbbbbbbbbbbbbbbbbbbbbb"
  private static let better = address("198.51.100.1", 1)
  private static let worse = address("198.51.100.2", 2)

  private func agent() throws -> AgentBox {
    let box = try AgentBox(Sample.lite(), credentials: ICECredentials(usernameFragment: "mine", password: Self.password))
    try box.agent.setRemote(
      credentials: ICECredentials(usernameFragment: "yours", password: "cccccccccccccccccccccc"),
      candidates: [
        ICECandidate(foundation: "1", priority: 2000, address: Self.better, type: .host),
        ICECandidate(foundation: "2", priority: 1000, address: Self.worse, type: .host),
      ], at: .zero)
    return box
  }

  private func check(_ box: AgentBox, _ from: SocketAddress, nominates: Bool, at seconds: Double) {
    let message = Message(username: "mine:yours", controlling: 5, useCandidate: nominates, password: Self.password)
    #expect(box.receive(message.bytes(), from: from, to: Sample.here, at: .zero + .seconds(seconds)) == .accepted)
    _ = box.drain()
  }

  @Test func beforeANominationTheBestIsUsed() throws {
    let box = try agent()
    check(box, Self.worse, nominates: false, at: 0.1)
    #expect(box.pair?.remote == Self.worse)
    check(box, Self.better, nominates: false, at: 0.2)
    #expect(box.pair?.remote == Self.better && box.pair?.isNominated == false)
    check(box, Self.worse, nominates: true, at: 0.3)
    #expect(box.pair?.remote == Self.worse && box.pair?.isNominated == true)
  }

  @Test func anAggressivePeersBestIsUsed() throws {
    let box = try agent()
    check(box, Self.worse, nominates: true, at: 0.1)
    #expect(box.pair?.remote == Self.worse)
    for i in 1...10 {
      check(box, Self.better, nominates: true, at: Double(i))
      #expect(box.pair?.remote == Self.better)
      check(box, Self.worse, nominates: true, at: Double(i) + 0.5)
      #expect(box.pair?.remote == Self.better)
    }
  }

  /// libwebrtc towards a lite agent nominates with each check of the pair that it uses, and may change to a worse one.
  @Test func aPeerThatMovesIsFollowed() throws {
    let box = try agent()
    for i in 1...3 { check(box, Self.better, nominates: true, at: Double(i)) }
    check(box, Self.worse, nominates: true, at: 4)
    #expect(box.pair?.remote == Self.better)
    check(box, Self.worse, nominates: true, at: 4.5)
    #expect(box.pair?.remote == Self.worse)
    // At once where the old one is checked without being nominated.
    check(box, Self.better, nominates: true, at: 5)
    #expect(box.pair?.remote == Self.better)
    check(box, Self.better, nominates: false, at: 6)
    check(box, Self.worse, nominates: true, at: 6.1)
    #expect(box.pair?.remote == Self.worse)
  }

  /// A NAT that forgets gives a peer another address; Firefox's consent checks do not nominate.
  @Test func aSilentPairGivesWayToTheOneThatIsChecked() throws {
    let box = try agent()
    check(box, Self.better, nominates: true, at: 0.1)
    let elsewhere = address("198.51.100.1", 999)
    for i in 1...3 {
      check(box, elsewhere, nominates: false, at: Double(i) * 3)
      #expect(box.pair?.remote == Self.better)
    }
    box.agent.advance(to: .zero + .seconds(10.1))
    #expect(box.pair?.remote == elsewhere && box.state == .connected)
    #expect(box.states == [] || !box.states.contains(.disconnected))
  }
}
