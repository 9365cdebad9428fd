import Codecs
import Feedback
package import Ground
import ICE
import Jitter
package import Peer
package import RTP
import Track

/// A media section of a WebRTC session as the take needs it.
package struct SessionSection: Sendable {
  package var mid: String
  package var payloadType: PayloadType
  package var rtx: PayloadType?
  /// The payload type of redundancy around the section's payloads (RFC 2198).
  package var red: PayloadType?
  /// That of retransmissions which repeat what is in it.
  package var redRTX: PayloadType?
  /// Forward error correction of the section's payloads.
  package var fec: FECSpecification?
  /// Simulcast layers, in the description's order; empty without simulcast.
  package var rids: [String]
  /// Streams that the description names, each with the stream that repeats it.
  package var streams: [(ssrc: SSRC, rtx: SSRC?)]
  /// The take's tracks: one, or one for each layer in the order of `rids`.
  package var tracks: [Int]
  /// Key frames are asked for by full intra requests: the peer understands no picture loss indications.
  package var usesFIR = false
  package init(mid: String, payloadType: PayloadType, rtx: PayloadType?, rids: [String], streams: [(ssrc: SSRC, rtx: SSRC?)], tracks: [Int])
  {
    self.mid = mid
    self.payloadType = payloadType
    self.rtx = rtx
    self.rids = rids
    self.streams = streams
    self.tracks = tracks
  }
}

/// What a session agreed on for all its sections.
package struct SessionFeedback: Sendable {
  package var extensions = RTPExtensionIDs()
  /// Arrivals are told by transport-wide numbers.
  package var transportCC = false
  /// The bitrate is told.
  package var remb = false
  package init() {}
}

extension Take {
  // MARK: Commands

  /// Adds a WebRTC peer to a source; answers its leg.
  package func addLeg(source: Int, peer: WebRTCPeer) -> Int {
    sources[source].legs.append(SourceLeg(peer: peer))
    return sources[source].legs.count - 1
  }

  /// The session was (re)negotiated.
  package func setFeedback(_ feedback: SessionFeedback, source: Int, leg legNumber: Int) {
    let leg = sources[source].legs[legNumber]
    leg.router.ids = feedback.extensions
    for number in tracks.indices where tracks[number].source == source && tracks[number].leg == legNumber {
      tracks[number].setExtensions(feedback.extensions)
    }
    if feedback.transportCC {
      if leg.feedback.transport == nil { leg.feedback.transport = TransportFeedback() }
    } else {
      leg.feedback.transport = nil
    }
    leg.feedback.tellsBitrate = feedback.remb
  }

  /// The streams of a section go to its tracks from now on.
  package func addSection(_ section: SessionSection, source: Int, leg: Int) {
    let leg = sources[source].legs[leg]
    for track in section.tracks {
      tracks[track].usesFIR = section.usesFIR
      tracks[track].setExtensions(leg.router.ids)
    }
    let isSplit = section.tracks.count == section.rids.count && section.tracks.count > 1
    let outlets = section.tracks.enumerated().map { index, track in
      StreamRouter.Outlet(rid: isSplit ? section.rids[index] : nil, track: track)
    }
    leg.router.remove(mid: section.mid)
    for track in section.tracks {
      tracks[track].specification.payloadType = section.payloadType
      tracks[track].specification.red = section.red.map { REDSpecification(payloadType: $0, rtx: section.redRTX) }
      tracks[track].specification.fec = section.fec
      expectWrapping(track)
    }
    leg.router.add(
      StreamRouter.Section(
        mid: section.mid, payloadType: section.payloadType, rtx: section.rtx, red: section.red, redRTX: section.redRTX,
        correction: section.fec?.mechanism == .ulpfec ? section.fec?.payloadType : nil, outlets: outlets, rids: section.rids))
    if section.rids.count > 1, !isSplit, let track = section.tracks.first {
      tracks[track].selector = LayerSelector(layers: section.rids.count)
    }
    guard section.rids.isEmpty, let track = section.tracks.first else { return }
    for stream in section.streams.prefix(1) {
      leg.router.bind(stream.ssrc, StreamRouter.Route(track: track, isRepair: false, layer: 0))
      if let rtx = stream.rtx { leg.router.bind(rtx, StreamRouter.Route(track: track, isRepair: true, layer: 0)) }
    }
  }

