import CLibAV
import Codecs

extension Codec {
  /// What libavformat calls it.
  var libraryID: AVCodecID {
    switch self {
    case .opus: AV_CODEC_ID_OPUS
    case .aac: AV_CODEC_ID_AAC
    case .vp8: AV_CODEC_ID_VP8
    case .vp9: AV_CODEC_ID_VP9
    case .h264: AV_CODEC_ID_H264
    case .av1: AV_CODEC_ID_AV1
    }
  }
}
