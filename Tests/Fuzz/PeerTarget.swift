import DTLS
import Ground
import ICE
import Peer
import RTP
import SRTP

extension FuzzTarget {
  /// A script: what becomes of the datagrams between a peer of ours, on a port that it shares, and one that is made of ICE, DTLS and SRTP;
  /// what is forged in between; and what time and signalling do. Keys are random, so that no input meets the same bytes twice; what is
  /// promised holds for all of them.
  static let peer = FuzzTarget(name: "peer", maximumBytes: 2048, seeds: { PeerRun.seeds(hellos: $0.datagrams { $0.first == 22 }) }) {
    bytes in
    var run = PeerRun(InputReader(bytes))
    run.play()
  }
}

extension SeedSources {
  /// The captured datagrams that `isWanted`.
  fileprivate func datagrams(_ isWanted: ([UInt8]) -> Bool) -> [[UInt8]] {
    captures.flatMap { $0.datagrams }.map(\.bytes).filter { isWanted($0) }
  }
}

/// The other side: what a browser has, in its simplest form.
private final class FarSide {
  var agent: ICEAgent
  let dtls: DTLSSession
  var outbound: SRTPSession?
  var nextNumber: UInt16 = 65_530

  init?(_ configuration: ICEConfiguration, role: DTLSSession.Role, at now: Instant) {
    guard let agent = try? ICEAgent(configuration: configuration, at: now),
      let dtls = try? DTLSSession(identity: PeerRun.identities.far, role: role, fingerprints: [PeerRun.identities.ours.sha256])
    else { return nil }
    self.agent = agent
    self.dtls = dtls
  }
}

private struct PeerRun {
  static let identities: (ours: DTLSIdentity, far: DTLSIdentity) = {
    let now = WallTime(nanosecondsSinceEpoch: 1_795_000_000_000_000_000)
    guard let ours = try? DTLSIdentity(at: now), let far = try? DTLSIdentity(at: now) else { fatalError("no identity") }
    return (ours, far)
  }()
  private static let ours = SocketAddress(ipv4: 0xc000_0201, port: 40_000)
  private static let theirs = SocketAddress(ipv4: 0xc000_0209, port: 50_000)
  private static let longestDatagram = 1500

  private struct Flight {
    var bytes: [UInt8]
    var from: SocketAddress
    var toUs: Bool
    var isTouched = false
  }

  private var script: InputReader
  private let peer: WebRTCPeer
  private let far: FarSide
  private let weAreLite: Bool
  private let farIsLite: Bool
  private let role: DTLSSession.Role
  private var port = SharedPort()
  private let member: Int
  private var now = Instant(nanoseconds: 1_000_000_000)
  private var flights: [Flight] = []
  /// Protected packets that the far side sent and that were not let in yet.
  private var awaited: Set<[UInt8]> = []
  private var ended: WebRTCPeer.State?

  /// An exchange, each step lost or changed once, restarts, silence, farewells, and what real peers said.
  static func seeds(hellos: [[UInt8]]) -> [[UInt8]] {
    let begin: [UInt8] = [8, 8, 15]
    let flow = [UInt8](repeating: 0, count: 24)
    var out: [[UInt8]] = []
    for modes in [UInt8(0), 1, 2, 4, 5, 6] {
      out.append([modes] + begin + flow + [12, 0, 13, 0, 12, 0, 0])
      out.append([modes] + begin + flow + [7, 0, 7, 1, 8, 8] + flow + [12, 0, 6, 0x75, 0x30, 15, 15, 0, 0])
      out.append([modes] + begin + flow + [14, 1] + flow)
      for at in stride(from: 0, to: 16, by: 2) {
        for step: [UInt8] in [[3, 0, 30, 1], [4], [5], [2, 1], [9, 1, 40]] {
          out.append([modes] + begin + [UInt8](repeating: 0, count: at) + step + flow + [12, 0])
        }
      }
    }
    for hello in hellos.prefix(12) { out.append([0] + begin + flow + [9, 1, UInt8(min(255, hello.count))] + hello.prefix(255) + flow) }
    return out
  }

