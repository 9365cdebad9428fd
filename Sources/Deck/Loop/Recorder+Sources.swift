import Codecs
import Ground
package import JSON
import Peer
package import Recording
import SRTP
import Synchronization

/// A source's sockets and what a client is told of them.
struct BoundSource {
  struct Leg {
    /// Nil for a WebRTC peer on its loop's shared port.
    var rtp: DatagramSocket?
    var rtcp: DatagramSocket?
    /// Of a WebRTC peer: the sockets on further addresses.
    var others: [DatagramSocket] = []
    /// Of a sender of RTP.
    var peer: PeerHandover?
    var session: WebRTCSession?
    /// Indices into the source's tracks, and their ids.
    var tracks: [(Int, String)]
  }
  var description: SourceDescription
  var legs: [Leg]
}

/// Hands a peer, which cannot be copied, from the call that made it to the loop that takes it over.
final class PeerHandover: @unchecked Sendable {
  private var peer: RTPPeer?

  /// Everything that can fail fails here, before a recording has heard of the peer.
  init(_ configuration: RTPPeer.Configuration) throws(ControlError) {
    do throws(SRTPError) {
      peer = try RTPPeer(configuration)
    } catch {
      throw ControlError(.invalidField, "srtp.keyBase64: the key cannot be used: \(error)", field: "srtp.keyBase64")
    }
  }

  /// The peer; to be called once.
  func take() -> RTPPeer { peer.take()! }
}

extension Recorder {
  /// Binds a source's ports. Nothing is left open where it throws. `path` stands before the names of fields in errors.
  /// `loop` is where the recording is, or will be.
  func bind(
    _ specification: SourceSpecification, id: String, firstTrack: Int, path: String, on loop: MediaLoop
  ) throws(ControlError) -> BoundSource {
    if let webrtc = specification.webrtc {
      return try bindSession(specification, webrtc, id: id, firstTrack: firstTrack, path: path, on: loop)
    }
    let ip = try listening(specification, path: path)
    var legs: [BoundSource.Leg] = []
    if specification.bundle {
      let pair = try bindPair(specification, specification.port, ip, field: "\(path)port", path: path)
      legs.append(
        BoundSource.Leg(
          rtp: pair.rtp, rtcp: pair.rtcp, peer: try Recorder.peer(specification, specification.remote),
          tracks: specification.tracks.indices.map { ($0, "t\(firstTrack + $0)") }))
    } else {
      for index in specification.tracks.indices {
        legs.append(try bindTrack(specification, index, id: "t\(firstTrack + index)", ip, field: "\(path)tracks[\(index)]", path: path))
      }
    }
    let told = legs.compactMap { Recorder.told($0, ip: announced(specification, ip)) }
    return BoundSource(description: SourceDescription(id: id, ports: told, specification: specification), legs: legs)
  }

  /// The address that a source listens on, of one family with its senders.
  private func listening(_ specification: SourceSpecification, path: String) throws(ControlError) -> SocketAddress {
    let text = specification.listenIP ?? configuration.listenIP
    guard let ip = SocketAddress(ip: text, port: 0) else {
      throw ControlError(.invalidField, "\(path)listenIp: \(text) is not an IP address", field: "\(path)listenIp")
    }
    try Recorder.checkFamily(specification.remote, ip, field: "\(path)remote.ip")
    for (i, track) in specification.tracks.enumerated() {
      try Recorder.checkFamily(track.remote, ip, field: "\(path)tracks[\(i)].remote.ip")
    }
    return ip
  }

  /// A socket bound to one family of addresses never hears the other.
  static func checkFamily(_ remote: RemoteSpecification?, _ listening: SocketAddress, field: String) throws(ControlError) {
    guard let remote, let sender = SocketAddress(ip: remote.ip, port: 0), sender.isIPv4 != listening.isIPv4 else { return }
    throw ControlError(
      .invalidField, "\(field): \(remote.ip) is not of one address family with \(listening.ip), where media is listened for", field: field)
  }

  private func bindPair(
    _ specification: SourceSpecification, _ port: UInt16?, _ ip: SocketAddress, field: String, path: String
  ) throws(ControlError) -> PortAllocator.Pair {
    let withRTCP = !specification.rtcpMux
    // An address that the client did not name is the node's.
    let addressField = specification.listenIP == nil ? "listen-ip" : "\(path)listenIp"
    guard let port else { return try ports.bind(ip, withRTCP: withRTCP, field: addressField) }
    return try ports.bind(fixed: port, ip, withRTCP: withRTCP, field: field, addressField: addressField)
  }

