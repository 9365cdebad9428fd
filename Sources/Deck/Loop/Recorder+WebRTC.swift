import Codecs
import DTLS
import Ground
import ICE
package import JSON
import Negotiation
import Peer
package import Recording
import SDP
import Synchronization

extension Recorder {
  /// Meets a WebRTC peer: binds, agrees on its offer or makes one, and lets the peer connect. Nothing is left open where it throws.
  func bindSession(
    _ specification: SourceSpecification, _ webrtc: WebRTCSpecification, id: String, firstTrack: Int, path: String, on loop: MediaLoop
  ) throws(ControlError) -> BoundSource {
    let offer: SessionDescription?
    switch webrtc.beginning {
    case .offer(let text): offer = try Recorder.description(text, field: "\(path)offer")
    case .makeOffer: offer = nil
    }
    let isLite = webrtc.ice.map { $0 == .lite } ?? offer.map { $0.attributes.values(of: "ice-lite").isEmpty } ?? false
    let shared = sharedHosts(specification, offer, isLite: isLite, on: loop)
    let sockets = shared.isEmpty ? try bindHosts(specification, path: path) : shared
    let announce = announced(specification, sockets[0].address)
    var ice = ICEConfiguration(
      hosts: sockets.map { socket in
        let told = announce == socket.address.ip ? nil : SocketAddress(ip: announce, port: socket.address.port)
        return ICEHost(socket.address, announced: told.flatMap { $0.isIPv4 == socket.address.isIPv4 ? $0 : nil })
      })
    ice.mode = isLite ? .lite : .full
    ice.role = offer == nil ? .controlling : .controlled
    let now = Clocks.now()
    let session = try makeSession(webrtc, ice: ice, at: now)
    var told = specification
    if let offer {
      told.webrtc?.answer = try Recorder.answer(offer, session, field: "\(path)offer")
      try Recorder.connect(session, at: now)
    } else {
      session.makeOffer()
      // A server's client has nothing to hand over.
      if webrtc.whep == nil { told.webrtc?.offer = session.offer }
    }
    var legs: [(Int, String)] = []
    for section in session.negotiator.sections where section.isReceiving {
      for track in session.specifications(section) {
        legs.append((told.tracks.count, "t\(firstTrack + told.tracks.count)"))
        told.tracks.append(track)
      }
    }
    let ports = sockets.map { BoundPort(tracks: [], ip: announce, port: $0.address.port, rtcpPort: $0.address.port) }
    return BoundSource(
      description: SourceDescription(id: id, ports: ports, specification: told),
      legs: [
        BoundSource.Leg(
          rtp: shared.isEmpty ? sockets[0] : nil, rtcp: nil, others: shared.isEmpty ? Array(sockets.dropFirst()) : [], session: session,
          tracks: legs)
      ])
  }

  /// Makes a peer and the negotiation with it.
  func makeSession(_ webrtc: WebRTCSpecification, ice: ICEConfiguration, at now: Instant) throws(ControlError) -> WebRTCSession {
    let identity = try identity()
    let peer: WebRTCPeer
    do throws(ICEError) {
      var peerConfiguration = WebRTCPeer.Configuration(identity: identity, ice: ice)
      // A server that is asked again need not be waited for as long as a peer that comes once.
      if webrtc.whep != nil { peerConfiguration.handshakeTimeout = .seconds(15) }
      peer = try WebRTCPeer(peerConfiguration, at: now)
    } catch {
      throw ControlError(.internal, WebRTCSession.text(error))
    }
    var configuration = Negotiator.Configuration()
    // What the files cannot hold is not agreed on.
    configuration.codecs = (webrtc.codecs ?? self.configuration.webrtcCodecs).filter(webrtc.container.holds)
    configuration.acceptsSimulcast = webrtc.simulcast != .off
    configuration.corrections = webrtc.fec
    configuration.sessionID = String(Identifiers.random64() >> 1)
    let negotiator = Negotiator(configuration, local: WebRTCSession.local(peer, isLite: ice.mode == .lite, identity: identity))
    return WebRTCSession(negotiator: negotiator, specification: webrtc, peer: peer, ice: ice)
  }

  static func description(_ text: String, field: String) throws(ControlError) -> SessionDescription {
    do throws(SDPError) {
      return try SessionDescription(parsing: text)
    } catch {
      throw ControlError(.invalidField, "\(field): \(error)", field: field)
    }
  }

