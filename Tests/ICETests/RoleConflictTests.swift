import Ground
import ICE
import STUN
import Testing

/// RFC 8445 §7.3.1.1 and §7.2.5.1, row by row.
@Suite struct RoleConflictTests {
  private let peer: ICECredentials

  init() throws { peer = try ICECredentials(usernameFragment: "yours", password: "cccccccccccccccccccccc") }

  /// A full agent and its tie-breaker, as its own first check tells.
  private func agent(_ role: ICERole) throws -> (AgentBox, UInt64, STUNTransactionID) {
    let box = try AgentBox(
      Sample.full([Sample.here], role: role), credentials: ICECredentials(usernameFragment: "mine", password: "bbbbbbbbbbbbbbbbbbbbbb"))
    let candidate = ICECandidate(foundation: "1", priority: 5, address: Sample.there, type: .host)
    try box.agent.setRemote(credentials: peer, candidates: [candidate], at: .zero)
    let check = try Answer(box.drain()[0])
    #expect((check.message.iceControlling != nil) == (role == .controlling))
    #expect((check.message.iceControlled != nil) == (role == .controlled))
    #expect(check.isSigned(by: peer.password.exposed))
    let breaker = try #require(check.message.iceControlling ?? check.message.iceControlled)
    return (box, breaker, check.message.transactionID)
  }

  struct Row: Sendable {
    let ours: ICERole
    let theirs: ICERole
    /// Their tie-breaker minus ours.
    let difference: Int
    let isRefused: Bool
    let after: ICERole
  }

  @Test(arguments: [
    Row(ours: .controlling, theirs: .controlling, difference: -1, isRefused: true, after: .controlling),
    Row(ours: .controlling, theirs: .controlling, difference: 0, isRefused: true, after: .controlling),
    Row(ours: .controlling, theirs: .controlling, difference: 1, isRefused: false, after: .controlled),
    Row(ours: .controlled, theirs: .controlled, difference: -1, isRefused: false, after: .controlling),
    Row(ours: .controlled, theirs: .controlled, difference: 0, isRefused: false, after: .controlling),
    Row(ours: .controlled, theirs: .controlled, difference: 1, isRefused: true, after: .controlled),
    Row(ours: .controlled, theirs: .controlling, difference: 1, isRefused: false, after: .controlled),
    Row(ours: .controlling, theirs: .controlled, difference: 1, isRefused: false, after: .controlling),
  ]) func theLargerTieBreakerStays(_ row: Row) throws {
    let (box, breaker, _) = try agent(row.ours)
    let theirs = row.difference < 0 ? breaker - 1 : breaker + UInt64(row.difference)
    var message = Message(username: "mine:yours", password: "bbbbbbbbbbbbbbbbbbbbbb")
    if row.theirs == .controlling { message.controlling = theirs } else { message.controlled = theirs }
    let reception = box.receive(message.bytes(), from: Sample.there, to: Sample.here, at: .zero)
    #expect(reception == (row.isRefused ? .rejected(.roleConflict) : .accepted))
    let answer = try Answer(box.drain()[0])
    #expect(answer.message.errorCode == (row.isRefused ? 487 : nil))
    #expect(answer.isSigned(by: "bbbbbbbbbbbbbbbbbbbbbb"))
    #expect(box.role == row.after)
    #expect(box.events.contains(.role(row.after)) == (row.after != row.ours))
  }

  @Test(arguments: [ICERole.controlling, .controlled]) func a487SwitchesRoleAndTieBreaker(_ role: ICERole) throws {
    let (box, breaker, id) = try agent(role)
    // An unsigned one is nobody's word.
    let forged = Message(kind: .error, id: id, error: 487)
    #expect(box.receive(forged.bytes(), from: Sample.there, to: Sample.here, at: .zero) == .rejected(.integrity))
    #expect(box.role == role)
    let signed = Message(kind: .error, id: id, error: 487, password: peer.password.exposed)
    #expect(box.receive(signed.bytes(), from: Sample.there, to: Sample.here, at: .zero + .milliseconds(60)) == .accepted)
    #expect(box.role != role)
    let again = try Answer(#require(box.drain().first))
    #expect((again.message.iceControlling != nil) == (role == .controlled))
    let fresh = again.message.iceControlling ?? again.message.iceControlled
    #expect(fresh != nil && fresh != breaker)
  }

  /// Both sides with one tie-breaker would answer each other 487 for ever, if it were not changed.
  @Test(arguments: [ICERole.controlling, .controlled]) func equalTieBreakersComeApart(_ role: ICERole) throws {
    let left = try AgentBox(Sample.full([Sample.here], role: role, seed: 5))
    let right = try AgentBox(Sample.full([Sample.there], role: role, seed: 5))
    let network = Network([left, right], seed: 9)
    // One more candidate, and so one more check, lets the two draw different numbers after the equal first ones.
    let nobody = ICECandidate(foundation: "9", priority: .max, address: address("198.51.100.200", 1), type: .host)
    try left.hear(of: right, candidates: [nobody] + right.agent.localCandidates, at: network.now)
    try right.hear(of: left, at: network.now)
    func breaker(_ box: AgentBox) throws -> UInt64? {
      let message = try Answer(#require(box.drain().first)).message
      return message.iceControlling ?? message.iceControlled
    }
    #expect(try breaker(left) == breaker(right))
    network.run(10) { left.pair?.isNominated == true && right.pair?.isNominated == true }
    #expect(left.pair?.isNominated == true && right.pair?.isNominated == true)
    #expect(left.role != right.role)
  }
}