  /// A section became inactive or was rejected: its tracks end where `ends` says so.
  package func removeSection(mid: String, source: Int, leg: Int, ends: Bool, at now: Instant) {
    guard !hasStopped else { return }
    let router = sources[source].legs[leg].router
    let gone = router.sections.filter { $0.mid == mid }.flatMap { $0.outlets.map(\.track) }
    guard ends else { return }
    sources[source].legs[leg].router.remove(mid: mid)
    for number in gone { endTrack(number, at: now) }
    drain(at: now)
  }

  /// The peers of a source, for commands to them.
  package func peer(source: Int, leg: Int) -> WebRTCPeer? { sources[source].legs[leg].webrtc }

  // MARK: World

  /// Which track a WebRTC peer's packet belongs to; counts what belongs to none, and takes in what repeats a packet.
  func sessionTrack(
    for packet: RTPPacket, _ datagram: Span<UInt8>, _ source: TakeSource, _ leg: SourceLeg, at arrival: Instant
  ) -> Int? {
    noteTransportNumber(packet, datagram, leg, at: arrival)
    let route: StreamRouter.Route
    switch leg.router.route(packet, in: datagram) {
    case .known(let known): route = known
    case .learnt(let learnt):
      leg.router.bind(packet.ssrc, learnt)
      route = learnt
    case .guessed(let guessed):
      if guessed.isRepair || tracks[guessed.track].receiver.ssrc == nil { leg.router.bind(packet.ssrc, guessed) }
      route = guessed
    case .unknownSSRC:
      source.count(.unknownSSRC)
      return nil
    case .unknownPayloadType:
      source.count(.unknownPayloadType)
      return nil
    }
    let number = route.track
    guard !tracks[number].hasEnded else {
      source.count(.unknownSSRC)
      return nil
    }
    if route.isRepair {
      if tracks[number].selector.map({ $0.active == route.layer }) ?? true {
        repair(packet, datagram, number, source, at: arrival)
      } else {
        source.count(.rtx)
      }
      return nil
    }
    guard tracks[number].specification.numbers(packet.payloadType) else {
      source.count(.unknownPayloadType)
      return nil
    }
    return takes(packet, datagram, route, leg, at: arrival) ? number : nil
  }

  /// Keeps the books of arrivals by transport-wide numbers, where they are told.
  func noteTransportNumber(_ packet: RTPPacket, _ datagram: Span<UInt8>, _ leg: SourceLeg, at arrival: Instant) {
    guard leg.feedback.transport != nil, let number = packet.transportSequenceNumber(leg.router.ids, in: datagram) else { return }
    leg.feedback.transport?.observe(number, at: arrival)
  }

  /// Whether the packet is the track's: with simulcast only those of the layer on tape are.
  private func takes(
    _ packet: RTPPacket, _ datagram: Span<UInt8>, _ route: StreamRouter.Route, _ leg: SourceLeg, at arrival: Instant
  ) -> Bool {
    let number = route.track
    if tracks[number].selector != nil {
      let key = TrackReceiver.keyFrameSize(tracks[number].receiver.codec, packet, datagram)
      switch tracks[number].selector?.observe(route.layer, key: key, at: arrival) {
      case .take: break
      case .change:
        tracks[number].layerRequest.satisfied()
        changeSSRC(number, to: packet.ssrc, at: arrival)
      case .leave, nil:
        tracks[number].receiver.refuse(.otherLayer, bytes: datagram.count)
        tracks[number].layerRequest.packetArrived()
        return false
      }
      return true
    }
    guard let current = tracks[number].receiver.ssrc else {
      tracks[number].receiver.latch(packet.ssrc)
      return true
    }
    guard current != packet.ssrc else {
      dropCandidate(number)
      return true
    }
    if leg.router.route(packet, in: datagram) == .known(route) {
      leg.router.forget(current)
      changeSSRC(number, to: packet.ssrc, at: arrival)
      return true
    }
    guard considerNewSSRC(packet, datagram, track: number, at: arrival) != nil else { return false }
    leg.router.forget(current)
    leg.router.bind(packet.ssrc, route)
    return true
  }