  static func answer(_ offer: SessionDescription, _ session: WebRTCSession, restarted: LocalTransport? = nil, field: String)
    throws(ControlError) -> String
  {
    do throws(NegotiationError) {
      return try session.negotiator.answer(offer, restarted: restarted)
    } catch {
      throw refusal(error, field: field)
    }
  }

  static func refusal(_ error: NegotiationError, field: String) -> ControlError {
    switch error {
    case .unreadable, .invalid: ControlError(.invalidField, "\(field): \(error)", field: field)
    case .conflict: ControlError(.invalidState, "\(field): \(error)", field: field)
    }
  }

  /// Tells the peer what its description said.
  static func connect(_ session: WebRTCSession, at now: Instant) throws(ControlError) {
    guard let transport = session.negotiator.remote else { return }
    let remote = try WebRTCSession.remote(transport)
    do throws(WebRTCPeer.Failure) {
      try session.peer.connect(remote, role: session.role, at: now)
    } catch {
      throw ControlError(.invalidState, "the peer cannot be connected: \(error.text)")
    }
  }

  /// Declares a session's tracks and sections to a take, on the thread that owns it.
  /// `numbers`: of the tracks that the receiving sections make, in their order.
  static func attach(_ session: WebRTCSession, tracks numbers: [Int], to take: Take, source: Int, leg: Int) {
    session.source = source
    if session.specification.whep != nil { take.outlivePeers(source: source, leg: leg) }
    take.setFeedback(session.feedback, source: source, leg: leg)
    var left = numbers[...]
    for section in session.negotiator.sections where section.isReceiving {
      let own = Array(left.prefix(session.specifications(section).count))
      left = left.dropFirst(own.count)
      guard !own.isEmpty, let told = session.section(section, tracks: own) else { continue }
      session.setTracks(own, of: section)
      session.pulled[section.kind] = own.first
      take.addSection(told, source: source, leg: leg)
    }
  }

  // MARK: Calls

  package func renegotiate(_ offer: String, source: String, of id: String) throws(ControlError) -> JSONValue {
    let entry = try live(id, for: "renegotiate a source")
    let description = try Recorder.description(offer, field: "offer")
    let index = try entry.sources.withLock { (_) throws(ControlError) in
      let (index, session) = try Recorder.session(source, of: entry)
      let before = session.negotiator
      var restarted: LocalTransport?
      if before.restartsICE(description) { restarted = try restartICE(session, entry) }
      let answer = try Recorder.answer(description, session, restarted: restarted, field: "offer")
      try adopt(session, index, entry, call: "renegotiate a source") { $0.answer = answer }
      return index
    }
    return try Recorder.source(index, of: entry)
  }

  package func takeAnswer(_ answer: String, source: String, of id: String) throws(ControlError) -> JSONValue {
    let entry = try live(id, for: "take an answer")
    let description = try Recorder.description(answer, field: "answer")
    let index = try entry.sources.withLock { (_) throws(ControlError) in
      let (index, session) = try Recorder.session(source, of: entry)
      do throws(NegotiationError) {
        try session.negotiator.accept(description)
      } catch {
        throw Recorder.refusal(error, field: "answer")
      }
      try adopt(session, index, entry, call: "take an answer") { _ in }
      return index
    }
    return try Recorder.source(index, of: entry)
  }

  package func trickle(_ fragment: String, source: String, of id: String) throws(ControlError) -> String? {
    let entry = try live(id, for: "take candidates")
    let told = try TrickleFragment(fragment)
    return try entry.sources.withLock { (_) throws(ControlError) in
      let (_, session) = try Recorder.session(source, of: entry)
      guard var transport = session.negotiator.remote else {
        throw ControlError(.invalidState, "source \(source) has no description of its peer yet")
      }
      let isRestart = told.ufrag.map { $0 != transport.ufrag } ?? false
      var reply: String?
      if isRestart, let ufrag = told.ufrag, let password = told.password {
        let local = try restartICE(session, entry)
        session.negotiator.replaceLocal(local)
        transport.ufrag = ufrag
        transport.password = password
        transport.candidates = []
        reply = TrickleFragment.text(local, mids: session.negotiator.sections.filter { !$0.isRejected }.map(\.mid))
      }
      transport.candidates = told.candidates
      transport.hasEndedCandidates = told.hasEnded
      session.negotiator.replaceRemote(transport)
      let remote = try WebRTCSession.remote(transport)
      try onLoop(entry, call: "take candidates") { now throws(ControlError) in
        do throws(WebRTCPeer.Failure) {
          try session.peer.connect(remote, role: session.role, at: now)
        } catch {
          throw ControlError(.invalidState, "the peer cannot be connected: \(error.text)")
        }
      }
      return reply
    }
  }

