import CLibAV
import Codecs
import Ground

/// Owns libavcodec's AAC-LC encoder at 48 kHz, on the timeline's grid of 1024 samples.
@safe struct AACEncoder: ~Copyable {
  static let frameSamples = 1024

  /// The track's format, with AudioSpecificConfig.
  let format: TrackFormat
  private let context: UnsafeMutablePointer<AVCodecContext>
  private let frame: UnsafeMutablePointer<AVFrame>
  private let packet: UnsafeMutablePointer<AVPacket>

  /// `channels`: 1 (64 kb/s) or 2 (128 kb/s). Throws `cannotOpen`.
  init(channels: Int) throws(TranscodeError) {
    av_log_set_level(AV_LOG_QUIET)
    guard let codec = unsafe avcodec_find_encoder_by_name("aac") else { throw .cannotOpen(.aacEncoder, code: 0) }
    var context = unsafe avcodec_alloc_context3(codec)
    var frame = unsafe av_frame_alloc()
    var packet = unsafe av_packet_alloc()
    do throws(TranscodeError) {
      guard let context = unsafe context, let frame = unsafe frame, let packet = unsafe packet else { throw .outOfMemory(.aacEncoder) }
      unsafe context.pointee.sample_rate = 48_000
      unsafe context.pointee.sample_fmt = AV_SAMPLE_FMT_FLTP
      unsafe context.pointee.time_base = AVRational(num: 1, den: 48_000)
      unsafe context.pointee.bit_rate = Int64(channels) * 64_000
      unsafe context.pointee.thread_count = 1
      unsafe context.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER
      unsafe av_channel_layout_default(&context.pointee.ch_layout, Int32(channels))
      // At 64 kb/s a channel, this coder is the better of the library's two, besides the faster: the other distorts a pure tone audibly.
      guard unsafe av_opt_set(context.pointee.priv_data, "aac_coder", "fast", 0) == 0 else { throw .cannotOpen(.aacEncoder, code: 0) }
      let code = unsafe avcodec_open2(context, codec, nil)
      guard code == 0, unsafe context.pointee.frame_size == Int32(Self.frameSamples) else {
        throw .cannotOpen(.aacEncoder, code: code)
      }
      unsafe frame.pointee.nb_samples = Int32(Self.frameSamples)
      unsafe frame.pointee.format = AV_SAMPLE_FMT_FLTP.rawValue
      unsafe frame.pointee.sample_rate = 48_000
      unsafe av_channel_layout_default(&frame.pointee.ch_layout, Int32(channels))
      guard unsafe av_frame_get_buffer(frame, 0) == 0 else { throw .outOfMemory(.aacEncoder) }
      let header = unsafe UnsafeBufferPointer(start: context.pointee.extradata, count: Int(context.pointee.extradata_size))
      format = unsafe TrackFormat(codec: .aac, channels: channels, configuration: Array(header))
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

  /// Takes 1024 interleaved samples per channel whose first is sample `start` of the timeline, and appends to `frames` what the encoder
  /// has ready. A frame's time is that of the first sample that decoding it gives: the encoder's delay is taken off, so the very first
  /// frame lies 1024 samples before the first samples given. Throws `cannotEncode`.
  mutating func encode(_ samples: [Float], at start: Int64, into frames: inout [EncodedFrame]) throws(TranscodeError) {
    let channels = format.channels
    precondition(samples.count == Self.frameSamples * channels)
    guard unsafe av_frame_make_writable(frame) == 0 else { throw .outOfMemory(.aacEncoder) }
    for channel in 0..<channels {
      guard let plane = unsafe frame.pointee.extended_data[channel] else { continue }
      unsafe plane.withMemoryRebound(to: Float.self, capacity: Self.frameSamples) { plane in
        for index in 0..<Self.frameSamples { unsafe plane[index] = samples[index * channels + channel] }
      }
    }
    unsafe frame.pointee.pts = start
    let code = unsafe avcodec_send_frame(context, frame)
    guard code == 0 else { throw .cannotEncode(.aacEncoder, code: code) }
    try receivePackets(into: &frames)
  }

  /// Appends the frames that the encoder still holds. Nothing can be encoded afterwards. Throws `cannotEncode`.
  mutating func finish(into frames: inout [EncodedFrame]) throws(TranscodeError) {
    let code = unsafe avcodec_send_frame(context, nil)
    guard code == 0 else { throw .cannotEncode(.aacEncoder, code: code) }
    try receivePackets(into: &frames)
  }

  private func receivePackets(into frames: inout [EncodedFrame]) throws(TranscodeError) {
    while true {
      let code = unsafe avcodec_receive_packet(context, packet)
      if clibav_wants_input(code) != 0 || clibav_has_ended(code) != 0 { return }
      guard code == 0 else { throw .cannotEncode(.aacEncoder, code: code) }
      let bytes = unsafe Array(UnsafeBufferPointer(start: packet.pointee.data, count: Int(packet.pointee.size)))
      // libavcodec has subtracted initial_padding from the time already.
      let time = unsafe SampleTime.time(packet.pointee.pts)
      unsafe av_packet_unref(packet)
      frames.append(EncodedFrame(bytes: bytes, track: 0, time: time, duration: SampleTime.span(Self.frameSamples), isKey: true))
    }
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
