import Ground
package import JSON
package import Recording
import Synchronization

extension Recorder {
  package func addTracks(_ tracks: [TrackSpecification], to id: String, source: String) throws(ControlError) -> JSONValue {
    let entry = try live(id, for: "add tracks")
    let index = try entry.sources.withLock { (_) throws(ControlError) in try addTracks(tracks, to: entry, source: source) }
    return try Recorder.source(index, of: entry)
  }

  /// With the entry's `sources` held.
  private func addTracks(_ tracks: [TrackSpecification], to entry: RecordingEntry, source: String) throws(ControlError) -> Int {
    try Recorder.fit(tracks, into: entry, path: "tracks")
    let (index, described) = try Recorder.find(source, in: entry)
    var whole = described.specification
    let offset = whole.tracks.count
    let firstTrack = try entry.state.withLock { (state) throws(ControlError) in
      if state.removedSources.contains(source) {
        throw ControlError(.invalidState, "source \(source) was removed; add tracks needs one that is there")
      }
      guard offset + tracks.count <= 64 else {
        throw ControlError(.invalidField, "tracks: a source carries at most 64 tracks, and has \(offset)", field: "tracks")
      }
      try Recorder.check(tracks, joining: whole)
      try Recorder.checkCount(state, adding: tracks.count)
      try state.claims.claim(tracks)
      return state.nextTrack
    }
    whole.tracks += tracks
    let legs: [BoundSource.Leg]
    do {
      legs = try bindLegs(whole, from: offset, firstTrack: firstTrack)
    } catch {
      entry.state.withLock { $0.claims.release(tracks) }
      throw error
    }
    let specification = whole
    let ip = SocketAddress(ip: whole.listenIP ?? configuration.listenIP, port: 0) ?? SocketAddress(ipv4: 0, port: 0)
    let told = legs.compactMap { Recorder.told($0, ip: announced(whole, ip)) }
    let bound = BoundSource(description: SourceDescription(id: source, ports: told, specification: whole), legs: legs)
    let isDone = change(entry) { loop in
      let ids = tracks.indices.map { "t\(firstTrack + $0)" }
      entry.state.withLock { state in
        state.nextTrack += tracks.count
        state.manifest.sources[index].specification = specification
        state.manifest.sources[index].ports += told
        if specification.bundle { state.manifest.sources[index].ports[0].tracks += ids }
      }
      let item = entry.item
      if specification.bundle {
        for i in tracks.indices { _ = item.take.addTrack(tracks[i], id: ids[i], source: index, leg: 0) }
      }
      item.listen(Recorder.attach(bound, to: item.take, source: index), on: loop)
    }
    guard isDone else {
      entry.state.withLock { $0.claims.release(tracks) }
      throw Recorder.hasEnded(entry, call: "add tracks")
    }
    return index
  }

  /// The ports of the tracks from `offset` on; none where the source has one port for all.
  private func bindLegs(_ whole: SourceSpecification, from offset: Int, firstTrack: Int) throws(ControlError) -> [BoundSource.Leg] {
    guard !whole.bundle else { return [] }
    guard let ip = SocketAddress(ip: whole.listenIP ?? configuration.listenIP, port: 0) else {
      throw ControlError(.internal, "the source's address is none")
    }
    var legs: [BoundSource.Leg] = []
    for i in 0..<whole.tracks.count - offset {
      try Recorder.checkFamily(whole.tracks[offset + i].remote, ip, field: "tracks[\(i)].remote.ip")
      legs.append(try bindTrack(whole, offset + i, id: "t\(firstTrack + i)", ip, field: "tracks[\(i)]", path: ""))
    }
    return legs
  }

  // MARK: What may join a source

  /// The rules that a start's tracks are held to, for tracks that come later.
  private static func check(_ tracks: [TrackSpecification], joining source: SourceSpecification) throws(ControlError) {
    for (i, track) in tracks.enumerated() {
      if source.bundle {
        for (name, isGiven) in [("port", track.port != nil), ("remote", track.remote != nil)] where isGiven {
          throw refusal("tracks[\(i)].\(name)", "with bundle true all tracks share the source's \(name)")
        }
        for other in source.tracks + tracks[..<i] { try checkPayloadTypes(track, other, "tracks[\(i)]") }
      } else if let port = track.port, !source.rtcpMux, port % 2 == 1 {
        throw refusal("tracks[\(i)].port", "\(port) is odd; with rtcpMux false RTP takes an even port and RTCP the next")
      }
    }
  }

  /// On one port a stream is known by its SSRC, or else by its payload type alone.
  private static func checkPayloadTypes(_ track: TrackSpecification, _ other: TrackSpecification, _ path: String) throws(ControlError) {
    let clash: (String, Ground.PayloadType)? =
      if track.payloadType == other.payloadType, track.ssrc == nil, other.ssrc == nil {
        ("payloadType", track.payloadType)
      } else if let rtx = track.rtx, rtx.payloadType == other.payloadType, other.ssrc == nil {
        ("rtx.payloadType", rtx.payloadType)
      } else if let rtx = other.rtx, rtx.payloadType == track.payloadType, track.ssrc == nil {
        ("payloadType", track.payloadType)
      } else if let red = track.red, track.ssrc == nil,
        other.repairs(red.payloadType) || (other.ssrc == nil && other.carries(red.payloadType))
      {
        ("red.payloadType", red.payloadType)
      } else if let red = other.red, other.ssrc == nil,
        track.repairs(red.payloadType) || (track.ssrc == nil && track.carries(red.payloadType))
      {
        ("payloadType", red.payloadType)
      } else {
        nil
      }
    guard let (name, type) = clash else { return }
    throw refusal(
      "\(path).\(name)", "\(type) is also the payload type of another stream on the same port; give both an ssrc to tell them apart")
  }

  static func refusal(_ field: String, _ reason: String) -> ControlError {
    ControlError(.invalidField, "\(field): \(reason)", field: field)
  }
}
