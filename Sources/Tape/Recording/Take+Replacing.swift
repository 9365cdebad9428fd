package import Ground
import Jitter
package import Peer
import Track

/// How a source stands whose peers may follow one another, while none is connected.
package struct SourceLink: Sendable {
  package var state: WebRTCPeer.State
  /// One line for people.
  package var reason: String?
  package init(_ state: WebRTCPeer.State, reason: String? = nil) {
    self.state = state
    self.reason = reason
  }
}

/// What became of the peer of a source that outlives its peers; the source by its index in the take.
package enum PeerChange: Sendable, Equatable {
  case connected(source: Int)
  /// Nothing more will come of this peer, which has been taken leave of.
  case lost(source: Int, reason: String)
}

/// Sources that a peer may leave and another may take over: the tracks go on, and what was missed meanwhile is a hole.
extension Take {
  /// From now on the source's tracks go on when its peer is lost, until `failSource`. A peer that gives no sign counts as lost.
  package func outlivePeers(source: Int, leg: Int) { sources[source].legs[leg].outlivesPeer = true }

  /// What became of peers since the last call.
  package func takePeerChanges() -> [PeerChange] {
    guard !peerChanges.isEmpty else { return [] }
    defer { peerChanges.removeAll() }
    return peerChanges
  }

  /// Another peer takes the leg over. Its tracks begin new streams, whatever their SSRCs and numbers are; sections are to be added anew.
  package func replacePeer(_ peer: WebRTCPeer, source: Int, leg: Int, at now: Instant) {
    guard !hasStopped, !sources[source].isRemoved else { return }
    dismiss(source, leg, at: now)
    sources[source].legs[leg].replace(peer)
    for number in sources[source].legs[leg].tracks where !tracks[number].hasEnded {
      let participant = tracks[number].participant
      dropCandidate(number)
      tracks[number].forgetNumbers()
      tracks[number].selector = nil
      tracks[number].receiver.interrupt(at: now, clock: &participants[participant].clock, pool: pool)
      collect(number, at: now)
    }
  }

  /// Nothing was agreed on yet with the peer that a leg has.
  package func forgetSections(source: Int, leg: Int) { sources[source].legs[leg].router = StreamRouter() }

  /// Whether media of a track has come.
  package func hasStarted(_ track: Int) -> Bool { tracks[track].hasStarted }

  /// Whether nothing of a track will come any more.
  package func hasEnded(_ track: Int) -> Bool { tracks[track].hasEnded }

  /// Nothing of a track will come.
  package func end(track: Int, at now: Instant) {
    guard !hasStopped else { return }
    endTrack(track, at: now)
    drain(at: now)
  }

  /// Says how a source stands that has no peer; one that it has is taken leave of.
  package func setLink(_ link: SourceLink, source: Int, leg: Int, at now: Instant, _ fields: [EventField] = []) {
    guard !hasStopped, !sources[source].isRemoved else { return }
    dismiss(source, leg, at: now)
    sources[source].legs[leg].link = link
    tellState(link, source, at: now, fields)
  }

  /// The source has failed for good: its tracks end.
  package func failSource(reason: String, source: Int, leg: Int, at now: Instant) {
    guard !hasStopped, !sources[source].isRemoved else { return }
    setLink(SourceLink(.failed, reason: reason), source: source, leg: leg, at: now)
    endTracks(source, at: now)
  }

  func followReplaceable(_ peer: WebRTCPeer, _ source: Int, _ leg: Int, at now: Instant) {
    switch peer.state {
    case .new, .checking: tellState(SourceLink(peer.state), source, at: now)
    case .connected:
      tellState(SourceLink(.connected), source, at: now)
      peerChanges.append(.connected(source: source))
      requestKeyFrames(at: now)
    case .disconnected, .failed, .closed:
      let reason = peer.failure?.text ?? (peer.state == .closed ? "the peer has ended the connection" : "the peer gives no sign")
      setLink(SourceLink(.disconnected, reason: reason), source: source, leg: leg, at: now)
      peerChanges.append(.lost(source: source, reason: reason))
    }
  }

  /// Takes leave of a peer; what becomes of it is not followed.
  private func dismiss(_ source: Int, _ leg: Int, at now: Instant) {
    guard let peer = sources[source].legs[leg].webrtc else { return }
    peer.close(at: now)
    while let datagram = peer.popOutgoing() { send(outgoing(datagram, source, leg)) }
    readEarly(peer, source, leg)
    sources[source].legs[leg].toldState = peer.state
  }

  private func tellState(_ link: SourceLink, _ source: Int, at now: Instant, _ more: [EventField] = []) {
    var fields = [EventField("source", sources[source].id), EventField("state", link.state.rawValue)]
    if let reason = link.reason { fields.append(EventField("reason", reason)) }
    tell("source.state", at: now, fields + more)
  }
}
