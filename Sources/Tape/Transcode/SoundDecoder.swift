import CLibAV
import Codecs
import Ground

/// Owns one of libavcodec's decoders of sound, and the resampler and mixer behind it: whatever was coded comes out at 48 kHz, in one
/// channel or two.
@safe struct SoundDecoder: ~Copyable {
  let channels: Int
  private let context: UnsafeMutablePointer<AVCodecContext>
  private let frame: UnsafeMutablePointer<AVFrame>
  private let packet: UnsafeMutablePointer<AVPacket>
  private let resampler: OpaquePointer

  /// `channels`: 1 or 2. Throws `cannotOpen`, `outOfMemory`.
  init(_ format: SoundFormat, channels: Int) throws(TranscodeError) {
    av_log_set_level(AV_LOG_QUIET)
    guard let codec = unsafe SoundDecoder.codec(format.codec) else { throw .cannotOpen(.soundDecoder, code: 0) }
    var context = unsafe avcodec_alloc_context3(codec)
    var frame = unsafe av_frame_alloc()
    var packet = unsafe av_packet_alloc()
    var resampler: OpaquePointer?
    do throws(TranscodeError) {
      guard let context = unsafe context, let frame = unsafe frame, let packet = unsafe packet else { throw .outOfMemory(.soundDecoder) }
      unsafe context.pointee.sample_rate = Int32(format.samplingRate)
      unsafe context.pointee.thread_count = 1
      unsafe context.pointee.request_sample_fmt = AV_SAMPLE_FMT_FLT
      unsafe av_channel_layout_default(&context.pointee.ch_layout, Int32(format.channels))
      // The decoder would keep the delay back that it is told of, and sound would come too early.
      if let streams = format.streams { try unsafe SoundDecoder.tell(OpusHead.bytes(streams, preSkip: 0), context) }
      var code = unsafe avcodec_open2(context, codec, nil)
      guard code == 0 else { throw .cannotOpen(.soundDecoder, code: code) }
      var layout = unsafe AVChannelLayout()
      unsafe av_channel_layout_default(&layout, Int32(channels))
      code = unsafe swr_alloc_set_opts2(
        &resampler, &layout, AV_SAMPLE_FMT_FLT, 48_000, &context.pointee.ch_layout, context.pointee.sample_fmt,
        context.pointee.sample_rate, 0, nil)
      guard code == 0, let made = unsafe resampler else { throw .cannotOpen(.resampler, code: code) }
      // Channels that are mixed get quieter by as much as they could be too loud together.
      unsafe av_opt_set_double(UnsafeMutableRawPointer(made), "rematrix_maxval", 1, 0)
      code = unsafe swr_init(made)
      guard code == 0 else { throw .cannotOpen(.resampler, code: code) }
      self.channels = channels
      unsafe self.context = context
      unsafe self.frame = frame
      unsafe self.packet = packet
      unsafe self.resampler = made
    } catch {
      unsafe avcodec_free_context(&context)
      unsafe av_frame_free(&frame)
      unsafe av_packet_free(&packet)
      unsafe swr_free(&resampler)
      throw error
    }
  }

  /// How many samples of what was decoded are still to come: what is decoded next begins so much later in the output.
  var heldSamples: Int { unsafe Int(max(0, swr_get_delay(resampler, 48_000))) }

  /// Decodes one packet into `pcm`, interleaved, which it replaces. Throws `undecodable`.
  mutating func decode(_ bytes: [UInt8], into pcm: inout [Float]) throws(TranscodeError) {
    pcm.removeAll(keepingCapacity: true)
    guard unsafe av_new_packet(packet, Int32(clamping: bytes.count)) == 0 else { throw .outOfMemory(.soundDecoder) }
    unsafe bytes.withUnsafeBytes { from in
      if let base = from.baseAddress { unsafe UnsafeMutableRawPointer(packet.pointee.data).copyMemory(from: base, byteCount: from.count) }
    }
    let code = unsafe avcodec_send_packet(context, packet)
    unsafe av_packet_unref(packet)
    guard code == 0 else { throw .undecodable(.soundDecoder, code: code) }
    while true {
      let code = unsafe avcodec_receive_frame(context, frame)
      if clibav_wants_input(code) != 0 || clibav_has_ended(code) != 0 { return }
      guard code == 0 else { throw .undecodable(.soundDecoder, code: code) }
      try resample(into: &pcm)
    }
  }

  private func resample(into pcm: inout [Float]) throws(TranscodeError) {
    defer { unsafe av_frame_unref(frame) }
    // A stream that is not what it was said to be would be read beyond its end.
    guard unsafe frame.pointee.format == context.pointee.sample_fmt.rawValue,
      unsafe frame.pointee.ch_layout.nb_channels == context.pointee.ch_layout.nb_channels
    else { throw .undecodable(.soundDecoder, code: 0) }
    let count = unsafe frame.pointee.nb_samples
    let room = unsafe Int(max(0, swr_get_out_samples(resampler, count)))
    let start = pcm.count
    pcm.append(contentsOf: repeatElement(0, count: room * channels))
    let channels = channels
    let made: Int32 = unsafe pcm.withUnsafeMutableBytes { out in
      var output = unsafe out.baseAddress?.advanced(by: start * MemoryLayout<Float>.size).assumingMemoryBound(to: UInt8.self)
      return unsafe clibav_resample(resampler, &output, Int32(room), frame)
    }
    guard made >= 0 else {
      pcm.removeLast(pcm.count - start)
      throw .undecodable(.resampler, code: made)
    }
    pcm.removeLast(pcm.count - start - Int(made) * channels)
  }

  /// Forgets what is still to come: what is decoded next does not follow it.
  mutating func forget() { unsafe swr_init(resampler) }

  private static func codec(_ codec: Codec) -> UnsafePointer<AVCodec>? {
    switch codec {
    case .pcmu: unsafe avcodec_find_decoder(AV_CODEC_ID_PCM_MULAW)
    case .pcma: unsafe avcodec_find_decoder(AV_CODEC_ID_PCM_ALAW)
    case .g722: unsafe avcodec_find_decoder(AV_CODEC_ID_ADPCM_G722)
    case .l16: unsafe avcodec_find_decoder(AV_CODEC_ID_PCM_S16BE)
    // Of the library's two only this one conceals where a packet has no coded sound.
    case .opus, .multiopus: unsafe avcodec_find_decoder_by_name("libopus")
    default: nil
    }
  }

  private static func tell(_ header: [UInt8], _ context: UnsafeMutablePointer<AVCodecContext>) throws(TranscodeError) {
    guard let extra = unsafe av_mallocz(header.count + Int(AV_INPUT_BUFFER_PADDING_SIZE)) else { throw .outOfMemory(.soundDecoder) }
    unsafe extra.copyMemory(from: header, byteCount: header.count)
    unsafe context.pointee.extradata = extra.assumingMemoryBound(to: UInt8.self)
    unsafe context.pointee.extradata_size = Int32(header.count)
  }

  deinit {
    var context: UnsafeMutablePointer<AVCodecContext>? = unsafe context
    var frame: UnsafeMutablePointer<AVFrame>? = unsafe frame
    var packet: UnsafeMutablePointer<AVPacket>? = unsafe packet
    var resampler: OpaquePointer? = unsafe resampler
    unsafe avcodec_free_context(&context)
    unsafe av_frame_free(&frame)
    unsafe av_packet_free(&packet)
    unsafe swr_free(&resampler)
  }
}
