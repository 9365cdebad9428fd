import CLibAV
import Codecs

extension Codec {
  /// What libavformat calls it.
  var libraryID: AVCodecID {
    switch self {
    case .opus, .multiopus: AV_CODEC_ID_OPUS
    case .pcmu: AV_CODEC_ID_PCM_MULAW
    case .pcma: AV_CODEC_ID_PCM_ALAW
    case .g722: AV_CODEC_ID_ADPCM_G722
    case .l16: AV_CODEC_ID_PCM_S16BE
    case .aac: AV_CODEC_ID_AAC
    case .vp8: AV_CODEC_ID_VP8
    case .vp9: AV_CODEC_ID_VP9
    case .h264: AV_CODEC_ID_H264
    case .h265: AV_CODEC_ID_HEVC
    case .av1: AV_CODEC_ID_AV1
    }
  }
}