  init(_ input: InputReader) {
    script = input
    let modes = script.u8()
    var configuration = ICEConfiguration(hosts: [ICEHost(PeerRun.ours)])
    weAreLite = modes & 3 == 0
    configuration.mode = weAreLite ? .lite : .full
    configuration.role = modes & 2 == 0 ? .controlled : .controlling
    configuration.randomSeed = 1
    var theirs = ICEConfiguration(hosts: [ICEHost(PeerRun.theirs)])
    farIsLite = modes & 3 == 2
    theirs.mode = farIsLite ? .lite : .full
    theirs.role = modes & 2 == 0 ? .controlling : .controlled
    theirs.randomSeed = 2
    role = modes & 4 == 0 ? .client : .server
    guard let made = try? WebRTCPeer(WebRTCPeer.Configuration(identity: PeerRun.identities.ours, ice: configuration), at: now),
      let far = FarSide(theirs, role: role == .client ? .server : .client, at: now)
    else { fatalError("no peer") }
    peer = made
    self.far = far
    member = port.join()
    port.setFragments(peer.localFragmentKeys, of: member)
  }

  mutating func play() {
    while !script.isAtEnd {
      step()
      collect()
      hold()
    }
    heal()
  }

  private mutating func step() {
    switch script.u8() % 16 {
    case 0: fly(0)
    case 1: fly(Int(script.u8()))
    case 2: fly(0, from: SocketAddress(ipv4: 0xc633_6400 + UInt32(script.u8() & 63), port: 7))
    case 3:
      let (place, bit) = (script.u16(), UInt8(1) << (script.u8() & 7))
      guard !flights.isEmpty, !flights[0].bytes.isEmpty else { return }
      flights[0].bytes[place % flights[0].bytes.count] ^= bit
      flights[0].isTouched = true
      fly(0)
    case 4: if !flights.isEmpty { flights.removeFirst() }
    case 5: if let flight = flights.first { flights.append(flight) }
    case 6: pass(.milliseconds(Int64(script.u16())))
    case 7: restart(ours: script.u8() & 1 == 0)
    case 8: introduce()
    case 9:
      let from = script.u8() & 1 == 0 ? SocketAddress(ipv4: 0xc633_6401, port: 9) : PeerRun.theirs
      arrive(Flight(bytes: script.take(Int(script.u8())), from: from, toUs: true, isTouched: true))
    case 10:
      peer.add(
        ICECandidate(
          foundation: "\(script.u8() & 3)", priority: UInt32(script.u16()),
          address: SocketAddress(ipv4: 0xc000_0200 + UInt32(script.u8() & 15), port: 50_000), type: .host), at: now)
    case 11: peer.endOfCandidates(at: now)
    case 12: for _ in 0...Int(script.u8() & 3) { sendMedia() }
    case 13:
      var report: [UInt8] = [0x80, 201, 0, 1, 0, 0, 0, script.u8()]
      require(!peer.protectRTCP(&report) || peer.state == .connected || peer.state == .disconnected || peer.hasKeys, "reports need keys")
    case 14: if script.u8() & 1 == 0 { peer.close(at: now) } else { far.dtls.close() }
    default: if let due = [peer.nextDeadline, far.agent.nextDeadline, far.dtls.nextDeadline].compactMap({ $0 }).min() { pass(due - now) }
    }
  }

  // MARK: The path

  private mutating func fly(_ place: Int, from: SocketAddress? = nil) {
    guard !flights.isEmpty else { return }
    var flight = flights.remove(at: place % flights.count)
    if let from { flight.from = from }
    if flight.toUs { arrive(flight) } else { hear(flight) }
  }

