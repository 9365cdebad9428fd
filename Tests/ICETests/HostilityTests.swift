import Ground
import ICE
import STUN
import STUNSamples
import Seeded
import Testing

/// Floods, damage and bounds.
@Suite struct HostilityTests {
  private static let password = "bbbbbbbbbbbbbbbbbbbbbb"

  private func lite() throws -> AgentBox {
    let box = try AgentBox(Sample.lite(), credentials: ICECredentials(usernameFragment: "mine", password: Self.password))
    try box.agent.setRemote(credentials: ICECredentials(usernameFragment: "yours", password: "cccccccccccccccccccccc"), at: .zero)
    return box
  }
  private func check(_ change: (inout Message) -> Void = { _ in }) -> [UInt8] {
    var message = Message(username: "mine:yours", controlling: 5, password: Self.password)
    change(&message)
    return message.bytes()
  }

  @Test func aFloodLeavesNothingButCounts() throws {
    let box = try lite()
    box.receive(check { $0.useCandidate = true }, from: Sample.there, to: Sample.here, at: .zero)
    _ = box.drain()
    let pair = box.pair
    let deadline = box.agent.nextDeadline
    let kinds: [(bytes: [UInt8], cause: ICERejection)] = [
      (check { $0.username = "someone:else" }, .unknownUser), (check { $0.password = nil }, .unsigned),
      (check { $0.password = "not the password at all" }, .integrity), (check { $0.username = "mine:stranger" }, .unknownUser),
      (Message(kind: .success, id: STUNTransactionID(high: 3, low: 3), mapped: Sample.here).bytes(), .unmatched),
      (Array(check().dropLast(4)), .malformed),
    ]
    // All of 4 s, each datagram from another address; nobody empties the queue.
    for i in 0..<100_000 {
      let (bytes, cause) = kinds[i % kinds.count]
      let from = SocketAddress(ipv4: UInt32(0x0a00_0000 + i), port: UInt16(1024 + i % 60_000))
      #expect(box.receive(bytes, from: from, to: Sample.here, at: .zero + .microseconds(Int64(i) * 40)) == .rejected(cause))
    }
    #expect(box.pair == pair && box.state == .connected && box.agent.nextDeadline == deadline)
    #expect(box.events.count == 3)
    #expect(box.counters.rejected(.unknownUser) == 33_334)
    #expect(box.counters.checksReceived == 1)
    // Ten refusals each second, and never more than the queue holds.
    #expect(box.counters.refusalsSent == 40 && box.drain().count == 40)
    #expect(box.receive(check(), from: Sample.there, to: Sample.here, at: .zero + .seconds(5)) == .accepted)
  }

  @Test func anAuthenticatedFloodMeetsTheBounds() throws {
    let box = try lite()
    box.receive(check { $0.useCandidate = true }, from: Sample.there, to: Sample.here, at: .zero)
    let bytes = check()
    let sources = (0..<1000).map { SocketAddress(ipv4: UInt32(0x0a00_0000 + $0), port: 9) }
    for (i, from) in sources.enumerated() {
      #expect(box.receive(bytes, from: from, to: Sample.here, at: .zero + .milliseconds(Int64(i))) == .accepted)
    }
    #expect(box.pair?.remote == Sample.there)
    #expect(sources.count { box.accepts(from: $0, to: Sample.here) } == 99)
    #expect(box.accepts(from: sources[999], to: Sample.here))
    #expect(box.counters.pairsDisplaced == 901)
    #expect(box.drain().count == 256)
    #expect(box.counters.outgoingDropped == 745)
  }

  @Test func candidatesAndPairsAreBounded() throws {
    let candidates = (0..<150).map { i in
      ICECandidate(
        foundation: "f\(i)", priority: UInt32(1000 + i), address: SocketAddress(ipv4: UInt32(0x0a00_0000 + i), port: 9), type: .host)
    }
    let box = try AgentBox(Sample.full([Sample.here, address("192.0.2.2", 2)]))
    try box.agent.setRemote(credentials: .random(), at: .zero)
    let answers = candidates.map { box.agent.addRemoteCandidate($0, at: .zero) }
    #expect(answers.count { $0 == nil } == 100 && answers.count { $0 == .tableFull } == 50)
    #expect(box.agent.remoteCandidates.count == 100 && box.counters.candidatesRefused == 50)
    // 200 pairs want in, the better ones get in; the first was under way already.
    #expect(box.counters.pairsDisplaced + box.counters.pairsRefused == 100)
    // Each pair is checked once, then again, and no transaction outlives its time.
    var checked: Set<SocketAddress> = []
    while let due = box.agent.nextDeadline, due < .zero + .seconds(29) {
      box.agent.advance(to: due)
      for datagram in box.drain() { checked.insert(datagram.to) }
    }
    #expect((50...100).contains(checked.count))
    #expect(box.counters.checksSent <= 101)
  }

