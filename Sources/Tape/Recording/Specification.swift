package import Codecs
package import Ground
package import JSON
package import RTP

/// What a client asks for with `POST /v1/recordings`, checked: every value lies in its range.
package struct RecordingSpecification: Sendable {
  package var room: String
  package var title: String?
  package var startedBy: String?
  /// Any JSON object, given back as it came.
  package var metadata: JSONValue = .object([])
  package var source: SourceSpecification
  package var participants: [ParticipantSpecification] = []
  package var outputs = OutputSpecification()
  package var limits = Limits()
  package var alarms = Alarms()

  package init(room: String, source: SourceSpecification) {
    self.room = room
    self.source = source
  }
}

extension RecordingSpecification {
  /// The codecs that the start names: its tracks', and those that a peer is to be agreed with on.
  package var declaredCodecs: [Codec] { source.tracks.flatMap(\.codecs) + (source.webrtc?.codecs ?? []) }

  /// What the tape's files are: what was asked for, or the first that holds every declared codec.
  package var container: TapeContainer {
    let declared = declaredCodecs
    return outputs.file.container ?? TapeContainer.allCases.first { declared.allSatisfy($0.holds) } ?? .mkv
  }
}

/// A person, a screen share or a bot, as the client names it.
package struct ParticipantSpecification: Sendable, Equatable {
  package var id: String
  package var name: String?
  package var userId: String?
  package var role: String?
  package init(id: String, name: String? = nil, userId: String? = nil, role: String? = nil) {
    self.id = id
    self.name = name
    self.userId = userId
    self.role = role
  }
}

/// One source: where it listens, who sends, and what it carries. It is of type `rtp`; where `webrtc` is given, `webrtc`, or
/// `whep` where that says so.
package struct SourceSpecification: Sendable {
  /// How a WebRTC peer is met. `tracks` is empty then at the start: what is agreed on makes the tracks.
  package var webrtc: WebRTCSpecification?
  /// The address to bind, or nil for the node's.
  package var listenIP: String?
  /// RTP and RTCP on one port (RFC 5761). Default true.
  package var rtcpMux = true
  /// All tracks on one port. Default true.
  package var bundle = true
  /// A fixed port instead of one of the node's range (with `bundle`).
  package var port: UInt16?
  package var remote: RemoteSpecification?
  package var srtp: SRTPSpecification?
  /// Under which ids the sender's packets bear header extensions (RFC 8285). Of an `rtp` source; with `webrtc` they are negotiated.
  package var extensions = RTPExtensionIDs()
  package var tracks: [TrackSpecification]

  package init(tracks: [TrackSpecification]) { self.tracks = tracks }

  /// By the control API's names.
  package var type: String { webrtc.map { $0.whep == nil ? "webrtc" : "whep" } ?? "rtp" }
}

/// Where the sender is. Packets from elsewhere are a stranger's; RTCP goes to `rtcpPort`, or to `port` where that is nil.
package struct RemoteSpecification: Sendable, Equatable {
  package var ip: String
  package var port: UInt16
  package var rtcpPort: UInt16?
  package init(ip: String, port: UInt16, rtcpPort: UInt16? = nil) {
    self.ip = ip
    self.port = port
    self.rtcpPort = rtcpPort
  }
}

/// Keys for SRTP (RFC 4568 names): one key for both directions.
package struct SRTPSpecification: Sendable {
  /// How RTCP travels beside SRTP.
  package enum RTCPProtection: String, Sendable {
    /// SRTCP both ways.
    case srtcp
    /// In clear both ways: what Janus's `rtp_forward` does.
    case clear
  }
  /// An SDES suite name, such as `AES_CM_128_HMAC_SHA1_80`.
  package var cryptoSuite: String
  /// Master key and salt, concatenated.
  package var key: Redacted<[UInt8]>
  package var rtcp = RTCPProtection.srtcp
  package init(cryptoSuite: String, key: [UInt8], rtcp: RTCPProtection = .srtcp) {
    self.cryptoSuite = cryptoSuite
    self.key = Redacted(key)
    self.rtcp = rtcp
  }
}

