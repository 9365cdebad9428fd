import Codecs
import Ground
import Peer
import RTCP
import RTP
import Recording
import Synchronization
import Testing
import Track

/// A take with a tape behind it, a clock that the test moves, and a network that delivers when it is told to.
final class Rig {
  static let start = Instant(nanoseconds: 5_000_000_000_000)
  static let wall = WallTime(rfc3339: "2026-11-21T12:00:00Z")!
  /// What a loop lets pass between two looks at its sockets.
  static let tick = TimeSpan.milliseconds(20)
  static let ssrc = SSRC(0x7a7e_dec0)

  struct Delivery {
    var at: Instant
    var bytes: [UInt8]
    var from: SocketAddress
    var source: Int
    var leg: Int
    var port: PeerPort
    var to: SocketAddress
  }
  struct Written {
    var participant: Int
    var frame: EncodedFrame
    /// How many packets it came in: none where it fills a hole.
    var packets: Int
    /// The take's track.
    var track: Int
    /// When it was ordered.
    var at: Instant
    /// Counts the files of the participant.
    var part: Int
  }

  let take: Take
  let pool = BufferPool()
  let files = MemoryFiles()
  let accounts = TapeAccounts()
  private(set) var tape: RecordingTape?
  private(set) var now = Rig.start
  private var network: [Delivery] = []
  private var delivered = 0
  private var orders: [TapeOrder] = []
  private(set) var written: [Written] = []
  private(set) var opened: [(participant: Int, formats: [TrackFormat])] = []
  private(set) var advanced: [MediaTime] = []
  private(set) var wallClocks: [WallTime] = []
  private(set) var events: [TakeEvent] = []
  private(set) var sent: [(at: Instant, datagram: OutgoingDatagram)] = []
  /// Whether the writer keeps up: what it is given is put away at once.
  var isWriting = true
  /// Whether frames are kept in `written`.
  var keepsFrames = true
  var isChecking = true
  var container = TapeContainer.webm
  /// The port that the take's WebRTC peer shares, where it does.
  private(set) var shared: SharedPort?
  private var sharedMember: Int?
  /// Where frames go beside the tape.
  var listener: (any TapeListener)?
  /// Called with every RTCP datagram that the take sends: the sender's ears.
  var hear: ((OutgoingDatagram, Instant) -> Void)?

  init(limits: Limits = Limits()) {
    take = Take(limits: limits, ssrc: Rig.ssrc, cname: "rig@tapedeck", pool: pool, at: Rig.start, wall: Rig.wall)
  }

  /// One source, one leg, these tracks.
  convenience init(_ tracks: [TrackSpecification], limits: Limits = Limits()) throws {
    self.init(limits: limits)
    _ = take.addSource(id: "s1", SourceSpecification(tracks: tracks))
    try addLeg(tracks)
  }

  @discardableResult
  func addLeg(
    _ tracks: [TrackSpecification], source: Int = 0, configuration: RTPPeer.Configuration = RTPPeer.Configuration(),
    hasRTCPPort: Bool = false
  ) throws -> Int {
    let leg = take.addLeg(source: source, peer: try RTPPeer(configuration), hasRTCPPort: hasRTCPPort)
    for track in tracks { addTrack(track, source: source, leg: leg) }
    return leg
  }

  @discardableResult
  func addTrack(_ track: TrackSpecification, source: Int = 0, leg: Int = 0) -> Int {
    take.addTrack(track, id: "t\(take.snapshot(at: now).tracks.count + 1)", source: source, leg: leg)
  }

  static let sender = SocketAddress(ip: "192.0.2.7", port: 40_100)!

  /// Puts a datagram on the wire, to arrive at `at`.
  func deliver(
    _ bytes: [UInt8], at: Instant, from: SocketAddress = Rig.sender, source: Int = 0, leg: Int = 0, port: PeerPort = .rtp,
    to local: SocketAddress = SocketAddress(ipv4: 0, port: 0)
  ) {
    network.append(Delivery(at: at, bytes: bytes, from: from, source: source, leg: leg, port: port, to: local))
  }

  /// Holds an SSRC's packets back: those that are due before `time` arrive then.
  func holdBack(ssrc: UInt32, until time: Instant) {
    for i in network.indices where network[i].at < time && network[i].bytes.count >= 12 {
      if network[i].bytes[8..<12].reduce(0, { $0 << 8 | UInt32($1) }) == ssrc { network[i].at = time }
    }
  }

