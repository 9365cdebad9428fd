package import Ground

/// The header extensions that a receiver may read, by their names in SDP (RFC 8285 §5).
package enum RTPHeaderExtension: String, Sendable, Hashable, CaseIterable {
  /// Which media section a packet belongs to (RFC 8843 §15).
  case mid = "urn:ietf:params:rtp-hdrext:sdes:mid"
  /// Which simulcast layer (RFC 8852 §3.1).
  case streamID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
  /// Which simulcast layer a retransmission belongs to (RFC 8852 §3.2).
  case repairedStreamID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
  /// When the packet was sent: 24 bits of seconds, 18 of them after the point.
  case absoluteSendTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
  /// When the frame was captured, by the capturer's own wall clock.
  case absoluteCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
  /// The packet's number among all of its transport (draft-holmer-rmcat-transport-wide-cc-extensions-01 §2).
  case transportSequenceNumber = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
  /// How loud a packet's sound is (RFC 6464).
  case audioLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
  /// How the camera was held (3GPP TS 26.114 §7.4.5).
  case videoOrientation = "urn:3gpp:video-orientation"
  /// Which frames a frame refers to (AV1 RTP payload format 1.0, appendix A).
  case dependencyDescriptor = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
  /// How long a player should delay a frame.
  case playoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
}

/// How loud a packet is (RFC 6464 §3).
package struct AudioLevel: Sendable, Hashable {
  /// Decibels below the loudest; 127 is silence.
  package var decibelsBelowFull: UInt8
  /// The sender takes it for speech.
  package var isVoice: Bool
}

/// How the camera was held (3GPP TS 26.114 §7.4.5).
package struct VideoOrientation: Sendable, Hashable {
  /// Clockwise, in degrees, by which the picture must be turned to be upright: 0, 90, 180 or 270.
  package var rotation: Int
  /// The picture must be mirrored left to right.
  package var isFlipped: Bool
  /// The camera faces away from the user.
  package var isBackFacing: Bool
}

/// The least and the most that a player should delay a frame.
package struct PlayoutDelay: Sendable, Hashable {
  package var minimum: TimeSpan
  package var maximum: TimeSpan
}

/// When a frame was captured.
package struct AbsoluteCaptureTime: Sendable, Hashable {
  /// The capturer's wall clock, as an NTP timestamp: seconds and their 2^-32 parts.
  package var ntp: UInt64
  /// What must be added for the sender's own wall clock, in 2^-32 seconds, where the packet says so.
  package var senderOffset: Int64?
}

/// The ids that the packets of a transport carry their header extensions under.
package struct RTPExtensionIDs: Sendable, Equatable {
  /// Ids lie between 1 and 255; 0 is none.
  private var ids = [UInt8](repeating: 0, count: RTPHeaderExtension.allCases.count)

  package init() {}

  private static func index(_ kind: RTPHeaderExtension) -> Int {
    switch kind {
    case .mid: 0
    case .streamID: 1
    case .repairedStreamID: 2
    case .absoluteSendTime: 3
    case .absoluteCaptureTime: 4
    case .transportSequenceNumber: 5
    case .audioLevel: 6
    case .videoOrientation: 7
    case .playoutDelay: 8
    case .dependencyDescriptor: 9
    }
  }

  package subscript(_ kind: RTPHeaderExtension) -> UInt8? {
    get {
      let id = ids[RTPExtensionIDs.index(kind)]
      return id == 0 ? nil : id
    }
    set { ids[RTPExtensionIDs.index(kind)] = newValue ?? 0 }
  }
}

extension RTPPacket {
  /// Where the value of a header extension lies; nil where the packet has none, or the transport has no id for it.
  package func value(_ kind: RTPHeaderExtension, _ ids: RTPExtensionIDs, in datagram: Span<UInt8>) -> Range<Int>? {
    guard extensionStart < extensionEnd, let id = ids[kind] else { return nil }
    return extensionValue(id: id, in: datagram)
  }

  /// A text extension: MID, RID or repaired RID (RFC 7941 §4). At most 255 bytes of UTF-8; nil where it is none.
  package func text(_ kind: RTPHeaderExtension, _ ids: RTPExtensionIDs, in datagram: Span<UInt8>) -> String? {
    guard let range = value(kind, ids, in: datagram), !range.isEmpty else { return nil }
    var bytes: [UInt8] = []
    bytes.append(copying: datagram, range)
    return String(validating: bytes, as: UTF8.self)
  }

  /// The number among all packets of the transport.
  package func transportSequenceNumber(_ ids: RTPExtensionIDs, in datagram: Span<UInt8>) -> UInt16? {
    guard let range = value(.transportSequenceNumber, ids, in: datagram), range.count >= 2 else { return nil }
    return datagram.u16(at: range.lowerBound)
  }

  /// When the packet was sent, in 2^-18 seconds; wraps every 64 seconds.
  package func absoluteSendTime(_ ids: RTPExtensionIDs, in datagram: Span<UInt8>) -> UInt32? {
    guard let range = value(.absoluteSendTime, ids, in: datagram), range.count == 3 else { return nil }
    let at = range.lowerBound
    return UInt32(datagram[at]) << 16 | UInt32(datagram[at + 1]) << 8 | UInt32(datagram[at + 2])
  }

  /// When the frame was captured: eight bytes, or sixteen with the clock offset.
  package func absoluteCaptureTime(_ ids: RTPExtensionIDs, in datagram: Span<UInt8>) -> AbsoluteCaptureTime? {
    guard let range = value(.absoluteCaptureTime, ids, in: datagram), range.count == 8 || range.count == 16 else { return nil }
    let offset = range.count == 16 ? Int64(bitPattern: datagram.u64(at: range.lowerBound + 8)) : nil
    return AbsoluteCaptureTime(ntp: datagram.u64(at: range.lowerBound), senderOffset: offset)
  }

  package func audioLevel(_ ids: RTPExtensionIDs, in datagram: Span<UInt8>) -> AudioLevel? {
    guard let range = value(.audioLevel, ids, in: datagram), !range.isEmpty else { return nil }
    let byte = datagram[range.lowerBound]
    return AudioLevel(decibelsBelowFull: byte & 0x7f, isVoice: byte & 0x80 != 0)
  }

  package func videoOrientation(_ ids: RTPExtensionIDs, in datagram: Span<UInt8>) -> VideoOrientation? {
    guard let range = value(.videoOrientation, ids, in: datagram), !range.isEmpty else { return nil }
    let byte = datagram[range.lowerBound]
    return VideoOrientation(rotation: Int(byte & 3) * 90, isFlipped: byte & 4 != 0, isBackFacing: byte & 8 != 0)
  }

  package func playoutDelay(_ ids: RTPExtensionIDs, in datagram: Span<UInt8>) -> PlayoutDelay? {
    guard let range = value(.playoutDelay, ids, in: datagram), range.count == 3 else { return nil }
    let at = range.lowerBound
    let word = UInt32(datagram[at]) << 16 | UInt32(datagram[at + 1]) << 8 | UInt32(datagram[at + 2])
    return PlayoutDelay(minimum: .milliseconds(Int64(word >> 12) * 10), maximum: .milliseconds(Int64(word & 0xfff) * 10))
  }
}