/// One RTP stream that a source is told to expect.
package struct TrackSpecification: Sendable {
  package var participant: String
  package var codec: Codec
  package var payloadType: PayloadType
  /// Nil: the first SSRC seen with that payload type is latched.
  package var ssrc: SSRC?
  package var clockRate: ClockRate
  package var channels: Int
  /// `multiopus` only.
  package var streams: OpusStreams?
  /// H.264 and H.265 only: NAL units of parameter sets that the sender signalled (sprop-parameter-sets, RFC 6184 §8.1; sprop-vps, sprop-sps
  /// and sprop-pps, RFC 7798 §7.1).
  package var parameterSets: [[UInt8]] = []
  /// H.265 only: the sender signalled decoding order numbers (sprop-max-don-diff over 0, RFC 7798 §7.1).
  package var hasOrderNumbers = false
  /// Declared retransmission stream (RFC 4588): its packets make no track.
  package var rtx: RTXSpecification?
  /// Whether the sender repeats packets that a negative acknowledgement asks for (RFC 4585 §6.2.1). Nil: it does where it has `rtx`.
  package var nack: Bool?
  /// Payload types in which the track's payloads may come wrapped (RFC 2198).
  package var red: REDSpecification?
  /// Forward error correction that the sender makes. That of `red` is meant too.
  package var fec: FECSpecification?
  /// What else the sender may send on the track's SSRC, each told by its payload type: another codec of the kind, or another type for the
  /// same. They name no SSRC and have no alternatives of their own.
  package var alternatives: [TrackSpecification] = []
  /// A fixed port (with `bundle: false`).
  package var port: UInt16?
  /// The track's own sender, where it differs from the source's (with `bundle: false`).
  package var remote: RemoteSpecification?
  package var kind: MediaKind { codec.kind }
  /// Whether missing packets are asked for.
  package var repeatsPackets: Bool { nack ?? (rtx != nil) }

  /// Whether packets of that type carry the track's numbers: its payloads, bare or wrapped, or their forward error correction.
  package func carries(_ type: PayloadType) -> Bool {
    guard type != payloadType else { return true }
    return red.map { type == $0.payloadType || type == $0.ulpfec } ?? false || type == correctionType
      || alternatives.contains { $0.payloadType == type && isOfFormat($0) }
  }
  /// The payload type of forward error correction among the track's own numbers.
  package var correctionType: PayloadType? { fec?.mechanism == .ulpfec ? fec?.payloadType : red?.ulpfec }
  /// The mechanism of the sender's forward error correction; nil where it makes none.
  package var correction: RTPCorrection.Scheme? { fec?.mechanism ?? red?.ulpfec.map { _ in .ulpfec } }
  /// Whether a packet is correction of the track in a stream of its own.
  package func isCorrected(by packet: RTPPacket) -> Bool {
    guard let fec, fec.mechanism == .flexfec, fec.payloadType == packet.payloadType else { return false }
    return fec.ssrc.map { $0 == packet.ssrc } ?? true
  }
  /// What packets of that type bring instead of what the track is made of; nil where that is the same.
  package func change(by type: PayloadType) -> TrackSpecification? {
    guard type != payloadType else { return nil }
    return alternatives.first { $0.payloadType == type && !isOfFormat($0) }
  }
  /// Whether the one goes on where the other ended.
  private func isOfFormat(_ other: TrackSpecification) -> Bool {
    codec == other.codec && (kind == .video || sound == other.sound)
  }
  /// What the track may be made of.
  package var codecs: [Codec] { [codec] + alternatives.map(\.codec) }
  /// Payload types beside its own under which the same comes.
  package var otherTypes: [PayloadType] { alternatives.filter(isOfFormat).map(\.payloadType) }
  /// Whether packets of that type on the track's SSRC use up its numbers. Among sound there is also what is no sound: comfort noise
  /// (RFC 3389), keys that were pressed (RFC 4733).
  package func numbers(_ type: PayloadType) -> Bool { carries(type) || (kind == .audio && !repairs(type)) }
  /// Whether packets of that type repeat the track's.
  package func repairs(_ type: PayloadType) -> Bool {
    if rtx?.payloadType == type || (red?.rtx).map({ $0 == type }) ?? false { return true }
    return alternatives.contains { $0.rtx?.payloadType == type && isOfFormat($0) }
  }

  package init(participant: String, codec: Codec, payloadType: PayloadType, ssrc: SSRC? = nil, channels: Int = 2) {
    self.participant = participant
    self.codec = codec
    self.payloadType = payloadType
    self.ssrc = ssrc
    self.clockRate = codec.clockRate
    self.channels = channels
    streams = codec == .multiopus ? OpusStreams(channels: channels) : nil
  }

  /// How a track of sound is coded.
  package var sound: SoundFormat {
    get { SoundFormat(codec: codec, clockRate: clockRate, channels: channels, streams: streams) }
    set {
      clockRate = newValue.clockRate
      channels = newValue.channels
      streams = newValue.streams
    }
  }
}