  private func changeSSRC(_ number: Int, to ssrc: SSRC, at now: Instant) {
    let participant = tracks[number].participant
    tracks[number].forgetNumbers()
    tracks[number].receiver.changeSSRC(to: ssrc, at: now, clock: &participants[participant].clock, pool: pool)
    collect(number, at: now)
  }

  /// A packet was sent again: it is the track's where its place is still free.
  func repair(_ packet: RTPPacket, _ datagram: Span<UInt8>, _ number: Int, _ source: TakeSource, at arrival: Instant) {
    guard let ssrc = tracks[number].receiver.ssrc else {
      source.count(.rtx)
      return
    }
    var storage: [UInt8] = []
    swap(&storage, &restored)
    defer { swap(&storage, &restored) }
    storage.removeAll(keepingCapacity: true)
    var type = tracks[number].specification.payloadType
    if let red = tracks[number].specification.red, red.rtx == packet.payloadType { type = red.payloadType }
    guard RTPRetransmission.restore(packet, in: datagram, payloadType: type, ssrc: ssrc, into: &storage) else {
      source.count(.rtx)
      return
    }
    let bytes = storage.span
    guard let original = try? RTPPacket(parsing: bytes) else {
      source.count(.malformed)
      return
    }
    guard receiveRepaired(original, bytes, number, at: arrival) else {
      source.count(.rtx)
      return
    }
    lastPacketAt = arrival
    tracks[number].nack?.observe(original.sequenceNumber, isAnswer: true, at: arrival)
    collect(number, at: arrival)
    if tracks[number].receiver.isSettling || tracks[number].settlingSince != nil { noteSettling(number, at: arrival) }
  }

  // MARK: To do

  /// Lets the peers' time pass, and tells what has become of them.
  func advancePeers(at now: Instant) {
    for source in sources.indices where !sources[source].isRemoved {
      for leg in sources[source].legs.indices {
        guard let peer = sources[source].legs[leg].webrtc else { continue }
        peer.advance(to: now)
        follow(peer, source, leg, at: now)
      }
    }
  }

  /// Takes leave of a source's peers.
  func closePeers(_ source: Int, at now: Instant) {
    for leg in sources[source].legs.indices {
      guard let peer = sources[source].legs[leg].webrtc else { continue }
      peer.close(at: now)
      while let datagram = peer.popOutgoing() { send(outgoing(datagram, source, leg)) }
      readEarly(peer, source, leg)
    }
  }

  func outgoing(_ datagram: ICEDatagram, _ source: Int, _ leg: Int) -> OutgoingDatagram {
    OutgoingDatagram(
      source: source, leg: leg, port: .rtp, destination: datagram.to, bytes: datagram.bytes, origin: datagram.fromLocal)
  }

  /// Sends what the peer has to send, tells of a change of its state, and reads what waited for it.
  func follow(_ peer: WebRTCPeer, _ source: Int, _ leg: Int, at now: Instant) {
    while let datagram = peer.popOutgoing() { send(outgoing(datagram, source, leg)) }
    tellState(peer, source, leg, at: now)
    if peer.earlyCount > 0 { readEarly(peer, source, leg) }
  }

  private func tellState(_ peer: WebRTCPeer, _ source: Int, _ leg: Int, at now: Instant) {
    let state = peer.state
    guard sources[source].legs[leg].toldState != state else { return }
    sources[source].legs[leg].toldState = state
    guard !sources[source].legs[leg].outlivesPeer else { return followReplaceable(peer, source, leg, at: now) }
    var fields = [EventField("source", sources[source].id), EventField("state", state.rawValue)]
    if let failure = peer.failure { fields.append(EventField("reason", failure.text)) }
    tell("source.state", at: now, fields)
    if state == .connected { requestKeyFrames(at: now) }
    if state == .failed || state == .closed {
      endTracks(source, at: now)
    }
  }

  func endTracks(_ source: Int, at now: Instant) {
    for number in tracks.indices where tracks[number].source == source { endTrack(number, at: now) }
    drain(at: now)
  }
}

extension WebRTCPeer.Failure {
  /// One line for people.
  package var text: String {
    switch self {
    case .noConnection: "no pair of addresses worked in time"
    case .consentExpired: "the peer gave no sign for too long"
    case .handshakeTimeout: "no keys were agreed on in time"
    case .dtls(let error): "DTLS: \(error)"
    case .srtp: "SRTP could not be set up"
    }
  }
}
