package import Ground
import STUN

/// One peer's ICE for one component over UDP, as a value: datagrams and time in, datagrams and events out. For one thread.
///
/// Contract: after each call that takes a time, send what `popOutgoing` hands out, read `popEvent`, and call `advance(to:)` at
/// `nextDeadline`. Where checks wait, a full agent's hosts must be listed; a lite agent also answers on addresses that are not.
package struct ICEAgent: ~Copyable {
  var configuration: ICEConfiguration
  var random: ICERandom
  /// The generation in force, and after a restart the one before, until the new one's pair is nominated.
  var generations: [ICEGeneration]
  var nextGeneration = 1
  var role: ICERole
  var tieBreaker: UInt64
  var state = ICEState.new
  var transactions: [CheckTransaction] = []
  /// Which pair carries data, as the owner knows it.
  var selected: (generation: Int, pairID: Int)?
  var selectedFacts: ICESelectedPair?
  var smoothedRoundTrip: TimeSpan?
  /// Whether that is of consent checks.
  var timesConsent = false
  var lastCheckAt: Instant?
  var nextConsentAt: Instant?
  var deadline: Instant?
  var tally = ICECounters()
  var outgoing: [ICEDatagram] = []
  var outgoingRead = 0
  var events: [ICEEvent] = []
  var eventsRead = 0
  /// The second in which refusals are being counted, and how many it had.
  var refusalsSince: Instant
  var refusals = 0

  /// An agent that knows nothing of its peer. `credentials` are made where none are given. Throws `cryptography`.
  package init(configuration: ICEConfiguration, credentials: ICECredentials? = nil, at now: Instant) throws(ICEError) {
    var configuration = configuration
    if configuration.hosts.count > 16 { configuration.hosts.removeLast(configuration.hosts.count - 16) }
    var random = ICERandom(seed: configuration.randomSeed)
    let generation = try ICEGeneration(number: 0, local: credentials ?? random.credentials())
    tieBreaker = random.next()
    self.random = random
    self.configuration = configuration
    generations = [generation]
    role = configuration.mode == .lite ? .controlled : configuration.role
    refusalsSince = now
  }
}

// MARK: Facts

extension ICEAgent {
  /// Where the agent stands.
  package var currentState: ICEState { state }
  /// Who decides. A lite agent's is always controlled.
  package var currentRole: ICERole { role }
  /// The pair that carries data, or nil where nothing may be sent.
  package var selectedPair: ICESelectedPair? { state == .failed || state == .closed ? nil : selectedFacts }
  /// The smoothed round-trip time of answered checks (full agents only).
  package var roundTripTime: TimeSpan? { smoothedRoundTrip }
  /// Numbers since the agent began.
  package var counters: ICECounters { tally }
  /// The credentials for our SDP.
  package var localCredentials: ICECredentials { generations[0].local }
  /// The peer's, once they are known.
  package var remoteCredentials: ICECredentials? { generations[0].remote }
  /// The ufrags whose checks this agent answers: one, or during a restart and for `retirement` after it two.
  package var localFragments: [String] { generations.map(\.local.usernameFragment) }
  /// Whether a restart is under way, and the old pair may still carry data.
  package var isRestarting: Bool { generations.count > 1 && generations[1].retiresAt == nil }
  /// Whether the peer said that it has no more candidates.
  package var hasEndOfCandidates: Bool { generations[0].isRemoteComplete }
  /// The peer's signalled candidates in force.
  package var remoteCandidates: [ICECandidate] { generations[0].remoteCandidates }
  /// When `advance(to:)` must be called next, or nil where only datagrams and commands can change anything.
  package var nextDeadline: Instant? { deadline }

  /// Our candidates for SDP, in the order of the hosts; what is announced stands for what is local.
  package var localCandidates: [ICECandidate] {
    configuration.hosts.indices.map { i in
      let host = configuration.hosts[i]
      return ICECandidate(
        foundation: foundation(ofHost: i), priority: ICECandidate.priority(.host, localPreference: preference(ofHost: i)),
        address: host.announced ?? host.local, type: .host)
    }
  }

