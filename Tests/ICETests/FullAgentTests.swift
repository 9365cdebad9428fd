import Ground
import ICE
import STUN
import Testing

/// A full agent's checks, and a peer that is written out by hand.
@Suite struct FullAgentTests {
  private static let ours = "bbbbbbbbbbbbbbbbbbbbbb"
  private static let theirs = "cccccccccccccccccccccc"

  private func agent(
    _ candidates: [ICECandidate] = [ICECandidate(foundation: "1", priority: 5, address: Sample.there, type: .host)],
    role: ICERole = .controlled
  ) throws -> AgentBox {
    let box = try AgentBox(
      Sample.full([Sample.here], role: role), credentials: ICECredentials(usernameFragment: "mine", password: Self.ours))
    try box.agent.setRemote(
      credentials: ICECredentials(usernameFragment: "yours", password: Self.theirs), candidates: candidates, at: .zero)
    return box
  }
  private func at(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }
  private func answer(
    to check: Answer, mapped: SocketAddress? = Sample.here, error: Int? = nil, extra: [(UInt16, [UInt8])] = [], password: String? = theirs
  ) -> [UInt8] {
    Message(
      kind: error == nil ? .success : .error, id: check.message.transactionID, extra: extra, mapped: error == nil ? mapped : nil,
      error: error,
      password: password
    ).bytes()
  }

  @Test func aCheckSaysWhatItMust() throws {
    let box = try agent()
    let sent = box.drain()
    #expect(sent.count == 1 && sent[0].to == Sample.there && sent[0].fromLocal == Sample.here)
    let check = try Answer(sent[0])
    #expect(check.message.messageClass == .request)
    #expect(check.message.username.map { String(decoding: check.bytes[$0], as: UTF8.self) } == "yours:mine")
    // What our candidate would have as a peer-reflexive one: 110 << 24 | 65535 << 8 | 255.
    #expect(check.message.priority == 0x6eff_ffff)
    #expect(check.message.iceControlled != nil && check.message.iceControlling == nil && !check.message.hasUseCandidate)
    #expect(check.isSigned(by: Self.theirs) && check.isFingerprintValid == true)
  }

  @Test func anAnswerFromElsewhereFailsThePair() throws {
    let box = try agent()
    let check = try Answer(box.drain()[0])
    let reception = box.receive(answer(to: check), from: address("198.51.100.66", 6000), to: Sample.here, at: at(10))
    #expect(reception == .rejected(.asymmetric))
    #expect(box.state == .checking && box.pair == nil)
    // It was the only pair, and is not asked again; nor does the right answer help any more.
    #expect(box.receive(answer(to: check), from: Sample.there, to: Sample.here, at: at(20)) == .rejected(.unmatched))
    box.agent.advance(to: at(5_000))
    #expect(box.drain().isEmpty)
  }

  @Test func onlySignedAnswersCount() throws {
    let box = try agent()
    let check = try Answer(box.drain()[0])
    func receive(_ bytes: [UInt8]) -> ICEReception { box.receive(bytes, from: Sample.there, to: Sample.here, at: at(10)) }
    #expect(receive(answer(to: check, password: nil)) == .rejected(.integrity))
    #expect(receive(answer(to: check, password: Self.ours)) == .rejected(.integrity))
    #expect(receive(answer(to: check, error: 401, password: nil)) == .rejected(.integrity))
    #expect(box.state == .checking)
    // None of these ended the check: it is sent again, and its answer connects.
    box.agent.advance(to: at(500))
    #expect(box.drain().map(\.bytes) == [check.bytes])
    #expect(receive(answer(to: check)) == .accepted)
    #expect(box.state == .connected)
    #expect(receive(answer(to: check)) == .rejected(.unmatched))
  }

  @Test func brokenAnswersFailThePair() throws {
    for (make, cause) in [
      ({ answer(to: $0, mapped: nil) }, ICERejection.malformed),
      ({ answer(to: $0, extra: [(0x7abc, [])]) }, .unknownAttributes),
    ] as [((Answer) -> [UInt8], ICERejection)] {
      let box = try agent()
      let check = try Answer(box.drain()[0])
      #expect(box.receive(make(check), from: Sample.there, to: Sample.here, at: at(10)) == .rejected(cause))
      box.agent.advance(to: at(5_000))
      #expect(box.drain().isEmpty && box.state == .checking)
    }
    let box = try agent()
    let check = try Answer(box.drain()[0])
    #expect(box.receive(answer(to: check, error: 500), from: Sample.there, to: Sample.here, at: at(10)) == .accepted)
    box.agent.advance(to: at(5_000))
    #expect(box.drain().isEmpty && box.state == .checking)
    // The peer's own check gives a failed pair another chance (RFC 8445 §7.3.1.4).
    box.receive(
      Message(username: "mine:yours", controlling: 5, password: Self.ours).bytes(), from: Sample.there, to: Sample.here, at: at(5_100))
    #expect(box.drain().map(\.to) == [Sample.there, Sample.there])
  }

