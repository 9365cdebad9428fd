/// What a tape's file is, by its name in the API and its file name's extension.
package enum TapeContainer: String, Sendable, Hashable, CaseIterable {
  /// WebM: what all browsers play, of the codecs that it may hold.
  case webm
  /// Matroska: the same with any codec.
  case mkv
  /// MP4: what plays on most devices, of the codecs that they know.
  case mp4

  /// Whether it can hold the codec.
  package func holds(_ codec: Codec) -> Bool {
    switch codec {
    case .opus, .vp9, .av1: true
    case .multiopus, .vp8: self != .mp4
    case .h264, .h265: self != .webm
    case .pcmu, .pcma, .g722, .l16: self == .mkv
    case .aac: false
    }
  }

  /// The received codecs that it can hold, in the order of preference.
  package var codecs: [Codec] { Codec.received.filter(holds) }
}
