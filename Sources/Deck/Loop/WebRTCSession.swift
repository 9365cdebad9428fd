import Codecs
import DTLS
import Ground
import ICE
import Negotiation
import Peer
import RTP
import Recording
import SDP
import Synchronization

/// A WebRTC source's negotiation, on the control plane's side. The peer itself belongs to a loop once the recording does.
final class WebRTCSession: @unchecked Sendable {
  /// Guarded by the entry's `sources`.
  var negotiator: Negotiator
  let specification: WebRTCSpecification
  /// On the loop's thread, once the recording is there.
  let peer: WebRTCPeer
  /// What the peer was made with; where the source outlives its peers, the next is made with it too.
  let ice: ICEConfiguration
  /// The take's index of the source.
  var source = 0
  /// The tracks of each section that has some, by MID: the take's numbers, known once the source is attached.
  var tracks: [String: [Int]] = [:]
  /// Whose media those tracks are.
  private var owners: [String: [String]] = [:]
  /// Of a source that outlives its peers: its track of each kind.
  var pulled: [String: Int] = [:]
  /// Our offer, where we made one.
  var offer: String?

  init(negotiator: Negotiator, specification: WebRTCSpecification, peer: WebRTCPeer, ice: ICEConfiguration) {
    self.negotiator = negotiator
    self.ice = ice
    self.specification = specification
    self.peer = peer
  }

  /// A section has these tracks now.
  func setTracks(_ numbers: [Int], of section: AgreedSection) {
    tracks[section.mid] = numbers
    owners[section.mid] = specifications(section).map(\.participant)
  }

  /// Whether a section brings media that none of its tracks is for: it has none yet, or it is somebody else's than before. An SFU gives
  /// the section of one who has left to the next who comes.
  func needsTracks(_ section: AgreedSection) -> Bool {
    section.isReceiving && (tracks[section.mid] == nil || owners[section.mid] != specifications(section).map(\.participant))
  }

  // MARK: What was agreed on, in the words of other rooms

  /// Who does what in the DTLS handshake.
  var role: DTLSSession.Role { negotiator.setup == .passive ? .server : .client }

  /// What the peer's description says, checked. Candidates that are of no use are left out.
  static func remote(_ transport: RemoteTransport) throws(ControlError) -> WebRTCPeer.Remote {
    let fingerprints = transport.fingerprints.compactMap { fingerprint in
      DTLSHash(rawValue: fingerprint.algorithm).flatMap { try? DTLSFingerprint(hash: $0, bytes: fingerprint.digest) }
    }
    guard !fingerprints.isEmpty else {
      throw ControlError(.invalidField, "offer: a=fingerprint: none is of sha-256, sha-384 or sha-512", field: "offer")
    }
    do throws(ICEError) {
      let credentials = try ICECredentials(usernameFragment: transport.ufrag, password: transport.password)
      var remote = WebRTCPeer.Remote(credentials: credentials, fingerprints: fingerprints)
      remote.isLite = transport.isLite
      remote.isComplete = transport.hasEndedCandidates
      for line in transport.candidates {
        if case .candidate(let candidate) = try ICECandidate.read(line) { remote.candidates.append(candidate) }
      }
      return remote
    } catch {
      throw ControlError(.invalidField, "offer: \(WebRTCSession.text(error))", field: "offer")
    }
  }

  static func text(_ error: ICEError) -> String {
    switch error {
    case .badUsernameFragment: "a=ice-ufrag is malformed"
    case .badPassword: "a=ice-pwd is malformed"
    case .malformedCandidate(let field): "a=candidate: the \(field.rawValue) is malformed"
    case .restartNeeded: "the ICE credentials changed without a restart"
    case .closed: "the peer has left"
    case .cryptography: "no HMAC can be made"
    }
  }