  /// Whether datagrams from this address on that one of ours come from a peer that proved itself there: what DTLS and SRTP may be let in
  /// from. True for the pairs of both generations during a restart, and for `retirement` after it.
  package func accepts(from remote: SocketAddress, to local: SocketAddress) -> Bool {
    if let pair = selectedFacts, pair.remote == remote, pair.local == local { return selectedPair != nil }
    if state == .failed || state == .closed { return false }
    return generations.contains { generation in
      generation.index(local: local, remote: remote).map { generation.pairs[$0].isProven } ?? false
    }
  }

  /// The local ufrag that a check names, so that many agents can share a port; nil for all other datagrams. Checks nothing else.
  package static func localFragment(of datagram: Span<UInt8>) -> String? {
    guard let range = STUNMessage.receiverFragment(in: datagram), range.count <= 256 else { return nil }
    var bytes: [UInt8] = []
    bytes.append(copying: datagram, range)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The same as a number, without allocating: for a table from `localFragmentKeys` to agents on a shared port. Two ufrags may have one
  /// number; an agent that is asked for another's checks refuses them.
  package static func localFragmentKey(of datagram: Span<UInt8>) -> UInt64? {
    guard let range = STUNMessage.receiverFragment(in: datagram) else { return nil }
    var key = fragmentKeyBasis
    for i in range { key = (key ^ UInt64(datagram[i])) &* fragmentKeyPrime }
    return key
  }

  /// The numbers of `localFragments`.
  package var localFragmentKeys: [UInt64] {
    generations.map { $0.localFragment.reduce(ICEAgent.fragmentKeyBasis) { ($0 ^ UInt64($1)) &* ICEAgent.fragmentKeyPrime } }
  }

  // FNV-1a's.
  private static var fragmentKeyBasis: UInt64 { 0xcbf2_9ce4_8422_2325 }
  private static var fragmentKeyPrime: UInt64 { 0x100_0000_01b3 }

  func preference(ofHost i: Int) -> UInt32 { UInt32(65535 - i) }

  /// One foundation per IP address: all our candidates are hosts over UDP (RFC 8445 §5.1.1.3).
  func foundation(ofHost i: Int) -> String {
    let ip = configuration.hosts[i].local.ip
    let first = configuration.hosts.firstIndex { $0.local.ip == ip } ?? i
    return String(first + 1)
  }
}

// MARK: To do

extension ICEAgent {
  /// The next datagram to send, or nil where there is none.
  package mutating func popOutgoing() -> ICEDatagram? {
    guard outgoingRead < outgoing.count else { return nil }
    let datagram = outgoing[outgoingRead]
    outgoingRead += 1
    if outgoingRead == outgoing.count {
      outgoing.removeAll(keepingCapacity: true)
      outgoingRead = 0
    }
    return datagram
  }

  /// The next event, or nil where there is none.
  package mutating func popEvent() -> ICEEvent? {
    guard eventsRead < events.count else { return nil }
    let event = events[eventsRead]
    eventsRead += 1
    if eventsRead == events.count {
      events.removeAll(keepingCapacity: true)
      eventsRead = 0
    }
    return event
  }

  mutating func send(_ bytes: [UInt8], to: SocketAddress, from: SocketAddress) {
    guard outgoing.count - outgoingRead < configuration.maximumOutgoing else {
      tally.outgoingDropped += 1
      return
    }
    // An owner that never empties the queue must not make its read part grow.
    if outgoingRead >= configuration.maximumOutgoing {
      outgoing.removeFirst(outgoingRead)
      outgoingRead = 0
    }
    outgoing.append(ICEDatagram(bytes: bytes, to: to, fromLocal: from))
  }

  /// An owner that never reads events keeps the newest 64.
  mutating func tell(_ event: ICEEvent) {
    if events.count - eventsRead >= 64 { eventsRead += 1 }
    if eventsRead > 64 {
      events.removeFirst(eventsRead)
      eventsRead = 0
    }
    events.append(event)
  }
}