  /// What was sent twice may have been answered once for each (Karn).
  @Test func onlyChecksSentOnceAreTimed() throws {
    let box = try agent()
    let check = try Answer(box.drain()[0])
    box.agent.advance(to: at(500))
    box.receive(answer(to: check), from: Sample.there, to: Sample.here, at: at(520))
    #expect(box.state == .connected && box.agent.roundTripTime == nil)
    var due = try #require(box.nextDeadline)
    while box.counters.consentSent == 0 {
      due = try #require(box.nextDeadline)
      box.agent.advance(to: due)
    }
    let consent = try Answer(#require(box.drain().last))
    box.receive(answer(to: consent), from: Sample.there, to: Sample.here, at: due + .milliseconds(33))
    #expect(box.agent.roundTripTime == .milliseconds(33))
  }

  /// The first check may have waited to be sent, as where it is made before its owner can send.
  @Test func consentTellsTheRoundTripBetterThanTheFirstCheck() throws {
    let box = try agent()
    let check = try Answer(box.drain()[0])
    box.receive(answer(to: check), from: Sample.there, to: Sample.here, at: at(30))
    #expect(box.agent.roundTripTime == .milliseconds(30))
    var due = try #require(box.nextDeadline)
    while box.counters.consentSent == 0 {
      due = try #require(box.nextDeadline)
      box.agent.advance(to: due)
    }
    let consent = try Answer(#require(box.drain().last))
    box.receive(answer(to: consent), from: Sample.there, to: Sample.here, at: due + .milliseconds(2))
    #expect(box.agent.roundTripTime == .milliseconds(2))
  }

  /// RFC 8445 §7.3.1.4: the peer's check says that the way is open now, so ours need not wait for its timer.
  @Test func aPeersCheckRenewsOurs() throws {
    let box = try agent()
    let first = try Answer(box.drain()[0])
    box.receive(
      Message(username: "mine:yours", controlling: 5, password: Self.ours).bytes(), from: Sample.there, to: Sample.here, at: at(60))
    let sent = try box.drain().map { try Answer($0) }
    #expect(sent.count == 2 && sent[0].message.messageClass == .success && sent[1].message.messageClass == .request)
    #expect(sent[1].message.transactionID != first.message.transactionID)
    // Only the new one is sent again,
    box.agent.advance(to: at(500))
    #expect(box.drain().isEmpty)
    box.agent.advance(to: at(560))
    #expect(box.drain().map(\.bytes) == [sent[1].bytes])
    // but the old one's answer counts as well.
    #expect(box.receive(answer(to: first), from: Sample.there, to: Sample.here, at: at(600)) == .accepted)
    #expect(box.state == .connected)
  }

  /// Candidates of one foundation probably share their fate: the second of them waits for the first, or for an idle moment.
  @Test func oneOfAFoundationGoesFirst() throws {
    let candidates = [
      ICECandidate(foundation: "a", priority: 300, address: address("198.51.100.1", 1), type: .host),
      ICECandidate(foundation: "a", priority: 200, address: address("198.51.100.1", 2), type: .host),
      ICECandidate(foundation: "b", priority: 100, address: address("198.51.100.2", 3), type: .host),
    ]
    for isAnswered in [false, true] {
      let box = try agent(candidates)
      var sent = box.drain()
      if isAnswered {
        box.receive(answer(to: try Answer(sent[0])), from: candidates[0].address, to: Sample.here, at: at(20))
      }
      for time in [Int64(50), 100] {
        box.agent.advance(to: at(time))
        sent += box.drain()
      }
      #expect(sent.map(\.to) == (isAnswered ? [0, 1, 2] : [0, 2, 1]).map { candidates[$0].address })
    }
  }

  /// A late answer to an earlier check of the pair says nothing about the nomination.
  @Test func aNominationIsSentUntilItIsAnswered() throws {
    let box = try agent(role: .controlling)
    let first = try Answer(box.drain()[0])
    box.receive(
      Message(username: "mine:yours", controlled: 5, password: Self.ours).bytes(), from: Sample.there, to: Sample.here, at: at(60))
    let second = try Answer(#require(box.drain().last))
    box.receive(answer(to: first), from: Sample.there, to: Sample.here, at: at(100))
    let nomination = try Answer(#require(box.drain().last))
    #expect(nomination.message.hasUseCandidate && !second.message.hasUseCandidate)
    box.receive(answer(to: second), from: Sample.there, to: Sample.here, at: at(110))
    #expect(box.pair?.isNominated == false)
    box.agent.advance(to: at(600))
    #expect(box.drain().map(\.bytes) == [nomination.bytes])
    box.receive(answer(to: nomination), from: Sample.there, to: Sample.here, at: at(610))
    #expect(box.pair?.isNominated == true)
  }

  @Test func aFailedPairMakesRoom() throws {
    var configuration = Sample.full([Sample.here], role: .controlled)
    configuration.maximumPairs = 2
    let box = try AgentBox(configuration, credentials: ICECredentials(usernameFragment: "mine", password: Self.ours))
    let places = (1...4).map { address("198.51.100.\($0)", 1) }
    let candidates = places.enumerated().map { i, place in
      ICECandidate(foundation: "\(i)", priority: UInt32(400 - i * 100), address: place, type: .host)
    }
    try box.agent.setRemote(
      credentials: ICECredentials(usernameFragment: "yours", password: Self.theirs), candidates: Array(candidates[..<2]), at: .zero)
    let check = try Answer(box.drain()[0])
    // Worse than both, and none has failed: there is no room.
    box.agent.addRemoteCandidate(candidates[2], at: .zero)
    #expect(box.counters.pairsRefused == 1)
    box.receive(answer(to: check, error: 500), from: places[0], to: Sample.here, at: at(10))
    box.agent.addRemoteCandidate(candidates[3], at: at(20))
    #expect(box.counters.pairsDisplaced == 1 && box.counters.pairsRefused == 1)
    box.agent.advance(to: at(50))
    box.agent.advance(to: at(100))
    #expect(box.drain().map(\.to) == [places[1], places[3]])
  }
}
