import Ground
import ICE

extension FuzzTarget {
  static let ice = FuzzTarget(name: "ice", maximumBytes: 600, seeds: { _ in ICERun.seeds }) { bytes in
    let line = String(decoding: bytes, as: UTF8.self)
    if case .candidate(let candidate)? = try? ICECandidate.read(line) {
      require((try? ICECandidate.read(candidate.line)) == .candidate(candidate), "a candidate written and read")
    }
    ICERun(InputReader(bytes)).play()
  }
}

/// Two agents, and a script that says what becomes of their datagrams, of time, and of what signalling tells them.
private final class ICERun {
  private final class Side {
    var agent: ICEAgent
    let configuration: ICEConfiguration
    init(_ configuration: ICEConfiguration, at now: Instant) {
      self.configuration = configuration
      guard let made = try? ICEAgent(configuration: configuration, at: now) else { fatalError("no agent") }
      agent = made
    }
  }
  private struct Flight {
    var bytes: [UInt8]
    var from: SocketAddress
    var to: SocketAddress
    var isDamaged = false
  }

  private var script: InputReader
  private let sides: [Side]
  private var now = Instant(nanoseconds: 1_000_000_000)
  private var flights: [Flight] = []

  /// A handshake, a restart, and a long silence.
  static let seeds: [[UInt8]] = [
    [0x10, 0x01] + [8, 0, 8, 1] + Array(repeating: 0, count: 40),
    [0x13, 0x02] + [8, 0, 8, 1, 9, 0, 9, 1] + Array(repeating: 13, count: 60),
    [0x33, 0x00] + [8, 0, 8, 1] + Array(repeating: 0, count: 30) + [7, 0, 7, 1, 8, 0, 8, 1] + Array(repeating: 0, count: 30),
    [0x30, 0x00] + [8, 0, 8, 1, 0, 0, 0, 0, 6, 0x27, 0x10, 6, 0x27, 0x10, 10, 0, 6, 0x75, 0x30],
    Array("candidate:1 1 udp 2130706431 192.0.2.1 5000 typ srflx raddr fd00::1 rport 9 ufrag abcd".utf8),
  ]

  init(_ input: InputReader) {
    script = input
    let modes = script.u8()
    let bounds = script.u8()
    var made: [Side] = []
    for i in 0..<2 {
      var configuration = ICEConfiguration(hosts: (0..<2).map { ICEHost(SocketAddress(ipv4: 0x0a00_0000 + UInt32(i * 16 + $0), port: 9)) })
      configuration.mode = modes >> (4 + i) & 1 == 0 ? .lite : .full
      configuration.role = modes >> i & 1 == 0 ? .controlled : .controlling
      configuration.nomination = modes >> (2 + i) & 1 == 0 ? .regular : .aggressive
      configuration.maximumPairs = 4 + Int(bounds & 3)
      configuration.maximumRemoteCandidates = 2 + Int(bounds >> 2 & 3)
      configuration.maximumOutgoing = 32
      configuration.randomSeed = UInt64(i + 1)
      made.append(Side(configuration, at: now))
    }
    sides = made
  }

  func play() {
    while !script.isAtEnd {
      step()
      for side in sides { hold(side) }
    }
    heal()
  }

  private func step() {
    switch script.u8() % 14 {
    case 0: fly(0)
    case 1: fly(Int(script.u8()))
    case 2: fly(0, from: SocketAddress(ipv4: 0xc000_0200 + UInt32(script.u8() & 15), port: 7))
    case 3:
      guard !flights.isEmpty, !flights[0].bytes.isEmpty else { return }
      let bit = UInt8(1) << (script.u8() & 7)
      flights[0].bytes[Int(script.u8()) % flights[0].bytes.count] ^= bit
      flights[0].isDamaged = true
      fly(0)
    case 4: if !flights.isEmpty { flights.removeFirst() }
    case 5: if let flight = flights.first { flights.append(flight) }
    case 6: pass(.milliseconds(Int64(script.u16())))
    case 7: try? sides[Int(script.u8() & 1)].agent.restart(at: now)
    case 8: introduce(Int(script.u8() & 1))
    case 9: teach(Int(script.u8() & 1))
    case 10:
      let i = Int(script.u8() & 1)
      sides[i].agent.noteTraffic(
        from: sides[1 - i].configuration.hosts[0].local, to: sides[i].configuration.hosts[0].local, at: now)
    case 11: raw()
    case 12: sides[Int(script.u8() & 1)].agent.endOfCandidates(at: now)
    default: if let due = sides.compactMap({ $0.agent.nextDeadline }).min() { pass(due - now) }
    }
    collect()
  }

