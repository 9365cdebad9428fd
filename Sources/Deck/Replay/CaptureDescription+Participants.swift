import Codecs
import Ground
package import Recording

extension CaptureDescription {
  /// Finds out which tracks come from one sender: those of one canonical name, else of one media stream, else from one address. An
  /// address with two tracks of a kind at the same time, from different ports, is more than one sender.
  mutating func groupParticipants(cnames: [SSRC: String]) {
    let names = tracks.map { cname(of: $0, cnames) }
    var keys: [String] = []
    for (i, track) in tracks.enumerated() {
      if let name = names[i] {
        keys.append("cname \(name)")
      } else if let stream = track.ssrcs.compactMap({ hints.sources[$0]?.stream }).first {
        keys.append("stream \(stream)")
      } else {
        // A track whose sender's reports were not captured belongs to the only name that its address goes by.
        let sameAddress = tracks.indices.filter { tracks[$0].flow.source.ip == track.flow.source.ip }
        let known = Set(sameAddress.compactMap { names[$0] })
        if known.count == 1, let name = known.first {
          keys.append("cname \(name)")
        } else {
          let isSplit = sharesAddress(sameAddress.filter { names[$0] == nil })
          keys.append(isSplit ? "socket \(track.flow.source)" : "address \(track.flow.source.ip)")
        }
      }
    }
    var ids: [String: String] = [:]
    for (i, key) in keys.enumerated() {
      if ids[key] == nil {
        let id = "p\(participants.count + 1)"
        ids[key] = id
        participants.append(Participant(id: id, cname: names[i]))
      }
      tracks[i].participant = ids[key]!
    }
  }

  /// A track's canonical name, by its sender's reports or as told beforehand.
  func cname(of track: Track, _ reported: [SSRC: String]) -> String? {
    track.ssrcs.compactMap { reported[$0] ?? hints.sources[$0]?.cname }.first
  }

  /// Whether two of the tracks are of one kind, overlap in time and come from different ports.
  private func sharesAddress(_ indices: [Int]) -> Bool {
    for a in indices {
      for b in indices where a < b {
        let (x, y) = (tracks[a], tracks[b])
        guard x.format.clockRate == y.format.clockRate, x.flow.source.port != y.flow.source.port else { continue }
        if x.firstPacket < y.lastPacket, y.firstPacket < x.lastPacket { return true }
      }
    }
    return false
  }

  /// The tracks whose codec goes on tape, as a recorder would be told of them before they come: one port for all where they share
  /// one, else a port each, by the ports that they were captured on.
  package var recordingSource: SourceSpecification {
    let usable = tracks.filter { track in
      // Sound of more channels than a container has is left out like an unknown codec.
      track.codec.map { $0.kind == .video || track.format.sound != nil } ?? false
    }
    let isBundled = Set(usable.map(\.flow.destination)).count <= 1
    var source = SourceSpecification(
      tracks: usable.map { track in
        var told = TrackSpecification(
          participant: track.participant, codec: track.codec!, payloadType: track.payloadType,
          // A track that changes its SSRC is found by its payload type.
          ssrc: track.ssrcs.count == 1 ? track.ssrcs[0] : nil, channels: track.format.channels ?? 2)
        if let sound = track.format.sound { told.sound = sound }
        told.rtx = track.retransmission
        told.red = track.redundancy
        told.fec = track.correction
        told.port = isBundled ? nil : track.flow.destination.port
        return told
      })
    source.bundle = isBundled
    source.port = isBundled ? usable.first?.flow.destination.port : nil
    source.rtcpMux = usable.allSatisfy { $0.rtcpDestination == nil ? isBundled : $0.rtcpDestination == $0.flow.destination }
    source.srtp = srtp
    return source
  }
}
