import Ground
package import JSON
import Peer
package import Recording
import SRTP
import Synchronization
import Track

/// A source's sockets and what a client is told of them.
struct BoundSource {
  struct Leg {
    var rtp: DatagramSocket
    var rtcp: DatagramSocket?
    var configuration: RTPPeer.Configuration
    /// Indices into the source's tracks, and their ids.
    var tracks: [(Int, String)]
  }
  var description: SourceDescription
  var legs: [Leg]
}

extension Recorder {
  /// Binds a source's ports. Nothing is left open where it throws.
  func bind(_ specification: SourceSpecification, id: String, firstTrack: Int) throws(ControlError) -> BoundSource {
    let listen = specification.listenIP ?? configuration.listenIP
    guard let ip = SocketAddress(ip: listen, port: 0) else {
      throw ControlError(.invalidField, "source.listenIp: \(listen) is not an IP address", field: "source.listenIp")
    }
    var legs: [BoundSource.Leg] = []
    if specification.bundle {
      let withRTCP = !specification.rtcpMux
      let pair =
        if let port = specification.port {
          try ports.bind(fixed: port, ip, withRTCP: withRTCP, field: "source.port")
        } else {
          try ports.bind(ip, withRTCP: withRTCP)
        }
      legs.append(
        BoundSource.Leg(
          rtp: pair.rtp, rtcp: pair.rtcp, configuration: try Recorder.peer(specification, specification.remote),
          tracks: specification.tracks.indices.map { ($0, "t\(firstTrack + $0)") }))
    } else {
      for index in specification.tracks.indices {
        legs.append(try bindTrack(specification, index, id: "t\(firstTrack + index)", ip))
      }
    }
    let announced = specification.listenIP ?? configuration.announceIP ?? listen
    let told = legs.map { leg in
      BoundPort(
        tracks: leg.tracks.map(\.1), ip: announced, port: leg.rtp.address.port,
        rtcpPort: leg.rtcp?.address.port ?? leg.rtp.address.port)
    }
    return BoundSource(description: SourceDescription(id: id, ports: told, specification: specification), legs: legs)
  }

  func bindTrack(
    _ specification: SourceSpecification, _ index: Int, id: String, _ ip: SocketAddress
  ) throws(ControlError) -> BoundSource.Leg {
    let track = specification.tracks[index]
    let withRTCP = !specification.rtcpMux
    let pair =
      if let port = track.port {
        try ports.bind(fixed: port, ip, withRTCP: withRTCP, field: "source.tracks[\(index)].port")
      } else {
        try ports.bind(ip, withRTCP: withRTCP)
      }
    return BoundSource.Leg(
      rtp: pair.rtp, rtcp: pair.rtcp, configuration: try Recorder.peer(specification, track.remote ?? specification.remote),
      tracks: [(index, id)])
  }

  static func peer(_ specification: SourceSpecification, _ remote: RemoteSpecification?) throws(ControlError) -> RTPPeer.Configuration {
    var out = RTPPeer.Configuration()
    if let remote {
      out.remote = SocketAddress(ip: remote.ip, port: remote.port)
      out.remoteRTCP = remote.rtcpPort.flatMap { SocketAddress(ip: remote.ip, port: $0) }
    }
    if let srtp = specification.srtp {
      guard let suite = CryptoSuite(rawValue: srtp.cryptoSuite) else {
        throw ControlError(.invalidField, "source.srtp.cryptoSuite: \(srtp.cryptoSuite) is not known", field: "source.srtp.cryptoSuite")
      }
      out.suite = suite
      out.key = srtp.key
      out.isRTCPClear = srtp.rtcp == .clear
    }
    return out
  }

  /// Declares a bound source's legs and tracks to a take, on the thread that owns it; answers the sockets to listen on.
  static func attach(_ bound: BoundSource, to take: Take, source: Int) throws(ControlError) -> [LoopSocket] {
    var sockets: [LoopSocket] = []
    for leg in bound.legs {
      let peer: RTPPeer
      do {
        peer = try RTPPeer(leg.configuration)
      } catch {
        throw ControlError(.invalidField, "source.srtp: \(error)", field: "source.srtp.keyBase64")
      }
      let number = take.addLeg(source: source, peer: peer, hasRTCPPort: leg.rtcp != nil)
      for (index, id) in leg.tracks {
        _ = take.addTrack(bound.description.specification.tracks[index], id: id, source: source, leg: number)
      }
      sockets.append(LoopSocket(socket: leg.rtp, source: source, leg: number, port: .rtp))
      if let rtcp = leg.rtcp { sockets.append(LoopSocket(socket: rtcp, source: source, leg: number, port: .rtcp)) }
    }
    return sockets
  }

  // MARK: Calls

