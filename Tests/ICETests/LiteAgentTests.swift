import Ground
import ICE
import STUN
import Testing

/// A lite agent, and a peer that is written out by hand.
@Suite struct LiteAgentTests {
  private static let password = "bbbbbbbbbbbbbbbbbbbbbb"
  private static let here = Sample.here
  private static let there = Sample.there

  private func agent(_ change: (inout ICEConfiguration) -> Void = { _ in }, knowsPeer: Bool = true) throws -> AgentBox {
    var configuration = Sample.lite()
    change(&configuration)
    let box = try AgentBox(configuration, credentials: ICECredentials(usernameFragment: "mine", password: LiteAgentTests.password))
    if knowsPeer { try box.agent.setRemote(credentials: peer, at: .zero) }
    return box
  }
  private var peer: ICECredentials {
    get throws { try ICECredentials(usernameFragment: "yours", password: "cccccccccccccccccccccc") }
  }
  private func check(_ change: (inout Message) -> Void = { _ in }) -> [UInt8] {
    var message = Message(username: "mine:yours", controlling: 5, password: LiteAgentTests.password)
    change(&message)
    return message.bytes()
  }
  private func at(_ seconds: Double) -> Instant { Instant.zero + .seconds(seconds) }

  @Test func aCheckConnectsAndANominationSelects() throws {
    let box = try agent()
    #expect(box.state == .checking)
    #expect(box.receive(check(), from: Self.there, to: Self.here, at: at(1)) == .accepted)
    var answers = box.drain()
    #expect(answers.count == 1 && answers[0].to == Self.there && answers[0].fromLocal == Self.here)
    #expect(box.state == .connected)
    let before = ICESelectedPair(
      local: Self.here, localType: .host, remote: Self.there, remoteType: .peerReflexive, isNominated: false)
    #expect(box.pair == before)
    box.receive(check { $0.useCandidate = true }, from: Self.there, to: Self.here, at: at(1.1))
    answers = box.drain()
    #expect(answers.count == 1)
    var after = before
    after.isNominated = true
    #expect(box.pair == after)
    #expect(box.events == [.state(.checking), .selected(before), .state(.connected), .selected(after)])
    #expect(box.accepts(from: Self.there, to: Self.here))
    #expect(!box.accepts(from: address("198.51.100.7", 6001), to: Self.here))
    #expect(box.counters.checksReceived == 2 && box.counters.checksSent == 0)
  }

  @Test func aSignalledCandidateKeepsItsType() throws {
    let box = try agent()
    box.agent.addRemoteCandidate(ICECandidate(foundation: "1", priority: 99, address: Self.there, type: .relayed), at: at(0))
    box.receive(check(), from: Self.there, to: Self.here, at: at(1))
    #expect(box.pair?.remoteType == .relayed)
    // And one that is signalled after its check is known better from then on.
    let late = try agent()
    late.receive(check(), from: Self.there, to: Self.here, at: at(1))
    #expect(late.pair?.remoteType == .peerReflexive)
    late.agent.addRemoteCandidate(ICECandidate(foundation: "1", priority: 99, address: Self.there, type: .host), at: at(2))
    #expect(late.pair?.remoteType == .host)
  }

  @Test func checksBeforeTheAnswerAreAnsweredAndCountLater() throws {
    let box = try agent(knowsPeer: false)
    #expect(box.state == .new)
    #expect(box.receive(check { $0.useCandidate = true }, from: Self.there, to: Self.here, at: at(0.5)) == .accepted)
    #expect(box.receive(check { $0.username = "mine:stranger" }, from: address("198.51.100.9", 1), to: Self.here, at: at(0.6)) == .accepted)
    #expect(box.drain().count == 2)
    #expect(box.state == .new && box.pair == nil)
    try box.agent.setRemote(credentials: peer, at: at(1))
    #expect(box.state == .connected)
    #expect(box.pair?.remote == Self.there)
    #expect(!box.accepts(from: address("198.51.100.9", 1), to: Self.here))
  }