/// A `webrtc` source: a peer that is met by offer and answer (RFC 8829) and sends over ICE and DTLS-SRTP.
package struct WebRTCSpecification: Sendable {
  /// Who makes the first offer.
  package enum Beginning: Sendable {
    /// The peer did: its session description.
    case offer(String)
    /// We do, for one section of each kind that is wanted; the peer's answer comes later.
    case makeOffer(audio: Bool, video: Bool)
  }
  /// Which layers of a simulcast are recorded.
  package enum Simulcast: String, Sendable, CaseIterable {
    /// The one of the largest picture that comes, changing at key frames.
    case highest
    /// Each to a file of its own.
    case all
    /// Simulcast is not agreed on: the sender sends one.
    case off
  }
  package enum ICEMode: String, Sendable, CaseIterable { case lite, full }

  package var beginning: Beginning
  /// Where the media goes; codecs that it cannot hold are not agreed on. Set by the recorder.
  package var container = TapeContainer.webm
  /// Whose media it is where nothing else says so.
  package var participant: String?
  /// Participants by MID, or by the media stream's id (msid).
  package var participants: [(key: String, participant: String)] = []
  package var simulcast = Simulcast.highest
  /// What is agreed on, the most wanted first; nil: what the node says. A kind without a codec is not received.
  package var codecs: [Codec]?
  /// Nil: lite for a peer that offers and is not lite itself, else full.
  package var ice: ICEMode?
  /// Which forward error correction of pictures is agreed on, the most wanted first.
  package var fec: [RTPCorrection.Scheme] = []
  /// Whether the node's shared port is used, where there is one. A source that must not share has a port of its own.
  package var sharesPort = true
  /// The last description of ours that answered an offer, and the last that offers.
  package var answer: String?
  package var offer: String?
  /// Where our offers are taken and answered; nil: by the client of the control API.
  package var whep: WHEPSpecification?
  package init(_ beginning: Beginning) { self.beginning = beginning }
}

/// A `whep` source: a server that is asked to send (draft-ietf-wish-whep).
package struct WHEPSpecification: Sendable {
  /// The endpoint: http or https, without credentials.
  package var url: String
  /// Sent as bearer token to the endpoint's origin.
  package var token: Redacted<String>?
  /// How long the server may be away before the source has failed; nil: the node's default.
  package var graceSeconds: Double?
  package init(url: String) { self.url = url }

  /// The URL without what may be secret in it.
  package var shownURL: String {
    guard let end = url.firstIndex(where: { $0 == "?" || $0 == "#" }) else { return url }
    return url[..<end] + "?…"
  }
}