  @Test func anOwnerThatNeverReadsEventsKeepsTheNewest() throws {
    let box = try lite()
    for i in 0..<500 {
      box.receive(check(), from: Sample.there, to: Sample.here, at: .zero + .seconds(Double(i) * 20))
      box.agent.advance(to: .zero + .seconds(Double(i) * 20 + 10))
    }
    _ = box.drain()
    #expect(box.events.count <= 64 && box.events.last == .state(.disconnected))
  }

  @Test func damagedAndRandomDatagramsAreLetInOnlyWhole() throws {
    var random = SeededGenerator(8445)
    let good = check()
    let full = try AgentBox(
      Sample.full([Sample.here], role: .controlled), credentials: ICECredentials(usernameFragment: "mine", password: Self.password))
    try full.agent.setRemote(
      credentials: ICECredentials(usernameFragment: "yours", password: "cccccccccccccccccccccc"),
      candidates: [ICECandidate(foundation: "1", priority: 1, address: Sample.there, type: .host)], at: .zero)
    let lite = try lite()
    for round in 0..<30_000 {
      let bytes: [UInt8]
      switch round % 3 {
      case 0: bytes = random.bytes(random.pick(0...150))
      case 1: bytes = random.damaged(CapturedSTUN.all[random.pick(0...CapturedSTUN.all.count - 1)].bytes)
      default: bytes = random.damaged(good)
      }
      for box in [full, lite] {
        let reception = box.receive(bytes, from: Sample.there, to: Sample.here, at: .zero + .microseconds(Int64(round)))
        // An indication needs no proof where its sender gave some before. Damage after the code, to the fingerprint's own head, can leave a
        // whole check.
        if reception == .accepted { #expect(bytes.starts(with: [0, 0x11]) || bytes.starts(with: good.dropLast(8))) }
        _ = box.drain()
      }
    }
    #expect(full.role == .controlled)
  }

  /// A peer that knows the password may send what it likes: states, tables and queues hold.
  @Test func signedNonsenseHoldsTheBounds() throws {
    var random = SeededGenerator(7675)
    for mode in [ICEConfiguration.Mode.lite, .full] {
      var configuration = mode == .lite ? Sample.lite() : Sample.full([Sample.here])
      configuration.maximumPairs = 8
      let ours = try ICECredentials(usernameFragment: "mine", password: Self.password)
      let theirs = try ICECredentials(usernameFragment: "yours", password: Self.password)
      let box = try AgentBox(configuration, credentials: ours)
      try box.agent.setRemote(credentials: theirs, at: .zero)
      var now = Instant.zero
      var asked: [STUNTransactionID] = []
      for _ in 0..<4_000 {
        var message = Message(username: "mine:yours", password: Self.password)
        let kinds: [STUNMessage.Class] = [.request, .request, .indication, .success, .error]
        message.kind = kinds[random.pick(0...4)]
        message.id = asked.isEmpty ? STUNTransactionID(high: 1, low: random.next()) : asked[random.pick(0...asked.count - 1)]
        message.controlling = random.pick(0...1) == 0 ? random.next() : nil
        message.controlled = random.pick(0...1) == 0 ? random.next() : nil
        message.useCandidate = random.pick(0...1) == 0
        message.priority = random.pick(0...3) == 0 ? nil : UInt32(truncatingIfNeeded: random.next())
        message.error = message.kind == .error ? [400, 401, 487, 500, 300][random.pick(0...4)] : nil
        message.mapped = message.kind == .success && random.pick(0...3) > 0 ? Sample.here : nil
        if random.pick(0...9) == 0 { message.extra = [(UInt16(random.pick(0...65535)), random.bytes(random.pick(0...9)))] }
        let from = SocketAddress(ipv4: UInt32(0x0a00_0000 + random.pick(0...20)), port: 9)
        now = now + .milliseconds(Int64(random.pick(0...60)))
        box.receive(message.bytes(), from: from, to: Sample.here, at: now)
        if box.state == .failed {
          try box.agent.restart(credentials: ours, at: now)
          try box.agent.setRemote(credentials: theirs, at: now)
        }
        if let due = box.agent.nextDeadline, due <= now {
          box.agent.advance(to: now)
          #expect(box.agent.nextDeadline.map { $0 > now } ?? true)
        }
        for datagram in box.drain() {
          let id = try Answer(datagram).message.transactionID
          asked = asked.suffix(5) + [id]
        }
        #expect((0..<21).count { box.accepts(from: SocketAddress(ipv4: UInt32(0x0a00_0000 + $0), port: 9), to: Sample.here) } <= 8)
      }
      #expect(box.counters.checksReceived > 500)
      if mode == .lite { #expect(box.role == .controlled && box.counters.checksSent == 0) }
    }
  }
}
