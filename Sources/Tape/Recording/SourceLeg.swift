import Ground
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
  /// RTCP that breaks off or lies about its lengths.
  case malformedRTCP
  /// Longer than any datagram that RTP over UDP sends.
  case oversized

  package var name: String { "\(self)" }

  init(_ discard: DatagramDiscard) {
    switch discard {
    case .stranger: self = .stranger
    case .malformed: self = .malformed
    case .authenticationFailed: self = .authenticationFailed
    case .replayed: self = .replayed
    case .notRTCP: self = .notRTCP
    case .notRTP: self = .notRTP
    }
  }
}

/// One port, or pair of ports, of a source: a peer and the tracks that come through it.
final class SourceLeg {
  var peer: RTPPeer
  let hasRTCPPort: Bool
  /// The take's track numbers.
  var tracks: [Int] = []

  init(peer: consuming RTPPeer, hasRTCPPort: Bool) {
    self.peer = peer
    self.hasRTCPPort = hasRTCPPort
  }
}

/// One source of a recording. At any time, `datagramsReceived` is the sum of `discarded`, `rtcpDatagrams`, the packets received of its
/// tracks and those that wait as candidates.
final class TakeSource {
  let id: String
  var legs: [SourceLeg] = []
  let specification: SourceSpecification
  var discarded = [UInt64](repeating: 0, count: SourceDiscard.allCases.count)
  var datagramsReceived: UInt64 = 0
  var rtcpDatagrams: UInt64 = 0
  var isRemoved = false
  var isConnected = false

  init(id: String, specification: SourceSpecification) {
    self.id = id
    self.specification = specification
  }

  func count(_ cause: SourceDiscard) { discarded[cause.rawValue] += 1 }
}