  /// A datagram reaches the far side.
  private func hear(_ flight: Flight) {
    guard let first = flight.bytes.first else { return }
    switch first {
    case 0...3: far.agent.receive(flight.bytes.span, from: PeerRun.ours, to: PeerRun.theirs, at: now)
    case 20...63: far.dtls.receive(flight.bytes.span, at: now)
    default: break
    }
  }

  /// A datagram reaches our port.
  private mutating func arrive(_ flight: Flight) {
    let before = peer.state
    guard case .to(let found, let place) = port.route(flight.bytes.span, from: flight.from, on: 0, at: now) else { return }
    require(found == member, "there is one member")
    let wasEstablished = peer.hasKeys
    var bytes = flight.bytes
    var span = bytes.mutableSpan
    let reception = peer.receive(&span, from: flight.from, to: PeerRun.ours, at: now)
    switch reception {
    case .rtp(_, let count), .rtcp(let count):
      require(count <= flight.bytes.count && wasEstablished, "media is decrypted, and is shorter than it was")
      // In particular nothing that is forged, changed or repeated.
      require(awaited.remove(flight.bytes) != nil, "media is what the peer sent, once")
      require(!flight.isTouched || flight.from == PeerRun.theirs, "and from where it proved itself")
      port.noteProven(member: member, place: place, from: flight.from, on: 0, at: now)
    case .transport:
      if flight.bytes[0] < 4 { port.noteProven(member: member, place: place, from: flight.from, on: 0, at: now) }
    case .early: require(!wasEstablished && peer.earlyCount <= WebRTCPeer.earlyLimit, "what comes before the keys waits, and is bounded")
    case .discarded: break
    }
    readEarly()
    if flight.isTouched, wasEstablished, before == .connected {
      require(peer.state == .connected || peer.state == .disconnected, "nothing forged ends a connection")
    }
  }

  /// What came before the keys is judged like what comes after them.
  private mutating func readEarly() {
    for item in peer.takeEarly() where peer.hasKeys {
      var bytes = item.bytes
      var span = bytes.mutableSpan
      switch peer.receive(&span, from: item.remote, to: item.local, at: item.arrival) {
      case .rtp, .rtcp:
        require(awaited.remove(item.bytes) != nil, "media is what the peer sent, once")
        require(item.remote == PeerRun.theirs, "and from where it proved itself")
      case .transport, .early: require(false, "what waited was media, and waits once")
      case .discarded: break
      }
    }
    require(peer.earlyCount == 0 || !peer.hasKeys && peer.state != .failed && peer.state != .closed, "nothing waits in vain")
  }

  private mutating func collect() {
    readEarly()
    var count = 0
    while let datagram = peer.popOutgoing() {
      count += 1
      require(datagram.bytes.count <= PeerRun.longestDatagram && datagram.fromLocal == PeerRun.ours, "a datagram fits, and leaves from us")
      port.noteSent(datagram.bytes.span, by: member)
      if datagram.to == PeerRun.theirs { flights.append(Flight(bytes: datagram.bytes, from: PeerRun.ours, toUs: false)) }
    }
    require(count <= 320, "what waits to be sent is bounded")
    if ended != nil { require(count == 0, "an ended peer says nothing") }
    while far.agent.popEvent() != nil {}
    if far.agent.selectedPair != nil { far.dtls.start(at: now) }
    if far.outbound == nil, case .established(let keys) = far.dtls.state { far.outbound = try? keys.session(.outbound) }
    while let datagram = far.agent.popOutgoing() {
      if datagram.to == PeerRun.ours { flights.append(Flight(bytes: datagram.bytes, from: PeerRun.theirs, toUs: true)) }
    }
    while let bytes = far.dtls.popOutgoing() { flights.append(Flight(bytes: bytes, from: PeerRun.theirs, toUs: true)) }
    if flights.count > 96 { flights.removeFirst(flights.count - 96) }
    if peer.state == .failed || peer.state == .closed { ended = peer.state }
  }