  /// A source's session, and the source's place among the recording's. With the entry's `sources` held.
  private static func session(_ source: String, of entry: RecordingEntry) throws(ControlError) -> (Int, WebRTCSession) {
    let (index, described) = try find(source, in: entry)
    guard described.specification.type == "webrtc", let session = entry.state.withLock({ $0.sessions[source] }) else {
      throw ControlError(
        .invalidState, "source \(source) is of type \(described.specification.type), and only a webrtc source is negotiated")
    }
    return (index, session)
  }

  /// Makes our side of ICE anew, on the loop that owns the peer.
  private func restartICE(_ session: WebRTCSession, _ entry: RecordingEntry) throws(ControlError) -> LocalTransport {
    let isLite = session.negotiator.local.isLite
    let box = Mutex<LocalTransport?>(nil)
    let identity = try identity()
    try onLoop(entry, call: "restart ICE") { now throws(ControlError) in
      do throws(ICEError) {
        try session.peer.restartICE(at: now)
      } catch {
        throw ControlError(.invalidState, WebRTCSession.text(error))
      }
      // The answer is not told before checks for the new ufrag are let in.
      for socket in entry.item.sockets where socket.peer === session.peer && socket.socket == nil { entry.loop.shared?.refresh(socket) }
      let local = WebRTCSession.local(session.peer, isLite: isLite, identity: identity)
      box.withLock { $0 = local }
    }
    guard let local = box.withLock({ $0 }) else { throw ControlError(.internal, "ICE was not restarted") }
    return local
  }

  /// Runs `body` on the recording's loop, and lets what it throws out.
  func onLoop(
    _ entry: RecordingEntry, call: String, _ body: @escaping @Sendable (Instant) throws(ControlError) -> Void
  ) throws(ControlError) {
    let failure = Mutex<ControlError?>(nil)
    let isDone = change(entry) { _ in
      do throws(ControlError) {
        try body(Clocks.now())
      } catch {
        failure.withLock { $0 = error }
      }
    }
    guard isDone else { throw Recorder.hasEnded(entry, call: call) }
    if let error = failure.withLock({ $0 }) { throw error }
  }

  /// Puts in force what a session agreed on: new sections get tracks, silent ones lose them, the peer hears of its own.
  private func adopt(
    _ session: WebRTCSession, _ index: Int, _ entry: RecordingEntry, call: String,
    _ tell: @escaping @Sendable (inout WebRTCSpecification) -> Void
  ) throws(ControlError) {
    guard let transport = session.negotiator.remote else { return }
    let remote = try WebRTCSession.remote(transport)
    let count = session.negotiator.sections.filter(session.needsTracks)
      .reduce(0) { $0 + session.specifications($1).count }
    let first = try entry.state.withLock { (state) throws(ControlError) in
      try Recorder.checkCount(state, adding: count)
      return state.nextTrack
    }
    try onLoop(entry, call: call) { now throws(ControlError) in
      let take = entry.item.take
      do throws(WebRTCPeer.Failure) {
        try session.peer.connect(remote, role: session.role, at: now)
      } catch {
        throw ControlError(.invalidState, "the peer cannot be connected: \(error.text)")
      }
      take.setFeedback(session.feedback, source: session.source, leg: 0)
      var added: [TrackSpecification] = []
      for section in session.negotiator.sections {
        guard section.isReceiving else {
          // A section that was rejected is over; one that is inactive may go on.
          take.removeSection(mid: section.mid, source: session.source, leg: 0, ends: section.isRejected, at: now)
          if section.isRejected { session.tracks[section.mid] = nil }
          continue
        }
        if session.needsTracks(section) {
          take.removeSection(mid: section.mid, source: session.source, leg: 0, ends: true, at: now)
          var numbers: [Int] = []
          for track in session.specifications(section) {
            numbers.append(take.addTrack(track, id: "t\(first + added.count)", source: session.source, leg: 0))
            added.append(track)
          }
          session.setTracks(numbers, of: section)
        }
        if let told = session.section(section, tracks: session.tracks[section.mid] ?? []) {
          take.addSection(told, source: session.source, leg: 0)
        }
      }
      entry.item.nameParticipants()
      entry.state.withLock { state in
        state.nextTrack += added.count
        state.manifest.sources[index].specification.tracks += added
        if var webrtc = state.manifest.sources[index].specification.webrtc {
          tell(&webrtc)
          state.manifest.sources[index].specification.webrtc = webrtc
        }
      }
    }
  }
}
