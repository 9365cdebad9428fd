import DTLS
import Ground
import ICE
import Peer
import RTCP
import RTP
import Recording
import SRTP
import Testing

/// A WebRTC sender on the other side of a simulated path: a full ICE agent, DTLS, SRTP, and a memory for what it is asked to repeat. It is
/// made of the same rooms as the take's peer; that those understand others is shown where others are.
final class SimulatedPeer {
  static let ours = SocketAddress(ip: "192.0.2.1", port: 40_000)!
  static let theirs = SocketAddress(ip: "192.0.2.9", port: 50_000)!
  static let identity: DTLSIdentity = {
    do {
      return try DTLSIdentity(at: Rig.wall)
    } catch {
      fatalError("no certificate: \(error)")
    }
  }()
  static let ids: RTPExtensionIDs = {
    var ids = RTPExtensionIDs()
    ids[.mid] = 4
    ids[.streamID] = 10
    ids[.repairedStreamID] = 11
    ids[.transportSequenceNumber] = 3
    return ids
  }()

  private let rig: Rig
  private var agent: ICEAgent
  private let dtls: DTLSSession
  private var inbound: SRTPSession?
  private var outbound: SRTPSession?
  /// From one side to the other, in milliseconds.
  var delay = 15.0
  /// By how much the last message of its handshake comes late, in milliseconds, while its media does not.
  var lag = 0.0
  /// The share of packets that do not arrive; handshakes are spared.
  var loss = 0.0
  /// Whether it repeats what it is asked for.
  var repeats = true
  private var chance = Chance(seed: 7)
  private var nextTransportNumber: UInt16 = 65_500
  private var nextRepairNumber: [UInt32: UInt16] = [:]
  private var history: [UInt32: [UInt16: [UInt8]]] = [:]
  /// By SSRC, which one repeats its packets, under which payload type.
  var repairs: [UInt32: (ssrc: UInt32, payloadType: UInt8)] = [:]

  private(set) var keyFrameRequests: [(ssrc: UInt32, at: Double)] = []
  /// The numbers of the full intra requests that came.
  private(set) var intraCommands: [UInt8] = []
  private(set) var lostNumbers: [(ssrc: UInt32, number: UInt16)] = []
  private(set) var arrivalsTold = 0
  private(set) var bitrates: [UInt64] = []
  private(set) var reports = 0
  private(set) var sent = 0
  private(set) var dropped = 0

  /// Adds the take's side to the rig's take, and connects the two; `takesOver`: in place of the peer that was there.
  init(_ rig: Rig, weAreClient: Bool = true, fingerprint: DTLSFingerprint? = nil, takesOver: Bool = false) throws {
    self.rig = rig
    var configuration = ICEConfiguration(hosts: [ICEHost(SimulatedPeer.ours)])
    configuration.randomSeed = 3
    let peer = try WebRTCPeer(WebRTCPeer.Configuration(identity: SimulatedPeer.identity, ice: configuration), at: rig.now)
    var theirs = ICEConfiguration(hosts: [ICEHost(SimulatedPeer.theirs)])
    theirs.mode = .full
    theirs.role = .controlling
    theirs.randomSeed = takesOver ? 6 : 4
    agent = try ICEAgent(configuration: theirs, at: rig.now)
    dtls = try DTLSSession(
      identity: SimulatedPeer.identity, role: weAreClient ? .server : .client, fingerprints: [SimulatedPeer.identity.sha256])
    let remote = WebRTCPeer.Remote(
      credentials: agent.localCredentials, fingerprints: [fingerprint ?? SimulatedPeer.identity.sha256])
    if takesOver {
      rig.take.replacePeer(peer, source: 0, leg: 0, at: rig.now)
    } else {
      _ = rig.take.addSource(id: "s1", SourceSpecification(tracks: []))
      _ = rig.take.addLeg(source: 0, peer: peer)
    }
    try peer.connect(remote, role: weAreClient ? .client : .server, at: rig.now)
    try agent.setRemote(credentials: peer.localCredentials, candidates: peer.localCandidates, isLite: true, at: rig.now)
    rig.hear = { [unowned self] datagram, at in hear(datagram.bytes, at) }
  }

  var hasKeys: Bool { outbound != nil }
  /// Its ufrag.
  var fragment: String { agent.localCredentials.usernameFragment }
  var state: WebRTCPeer.State? { rig.take.peer(source: 0, leg: 0)?.state }

  private func later(_ at: Instant) -> Instant { at + TimeSpan(nanoseconds: Int64(delay * 1e6)) }

  private func hear(_ bytes: [UInt8], _ at: Instant) {
    let arrival = later(at)
    switch bytes[0] {
    case 0...3: agent.receive(bytes.span, from: SimulatedPeer.ours, to: SimulatedPeer.theirs, at: arrival)
    case 20...63: dtls.receive(bytes.span, at: arrival)
    default: hearRTCP(bytes, arrival)
    }
    pump(arrival)
  }

