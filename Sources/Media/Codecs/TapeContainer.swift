/// What a tape's file is, by its name in the API and its file name's extension.
package enum TapeContainer: String, Sendable, Hashable, CaseIterable {
  /// WebM: what all browsers play, of the codecs that it may hold.
  case webm
  /// Matroska: the same with any codec.
  case mkv

  /// Whether it can hold the codec.
  package func holds(_ codec: Codec) -> Bool {
    switch codec {
    case .opus, .multiopus, .vp8, .vp9, .av1: true
    case .h264, .h265, .pcmu, .pcma, .g722, .l16: self == .mkv
    case .aac: false
    }
  }

  /// The received codecs that it can hold, in the order of preference.
  package var codecs: [Codec] { Codec.received.filter(holds) }
}
