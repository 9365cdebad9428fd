import Ground
import RTCP
import RTP

/// What a datagram looks like from outside, by its first bytes (RFC 7983 §7, RFC 5761 §4).
package enum DatagramKind: String, Sendable, CaseIterable {
  case rtp = "RTP"
  case rtcp = "RTCP"
  case stun = "STUN"
  case dtls = "DTLS"
  case turnChannel = "TURN channel data"
  /// An RTP header of zeros: what Janus's forwarder opens its RTCP ports with.
  case emptyHeader = "12 bytes of zeros in place of RTCP"
  case unknown = "neither RTP nor anything that travels with it"

  package init(_ payload: Span<UInt8>) {
    guard payload.count > 0 else {
      self = .unknown
      return
    }
    switch payload[0] {
    case 0...3:
      // The magic cookie (RFC 8489 §5).
      self = payload.count >= 20 && payload.u32(at: 4) == 0x2112_a442 ? .stun : .unknown
    case 20...63: self = payload.count >= 13 ? .dtls : .unknown
    case 64...79: self = payload.count >= 4 ? .turnChannel : .unknown
    case 128...191:
      if RTCPReader.looksLikeRTCP(payload) {
        self = .rtcp
      } else if payload.count >= RTPPacket.minimumBytes {
        self = DatagramKind.isEmptyHeader(payload) ? .emptyHeader : .rtp
      } else {
        self = .unknown
      }
    default: self = .unknown
    }
  }

  private static func isEmptyHeader(_ payload: Span<UInt8>) -> Bool {
    guard payload.count == RTPPacket.minimumBytes, payload[0] == 0x80 else { return false }
    for i in 1..<payload.count where payload[i] != 0 { return false }
    return true
  }
}