/// Redundancy around a track's payloads, on the track's own SSRC (RFC 2198).
package struct REDSpecification: Sendable, Equatable {
  package var payloadType: PayloadType
  /// Of retransmissions that repeat wrapped packets, where they have a type of their own.
  package var rtx: PayloadType?
  /// Of forward error correction in it or beside it (RFC 5109).
  package var ulpfec: PayloadType?
  package init(payloadType: PayloadType, rtx: PayloadType? = nil, ulpfec: PayloadType? = nil) {
    self.payloadType = payloadType
    self.rtx = rtx
    self.ulpfec = ulpfec
  }
}

/// Forward error correction of a track: `ulpfec` (RFC 5109) among the track's own numbers, or `flexfec-03` in a stream of its own.
package struct FECSpecification: Sendable, Equatable {
  package var mechanism: RTPCorrection.Scheme
  package var payloadType: PayloadType
  /// `flexfec-03` only; nil: what bears the payload type and names the track's SSRC.
  package var ssrc: SSRC?
  package init(mechanism: RTPCorrection.Scheme, payloadType: PayloadType, ssrc: SSRC? = nil) {
    self.mechanism = mechanism
    self.payloadType = payloadType
    self.ssrc = ssrc
  }
}

package struct RTXSpecification: Sendable, Equatable {
  package var payloadType: PayloadType
  package var ssrc: SSRC?
  package init(payloadType: PayloadType, ssrc: SSRC? = nil) {
    self.payloadType = payloadType
    self.ssrc = ssrc
  }
}

/// What is made of the media.
package struct OutputSpecification: Sendable {
  /// The tape; always on in this version.
  package var file = FileOutput()
  /// Nil turns HLS off.
  package var hls: HLSOutput? = HLSOutput()
  package init() {}
}

package struct FileOutput: Sendable, Equatable {
  /// Nil: WebM where it holds the codecs that the start declares, else Matroska.
  package var container: TapeContainer?
  package init() {}
}

package struct HLSOutput: Sendable, Equatable {
  package enum Video: String, Sendable, CaseIterable { case h264, off }
  package enum Audio: String, Sendable, CaseIterable { case aac, opus }
  package enum Quality: String, Sendable, CaseIterable { case low, medium, high, ultra }
  /// Whole seconds, 1 to 30.
  package var segmentSeconds = 4
  package var video = Video.h264
  package var audio = Audio.aac
  package var quality = Quality.medium
  /// The size of every picture that is encoded, with black beside those of another shape; nil: each has its own, and the presentation a
  /// discontinuity where that changes. Pictures that are passed on have their sender's size.
  package var canvas: PictureSize?
  package init() {}
}

/// What ends a recording by itself, nil being no such limit, and what a track's patience is.
package struct Limits: Sendable, Equatable {
  package var maxDurationSeconds: Double?
  /// No valid packet on any track for so long.
  package var idleTimeoutSeconds: Double?
  /// Every source has been removed or, being a WebRTC peer, has left or failed for so long. One that comes meanwhile goes on with the
  /// recording.
  package var departureTimeoutSeconds: Double?
  /// A participant whose source was lost or removed, and who is back before so long, goes on in the same file; who comes later begins its
  /// next part.
  package var reconnectGraceSeconds = 120.0
  /// Of all files together.
  package var maxBytes: Int64?
  /// After so long without a picture because references are missing and no key frame comes, pictures go to tape all the same. Zero: never.
  /// Nil: the node's default.
  package var degradedAfterSeconds: Double?
  /// A node's default where its operator says nothing.
  package static let defaultDegradedAfterSeconds = 10.0

  /// The same as a time; nil: never.
  package var degradedAfter: TimeSpan? {
    let seconds = degradedAfterSeconds ?? Limits.defaultDegradedAfterSeconds
    return seconds > 0 ? .seconds(seconds) : nil
  }
  package init() {}
}

/// What is told of a recording that goes wrong while it runs. Nil: that is not told.
package struct Alarms: Sendable, Equatable {
  /// A track of sound has been digital silence for so long.
  package var silenceSeconds: Double? = 10
  package init() {}
}