  private func hearRTCP(_ bytes: [UInt8], _ at: Instant) {
    var bytes = bytes
    var span = bytes.mutableSpan
    guard let inbound, let count = try? inbound.unprotectRTCP(&span) else { return }
    let clear = Array(bytes[..<count])
    var offset = 0
    while offset + 4 <= clear.count {
      let (format, type) = (clear[offset] & 31, clear[offset + 1])
      let end = offset + 4 + 4 * (Int(clear[offset + 2]) << 8 + Int(clear[offset + 3]))
      func word(_ at: Int) -> UInt32 { clear[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
      switch (type, format) {
      case (201, _): reports += 1
      case (206, 1): keyFrameRequests.append((word(offset + 8), (at - Rig.start).milliseconds))
      case (206, 4):
        // A command that was obeyed already is not obeyed again (RFC 5104 §4.3.1.2).
        let command = UInt8(word(offset + 16) >> 24)
        if !intraCommands.contains(command) { keyFrameRequests.append((word(offset + 12), (at - Rig.start).milliseconds)) }
        intraCommands.append(command)
      case (205, 1):
        for entry in stride(from: offset + 12, to: end, by: 4) {
          let (first, mask) = (UInt16(word(entry) >> 16), word(entry) & 0xffff)
          let others: [UInt16] = (0..<UInt16(16)).filter { mask >> UInt32($0) & 1 == 1 }.map { first &+ $0 &+ 1 }
          for number in [first] + others {
            lostNumbers.append((word(offset + 8), number))
            if repeats { again(word(offset + 8), number, at) }
          }
        }
      case (205, 15): arrivalsTold += Int(word(offset + 12) & 0xffff)
      case (206, 15): bitrates.append(UInt64(word(offset + 16) & 0x3_ffff) << UInt64(word(offset + 16) >> 18 & 63))
      default: break
      }
      offset = end
    }
  }

  private func again(_ ssrc: UInt32, _ number: UInt16, _ at: Instant) {
    guard let original = history[ssrc]?[number], let repair = repairs[ssrc] else { return }
    var header: [UInt8] = [0x80, original[1] & 0x80 | repair.payloadType]
    let next = nextRepairNumber[ssrc, default: 1]
    nextRepairNumber[ssrc] = next &+ 1
    header.appendU16(next)
    header += original[4..<8]
    header.appendU32(repair.ssrc)
    header.appendU16(number)
    transmit(header + original[12...], at: at)
  }

  /// Sends an RTP packet captured at `milliseconds`; `names` are MID and RID where packets still carry them.
  func send(_ packet: [UInt8], _ milliseconds: Double, names: [(id: UInt8, value: [UInt8])] = []) {
    let ssrc = packet[8..<12].reduce(0) { $0 << 8 | UInt32($1) }
    history[ssrc, default: [:]][UInt16(packet[2]) << 8 | UInt16(packet[3])] = packet
    transmit(packet, at: Rig.at(milliseconds), names: names)
  }

  private func transmit(_ packet: [UInt8], at: Instant, names: [(id: UInt8, value: [UInt8])] = []) {
    guard let outbound else { return }
    sent += 1
    var block: [UInt8] = [3 << 4 | 1, UInt8(nextTransportNumber >> 8), UInt8(nextTransportNumber & 255)]
    nextTransportNumber &+= 1
    for name in names { block += [name.id << 4 | UInt8(name.value.count - 1)] + name.value }
    while block.count % 4 != 0 { block.append(0) }
    var bytes = Array(packet[..<12])
    bytes[0] |= 0x10
    bytes += [0xbe, 0xde, 0, UInt8(block.count / 4)] + block + packet[12...]
    guard (try? outbound.protectRTP(&bytes)) != nil else { return }
    guard !chance.isHit(loss) else {
      dropped += 1
      return
    }
    rig.deliver(bytes, at: later(at), from: SimulatedPeer.theirs, to: SimulatedPeer.ours)
  }

  /// Any datagram, from anywhere.
  func sendRaw(_ bytes: [UInt8], _ milliseconds: Double, from: SocketAddress = SimulatedPeer.theirs) {
    rig.deliver(bytes, at: Rig.at(milliseconds), from: from, to: SimulatedPeer.ours)
  }

  /// Says that it leaves, as a page does that closes its connection.
  func farewell(_ milliseconds: Double) {
    run(to: milliseconds)
    dtls.close()
    pump(rig.now)
  }

  private func pump(_ now: Instant) {
    while agent.popEvent() != nil {}
    if agent.selectedPair != nil { dtls.start(at: now) }
    if outbound == nil, case .established(let keys) = dtls.state {
      outbound = try? keys.session(.outbound)
      inbound = try? keys.session(.inbound)
    }
    while let datagram = agent.popOutgoing() {
      rig.deliver(datagram.bytes, at: later(now), from: SimulatedPeer.theirs, to: SimulatedPeer.ours)
    }
    let late = TimeSpan(nanoseconds: outbound == nil ? 0 : Int64(lag * 1e6))
    while let bytes = dtls.popOutgoing() {
      rig.deliver(bytes, at: later(now) + late, from: SimulatedPeer.theirs, to: SimulatedPeer.ours)
    }
  }

  /// Lets both sides' time pass. While `isSilent`, ours does nothing: it has gone.
  func run(to milliseconds: Double, isSilent: Bool = false) {
    while rig.milliseconds < milliseconds {
      let next = rig.now + Rig.tick
      if !isSilent {
        agent.advance(to: rig.now)
        dtls.advance(to: rig.now)
        pump(rig.now)
      }
      rig.run(until: next)
    }
  }
}
