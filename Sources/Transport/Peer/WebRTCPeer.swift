package import DTLS
package import Ground
package import ICE
import RTCP
import RTP
package import SRTP

/// A WebRTC peer's transport as a value: ICE finds the path, DTLS agrees on keys, SRTP carries media; all of it on one component
/// (RFC 8835 §3.4). Datagrams and time in, datagrams and clear packets out. For one thread.
///
/// Contract: after each call that takes a time, send what `popOutgoing` hands out and look at `state`; call `advance(to:)` at
/// `nextDeadline`. A datagram is let in by its first byte (RFC 7983), and all but STUN only from where ICE found the peer.
package final class WebRTCPeer {
  package struct Configuration: Sendable {
    package var identity: DTLSIdentity
    package var ice: ICEConfiguration
    /// After so long without keys, counted from `connect`, the peer has failed.
    package var handshakeTimeout = TimeSpan.seconds(30)
    package init(identity: DTLSIdentity, ice: ICEConfiguration) {
      self.identity = identity
      self.ice = ice
    }
  }

  /// What the peer's description says of its transport, checked.
  package struct Remote: Sendable {
    package var credentials: ICECredentials
    package var candidates: [ICECandidate] = []
    package var isComplete = false
    package var isLite = false
    package var fingerprints: [DTLSFingerprint]
    package init(credentials: ICECredentials, fingerprints: [DTLSFingerprint]) {
      self.credentials = credentials
      self.fingerprints = fingerprints
    }
  }

  /// Where the whole of it stands, by the names of the WebRTC API.
  package enum State: String, Sendable {
    /// The peer's description is not known yet.
    case new
    /// ICE and DTLS are at work.
    case checking
    /// Media may flow.
    case connected
    /// No sign of the peer for a while; it may come back.
    case disconnected
    case failed
    case closed
  }

  /// Why a peer failed.
  package enum Failure: Error, Sendable, Hashable {
    /// No pair of addresses worked in time.
    case noConnection
    /// The peer was there and is gone: it gave no sign, or no consent, for too long.
    case consentExpired
    /// A pair worked, and no keys were agreed on in time.
    case handshakeTimeout
    case dtls(DTLSError)
    case srtp
  }

  /// What may go wrong with a datagram; `received` is their sum and what was let in.
  package struct Counters: Sendable {
    package var stun = 0
    package var dtls = 0
    /// From an address that ICE does not know as the peer's.
    package var strangers = 0
    /// Media that came before there were keys.
    package var beforeKeys = 0
  }

  /// Media as it came, before there were keys.
  package struct EarlyDatagram: Sendable {
    package var bytes: [UInt8]
    package var remote: SocketAddress
    package var local: SocketAddress
    package var arrival: Instant
  }

  /// No more than so many datagrams are kept.
  package static let earlyLimit = 128

  private let identity: DTLSIdentity
  private let handshakeTimeout: TimeSpan
  private var agent: ICEAgent
  private var session: DTLSSession?
  private var role: DTLSSession.Role = .client
  private var inbound: SRTPSession?
  private var outbound: SRTPSession?
  private var handshakeDeadline: Instant?
  private var wasConnected = false
  /// A sender has its keys with our last message of the handshake, and may send media before its own last message: GStreamer does.
  private var early: [EarlyDatagram] = []
  /// The peer's traffic counts as a sign of it; told to ICE now and then, not with each packet.
  private var nextSign = Instant(nanoseconds: 0)
  private static let signInterval = TimeSpan.milliseconds(500)

  package private(set) var state = State.new
  package private(set) var failure: Failure?
  package private(set) var counters = Counters()

  /// Throws where no credentials can be made.
  package init(_ configuration: Configuration, credentials: ICECredentials? = nil, at now: Instant) throws(ICEError) {
    identity = configuration.identity
    handshakeTimeout = configuration.handshakeTimeout
    agent = try ICEAgent(configuration: configuration.ice, credentials: credentials, at: now)
  }

  // MARK: Facts

  package var localCredentials: ICECredentials { agent.localCredentials }
  /// The ufrags whose checks are this peer's: for a port that many share.
  package var localFragments: [String] { agent.localFragments }
  /// The same as numbers, for `SharedPort`.
  package var localFragmentKeys: [UInt64] { agent.localFragmentKeys }
  /// Our candidates, as SDP lists them.
  package var localCandidates: [ICECandidate] { agent.localCandidates }
  package var iceState: ICEState { agent.currentState }
  package var selectedPair: ICESelectedPair? { agent.selectedPair }
  package var roundTripTime: TimeSpan? { agent.roundTripTime }
  package var iceCounters: ICECounters { agent.counters }
  /// The handshake's cipher suite, by IANA's name, once there are keys.
  package var cipherSuite: String? { session?.cipherSuite }
  package private(set) var suite: CryptoSuite?
  /// Whether media can be decrypted and reports sent.
  package var hasKeys: Bool { inbound != nil }
  /// How many datagrams wait for keys.
  package var earlyCount: Int { early.count }

  /// When `advance(to:)` is due.
  package var nextDeadline: Instant? {
    // What has ended waits for nothing, whatever a handshake had in mind.
    if state == .failed || state == .closed { return nil }
    return [agent.nextDeadline, session?.nextDeadline, handshakeDeadline].compactMap { $0 }.min()
  }

  // MARK: Commands

  /// Tells what the peer's description says; `role` is what was agreed on. A second description adds candidates, or after `restartICE` new
  /// credentials; the handshake is not repeated. Throws what the agent or OpenSSL refuses.
  package func connect(_ remote: Remote, role: DTLSSession.Role, at now: Instant) throws(Failure) {
    guard state != .failed, state != .closed else { throw failure ?? .noConnection }
    do throws(ICEError) {
      try agent.setRemote(
        credentials: remote.credentials, candidates: remote.candidates, isLite: remote.isLite, isComplete: remote.isComplete, at: now)
    } catch {
      throw .noConnection
    }
    if session == nil {
      do throws(DTLSError) {
        session = try DTLSSession(identity: identity, role: role, fingerprints: remote.fingerprints)
      } catch {
        throw .dtls(error)
      }
      self.role = role
      handshakeDeadline = now + handshakeTimeout
    }
    follow(at: now)
  }

  /// Takes a candidate that came after the description (RFC 8838).
  package func add(_ candidate: ICECandidate, at now: Instant) {
    agent.addRemoteCandidate(candidate, at: now)
    follow(at: now)
  }

  package func endOfCandidates(at now: Instant) {
    agent.endOfCandidates(at: now)
    follow(at: now)
  }

  /// Begins ICE anew with other credentials of ours; keys and the old path stay in use meanwhile (RFC 8445 §9).
  package func restartICE(at now: Instant) throws(ICEError) { try agent.restart(at: now) }

  /// Leaves the peer, telling it.
  package func close(at now: Instant) {
    guard state != .closed else { return }
    session?.close()
    flush()
    agent.close()
    if state != .failed { state = .closed }
    inbound = nil
    outbound = nil
    handshakeDeadline = nil
  }

  // MARK: World

  /// Judges a datagram and makes it clear in place. `local`: the address that it reached.
  package func receive(
    _ datagram: inout MutableSpan<UInt8>, from remote: SocketAddress, to local: SocketAddress, at now: Instant
  ) -> Reception {
    guard datagram.count > 0 else { return .discarded(.malformed) }
    switch datagram[0] {
    case 0...3:
      let reception = agent.receive(datagram.span, from: remote, to: local, at: now)
      follow(at: now)
      guard case .accepted = reception else { return .discarded(.rejectedSTUN) }
      counters.stun += 1
      return .transport
    case 20...63:
      guard agent.accepts(from: remote, to: local), let session else { return stranger() }
      counters.dtls += 1
      session.receive(datagram.span, at: now)
      // Once there are keys, only what they authenticate is a sign: anybody can send what looks like a record.
      if inbound == nil { sign(remote, local, now) }
      follow(at: now)
      return .transport
    case 128...191: return receiveMedia(&datagram, from: remote, to: local, at: now)
    default: return .discarded(.notRTP)
    }
  }

  private func stranger() -> Reception {
    counters.strangers += 1
    return .discarded(.stranger)
  }

  private func receiveMedia(
    _ datagram: inout MutableSpan<UInt8>, from remote: SocketAddress, to local: SocketAddress, at now: Instant
  ) -> Reception {
    guard agent.accepts(from: remote, to: local) else { return stranger() }
    guard let inbound else {
      if state != .failed, state != .closed, session != nil, early.count < WebRTCPeer.earlyLimit {
        var bytes: [UInt8] = []
        bytes.append(copying: datagram.span, 0..<datagram.count)
        early.append(EarlyDatagram(bytes: bytes, remote: remote, local: local, arrival: now))
        return .early
      }
      counters.beforeKeys += 1
      return .discarded(.beforeKeys)
    }
    do {
      if RTCPReader.looksLikeRTCP(datagram.span) {
        let count = try inbound.unprotectRTCP(&datagram)
        sign(remote, local, now)
        return .rtcp(count: count)
      }
      let count = try inbound.unprotectRTP(&datagram)
      sign(remote, local, now)
      guard let packet = try? RTPPacket(parsing: datagram.span.extracting(0..<count)) else { return .discarded(.malformed) }
      return .rtp(packet, count: count)
    } catch {
      return .discarded(RTPPeer.discard(for: error))
    }
  }

  /// What authenticated on a pair is a sign of the peer (RFC 7675 §5.1 has consent for sending; this is for noticing that it is gone).
  private func sign(_ remote: SocketAddress, _ local: SocketAddress, _ now: Instant) {
    guard now >= nextSign else { return }
    nextSign = now + WebRTCPeer.signInterval
    agent.noteTraffic(from: remote, to: local, at: now)
  }

  /// Lets time pass.
  package func advance(to now: Instant) {
    guard let deadline = nextDeadline, now >= deadline else { return }
    agent.advance(to: now)
    session?.advance(to: now)
    if let limit = handshakeDeadline, now >= limit, inbound == nil {
      fail(agent.selectedPair == nil ? .noConnection : .handshakeTimeout)
    }
    follow(at: now)
  }

  // MARK: To do

  /// The next datagram to send, and where; nil when there is none.
  package func popOutgoing() -> ICEDatagram? { agent.popOutgoing() ?? (ready.isEmpty ? nil : ready.removeFirst()) }
  /// Handshake datagrams with a path to go.
  private var ready: [ICEDatagram] = []

  /// Hands out, in their order, the datagrams that came before the keys, once there are keys or never will be; else none. With `hasKeys` they
  /// are to be received again.
  package func takeEarly() -> [EarlyDatagram] {
    guard !early.isEmpty, inbound != nil || state == .failed || state == .closed else { return [] }
    defer { early = [] }
    return early
  }

  /// Makes an RTCP datagram ready to send on `selectedPair`; false where it cannot be sent.
  package func protectRTCP(_ datagram: inout [UInt8]) -> Bool {
    guard let outbound, agent.selectedPair != nil else { return false }
    return (try? outbound.protectRTCP(&datagram)) != nil
  }

  /// Lets each layer learn what the one below has done.
  private func follow(at now: Instant) {
    while agent.popEvent() != nil {}
    if agent.selectedPair != nil { session?.start(at: now) }
    if let session {
      switch session.state {
      case .handshaking: break
      case .established(let keys):
        if inbound == nil, state != .failed { adopt(keys) }
      case .failed(let error): fail(.dtls(error))
      // The other side has left: what it agreed to has ended with that.
      case .closed: close(at: now)
      }
    }
    flush()
    settle()
  }

  private func flush() {
    guard let pair = agent.selectedPair, let session else { return }
    while let bytes = session.popOutgoing() {
      ready.append(ICEDatagram(bytes: bytes, to: pair.remote, fromLocal: pair.local))
    }
  }

  private func adopt(_ keys: DTLSKeys) {
    do {
      inbound = try keys.session(.inbound)
      outbound = try keys.session(.outbound)
      suite = keys.suite
      handshakeDeadline = nil
    } catch {
      fail(.srtp)
    }
  }

  private func fail(_ cause: Failure) {
    guard state != .failed, state != .closed else { return }
    failure = cause
    state = .failed
    flush()
    agent.close()
    handshakeDeadline = nil
    inbound = nil
    outbound = nil
  }

  private func settle() {
    guard state != .failed, state != .closed else { return }
    switch agent.currentState {
    case .new: state = .new
    case .checking: state = .checking
    case .connected: state = inbound == nil ? .checking : .connected
    case .disconnected: state = wasConnected ? .disconnected : .checking
    case .failed: fail(wasConnected ? .consentExpired : .noConnection)
    case .closed: state = .closed
    }
    if state == .connected { wasConnected = true }
  }
}
