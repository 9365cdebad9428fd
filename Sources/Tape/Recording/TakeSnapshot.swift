package import Codecs
package import Ground
import ICE
import Peer
import SRTP
package import Timeline
package import Track

/// A recording's media numbers at one moment: values, to be shown by another thread.
package struct TakeSnapshot: Sendable {
  package struct TrackNumbers: Sendable {
    package var id: String
    package var participant: String
    package var source: Int
    package var specification: TrackSpecification
    package var ssrc: SSRC?
    package var counters: TrackCounters
    package var packetsPending: Int
    package var timesAdjusted: UInt64
    package var size: PictureSize?
    package var jitterMilliseconds: Double
    package var sinceLastPacket: TimeSpan?
    package var isStalled: Bool
    package var hasEnded: Bool
    /// What is known of its RTP clock.
    package var clock: ParticipantClock.Facts
    package var isMuted: Bool
    /// Those that are raised.
    package var alarms: [AlarmKind]
    package var parts: [TrackPart]
    package var rotation: PictureRotation
    package var pictures: PictureIndex
    /// How much later than its first packet the track's first frame lies; nil before that frame.
    package var startDelay: TimeSpan?
  }
  package struct SourceNumbers: Sendable {
    package var id: String
    package var isConnected: Bool
    package var isRemoved: Bool
    /// The sum of those discarded, RTCP, packets received of the source's tracks but those taken from redundancy or rebuilt, and those
    /// that wait as candidates.
    package var datagramsReceived: UInt64
    package var rtcpDatagrams: UInt64
    /// Packets of an SSRC that is not believed yet to follow a track's own, and what came before a WebRTC peer's keys.
    package var candidatePackets: Int
    package var discarded: [(name: String, count: UInt64)]
    /// The sender's address, where it is known.
    package var remote: SocketAddress?
    /// STUN and DTLS datagrams of a WebRTC peer.
    package var transportDatagrams: UInt64
    package var session: SessionNumbers?
  }
  /// How a WebRTC peer is connected.
  package struct SessionNumbers: Sendable {
    package var state: String
    package var reason: String?
    package var iceState: String
    package var local: SocketAddress?
    package var remote: SocketAddress?
    package var localType: String?
    package var remoteType: String?
    package var cipherSuite: String?
    package var suite: String?
    package var roundTripMilliseconds: Double?
  }
  package struct ParticipantNumbers: Sendable {
    package var id: String
    package var sinceJoined: TimeSpan?
    package var sinceLeft: TimeSpan?
  }
  package struct PauseNumbers: Sendable {
    package var mode: PauseMode
    package var pausedAt: WallTime
    package var resumedAt: WallTime?
    /// Where on the timeline the pause begins, and where it goes on.
    package var mediaStart: MediaTime
    package var mediaEnd: MediaTime?
  }
  package var tracks: [TrackNumbers] = []
  package var sources: [SourceNumbers] = []
  package var participants: [ParticipantNumbers] = []
  package var pauses: [PauseNumbers] = []
  /// How far the timeline has come with frames.
  package var duration = MediaTime.zero
  /// How long ago the timeline's zero was, pauses included; nil before the first frame.
  package var sinceZero: TimeSpan?
  /// The wall clock's time at the timeline's zero. With `pauses`, it maps wall-clock time to media time.
  package var zeroAt: WallTime?
}

extension TakeSnapshot {
  /// Moves frames that were ordered and did not reach their file to the discards.
  package mutating func retract(_ lost: [(track: Int, packets: Int)]) {
    for item in lost where tracks.indices.contains(item.track) {
      tracks[item.track].counters.retract(packets: item.packets, cause: .writeFailed)
    }
  }
}

extension Take {
  private static func numbers(_ peer: WebRTCPeer, _ link: SourceLink?) -> TakeSnapshot.SessionNumbers {
    let pair = peer.selectedPair
    return TakeSnapshot.SessionNumbers(
      state: (link?.state ?? peer.state).rawValue, reason: link?.reason ?? peer.failure?.text, iceState: peer.iceState.rawValue,
      local: pair?.local, remote: pair?.remote,
      localType: pair?.localType.rawValue, remoteType: pair?.remoteType.rawValue, cipherSuite: peer.cipherSuite,
      suite: peer.suite?.rawValue, roundTripMilliseconds: peer.roundTripTime.map { Double($0.nanoseconds) / 1e6 })
  }

  /// The numbers at `now`.
  package func snapshot(at now: Instant) -> TakeSnapshot {
    var out = TakeSnapshot()
    out.duration = endTime
    let clock = Int64(bitPattern: now.nanoseconds)
    out.sinceZero = timeline.zero.map { TimeSpan(nanoseconds: clock - $0) }
    out.zeroAt = timeline.zero.map { wall(at: $0) }
    for entry in tracks {
      var facts = participants[entry.participant].clock.facts(entry.receiver.clockIndex)
      facts.offset = facts.offset ?? entry.lastOffset
      out.tracks.append(
        TakeSnapshot.TrackNumbers(
          id: entry.id, participant: participants[entry.participant].id, source: entry.source, specification: entry.specification,
          ssrc: entry.receiver.ssrc, counters: entry.receiver.counters, packetsPending: entry.receiver.packetsPending,
          timesAdjusted: entry.timesAdjusted, size: entry.receiver.size, jitterMilliseconds: entry.receiver.statistics.jitterMilliseconds,
          sinceLastPacket: entry.receiver.lastPacketAt.map { now - $0 }, isStalled: entry.isStalled, hasEnded: entry.hasEnded,
          clock: facts,
          isMuted: entry.isMuted, alarms: AlarmKind.allCases.filter(entry.alarm.isRaised), parts: entry.parts,
          rotation: entry.receiver.rotation, pictures: entry.pictures,
          startDelay: entry.startDelay))
    }
    for source in sources {
      out.sources.append(
        TakeSnapshot.SourceNumbers(
          id: source.id, isConnected: source.isConnected, isRemoved: source.isRemoved,
          datagramsReceived: source.datagramsReceived, rtcpDatagrams: source.rtcpDatagrams,
          candidatePackets: source.legs.reduce(0) {
            $0 + $1.tracks.reduce(0) { $0 + (tracks[$1].candidate?.packets.count ?? 0) } + ($1.webrtc?.earlyCount ?? 0)
          },
          discarded: SourceDiscard.allCases.compactMap {
            source.discarded[$0.rawValue] > 0 ? ($0.name, source.discarded[$0.rawValue]) : nil
          }, remote: source.legs.first?.remote, transportDatagrams: source.transportDatagrams,
          session: source.legs.first.flatMap { leg in leg.webrtc.map { Take.numbers($0, leg.link) } }))
    }
    for participant in participants {
      out.participants.append(
        TakeSnapshot.ParticipantNumbers(
          id: participant.id, sinceJoined: participant.joinedAt.map { now - $0 }, sinceLeft: participant.leftAt.map { now - $0 }))
    }
    for pause in timeline.pauses {
      out.pauses.append(
        TakeSnapshot.PauseNumbers(
          mode: pause.mode, pausedAt: wall(at: pause.from), resumedAt: pause.to.map { wall(at: $0) },
          mediaStart: timeline.reached(pause.from), mediaEnd: pause.to.map { timeline.reached($0) }))
    }
    return out
  }
}