  private mutating func sendMedia() {
    guard let outbound = far.outbound else { return }
    var packet: [UInt8] = [0x80, 111, UInt8(far.nextNumber >> 8), UInt8(far.nextNumber & 255), 0, 0, 0, 1, 0, 0, 0, 2, 0xf8, script.u8()]
    far.nextNumber &+= 1
    guard (try? outbound.protectRTP(&packet)) != nil else { return }
    awaited.insert(packet)
    flights.append(Flight(bytes: packet, from: PeerRun.theirs, toUs: true))
  }

  // MARK: Signalling and time

  /// Each side hears the other's description.
  private func introduce() {
    var remote = WebRTCPeer.Remote(credentials: far.agent.localCredentials, fingerprints: [PeerRun.identities.far.sha256])
    remote.candidates = far.agent.localCandidates
    remote.isLite = farIsLite
    try? peer.connect(remote, role: role, at: now)
    try? far.agent.setRemote(credentials: peer.localCredentials, candidates: peer.localCandidates, isLite: weAreLite, at: now)
  }

  private mutating func restart(ours: Bool) {
    if ours { try? peer.restartICE(at: now) } else { try? far.agent.restart(at: now) }
    port.setFragments(peer.localFragmentKeys, of: member)
  }

  private mutating func pass(_ time: TimeSpan) {
    now = now + time
    peer.advance(to: now)
    require(peer.nextDeadline.map { $0 > now } ?? true, "what was due is done")
    far.agent.advance(to: now)
    far.dtls.advance(to: now)
    port.setFragments(peer.localFragmentKeys, of: member)
  }

  // MARK: Promises

  private func hold() {
    let state = peer.state
    if let ended { require(state == ended, "what has ended does not begin again") }
    switch state {
    case .connected: require(peer.hasKeys && peer.selectedPair != nil && peer.failure == nil, "connected is keys and a pair")
    case .failed:
      require(
        peer.failure != nil && !peer.hasKeys && peer.selectedPair == nil && peer.nextDeadline == nil, "failed has its reason, and is over")
    case .closed: require(!peer.hasKeys && peer.selectedPair == nil && peer.nextDeadline == nil, "closed is over")
    case .new, .checking, .disconnected: require(peer.failure == nil, "no failure before the end")
    }
    if peer.hasKeys { require(peer.suite != nil && peer.cipherSuite != nil, "keys have a name") }
    let sizes = port.sizes
    require(
      sizes.addresses <= SharedPort.maximumAddresses && sizes.fragments <= 2 && sizes.transactions <= SharedPort.maximumTransactions,
      "the port's tables are bounded")
  }

  /// Whatever came before: on a path that works the peer connects, or it has ended and says why. It never stays between.
  private mutating func heal() {
    flights = []
    restart(ours: true)
    restart(ours: false)
    introduce()
    collect()
    let end = now + .seconds(90)
    while now < end {
      while !flights.isEmpty {
        fly(0)
        collect()
        hold()
      }
      if ended != nil { break }
      guard let due = [peer.nextDeadline, far.agent.nextDeadline, far.dtls.nextDeadline].compactMap({ $0 }).min() else { break }
      pass(due - now)
      collect()
      hold()
    }
    guard ended == nil else { return }
    require(peer.state == .connected, "a peer connects or ends, but is \(peer.state)")
    awaited = []
    guard far.outbound != nil else {
      if case .handshaking = far.dtls.state { fatalError("broken promise: both sides have keys") }
      return
    }
    sendMedia()
    let sent = awaited.count
    while !flights.isEmpty { fly(0) }
    require(sent == 1 && awaited.isEmpty, "and media is let in")
    peer.close(at: now)
    collect()
    hold()
    port.leave(member)
    require(port.sizes == (0, 0, 0), "nothing is left of who leaves")
  }
}