  /// Lets time pass up to `end`: what is due arrives, the ticks of a loop go by.
  func run(until end: Instant) {
    sortNetwork()
    while true {
      let nextTick = now + Rig.tick
      if nextTick > end {
        receive(until: end)
        now = max(now, end)
        return
      }
      receive(until: nextTick)
      now = nextTick
      step()
    }
  }
  func run(seconds: Double) { run(until: now + .seconds(seconds)) }

  private func sortNetwork() {
    network.removeFirst(delivered)
    delivered = 0
    // Stable: what arrives at one instant arrives in the order in which it was put on the wire.
    let order = network.indices.sorted { (network[$0].at, $0) < (network[$1].at, $1) }
    network = order.map { network[$0] }
  }

  private func receive(until end: Instant) {
    while delivered < network.count, network[delivered].at <= end {
      let item = network[delivered]
      network[delivered].bytes = []
      delivered += 1
      arrive(item)
      if isChecking { checkAccounts() }
    }
  }

  private func arrive(_ item: Delivery) {
    var bytes = item.bytes
    var place: Int?
    if let member = sharedMember {
      guard case .to(member, let known)? = shared?.route(bytes.span, from: item.from, on: 0, at: item.at) else { return }
      place = known
    }
    var span = bytes.mutableSpan
    let isProven = take.receive(
      &span, from: item.from, to: item.to, source: item.source, leg: item.leg, port: item.port, at: item.at)
    if isProven, let member = sharedMember { shared?.noteProven(member: member, place: place, from: item.from, on: 0, at: item.at) }
  }

  /// A datagram that arrives at once.
  func inject(_ bytes: [UInt8], from: SocketAddress, to local: SocketAddress) {
    arrive(Delivery(at: now, bytes: bytes, from: from, source: 0, leg: 0, port: .rtp, to: local))
  }

  /// Puts the take's one WebRTC peer onto a port that others share.
  func share() {
    guard let peer = take.peer(source: 0, leg: 0) else { return }
    var port = SharedPort()
    let member = port.join()
    port.setFragments(peer.localFragmentKeys, of: member)
    shared = port
    sharedMember = member
  }

  private func step() {
    take.advance(to: now)
    collect()
    tape?.tick(at: now)
    if isChecking { checkAccounts() }
  }

  /// What an owner takes after each call.
  func collect() {
    for datagram in take.takeOutgoing() {
      sent.append((now, datagram))
      if let member = sharedMember { shared?.noteSent(datagram.bytes.span, by: member) }
      hear?(datagram, now)
    }
    if hear != nil { sortNetwork() }
    events += take.takeEvents()
    if tape == nil {
      tape = RecordingTape(files: files, participants: take.participantIDs, accounts: accounts, listener: listener, container: container)
    }
    for (number, id) in take.participantIDs.enumerated() { tape?.name(number, id) }
    take.takeOrders(into: &orders)
    note()
    guard isWriting else {
      // A stalled writer takes the orders and puts nothing away.
      orders.removeAll()
      return
    }
    let pool = pool
    tape?.execute(&orders, at: now) { pool.give($0) }
    take.written(bytes: accounts.releasedBytes.exchange(0, ordering: .relaxed))
  }

  private func note() {
    for order in orders {
      switch order {
      case .open(let participant, let formats): opened.append((participant, formats))
      case .frame(let participant, let frame, let packets, let track):
        guard keepsFrames else { continue }
        let part = opened.count { $0.participant == participant }
        written.append(Written(participant: participant, frame: frame, packets: packets, track: track, at: now, part: part))
      case .advance(let time): advanced.append(time)
      case .wallClock(let zero): wallClocks.append(zero)
      }
    }
  }

  func pause(_ mode: PauseMode = .cut) {
    take.pause(at: now, mode: mode)
    collect()
  }
  func resume() {
    take.resume(at: now)
    collect()
  }
  func stop() {
    receive(until: now)
    take.stop(at: now)
    collect()
    tape?.finish()
    if isChecking { checkAccounts() }
  }

  // MARK: Facts

  var snapshot: TakeSnapshot { take.snapshot(at: now) }
  func counters(_ track: Int = 0) -> TrackCounters { snapshot.tracks[track].counters }
  /// The sender's frames on tape, without what fills holes in the sound.
  func frames(_ track: Int) -> [EncodedFrame] { written.lazy.filter { $0.track == track && $0.packets > 0 }.map(\.frame) }
  func fills(_ track: Int) -> [EncodedFrame] { written.lazy.filter { $0.track == track && $0.packets == 0 }.map(\.frame) }
  func times(_ track: Int) -> [Int64] { frames(track).map(\.time.milliseconds) }
  func events(_ type: String) -> [TakeEvent] { events.filter { $0.type == type } }

