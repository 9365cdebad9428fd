import Ground
import ICE
import Peer

/// Why a datagram of a source belongs to no track.
package enum SourceDiscard: Int, Sendable, CaseIterable {
  case stranger, malformed, authenticationFailed, replayed, notRTCP, notRTP
  /// No declared track has the payload type.
  case unknownPayloadType
  /// The payload type is a track's, the SSRC is another.
  case unknownSSRC
  /// Retransmissions and probes of a declared RTX stream.
  case rtx
  /// Forward error correction in a stream of its own, made use of or not.
  case forwardErrorCorrection
  /// RTCP that breaks off or lies about its lengths.
  case malformedRTCP
  /// Longer than any datagram that RTP over UDP sends.
  case oversized
  /// STUN that is broken, or that is not the peer's.
  case rejectedSTUN
  /// Media that came before the handshake had agreed on keys: more than is kept, or without any keys after.
  case beforeKeys

  package var name: String { "\(self)" }

  init(_ discard: DatagramDiscard) {
    switch discard {
    case .stranger: self = .stranger
    case .malformed: self = .malformed
    case .authenticationFailed: self = .authenticationFailed
    case .replayed: self = .replayed
    case .notRTCP: self = .notRTCP
    case .notRTP: self = .notRTP
    case .rejectedSTUN: self = .rejectedSTUN
    case .beforeKeys: self = .beforeKeys
    }
  }
}

/// One transport of a source: a port or pair of ports that a sender of plain RTP or SRTP speaks to, or a WebRTC peer; and the tracks that
/// come through it.
final class SourceLeg {
  private var rtp: RTPPeer?
  private(set) var webrtc: WebRTCPeer?
  let hasRTCPPort: Bool
  /// The take's track numbers.
  var tracks: [Int] = []
  /// Whether forward error correction may come in streams of its own.
  var hasCorrectionStreams = false
  /// Of a WebRTC peer.
  var router = StreamRouter()
  var feedback = LegFeedback()
  /// What the peer's state was when it was last told.
  var toldState: WebRTCPeer.State?
  /// Of a leg that outlives its peers: how it stands while none is connected to it.
  var link: SourceLink?
  /// Whether tracks go on when the peer is lost, because another may come in its place.
  var outlivesPeer = false

  init(peer: consuming RTPPeer, hasRTCPPort: Bool) {
    rtp = consume peer
    webrtc = nil
    self.hasRTCPPort = hasRTCPPort
  }

  init(peer: WebRTCPeer) {
    rtp = nil
    webrtc = peer
    hasRTCPPort = false
  }

  func receive(
    _ datagram: inout MutableSpan<UInt8>, from address: SocketAddress, to local: SocketAddress, on port: PeerPort, at now: Instant
  ) -> Reception {
    if let webrtc { return webrtc.receive(&datagram, from: address, to: local, at: now) }
    return rtp?.receive(&datagram, from: address, on: port, at: now) ?? .discarded(.malformed)
  }

  /// Whether its WebRTC peer has left or failed for good.
  var hasLeft: Bool {
    if outlivesPeer { return link?.state == .failed }
    return webrtc.map { $0.state == .failed || $0.state == .closed } ?? false
  }

  /// The sender's address, once known.
  var remote: SocketAddress? { webrtc.map { $0.selectedPair?.remote } ?? rtp?.remote }

  /// Where RTCP goes, once known.
  var rtcpDestination: SocketAddress? {
    if let webrtc { return webrtc.hasKeys ? webrtc.selectedPair?.remote : nil }
    return rtp?.rtcpDestination
  }

  /// Which of our addresses RTCP leaves from, where that matters.
  var rtcpOrigin: SocketAddress? { webrtc?.selectedPair?.local }

  /// Another peer comes in place of the one before, which has been taken leave of.
  func replace(_ peer: WebRTCPeer) {
    webrtc = peer
    router = StreamRouter()
    feedback = LegFeedback()
    toldState = nil
    link = nil
  }

  func latch(_ address: SocketAddress, at now: Instant) { rtp?.latch(address, at: now) }

  /// Makes an RTCP datagram ready to send; false where it cannot be.
  func protectRTCP(_ datagram: inout [UInt8]) -> Bool {
    if let webrtc { return webrtc.protectRTCP(&datagram) }
    return (try? rtp?.protectRTCP(&datagram)) != nil
  }
}

/// One source of a recording. At any time, `datagramsReceived` is the sum of `discarded`, `rtcpDatagrams`, `transportDatagrams`, the
/// packets received of its tracks but those taken from redundancy or rebuilt, and those that wait as candidates.
final class TakeSource {
  let id: String
  var legs: [SourceLeg] = []
  let specification: SourceSpecification
  var discarded = [UInt64](repeating: 0, count: SourceDiscard.allCases.count)
  var datagramsReceived: UInt64 = 0
  var rtcpDatagrams: UInt64 = 0
  /// STUN and DTLS of its peer.
  var transportDatagrams: UInt64 = 0
  var isRemoved = false
  var isConnected = false
  /// How often a sender changed to another codec.
  var codecChanges = 0

  init(id: String, specification: SourceSpecification) {
    self.id = id
    self.specification = specification
  }

  /// Whether nothing more will come. A sender of plain RTP never says so.
  var isOver: Bool { isRemoved || (!legs.isEmpty && legs.allSatisfy(\.hasLeft)) }

  func count(_ cause: SourceDiscard) { discarded[cause.rawValue] += 1 }
}