  func bindTrack(
    _ specification: SourceSpecification, _ index: Int, id: String, _ ip: SocketAddress, field: String, path: String
  ) throws(ControlError) -> BoundSource.Leg {
    let track = specification.tracks[index]
    let pair = try bindPair(specification, track.port, ip, field: "\(field).port", path: path)
    return BoundSource.Leg(
      rtp: pair.rtp, rtcp: pair.rtcp, peer: try Recorder.peer(specification, track.remote ?? specification.remote), tracks: [(index, id)])
  }

  /// What senders are told: the node's announced address stands in for an address that nobody named, or that is none.
  func announced(_ specification: SourceSpecification, _ ip: SocketAddress) -> String {
    if specification.listenIP != nil, !ip.isWildcard { return ip.ip }
    return configuration.announceIP ?? ip.ip
  }

  /// What a client is told of a sender's own port.
  static func told(_ leg: BoundSource.Leg, ip: String) -> BoundPort? {
    guard let rtp = leg.rtp?.address.port else { return nil }
    return BoundPort(tracks: leg.tracks.map(\.1), ip: ip, port: rtp, rtcpPort: leg.rtcp?.address.port ?? rtp)
  }

  static func peer(_ specification: SourceSpecification, _ remote: RemoteSpecification?) throws(ControlError) -> PeerHandover {
    var out = RTPPeer.Configuration()
    if let remote {
      out.remote = SocketAddress(ip: remote.ip, port: remote.port)
      out.remoteRTCP = remote.rtcpPort.flatMap { SocketAddress(ip: remote.ip, port: $0) }
    }
    if let srtp = specification.srtp {
      guard let suite = CryptoSuite(rawValue: srtp.cryptoSuite) else {
        throw ControlError(.invalidField, "srtp.cryptoSuite: \(srtp.cryptoSuite) is not known", field: "srtp.cryptoSuite")
      }
      out.suite = suite
      out.key = srtp.key
      out.isRTCPClear = srtp.rtcp == .clear
    }
    return try PeerHandover(out)
  }

  /// Declares a bound source's legs and tracks to a take, on the thread that owns it; answers the sockets to listen on.
  static func attach(_ bound: BoundSource, to take: Take, source: Int) -> [LoopSocket] {
    var sockets: [LoopSocket] = []
    for leg in bound.legs {
      let number: Int
      if let session = leg.session {
        number = take.addLeg(source: source, peer: session.peer)
      } else if let peer = leg.peer {
        number = take.addLeg(source: source, peer: peer.take(), hasRTCPPort: leg.rtcp != nil)
      } else {
        continue
      }
      var tracks: [Int] = []
      for (index, id) in leg.tracks {
        tracks.append(take.addTrack(bound.description.specification.tracks[index], id: id, source: source, leg: number))
      }
      if let session = leg.session { attach(session, tracks: tracks, to: take, source: source, leg: number) }
      // The sockets of a source that is pulled stay for the next peer.
      let peer = leg.session.flatMap { $0.specification.whep == nil ? $0.peer : nil }
      for socket in leg.others { sockets.append(LoopSocket(socket: socket, source: source, leg: number, port: .rtp, peer: peer)) }
      sockets.append(LoopSocket(socket: leg.rtp, source: source, leg: number, port: .rtp, peer: peer))
      if let rtcp = leg.rtcp { sockets.append(LoopSocket(socket: rtcp, source: source, leg: number, port: .rtcp)) }
    }
    return sockets
  }

  // MARK: Calls

  package func addSource(_ source: SourceSpecification, to id: String) throws(ControlError) -> JSONValue {
    let entry = try live(id, for: "add a source")
    let index = try entry.sources.withLock { (_) throws(ControlError) in try addSource(source, to: entry) }
    return try Recorder.source(index, of: entry)
  }

  /// With the entry's `sources` held.
  private func addSource(_ source: SourceSpecification, to entry: RecordingEntry) throws(ControlError) -> Int {
    var source = source
    try Recorder.fit(source.tracks, into: entry, path: "tracks")
    source.webrtc?.container = Recorder.container(of: entry)
    for (i, codec) in (source.webrtc?.codecs ?? []).enumerated() where !Recorder.container(of: entry).holds(codec) {
      throw Recorder.refusal("codecs[\(i)]", TapeRefusal.text(codec, Recorder.container(of: entry)))
    }
    let (sourceID, firstTrack, index) = try entry.state.withLock { (state) throws(ControlError) in
      try Recorder.checkCount(state, adding: source.tracks.count)
      try state.claims.claim(source.tracks)
      return ("s\(state.nextSource)", state.nextTrack, state.manifest.sources.count)
    }
    let bound: BoundSource
    do {
      bound = try bind(source, id: sourceID, firstTrack: firstTrack, path: "", on: entry.loop)
    } catch {
      entry.state.withLock { $0.claims.release(source.tracks) }
      throw error
    }
    let isDone = change(entry) { loop in
      entry.state.withLock { state in
        state.nextSource += 1
        state.nextTrack += bound.description.specification.tracks.count
        state.sessions[sourceID] = bound.legs.first?.session
        state.manifest.sources.append(bound.description)
      }
      let item = entry.item
      let number = item.take.addSource(id: sourceID, bound.description.specification)
      item.listen(Recorder.attach(bound, to: item.take, source: number), on: loop)
    }
    guard isDone else {
      entry.state.withLock { $0.claims.release(source.tracks) }
      throw Recorder.hasEnded(entry, call: "add a source")
    }
    pull(bound, index: index, entry)
    return index
  }