  /// How often the take asked for a key frame of an SSRC, and when.
  func requests(of ssrc: UInt32) -> [Instant] {
    sent.compactMap { item in RTCPFacts(item.datagram.bytes).keyFrameRequests.contains(ssrc) ? item.at : nil }
  }

  /// Every packet is in frames, discarded by a named cause, or waiting; every datagram is a packet of a track or counted under one cause.
  func checkAccounts(_ location: SourceLocation = #_sourceLocation) {
    let snapshot = take.snapshot(at: now)
    for track in snapshot.tracks {
      let counters = track.counters
      guard counters.packetsReceived != counters.packetsInFrames + counters.packetsDiscarded + UInt64(track.packetsPending) else {
        continue
      }
      Issue.record("\(track.id): \(counters), pending \(track.packetsPending)", sourceLocation: location)
    }
    for (index, source) in snapshot.sources.enumerated() {
      let packets = snapshot.tracks.filter { $0.source == index }.reduce(0) {
        $0 + $1.counters.packetsReceived - $1.counters.packetsFromRedundancy - $1.counters.packetsFromFEC
      }
      let discarded = source.discarded.reduce(0) { $0 + $1.count }
      guard
        source.datagramsReceived != packets + discarded + source.rtcpDatagrams + source.transportDatagrams + UInt64(source.candidatePackets)
      else { continue }
      Issue.record("\(source), packets \(packets)", sourceLocation: location)
    }
  }
}

/// What a datagram of ours says to a sender.
struct RTCPFacts {
  var reporters: [UInt32] = []
  var cnames: [String] = []
  var keyFrameRequests: [UInt32] = []
  var blocks = 0
  /// The stream of the first block, where there is one.
  var reported: UInt32?

  init(_ bytes: [UInt8]) {
    var reader = RTCPReader()
    let span = bytes.span
    while let packet = try? reader.next(in: span) {
      switch packet {
      case .receiverReport(let ssrc):
        reporters.append(ssrc.value)
        blocks += Int(bytes[0] & 31)
        if blocks > 0, bytes.count >= 12 { reported = bytes[8..<12].reduce(0) { $0 << 8 | UInt32($1) } }
      case .cname(_, let range): cnames.append(String(decoding: bytes[range], as: UTF8.self))
      case .feedback(206, 1, _, let media): keyFrameRequests.append(media.value)
      default: break
      }
    }
  }
}

/// Files in memory.
final class MemoryFiles: TapeFiles {
  private(set) var files: [String: [UInt8]] = [:]
  /// Paths whose writes fail, and why.
  var failing: [String: TapeFileError] = [:]
  /// Whether bytes are kept; their number always is.
  var keepsBytes = true
  private(set) var bytesWritten = 0

  func write(_ path: String, at offset: Int64, _ bytes: Span<UInt8>) throws(TapeFileError) {
    if let error = failing[path] { throw error }
    bytesWritten += bytes.count
    guard keepsBytes else { return }
    var file = files.removeValue(forKey: path) ?? []
    if file.count == Int(offset) {
      file.append(copying: bytes, 0..<bytes.count)
    } else {
      if file.count < Int(offset) + bytes.count { file += [UInt8](repeating: 0, count: Int(offset) + bytes.count - file.count) }
      for i in bytes.indices { file[Int(offset) + i] = bytes[i] }
    }
    files[path] = file
  }
  func copy(_ path: String, _ range: Range<Int64>, to offset: Int64) throws(TapeFileError) {
    let bytes = Array((files[path] ?? [])[Int(range.lowerBound)..<Int(range.upperBound)])
    try write(path, at: offset, bytes.span)
  }
  func append(_ path: String, _ bytes: [UInt8]) throws(TapeFileError) { try write(path, at: Int64(files[path]?.count ?? 0), bytes.span) }
  func replace(_ path: String, _ bytes: [UInt8]) throws(TapeFileError) { files[path] = bytes }
  func rename(_ from: String, to: String) throws(TapeFileError) { files[to] = files.removeValue(forKey: from) }
  func close(_ path: String) {}
}

/// Chance with a seed.
struct Chance: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
  mutating func isHit(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }
}