  package func addSource(_ source: SourceSpecification, to id: String) throws(ControlError) -> JSONValue {
    let entry = try live(id, for: "add a source")
    let (sourceID, firstTrack, index) = try entry.state.withLock { (state) throws(ControlError) in
      try Recorder.claim(source.tracks, &state, field: "tracks")
      defer {
        state.nextSource += 1
        state.nextTrack += source.tracks.count
      }
      return ("s\(state.nextSource)", state.nextTrack, state.manifest.sources.count)
    }
    let bound: BoundSource
    do {
      bound = try bind(source, id: sourceID, firstTrack: firstTrack)
    } catch {
      entry.state.withLock { state in for track in source.tracks { if let s = track.ssrc { state.declaredSSRCs.remove(s.value) } } }
      throw error
    }
    entry.state.withLock { $0.manifest.sources.append(bound.description) }
    let box = Handover(bound)
    let failure = Mutex<ControlError?>(nil)
    entry.onLoop { loop in
      let item = entry.item
      do throws(ControlError) {
        let number = item.take.addSource(id: sourceID, source)
        let sockets = try Recorder.attach(box.value, to: item.take, source: number)
        for socket in sockets {
          loop.add(socket, to: item)
          item.sockets.append(socket)
        }
        item.nameParticipants()
      } catch {
        failure.withLock { $0 = error }
      }
    }
    if let failure = failure.withLock({ $0 }) { throw failure }
    saveSoon(entry)
    return try Recorder.source(index, of: entry)
  }

  package func addTracks(_ tracks: [TrackSpecification], to id: String, source: String) throws(ControlError) -> JSONValue {
    let entry = try live(id, for: "add tracks")
    let (index, described) = try Recorder.find(source, in: entry)
    var specification = described.specification
    let offset = specification.tracks.count
    guard offset + tracks.count <= 64 else {
      throw ControlError(.invalidField, "tracks: a source carries at most 64 tracks, and has \(offset)", field: "tracks")
    }
    let firstTrack = try entry.state.withLock { (state) throws(ControlError) in
      try Recorder.claim(tracks, &state, field: "tracks")
      defer { state.nextTrack += tracks.count }
      return state.nextTrack
    }
    specification.tracks += tracks
    var legs: [BoundSource.Leg] = []
    if !specification.bundle {
      guard let ip = SocketAddress(ip: specification.listenIP ?? configuration.listenIP, port: 0) else {
        throw ControlError(.internal, "the source's address is none")
      }
      for i in tracks.indices { legs.append(try bindTrack(specification, offset + i, id: "t\(firstTrack + i)", ip)) }
    }
    let told = legs
    let whole = specification
    entry.state.withLock { state in
      state.manifest.sources[index].specification = whole
      let ids = tracks.indices.map { "t\(firstTrack + $0)" }
      if whole.bundle {
        state.manifest.sources[index].ports[0].tracks += ids
      } else {
        let ip = whole.listenIP ?? configuration.announceIP ?? configuration.listenIP
        state.manifest.sources[index].ports += told.map { leg in
          BoundPort(
            tracks: leg.tracks.map(\.1), ip: ip, port: leg.rtp.address.port, rtcpPort: leg.rtcp?.address.port ?? leg.rtp.address.port)
        }
      }
    }
    let box = Handover(BoundSource(description: SourceDescription(id: source, ports: [], specification: whole), legs: legs))
    entry.onLoop { loop in
      let item = entry.item
      if whole.bundle {
        for i in tracks.indices { _ = item.take.addTrack(tracks[i], id: "t\(firstTrack + i)", source: index, leg: 0) }
      } else if let sockets = try? Recorder.attach(box.value, to: item.take, source: index) {
        for socket in sockets {
          loop.add(socket, to: item)
          item.sockets.append(socket)
        }
      }
      item.nameParticipants()
    }
    saveSoon(entry)
    return try Recorder.source(index, of: entry)
  }

  package func removeSource(_ source: String, from id: String) throws(ControlError) -> JSONValue {
    let entry = try live(id, for: "remove a source")
    let (index, _) = try Recorder.find(source, in: entry)
    entry.onLoop { loop in
      let item = entry.item
      for socket in item.sockets where socket.source == index { loop.remove(socket) }
      item.sockets.removeAll { $0.source == index }
      item.take.removeSource(index, at: Clocks.now())
    }
    saveSoon(entry)
    return try Recorder.source(index, of: entry)
  }

  private static func find(_ source: String, in entry: RecordingEntry) throws(ControlError) -> (Int, SourceDescription) {
    let found = entry.state.withLock { state in
      state.manifest.sources.firstIndex { $0.id == source }.map { ($0, state.manifest.sources[$0]) }
    }
    guard let found else { throw ControlError(.notFound, "recording \(entry.id) has no source \(source)") }
    return found
  }

  private static func source(_ index: Int, of entry: RecordingEntry) throws(ControlError) -> JSONValue {
    let json = entry.manifest().json(withSecrets: true)
    guard let sources = json["sources"]?.arrayValue, index < sources.count else {
      throw ControlError(.internal, "the source is gone")
    }
    return sources[index]
  }

  /// No SSRC may be named twice in a recording: its packets would have two homes.
  private static func claim(_ tracks: [TrackSpecification], _ state: inout RecordingEntry.State, field: String) throws(ControlError) {
    for (i, track) in tracks.enumerated() {
      if let ssrc = track.ssrc, state.declaredSSRCs.contains(ssrc.value) {
        throw ControlError(
          .invalidField, "\(field)[\(i)].ssrc: \(ssrc.value) is already used by a track of this recording",
          field: "\(field)[\(i)].ssrc")
      }
    }
    for track in tracks { if let ssrc = track.ssrc { state.declaredSSRCs.insert(ssrc.value) } }
  }
}

/// Hands a value to another thread that takes it over.
final class Handover<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
