import CLibAV
import Codecs
import Ground

/// Owns libavcodec's x264 encoder for pictures of one size: one frame out for each picture in, at once.
@safe struct H264Encoder: ~Copyable {
  let size: PictureSize
  /// The track's format, with avcC.
  let format: TrackFormat
  private let context: UnsafeMutablePointer<AVCodecContext>
  private let frame: UnsafeMutablePointer<AVFrame>
  private let packet: UnsafeMutablePointer<AVPacket>
  private var count: Int64 = 0

  /// `size` must be even. Throws `cannotOpen`, also for a preset that x264 does not know.
  init(size: PictureSize, quality: VideoQuality, preset: String) throws(TranscodeError) {
    av_log_set_level(AV_LOG_QUIET)
    guard let codec = unsafe avcodec_find_encoder_by_name("libx264") else { throw .cannotOpen(.h264Encoder, code: 0) }
    var context = unsafe avcodec_alloc_context3(codec)
    var frame = unsafe av_frame_alloc()
    var packet = unsafe av_packet_alloc()
    do throws(TranscodeError) {
      guard let context = unsafe context, let frame = unsafe frame, let packet = unsafe packet else { throw .outOfMemory(.h264Encoder) }
      unsafe try Self.configure(context, size: size, quality: quality, preset: preset)
      let code = unsafe avcodec_open2(context, codec, nil)
      guard code == 0 else { throw .cannotOpen(.h264Encoder, code: code) }
      unsafe frame.pointee.width = Int32(size.width)
      unsafe frame.pointee.height = Int32(size.height)
      unsafe frame.pointee.format = AV_PIX_FMT_YUV420P.rawValue
      guard unsafe av_frame_get_buffer(frame, 0) == 0 else { throw .outOfMemory(.h264Encoder) }
      let headers = unsafe try Self.fineTicks(context, quality: quality)
      guard let configuration = AnnexB.decoderConfiguration(headers.span) else { throw .cannotOpen(.h264Encoder, code: 0) }
      self.size = size
      format = TrackFormat(codec: .h264, size: size, configuration: configuration)
      unsafe self.context = context
      unsafe self.frame = frame
      unsafe self.packet = packet
    } catch {
      unsafe avcodec_free_context(&context)
      unsafe av_frame_free(&frame)
      unsafe av_packet_free(&packet)
      throw error
    }
  }

  private static func configure(
    _ context: UnsafeMutablePointer<AVCodecContext>, size: PictureSize, quality: VideoQuality, preset: String
  ) throws(TranscodeError) {
    unsafe context.pointee.width = Int32(size.width)
    unsafe context.pointee.height = Int32(size.height)
    unsafe context.pointee.pix_fmt = AV_PIX_FMT_YUV420P
    // Pictures are counted, not timed: their times stay outside, and the encoder takes the rate for its budget only.
    unsafe context.pointee.time_base = AVRational(num: 1, den: Int32(quality.framesPerSecond))
    unsafe context.pointee.framerate = AVRational(num: Int32(quality.framesPerSecond), den: 1)
    // No key frame but those asked for, and nothing that waits for a later picture.
    unsafe context.pointee.gop_size = .max
    unsafe context.pointee.max_b_frames = 0
    unsafe context.pointee.thread_count = 1
    unsafe context.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER
    // Constant quality, bounded: a face that hardly moves costs a fraction of the preset's rate, a hand-held street no more than it.
    unsafe context.pointee.rc_max_rate = Int64(quality.bitsPerSecond)
    unsafe context.pointee.rc_buffer_size = Int32(quality.bitsPerSecond + quality.bitsPerSecond / 2)
    // What WebRTC's VP8 means by its numbers.
    unsafe context.pointee.color_primaries = AVCOL_PRI_SMPTE170M
    unsafe context.pointee.color_trc = AVCOL_TRC_SMPTE170M
    unsafe context.pointee.colorspace = AVCOL_SPC_SMPTE170M
    unsafe context.pointee.color_range = AVCOL_RANGE_MPEG
    let options = [
      ("preset", preset), ("tune", "zerolatency"), ("profile", "high"), ("crf", "23"), ("forced-idr", "1"),
      ("x264-params", "keyint=infinite:scenecut=0"),
    ]
    for (name, value) in options {
      let code = unsafe av_opt_set(context.pointee.priv_data, name, value, 0)
      guard code == 0 else { throw .cannotOpen(.h264Encoder, code: code) }
    }
  }