  /// Delivers one datagram to whom it is for.
  private func fly(_ place: Int, from: SocketAddress? = nil) {
    guard !flights.isEmpty else { return }
    let flight = flights.remove(at: place % flights.count)
    guard let side = sides.first(where: { $0.configuration.hosts.contains { $0.local == flight.to } }) else { return }
    let reception = side.agent.receive(flight.bytes.span, from: from ?? flight.from, to: flight.to, at: now)
    if flight.isDamaged, reception == .accepted {
      // A changed type of the last attribute makes a message without fingerprint, which is allowed.
      let end = flight.bytes.count
      require(end > 8 && (flight.bytes[end - 8], flight.bytes[end - 7]) != (0x80, 0x28), "what is damaged is not let in")
    }
  }

  private func raw() {
    let to = sides[Int(script.u8() & 1)].configuration.hosts[0].local
    flights.append(Flight(bytes: script.take(Int(script.u8())), from: SocketAddress(ipv4: 0xc000_0201, port: 7), to: to, isDamaged: false))
  }

  /// Tells one side the other's description.
  private func introduce(_ i: Int) {
    let other = sides[1 - i]
    try? sides[i].agent.setRemote(
      credentials: other.agent.localCredentials, candidates: other.agent.localCandidates, isLite: other.configuration.mode == .lite, at: now
    )
  }

  private func teach(_ i: Int) {
    let known = sides[i].agent.remoteCandidates.count
    let answer = sides[i].agent.addRemoteCandidate(
      ICECandidate(
        foundation: "\(script.u8() & 3)", priority: UInt32(script.u16()),
        address: SocketAddress(ipv4: 0xc000_0200, port: UInt16(script.u8())),
        type: .host), at: now)
    require(answer == nil || sides[i].agent.remoteCandidates.count == known, "a refused candidate is not kept")
  }

  private func pass(_ time: TimeSpan) {
    now = now + time
    for side in sides {
      guard let due = side.agent.nextDeadline, due <= now else { continue }
      side.agent.advance(to: now)
      require(side.agent.nextDeadline.map { $0 > now } ?? true, "what was due is done")
    }
  }

  private func collect() {
    for side in sides {
      var count = 0
      while let datagram = side.agent.popOutgoing() {
        count += 1
        flights.append(Flight(bytes: datagram.bytes, from: datagram.fromLocal, to: datagram.to))
      }
      require(count <= side.configuration.maximumOutgoing, "the queue's bound")
      var events = 0
      while side.agent.popEvent() != nil { events += 1 }
      require(events <= 64, "the events' bound")
    }
    if flights.count > 128 { flights.removeFirst(flights.count - 128) }
  }

  private func hold(_ side: Side) {
    let state = side.agent.currentState
    let pair = side.agent.selectedPair
    require(side.agent.remoteCandidates.count <= side.configuration.maximumRemoteCandidates, "the candidates' bound")
    require(Set(side.agent.localFragments).count == side.agent.localFragments.count && side.agent.localFragments.count <= 2, "ufrags")
    if state == .connected || state == .disconnected { require(pair != nil, "\(state) has a pair") }
    if state == .failed || state == .new || state == .checking { require(pair == nil || side.agent.isRestarting, "\(state) has none") }
    if state != .new, state != .failed { require(side.agent.nextDeadline != nil, "\(state) ends some time") }
    if let pair { require(side.agent.accepts(from: pair.remote, to: pair.local), "the selected pair is let in") }
    if side.configuration.mode == .lite {
      require(side.agent.currentRole == .controlled && side.agent.counters.checksSent == 0, "lite is controlled and asks nothing")
    }
  }

  /// Whatever came before: with new credentials and a network that works the two agree within ten seconds.
  private func heal() {
    flights = []
    for i in 0..<2 { try? sides[i].agent.restart(at: now) }
    for i in 0..<2 { introduce(i) }
    collect()
    let end = now + .milliseconds(10_000)
    while true {
      while !flights.isEmpty {
        fly(0)
        collect()
      }
      guard let due = sides.compactMap({ $0.agent.nextDeadline }).min(), due <= end else { break }
      pass(due - now)
      collect()
      for side in sides { hold(side) }
    }
    guard let one = sides[0].agent.selectedPair, let other = sides[1].agent.selectedPair else {
      fatalError("broken promise: a pair is found")
    }
    require(one.isNominated && other.isNominated, "and nominated")
    require(one.remote == other.local && one.local == other.remote, "and the same on both sides")
    // Two lite agents without traffic have no sign of each other.
    if sides.allSatisfy({ $0.configuration.mode == .lite }) { return }
    require(sides.allSatisfy { $0.agent.currentState == .connected }, "and connected")
  }
}
