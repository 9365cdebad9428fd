package import Codecs
package import Ground
package import RTP

/// How we may tell the sender of a payload type what we need (RFC 4585 §4.2, RFC 5104 §7.1).
package struct FeedbackKinds: OptionSet, Sendable, Hashable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }
  /// Generic negative acknowledgements of packets.
  package static let nack = FeedbackKinds(rawValue: 1)
  /// Picture loss indications.
  package static let pli = FeedbackKinds(rawValue: 2)
  /// Full intra requests.
  package static let fir = FeedbackKinds(rawValue: 4)
  /// Transport-wide congestion control feedback.
  package static let transportCC = FeedbackKinds(rawValue: 8)
  /// Receiver-estimated maximum bitrates.
  package static let remb = FeedbackKinds(rawValue: 16)
}

/// A stream that a description names by its SSRC (RFC 5576).
package struct SignalledStream: Sendable, Hashable {
  package var ssrc: SSRC
  /// The stream that repeats its packets (`ssrc-group:FID`).
  package var rtx: SSRC?
  package init(ssrc: SSRC, rtx: SSRC? = nil) {
    self.ssrc = ssrc
    self.rtx = rtx
  }
}

/// One media section as both sides have it.
package struct AgreedSection: Sendable, Equatable {
  package var mid: String
  package var kind: String
  /// What is received; nil for a section that was rejected.
  package var codec: AgreedCodec?
  /// Whether media may come now; false while the peer has the section inactive.
  package var isReceiving = false
  /// The header extensions, by the ids that the peer sends.
  package var extensions: [RTPHeaderExtension: UInt8] = [:]
  /// The simulcast layers by their restriction ids, in the peer's order; empty without simulcast.
  package var rids: [String] = []
  package var streams: [SignalledStream] = []
  /// What `a=msid` calls the media stream and the track, where it does.
  package var streamID: String?
  package var trackID: String?

  package var isRejected: Bool { codec == nil }
}

/// The one codec that a section is received in.
package struct AgreedCodec: Sendable, Hashable {
  package var codec: Codec
  package var payloadType: PayloadType
  /// The payload type of retransmissions (RFC 4588).
  package var rtx: PayloadType?
  /// The payload type of redundancy around the codec's payloads (RFC 2198): of sound, and of pictures where it carries forward error
  /// correction. Whether it comes first in the descriptions: the sender prefers it then.
  package var red: PayloadType? = nil
  package var prefersRED = false
  /// The payload type of retransmissions of that.
  package var redRTX: PayloadType? = nil
  /// Forward error correction of pictures, by its scheme: what was agreed on is one, what we offer may be both.
  package var corrections: [RTPCorrection.Scheme: PayloadType] = [:]
  package var channels: Int
  /// What its timestamps count by.
  package var clockRate: ClockRate
  /// The sender's `a=fmtp` parameters, where it has any.
  package var parameters: String?
  package var feedback: FeedbackKinds
}
