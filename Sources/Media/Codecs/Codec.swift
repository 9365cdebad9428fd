package import Ground

/// Sound or picture.
package enum MediaKind: String, Sendable, Hashable, CaseIterable {
  case audio, video
}

/// A codec that Tapedeck can put on tape, by its name in SDP (RFC 8866 §6.6), compared without case.
package enum Codec: String, Sendable, Hashable, CaseIterable {
  case opus = "opus"
  /// Opus of up to eight channels in several streams, as Chromium has it.
  case multiopus = "multiopus"
  /// G.711, µ-law and A-law (RFC 3551 §4.5.14).
  case pcmu = "PCMU"
  case pcma = "PCMA"
  case g722 = "G722"
  /// Samples of 16 bits, big-endian (RFC 3551 §4.5.11).
  case l16 = "L16"
  case vp8 = "VP8"
  case vp9 = "VP9"
  case h264 = "H264"
  case h265 = "H265"
  case av1 = "AV1"
  /// Made by the transcoder for HLS; never comes over RTP here.
  case aac = "AAC"

  /// The codecs accepted from an RTP source.
  package static let received: [Codec] = [.opus, .multiopus, .g722, .pcmu, .pcma, .l16, .vp8, .vp9, .h264, .av1, .h265]

  /// The received codec of that name; nil where there is none.
  package init?(name: String) {
    guard let codec = Codec.received.first(where: { $0.rawValue.lowercased() == name.lowercased() }) else { return nil }
    self = codec
  }
  /// What it codes.
  package var kind: MediaKind {
    switch self {
    case .opus, .multiopus, .pcmu, .pcma, .g722, .l16, .aac: .audio
    case .vp8, .vp9, .h264, .h265, .av1: .video
    }
  }
  /// Whether its pictures go into HLS as they are.
  package var isPlayedInMP4: Bool { [.vp9, .h264, .h265, .av1].contains(self) }
  /// The RTP clock rate that the payload format fixes (RFC 7587 §4.1, RFC 7741 §6.1, RFC 9628 §6, RFC 6184 §8.1, RFC 7798 §7.1,
  /// AV1 RTP payload format §7.1, RFC 3551 §6); for L16, which runs at any, that of its static payload types.
  package var clockRate: ClockRate {
    switch self {
    case .opus, .multiopus, .aac: ClockRate(48_000)
    case .pcmu, .pcma, .g722: ClockRate(8_000)
    case .l16: ClockRate(44_100)
    case .vp8, .vp9, .h264, .h265, .av1: ClockRate(90_000)
    }
  }
  /// The clock rates that it may run at.
  package var clockRates: ClosedRange<UInt32> { self == .l16 ? 8_000...96_000 : clockRate.hertz...clockRate.hertz }
  /// How many channels its sound may have. More than two of L16 would be in an order that containers do not have (RFC 3551 §4.1).
  package var channelCounts: ClosedRange<Int> {
    switch self {
    case .opus, .pcmu, .pcma, .l16, .aac: 1...2
    case .multiopus: 1...OpusStreams.mostChannels
    default: 1...1
    }
  }
  /// How many channels its sound has where nobody says it: one, where SDP says one by saying nothing (RFC 8866 §6.6).
  package var usualChannels: Int {
    switch self {
    case .opus, .aac: 2
    case .multiopus: 6
    default: 1
    }
  }
}

/// What a container needs to know of a track before its first frame.
package struct TrackFormat: Sendable, Hashable {
  /// What its frames are.
  package var codec: Codec
  /// Audio only; 1 or 2, and up to 8 of `multiopus`.
  package var channels: Int
  /// What the sender's timestamps count by.
  package var clockRate: ClockRate
  /// `multiopus` only.
  package var streams: OpusStreams?
  /// Video only; nil until a key frame has told it.
  package var size: PictureSize?
  /// Video only: how its pictures must be turned.
  package var rotation = PictureRotation.none
  /// Video only: whether that may be told later.
  package var mayRotate = false
  /// The codec's own header where it has one: avcC for H.264, hvcC for H.265, av1C for AV1, AudioSpecificConfig for AAC; empty otherwise.
  package var configuration: [UInt8]

  /// A track of `codec`.
  package init(codec: Codec, channels: Int = 2, size: PictureSize? = nil, configuration: [UInt8] = []) {
    self.codec = codec
    self.channels = channels
    clockRate = codec.clockRate
    streams = codec == .multiopus ? OpusStreams(channels: channels) : nil
    self.size = size
    self.configuration = configuration
  }

  /// A track of that sound.
  package init(sound: SoundFormat) {
    self.init(codec: sound.codec, channels: sound.channels)
    clockRate = sound.clockRate
    streams = sound.streams
  }

  /// How its sound lies in its frames.
  package var sound: SoundFormat { SoundFormat(codec: codec, clockRate: clockRate, channels: channels, streams: streams) }
}

/// A picture's size in pixels.
package struct PictureSize: Sendable, Hashable, CustomStringConvertible {
  /// Pixels across.
  package var width: Int
  /// Pixels down.
  package var height: Int
  /// A size of `width` by `height`.
  package init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }
  /// As in `1280x720`.
  package var description: String { "\(width)x\(height)" }
}

/// One coded frame with its place on the recording's timeline: what the tape and the transcoder take.
package struct EncodedFrame: Sendable {
  /// The frame as the codec defines it: an Opus packet, a VP8 frame, an H.264 or H.265 access unit with 4-byte lengths, an AV1 temporal unit of
  /// units with their sizes, a raw AAC frame.
  package var bytes: [UInt8]
  /// Which track of its file the frame belongs to: an index into the formats that the file was opened with.
  package var track: Int
  /// Where on the timeline it is presented. Never negative, and strictly increasing within a track.
  package var time: MediaTime
  /// How long it lasts where the codec says so (audio); zero where only the next frame tells.
  package var duration: TimeSpan
  /// Whether decoding can start here; true for every audio frame.
  package var isKey: Bool
  /// The picture size that a video key frame declares.
  package var size: PictureSize?
  /// How the picture must be turned to be upright.
  package var rotation = PictureRotation.none

  /// What a frame of so many bytes is counted for while it waits: the smallest ones cost most where they are kept.
  package static func storedBytes(_ bytes: Int) -> Int { bytes + 256 }
  /// What this frame is counted for while it waits.
  package var storedBytes: Int { EncodedFrame.storedBytes(bytes.count) }

  /// A frame with these fields.
  package init(
    bytes: [UInt8], track: Int, time: MediaTime, duration: TimeSpan = .zero, isKey: Bool, size: PictureSize? = nil
  ) {
    self.bytes = bytes
    self.track = track
    self.time = time
    self.duration = duration
    self.isKey = isKey
    self.size = size
  }
}
