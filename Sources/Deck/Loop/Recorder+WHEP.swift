import Codecs
import Ground
import ICE
import JSON
import Negotiation
import Peer
import Recording
import SDP
import Synchronization
import WHEP

/// Sources that are pulled from WHEP servers: what their pulls need of the recorder.
extension Recorder {
  /// Begins to pull where the source that was bound is one to be pulled.
  func pull(_ bound: BoundSource, index: Int, _ entry: RecordingEntry) {
    guard let session = bound.legs.first?.session, session.specification.whep != nil else { return }
    let client = whep.withLock { service in
      if let known = service { return known.client }
      let made = WHEPService(caFile: configuration.whepCAFile)
      service = made
      return made.client
    }
    let source = bound.description.id
    let pull = WHEPPull(session, source: source, index: index, entry: entry, recorder: self, client: client)
    // A recording that ended meanwhile has told its pulls already.
    let isLive = entry.state.withLock { state in
      guard state.manifest.status.isLive, !state.removedSources.contains(source) else { return false }
      state.pulls[source] = pull
      return true
    }
    if isLive { pull?.begin() }
  }

  /// A session with a new peer in place of another's, and, where we offer, our offer.
  func nextSession(after session: WebRTCSession, offers: Bool) throws(ControlError) -> WebRTCSession {
    var ice = session.ice
    ice.role = offers ? .controlling : .controlled
    let next = try makeSession(session.specification, ice: ice, at: Clocks.now())
    next.source = session.source
    if offers { next.makeOffer() }
    return next
  }

  /// Puts in force what was agreed on with a server: the peer takes the source over, and the tracks go on by their kinds.
  /// `answer`: the server's to our offer; nil where the server offered.
  func adoptPull(_ pull: WHEPPull, _ session: WebRTCSession, answer: String?, _ entry: RecordingEntry) throws(ControlError) {
    try entry.sources.withLock { (_) throws(ControlError) in
      if let answer {
        let description = try Recorder.description(answer, field: "answer")
        do throws(NegotiationError) {
          try session.negotiator.accept(description)
        } catch {
          throw Recorder.refusal(error, field: "answer")
        }
      }
      guard let transport = session.negotiator.remote else { throw ControlError(.internal, "the server's transport is not known") }
      let remote = try WebRTCSession.remote(transport)
      guard session.negotiator.sections.contains(where: { $0.isReceiving }) else {
        throw ControlError(.invalidState, "the server sends nothing")
      }
      let (before, nextTrack) = entry.state.withLock { ($0.sessions[pull.source], $0.nextTrack) }
      guard let before else { throw ControlError(.internal, "the source has no session") }
      try onLoop(entry, call: "pull from a WHEP server") { now throws(ControlError) in
        let take = entry.item.take
        if before !== session { take.replacePeer(session.peer, source: pull.index, leg: 0, at: now) }
        do throws(WebRTCPeer.Failure) {
          try session.peer.connect(remote, role: session.role, at: now)
        } catch {
          throw ControlError(.invalidState, "the peer cannot be connected: \(error.text)")
        }
        let added = session.takeOver(from: before, take: take, source: pull.index, nextTrack: nextTrack, at: now)
        entry.item.nameParticipants()
        entry.state.withLock { state in
          state.sessions[pull.source] = session
          state.nextTrack += added.count
          state.manifest.sources[pull.index].specification.tracks += added
        }
      }
    }
  }

  /// Tells that a source waits for its server, and why.
  func tellPull(_ pull: WHEPPull, _ link: SourceLink, attempt: Int, retry: TimeSpan, _ entry: RecordingEntry) {
    _ = change(entry) { _ in
      entry.item.take.setLink(
        link, source: pull.index, leg: 0, at: Clocks.now(),
        [EventField("attempt", Int64(attempt)), EventField("retryInSeconds", Manifest.rounded(retry.seconds))])
    }
    logPull(
      "a WHEP source waits for its server", pull, entry,
      [("reason", link.reason ?? ""), ("attempt", "\(attempt)"), ("retryInSeconds", "\(Manifest.rounded(retry.seconds))")])
  }

  /// The source has failed for good.
  func failPull(_ pull: WHEPPull, reason: String, _ entry: RecordingEntry) {
    _ = change(entry) { loop in
      let item = entry.item
      item.take.failSource(reason: reason, source: pull.index, leg: 0, at: Clocks.now())
      // The peer's farewell leaves before its socket is closed.
      loop.sendOutgoing(item)
      for socket in item.sockets where socket.source == pull.index { loop.remove(socket) }
      item.sockets.removeAll { $0.source == pull.index }
    }
    logPull("a WHEP source has failed", pull, entry, [("reason", reason)])
  }

  func logPull(_ message: String, _ pull: WHEPPull, _ entry: RecordingEntry?, _ fields: [(name: String, text: String)]) {
    logger.warning(
      message,
      [JSONField("recording", .string(entry?.id ?? "")), JSONField("source", .string(pull.source))]
        + fields.map { JSONField($0.name, .string($0.text)) })
  }
}

extension WebRTCSession {
  /// Makes the offer that `specification` asks for.
  func makeOffer() {
    guard case .makeOffer(let audio, let video) = specification.beginning else { return }
    offer = negotiator.offer((audio ? [.audio] : []) + (video ? [.video] : []))
  }

  /// Has the take's tracks go on with this session's sections, by kind. A kind that is not sent keeps its track where that has media, for
  /// a later session; else the track is over, and a later one begins anew. Answers the tracks that were added.
  func takeOver(from before: WebRTCSession, take: Take, source: Int, nextTrack: Int, at now: Instant) -> [TrackSpecification] {
    let known = before.pulled
    take.forgetSections(source: source, leg: 0)
    take.setFeedback(feedback, source: source, leg: 0)
    tracks = [:]
    pulled = [:]
    var added: [TrackSpecification] = []
    for section in negotiator.sections where section.isReceiving && pulled[section.kind] == nil {
      guard let wanted = specifications(section).first else { continue }
      let number: Int
      if let track = known[section.kind], !take.hasEnded(track) {
        number = track
      } else {
        number = take.addTrack(wanted, id: "t\(nextTrack + added.count)", source: source, leg: 0)
        added.append(wanted)
      }
      pulled[section.kind] = number
      tracks[section.mid] = [number]
      if let told = self.section(section, tracks: [number]) { take.addSection(told, source: source, leg: 0) }
    }
    for (kind, number) in known where pulled[kind] == nil {
      if take.hasStarted(number) { pulled[kind] = number } else { take.end(track: number, at: now) }
    }
    return added
  }
}