  /// The encoder's parameter sets with a tick an eighth of what it was: x264 counts pictures at a fixed rate, and readers that believe it
  /// would round two of ours onto one tick.
  private static func fineTicks(
    _ context: UnsafeMutablePointer<AVCodecContext>, quality: VideoQuality
  ) throws(TranscodeError) -> [UInt8] {
    var filter: UnsafeMutablePointer<AVBSFContext>?
    defer { unsafe av_bsf_free(&filter) }
    guard unsafe av_bsf_alloc(av_bsf_get_by_name("h264_metadata"), &filter) == 0, let made = unsafe filter,
      unsafe avcodec_parameters_from_context(made.pointee.par_in, context) == 0
    else { throw .cannotOpen(.h264Encoder, code: 0) }
    unsafe made.pointee.time_base_in = context.pointee.time_base
    var code = unsafe av_opt_set(made.pointee.priv_data, "tick_rate", "\(quality.framesPerSecond * 2 * 8)/1", 0)
    guard code == 0 else { throw .cannotOpen(.h264Encoder, code: code) }
    // Its option for fixed_frame_rate_flag fails on sets without HRD parameters (libavcodec 59), so the flag stays.
    code = unsafe av_bsf_init(made)
    guard code == 0, let parameters = unsafe made.pointee.par_out, let bytes = unsafe parameters.pointee.extradata else {
      throw .cannotOpen(.h264Encoder, code: code)
    }
    return unsafe Array(UnsafeBufferPointer(start: bytes, count: Int(parameters.pointee.extradata_size)))
  }

  /// Encodes `picture`, which must have the encoder's size, as a frame of track 0 at `time`. The first is always an IDR. Throws
  /// `cannotEncode`.
  mutating func encode(_ picture: Picture, at time: MediaTime, asIDR: Bool) throws(TranscodeError) -> EncodedFrame {
    precondition(picture.size == size)
    guard unsafe av_frame_make_writable(frame) == 0 else { throw .outOfMemory(.h264Encoder) }
    let targets = unsafe [frame.pointee.data.0, frame.pointee.data.1, frame.pointee.data.2]
    let strides = unsafe [frame.pointee.linesize.0, frame.pointee.linesize.1, frame.pointee.linesize.2]
    unsafe picture.bytes.withUnsafeBytes { bytes in
      for index in 0..<3 {
        guard let target = unsafe targets[index], let source = bytes.baseAddress else { continue }
        let plane = picture.planes[index]
        for row in 0..<plane.height {
          unsafe UnsafeMutableRawPointer(target + row * Int(strides[index]))
            .copyMemory(from: source + plane.offset + row * plane.stride, byteCount: plane.width)
        }
      }
    }
    unsafe frame.pointee.pts = count
    unsafe frame.pointee.pict_type = asIDR || count == 0 ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE
    count += 1
    var code = unsafe avcodec_send_frame(context, frame)
    guard code == 0 else { throw .cannotEncode(.h264Encoder, code: code) }
    code = unsafe avcodec_receive_packet(context, packet)
    guard code == 0 else { throw .cannotEncode(.h264Encoder, code: code) }
    let isKey = unsafe packet.pointee.flags & AV_PKT_FLAG_KEY != 0
    let stream = unsafe Span(_unsafeStart: packet.pointee.data, count: Int(packet.pointee.size))
    let bytes = AnnexB.lengthPrefixed(stream)
    unsafe av_packet_unref(packet)
    return EncodedFrame(bytes: bytes, track: 0, time: time, isKey: isKey, size: isKey ? size : nil)
  }

  deinit {
    var context: UnsafeMutablePointer<AVCodecContext>? = unsafe context
    var frame: UnsafeMutablePointer<AVFrame>? = unsafe frame
    var packet: UnsafeMutablePointer<AVPacket>? = unsafe packet
    unsafe avcodec_free_context(&context)
    unsafe av_frame_free(&frame)
    unsafe av_packet_free(&packet)
  }
}
