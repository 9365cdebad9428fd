package import Codecs
package import Ground
package import Recording

/// What is in a capture: who sends which streams where, and what their packets mean.
package struct CaptureDescription: Sendable {
  /// Where the payload types come from.
  package enum Origin: String, Sendable {
    case sessionDescription = "a session description"
    case facts = "the facts beside it"
    case recognised = "the streams themselves"
  }

  /// A sender, as far as the capture can tell one from another.
  package struct Participant: Sendable, Equatable {
    /// `p1`, `p2` … in the order of their first packets.
    package var id: String
    /// The canonical name in the sender's reports, where it sends them (RFC 3550 §6.5.1).
    package var cname: String?
  }

  /// One stream of media, across the SSRCs that succeed each other on it.
  package struct Track: Sendable, Equatable {
    package var participant: String
    package var format: PayloadFormat
    package var payloadType: PayloadType
    /// In the order of their first packets; each begins when the one before has ended.
    package var ssrcs: [SSRC]
    /// The retransmissions of this track, where the capture has them.
    package var retransmission: RTXSpecification?
    /// Redundancy around this track's payloads, where its streams are sent so.
    package var redundancy: REDSpecification?
    /// Forward error correction of this track, beside that of `redundancy`.
    package var correction: FECSpecification?
    package var mid: String?
    /// Where it comes from (of the first SSRC) and goes to.
    package var flow: Flow
    /// Where the sender's RTCP for it goes: the same socket, or another port. Nil where the capture has none.
    package var rtcpDestination: SocketAddress?
    package var firstPacket: WallTime
    package var lastPacket: WallTime

    /// The codec, where it is one that goes on tape.
    package var codec: Codec? { format.codec }
  }

  /// What an SSRC on a flow carries.
  package enum Role: Sendable, Equatable {
    /// A track's media, by the track's index.
    case media(track: Int)
    /// Repeated packets of a track (RFC 4588); nil where it is not known of which.
    case retransmission(track: Int?)
    /// Nothing but padding: what a browser probes the path with.
    case padding
    /// Forward error correction, tones, comfort noise: no track of its own.
    case auxiliary
  }

  /// One SSRC on one flow.
  package struct Stream: Sendable, Equatable {
    package var flow: Flow
    package var ssrc: SSRC
    package var payloadType: PayloadType
    package var format: PayloadFormat
    /// What comes wrapped in it, where the format is redundancy (RFC 2198).
    package var wrapped: PayloadFormat? = nil
    /// And under which payload type; what comes under another is forward error correction.
    package var wrappedType: PayloadType? = nil
    package var role: Role
    package var packets: Int
    /// False for an encrypted stream that no key opens: its headers can be read, its payloads cannot.
    package var isReadable: Bool
    /// The key that opens it, as a number into `keys`.
    package var key: Int?
    package var firstPacket: WallTime
    package var lastPacket: WallTime
  }

  package internal(set) var origin = Origin.recognised
  package internal(set) var participants: [Participant] = []
  package internal(set) var tracks: [Track] = []
  package internal(set) var streams: [Stream] = []
  /// The key that opens the senders' media; nil where they send in clear or no key is known.
  package internal(set) var srtp: SRTPSpecification?
  /// When the first and the last datagram were captured; nil for a capture without datagrams.
  package internal(set) var firstTime: WallTime?
  package internal(set) var lastTime: WallTime?
  /// How the file ends too early, if it does: everything else was told by what is whole.
  package internal(set) var damage: CaptureError?

  /// What was said about the capture beforehand.
  let hints: CaptureHints
  private var roles: [CaptureSurvey.StreamKey: Int] = [:]
  private var mediaWays: Set<Way> = []
  private var rtcpWays: Set<Way> = []

  /// From an address to a socket: a sender may use several ports of its own.
  struct Way: Hashable, Sendable {
    var sourceHigh: UInt64
    var sourceLow: UInt64
    var destination: SocketAddress
    init(_ flow: Flow) {
      sourceHigh = flow.source.high
      sourceLow = flow.source.low
      destination = flow.destination
    }
  }

  /// Looks through the whole capture. Throws where it is none; one that is damaged is described by what is whole.
  package init(of path: String, hints: CaptureHints) throws(CaptureError) {
    self.init(survey: try CaptureSurvey(path: path, hints: hints), hints: hints)
  }

  init(survey: CaptureSurvey, hints: CaptureHints) {
    self.hints = hints
    origin = hints.hasFormats ? hints.origin : .recognised
    firstTime = survey.firstTime
    lastTime = survey.lastTime
    damage = survey.damage
    let kept = keepStreams(of: survey)
    for (i, stream) in streams.enumerated() where stream.role == .retransmission(track: nil) {
      let index = repairedTrack(of: stream, kept[i], among: kept)
      streams[i].role = .retransmission(track: index)
      if let index { tracks[index].retransmission = RTXSpecification(payloadType: stream.payloadType, ssrc: stream.ssrc) }
      // Recognised by what it repeats: nobody has said what to call it.
      if !hints.hasFormats {
        streams[i].format = PayloadFormat(
          encoding: "rtx", clockRate: stream.format.clockRate, repaired: index.map { tracks[$0].payloadType })
      }
    }
    for (i, stream) in streams.enumerated() {
      roles[CaptureSurvey.StreamKey(flow: stream.flow, ssrc: stream.ssrc)] = i
      mediaWays.insert(Way(stream.flow))
    }
    findRTCP(in: survey)
    groupParticipants(cnames: survey.cnames)
    if let key = streams.lazy.compactMap(\.key).first, var found = CaptureDecryption(keys: hints.keys)?.keys[key] {
      if survey.sawClearRTCP, !survey.sawSRTCP { found.rtcp = .clear }
      srtp = found
    }
  }

  /// What the sender's address and the datagram's SSRC make of a datagram.
  package func stream(of ssrc: SSRC, on flow: Flow) -> Stream? {
    roles[CaptureSurvey.StreamKey(flow: flow, ssrc: ssrc)].map { streams[$0] }
  }

  /// Whether a datagram on this flow goes from a sender of media to its receiver: RTP, or RTCP beside it. What comes back is feedback.
  package func isFromSender(_ flow: Flow, _ kind: DatagramKind) -> Bool {
    switch kind {
    case .rtp: mediaWays.contains(Way(flow))
    case .rtcp, .emptyHeader: rtcpWays.contains(Way(flow))
    case .stun, .dtls, .turnChannel, .unknown: mediaWays.contains(Way(flow))
    }
  }

  // MARK: - How it is found out

  /// Takes over what is a stream, and its track with it (retransmissions find theirs when all are known); answers the evidence for each.
  private mutating func keepStreams(of survey: CaptureSurvey) -> [StreamEvidence] {
    var kept: [StreamEvidence] = []
    for evidence in survey.streams {
      let overDTLS = survey.dtlsFlows.contains(evidence.flow) || survey.dtlsFlows.contains(evidence.flow.reversed)
      let isReadable = evidence.key != nil || (evidence.refused == 0 && !overDTLS)
      let known = evidence.payloadTypes.filter { hints.format(of: $0.key, to: evidence.flow.destination.port) != nil }
      var payloadType = evidence.payloadType
      let format: PayloadFormat
      if hints.hasFormats {
        guard let most = known.max(by: { ($0.value, $1.key.value) < ($1.value, $0.key.value) })?.key,
          let told = hints.format(of: most, to: evidence.flow.destination.port)
        else { continue }
        payloadType = most
        format = told
      } else {
        guard evidence.isStream else { continue }
        format = (isReadable ? evidence.recognised : nil) ?? evidence.guess
      }
      var stream = Stream(
        flow: evidence.flow, ssrc: evidence.ssrc, payloadType: payloadType, format: format, role: .auxiliary,
        packets: evidence.packets, isReadable: isReadable, key: evidence.key, firstPacket: evidence.firstTime,
        lastPacket: evidence.lastTime)
      let port = evidence.flow.destination.port
      let wrapping = evidence.payloadTypes.keys.sorted { $0.value < $1.value }.first { [hints] in hints.wrapped(in: $0, to: port) != nil }
      let inner = wrapping.flatMap { hints.wrapped(in: $0, to: port) }
      stream.wrapped = inner?.format
      stream.wrappedType = inner?.payloadType
      stream.role = role(of: stream, evidence, in: survey)
      if let wrapping, let inner, case .media(let track) = stream.role {
        tracks[track].redundancy = hints.redundancy(wrapping, to: port)
        tracks[track].payloadType = inner.payloadType
        tracks[track].format = inner.format
      }
      if case .media(let track) = stream.role, tracks[track].redundancy?.ulpfec == nil {
        tracks[track].correction = tracks[track].format.isVideo ? hints.correction(beside: evidence.payloadTypes.keys, to: port) : nil
      }
      streams.append(stream)
      kept.append(evidence)
    }
    return kept
  }

  private mutating func role(of stream: Stream, _ evidence: StreamEvidence, in survey: CaptureSurvey) -> Role {
    if stream.format.isRetransmission || hints.retransmissions[stream.ssrc] != nil { return .retransmission(track: nil) }
    if ["ulpfec", "flexfec", "flexfec-03", "telephone-event", "cn"].contains(stream.format.encoding.lowercased()) { return .auxiliary }
    if !hints.hasFormats, evidence.recognised == nil {
      if evidence.paddingOnly == evidence.packets { return .padding }
      let isRepeated = survey.streams.contains { media in
        // Of media that is not recognised itself, repeats are the fewer packets.
        (media.recognised != nil || (media.isStream && media.packets > evidence.packets)) && evidence.repeats(media)
      }
      if isRepeated { return .retransmission(track: nil) }
    }
    return .media(track: track(for: stream, cnames: survey.cnames))
  }

  /// The track that a stream goes on with, or a new one. A later SSRC of the same payload type on the same way is the same track:
  /// its sender began anew.
  private mutating func track(for stream: Stream, cnames: [SSRC: String]) -> Int {
    let told = hints.sources[stream.ssrc]
    let cname = cnames[stream.ssrc] ?? told?.cname
    let tolerance = TimeSpan.milliseconds(200)
    for (i, track) in tracks.enumerated() {
      guard (track.redundancy?.payloadType ?? track.payloadType) == stream.payloadType, track.format == stream.wrapped ?? stream.format,
        Way(track.flow) == Way(stream.flow),
        stream.firstPacket - track.lastPacket > -tolerance
      else { continue }
      if let before = self.cname(of: track, cnames), let cname, before != cname { continue }
      if let mid = track.mid, let other = told?.mid, mid != other { continue }
      tracks[i].ssrcs.append(stream.ssrc)
      tracks[i].lastPacket = max(track.lastPacket, stream.lastPacket)
      return i
    }
    tracks.append(
      Track(
        participant: "", format: stream.format, payloadType: stream.payloadType, ssrcs: [stream.ssrc], mid: told?.mid,
        flow: stream.flow, firstPacket: stream.firstPacket, lastPacket: stream.lastPacket))
    return tracks.count - 1
  }

  /// Which track a retransmission stream repeats: as told, as its packets show, or the only one of the repaired payload type.
  private func repairedTrack(of stream: Stream, _ evidence: StreamEvidence, among all: [StreamEvidence]) -> Int? {
    if let told = hints.retransmissions[stream.ssrc], let index = tracks.firstIndex(where: { $0.ssrcs.contains(told) }) { return index }
    if stream.isReadable, let media = all.first(where: { evidence.repeats($0) }),
      let index = tracks.firstIndex(where: { $0.ssrcs.contains(media.ssrc) && $0.flow == media.flow })
    {
      return index
    }
    let candidates = tracks.indices.filter {
      (tracks[$0].redundancy?.payloadType ?? tracks[$0].payloadType) == stream.format.repaired && tracks[$0].flow == stream.flow
    }
    return candidates.count == 1 ? candidates[0] : nil
  }

  /// Finds where each track's RTCP goes: as told, beside the media, or to the next port (RFC 3550 §11).
  private mutating func findRTCP(in survey: CaptureSurvey) {
    let seen = Set(survey.rtcpFlows.map(Way.init))
    for i in tracks.indices {
      let way = Way(tracks[i].flow)
      var next = way
      next.destination.port = hints.rtcpPorts[way.destination.port] ?? (way.destination.port == .max ? .max : way.destination.port + 1)
      // Both are the sender's, whichever was seen: an RTCP port may only ever get what is not RTCP.
      rtcpWays.formUnion([way, next])
      if seen.contains(way) {
        tracks[i].rtcpDestination = way.destination
      } else if seen.contains(next) {
        tracks[i].rtcpDestination = next.destination
      }
    }
  }
}

extension Flow {
  /// The way back.
  package var reversed: Flow { Flow(source: destination, destination: source) }
}