  static func container(of entry: RecordingEntry) -> TapeContainer {
    entry.state.withLock { $0.manifest.specification.container }
  }

  /// Refuses tracks that the recording's files cannot hold.
  static func fit(_ tracks: [TrackSpecification], into entry: RecordingEntry, path: String) throws(ControlError) {
    let container = container(of: entry)
    for (i, track) in tracks.enumerated() {
      for codec in track.codecs where !container.holds(codec) {
        throw refusal("\(path)[\(i)].codec", TapeRefusal.text(codec, container))
      }
    }
  }

  /// Runs `body` on the loop where the recording is still live, and keeps the books; answers false, with nothing done, where it is not.
  func change(_ entry: RecordingEntry, _ body: @escaping @Sendable (MediaLoop) -> Void) -> Bool {
    let isDone = Atomic<Bool>(false)
    let hasRun = entry.loop.run { loop in
      guard entry.status.isLive else { return }
      body(loop)
      isDone.store(true, ordering: .relaxed)
    }
    guard hasRun, isDone.load(ordering: .relaxed) else { return false }
    clerk.post { [self] in saveQuietly(entry) }
    return true
  }

  static func hasEnded(_ entry: RecordingEntry, call: String) -> ControlError {
    ControlError(.invalidState, "recording \(entry.id) is \(entry.status.rawValue); cannot \(call)")
  }

  /// What one recording may hold, so that its memory is bounded.
  static let maximumTracks = 256

  static func checkCount(_ state: RecordingEntry.State, adding count: Int) throws(ControlError) {
    guard state.nextTrack - 1 + count <= maximumTracks else {
      throw ControlError(
        .invalidField, "tracks: a recording carries at most \(maximumTracks) tracks in its time, and has had \(state.nextTrack - 1)",
        field: "tracks")
    }
  }

  package func removeSource(_ source: String, from id: String) throws(ControlError) -> JSONValue {
    let entry = try live(id, for: "remove a source")
    let index = try entry.sources.withLock { (_) throws(ControlError) in
      let (index, described) = try Recorder.find(source, in: entry)
      let isDone = change(entry) { loop in
        let item = entry.item
        item.take.removeSource(index, at: Clocks.now())
        // The peers' farewells still leave by the sockets.
        loop.sendOutgoing(item)
        for socket in item.sockets where socket.source == index { loop.remove(socket) }
        item.sockets.removeAll { $0.source == index }
      }
      guard isDone else { throw Recorder.hasEnded(entry, call: "remove a source") }
      // Its streams are over: their SSRCs may come again in another source.
      entry.state.withLock { state in
        state.pulls.removeValue(forKey: source)?.end()
        if state.removedSources.insert(source).inserted { state.claims.release(described.specification.tracks) }
      }
      return index
    }
    return try Recorder.source(index, of: entry)
  }

  package func setMuted(_ isMuted: Bool, track: String, source: String, of id: String) throws(ControlError) -> JSONValue {
    let call = isMuted ? "mute a track" : "unmute a track"
    let entry = try live(id, for: call)
    let (index, _) = try Recorder.find(source, in: entry)
    let isFound = Atomic<Bool>(false)
    let isDone = change(entry) { _ in
      isFound.store(entry.item.take.setMuted(isMuted, track: track, source: index, at: Clocks.now()), ordering: .relaxed)
    }
    guard isDone else { throw Recorder.hasEnded(entry, call: call) }
    guard isFound.load(ordering: .relaxed) else { throw ControlError(.notFound, "source \(source) has no track \(track)") }
    return try Recorder.source(index, of: entry)
  }

  static func find(_ source: String, in entry: RecordingEntry) throws(ControlError) -> (Int, SourceDescription) {
    let found = entry.state.withLock { state in
      state.manifest.sources.firstIndex { $0.id == source }.map { ($0, state.manifest.sources[$0]) }
    }
    guard let found else { throw ControlError(.notFound, "recording \(entry.id) has no source \(source)") }
    return found
  }

  static func source(_ index: Int, of entry: RecordingEntry) throws(ControlError) -> JSONValue {
    let json = entry.manifest().json(withSecrets: true)
    guard let sources = json["sources"]?.arrayValue, index < sources.count else {
      throw ControlError(.internal, "the source is gone")
    }
    return sources[index]
  }
}