  @Test func errorsAnswerWhatIsWrong() throws {
    let box = try agent()
    func answer(_ bytes: [UInt8], _ cause: ICERejection?) throws -> Answer? {
      let reception = box.receive(bytes, from: Self.there, to: Self.here, at: at(0.1))
      #expect(reception == cause.map { .rejected($0) } ?? .accepted)
      return try box.drain().first.map { try Answer($0) }
    }
    let unsigned = try answer(check { $0.password = nil }, .unsigned)
    #expect(unsigned?.message.errorCode == 400 && unsigned?.message.messageIntegrity == nil)
    #expect(unsigned?.isFingerprintValid == true)
    #expect(try answer(check { $0.username = nil }, .unsigned)?.message.errorCode == 400)
    #expect(try answer(check { $0.username = "other:yours" }, .unknownUser)?.message.errorCode == 401)
    #expect(try answer(check { $0.username = "mine" }, .unknownUser)?.message.errorCode == 401)
    #expect(try answer(check { $0.username = "mine:others" }, .unknownUser)?.message.errorCode == 401)
    #expect(try answer(check { $0.username = "mineyours:" }, .unknownUser)?.message.errorCode == 401)
    #expect(try answer(check { $0.password = "dddddddddddddddddddddd" }, .integrity)?.message.errorCode == 401)
    let unknown = try answer(check { $0.extra = [(0x7abc, [1]), (0xc057, [0, 1])] }, .unknownAttributes)
    #expect(unknown?.message.errorCode == 420 && unknown?.unknown == [0x7abc])
    #expect(unknown?.isSigned(by: Self.password) == true)
    let conflict = try answer(
      check {
        $0.controlling = nil; $0.controlled = 9
      }, .roleConflict)
    #expect(conflict?.message.errorCode == 487 && conflict?.isSigned(by: Self.password) == true)
    var broken = check()
    broken[broken.count - 1] ^= 1
    #expect(try answer(broken, .fingerprint) == nil)
    #expect(try answer(Array(check().dropLast(4)), .malformed) == nil)
    #expect(try answer([1, 2, 3], .malformed) == nil)
    #expect(try answer(Message(kind: .success, mapped: Self.here, password: Self.password).bytes(), .unmatched) == nil)
    #expect(try answer(Message(kind: .indication).bytes(), .unmatched) == nil)
    // None of all that left anything.
    #expect(box.state == .checking && box.pair == nil && !box.accepts(from: Self.there, to: Self.here))
    #expect(box.counters.checksReceived == 0)
    #expect(box.counters.rejected(.unknownUser) == 4 && box.counters.rejected(.malformed) == 2)
    // No fingerprint is no fault (RFC 8489 §14.7), nor are attributes that may be passed over.
    #expect(
      try answer(
        check {
          $0.hasFingerprint = false; $0.extra = [(0xc057, [0, 1]), (0x8fff, [])]
        }, nil)?.message.messageClass == .success)
  }

  @Test func refusalsAreRationed() throws {
    let box = try agent { $0.maximumRefusalsPerSecond = 3 }
    let bytes = check { $0.username = "other:yours" }
    for _ in 0..<10 { box.receive(bytes, from: Self.there, to: Self.here, at: at(0.5)) }
    #expect(box.drain().count == 3)
    box.receive(bytes, from: Self.there, to: Self.here, at: at(1.2))
    #expect(box.drain().count == 1)
    #expect(box.counters.refusalsSent == 4 && box.counters.refusalsWithheld == 7 && box.counters.rejected(.unknownUser) == 11)
  }

  @Test func silenceDisconnectsAndThenFails() throws {
    let box = try agent()
    box.receive(check { $0.useCandidate = true }, from: Self.there, to: Self.here, at: at(1))
    _ = box.drain()
    #expect(box.agent.nextDeadline == at(11))
    box.agent.advance(to: at(10.9))
    #expect(box.state == .connected)
    box.agent.advance(to: at(11))
    #expect(box.state == .disconnected && box.pair != nil)
    // A check brings it back, and so does traffic that proved itself.
    box.receive(check(), from: Self.there, to: Self.here, at: at(15))
    #expect(box.state == .connected)
    box.agent.advance(to: at(25))
    #expect(box.state == .disconnected)
    box.agent.noteTraffic(from: address("198.51.100.99", 1), to: Self.here, at: at(26))
    #expect(box.state == .disconnected)
    box.agent.noteTraffic(from: Self.there, to: Self.here, at: at(27))
    #expect(box.state == .connected)
    // So does an indication from there, as some peers keep alive with.
    box.agent.advance(to: at(37))
    #expect(box.state == .disconnected)
    #expect(box.receive(Message(kind: .indication).bytes(), from: Self.there, to: Self.here, at: at(40)) == .accepted)
    #expect(box.state == .connected)
    box.agent.advance(to: at(50))
    #expect(box.agent.nextDeadline == at(70))
    _ = box.drain()
    box.agent.advance(to: at(70))
    #expect(box.state == .failed && box.pair == nil && box.agent.nextDeadline == nil)
    #expect(box.receive(check(), from: Self.there, to: Self.here, at: at(71)) == .rejected(.closed))
    #expect(box.drain().isEmpty)
  }

  @Test func noCheckInTimeFails() throws {
    let box = try agent()
    #expect(box.agent.nextDeadline == at(30))
    box.agent.advance(to: at(29.9))
    #expect(box.state == .checking)
    box.agent.advance(to: at(30))
    #expect(box.state == .failed)
  }

  @Test func twoLitesUseTheirBestPair() throws {
    let box = try agent(knowsPeer: false)
    try box.agent.setRemote(
      credentials: peer,
      candidates: [
        ICECandidate(foundation: "1", priority: 300, address: address("fd00::9", 9), type: .host),
        ICECandidate(foundation: "2", priority: 100, address: address("198.51.100.1", 1), type: .host),
        ICECandidate(foundation: "3", priority: 200, address: address("198.51.100.2", 2), type: .host),
      ], isLite: true, at: at(0))
    #expect(box.state == .connected)
    #expect(box.pair?.remote == address("198.51.100.2", 2) && box.pair?.isNominated == true)
    box.agent.advance(to: at(30))
    #expect(box.state == .failed)
  }

  @Test func closingEndsAll() throws {
    let box = try agent()
    box.receive(check(), from: Self.there, to: Self.here, at: at(1))
    box.agent.close()
    #expect(box.state == .closed && box.pair == nil && box.agent.nextDeadline == nil)
    #expect(box.drain().isEmpty)
    #expect(box.receive(check(), from: Self.there, to: Self.here, at: at(2)) == .rejected(.closed))
    #expect(throws: ICEError.closed) { try box.agent.restart(at: at(3)) }
    let peer = try peer
    #expect(throws: ICEError.closed) { try box.agent.setRemote(credentials: peer, at: at(3)) }
  }
}