  /// Our side of the transport, as descriptions tell it.
  static func local(_ peer: WebRTCPeer, isLite: Bool, identity: DTLSIdentity) -> LocalTransport {
    let candidates = peer.localCandidates
    let address = candidates.first?.address ?? SocketAddress(ipv4: 0, port: 9)
    return LocalTransport(
      ufrag: peer.localCredentials.usernameFragment, password: peer.localCredentials.password.exposed,
      candidates: candidates.map { String($0.line.dropFirst("candidate:".count)) },
      address: ConnectionData(family: address.isIPv4 ? .ip4 : .ip6, address: address.ip), port: address.port, isLite: isLite,
      fingerprint: Fingerprint(algorithm: identity.sha256.hash.rawValue, digest: identity.sha256.bytes))
  }

  /// What all sections agreed on together.
  var feedback: SessionFeedback {
    var feedback = SessionFeedback()
    feedback.extensions = negotiator.extensions
    let kinds = negotiator.sections.compactMap { $0.codec?.feedback }
    feedback.transportCC = kinds.contains { $0.contains(.transportCC) } && feedback.extensions[.transportSequenceNumber] != nil
    feedback.remb = kinds.contains { $0.contains(.remb) }
    return feedback
  }

  /// Whose a section's media is.
  private func participant(_ section: AgreedSection) -> String {
    let keys = [section.mid, section.streamID].compactMap { $0 }
    if let mapped = specification.participants.first(where: { keys.contains($0.key) }) { return mapped.participant }
    return specification.participant ?? section.streamID ?? "main"
  }

  /// The tracks that a section's media makes: one, or one for each simulcast layer where each is recorded.
  func specifications(_ section: AgreedSection) -> [TrackSpecification] {
    guard let codec = section.codec else { return [] }
    let owner = participant(section)
    let isSplit = specification.simulcast == .all && section.rids.count > 1
    return (isSplit ? section.rids.map { "\(owner)-\($0)" } : [owner]).map { participant in
      var track = TrackSpecification(
        participant: participant, codec: codec.codec, payloadType: codec.payloadType,
        channels: codec.codec.kind == .audio ? min(2, max(1, codec.channels)) : 1)
      if codec.codec.kind == .audio, codec.codec != .opus {
        track.sound = SoundFormat(
          codec: codec.codec, clockRate: codec.clockRate, channels: codec.channels,
          streams: try? OpusStreams(parameters: codec.parameters ?? "", channels: codec.channels))
      }
      track.parameterSets = WebRTCSession.parameterSets(codec.parameters)
      track.red = codec.red.map { REDSpecification(payloadType: $0, rtx: codec.redRTX) }
      track.fec = codec.correction
      track.nack = codec.feedback.contains(.nack)
      if let rtx = codec.rtx, codec.feedback.contains(.nack) { track.rtx = RTXSpecification(payloadType: rtx) }
      return track
    }
  }

  /// Those of an H.264 or H.265 sender that signals them (RFC 6184 §8.1, RFC 7798 §7.1); what cannot be read will come in the stream.
  private static func parameterSets(_ parameters: String?) -> [[UInt8]] {
    let names = ["sprop-parameter-sets=", "sprop-vps=", "sprop-sps=", "sprop-pps="]
    var sets: [[UInt8]] = []
    for word in (parameters ?? "").split(separator: ";") {
      let field = word.drop { $0 == " " }
      for name in names where field.hasPrefix(name) {
        sets += field.dropFirst(name.count).split(separator: ",").compactMap { Base64.decode($0.utf8) }
      }
    }
    return sets
  }

  func section(_ section: AgreedSection, tracks: [Int]) -> SessionSection? {
    guard let codec = section.codec else { return nil }
    var told = SessionSection(
      mid: section.mid, payloadType: codec.payloadType, rtx: codec.rtx, rids: section.rids,
      streams: section.streams.map { ($0.ssrc, $0.rtx) }, tracks: tracks)
    told.red = codec.red
    told.redRTX = codec.redRTX
    told.fec = codec.correction
    told.usesFIR = codec.feedback.contains(.fir) && !codec.feedback.contains(.pli)
    return told
  }
}

extension AgreedCodec {
  /// The correction that a track is told of.
  fileprivate var correction: FECSpecification? {
    corrections.first.map { FECSpecification(mechanism: $0.key, payloadType: $0.value) }
  }
}
