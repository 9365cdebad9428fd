import Codecs
import Ground
import RTP
import Track

/// A sender that changes to another codec on the track's SSRC, as it may where several were agreed on: it is known by its payload type.
///
/// The track ends and another goes on in its place, in the next part of the tape, for a header says once what a track is made of. Where both
/// count time alike the RTP clock is the same one and goes on. Another payload type for the same codec changes nothing.
extension Take {
  /// After so many changes on one source the sender's mind is not followed any more: each is a part of its own.
  package static let maximumCodecChanges = 64

  /// A change is believed once three packets of it came and none of the old codec in between; those packets are kept and delivered then.
  func considerNewCodec(
    _ next: TrackSpecification, _ packet: RTPPacket, _ datagram: Span<UInt8>, track: Int, _ source: TakeSource, at arrival: Instant
  ) -> Int? {
    guard source.codecChanges < Take.maximumCodecChanges else {
      source.count(.unknownPayloadType)
      return nil
    }
    if tracks[track].receiver.counters.packetsReceived == 0 { return changeCodec(of: track, to: next, packet.ssrc, source, at: arrival) }
    if tracks[track].candidate?.ssrc != packet.ssrc || tracks[track].candidate?.payloadType != packet.payloadType {
      dropCandidate(track)
      tracks[track].candidate = SSRCCandidate(ssrc: packet.ssrc, payloadType: packet.payloadType, first: packet.sequenceNumber)
    }
    guard (tracks[track].candidate?.packets.count ?? 0) + 1 >= SSRCCandidate.needed else {
      var copy: [UInt8] = []
      copy.append(copying: datagram, 0..<datagram.count)
      tracks[track].candidate?.packets.append((copy, arrival))
      return nil
    }
    let kept = tracks[track].candidate.take()?.packets ?? []
    let number = changeCodec(of: track, to: next, packet.ssrc, source, at: arrival)
    deliver(kept, to: number)
    return number
  }

  /// A track without packets so far that may be sent in what the type means.
  func unusedTrack(_ type: PayloadType, _ leg: SourceLeg) -> (number: Int, next: TrackSpecification)? {
    for number in leg.tracks where tracks[number].receiver.ssrc == nil && !tracks[number].hasEnded {
      if let next = tracks[number].specification.change(by: type) { return (number, next) }
    }
    return nil
  }

  /// Ends a track, and begins the one that goes on for it; answers that one.
  private func changeCodec(
    of track: Int, to next: TrackSpecification, _ ssrc: SSRC, _ source: TakeSource, at now: Instant
  ) -> Int {
    source.codecChanges += 1
    var former = tracks[track].specification
    var specification = next
    specification.participant = former.participant
    specification.ssrc = former.ssrc
    specification.port = former.port
    specification.nack = former.nack
    specification.alternatives = former.alternatives.filter { $0.payloadType != next.payloadType }
    former.alternatives = []
    former.ssrc = nil
    specification.alternatives.append(former)
    let keepsClock = specification.clockRate == former.clockRate
    let number = addTrack(
      specification, id: tracks[track].id.prefix { $0 != "." } + ".\(source.codecChanges + 1)", source: tracks[track].source,
      leg: tracks[track].leg, onClock: keepsClock ? tracks[track].receiver.clockIndex : nil)
    tracks[number].receiver.latch(ssrc)
    tracks[number].isMuted = tracks[track].isMuted
    tracks[number].usesFIR = tracks[track].usesFIR
    tell(
      "track.codecChanged", at: now,
      trackFields(track) + [
        EventField("from", former.codec.rawValue), EventField("codec", next.codec.rawValue), EventField("next", tracks[number].id),
      ])
    tracks[track].leavesClock = keepsClock
    endTrack(track, at: now)
    return number
  }
}

extension SSRCCandidate {
  /// Whether the packet was sent before those of another codec.
  func isAfter(_ packet: RTPPacket) -> Bool {
    payloadType != nil && packet.ssrc == ssrc && first.distance(after: packet.sequenceNumber) > 0
  }
}
