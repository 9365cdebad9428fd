import CLibAV
import Codecs
import Ground

/// Owns libavformat's MP4 muxer in fragmented mode, its packet, and the sink that it writes to. Checks nothing that
/// `FragmentWriter` has checked.
@safe struct FragmentContext: ~Copyable {
  private let io: ByteSinkContext
  private let format: UnsafeMutablePointer<AVFormatContext>
  private let packet: UnsafeMutablePointer<AVPacket>
  /// How many of the muxer's bytes have been taken.
  private var takenBytes: Int64 = 0

  /// Opens the muxer and writes the header (`ftyp` and `moov`) to the sink.
  init(formats: [TrackFormat]) throws(MuxError) {
    let io = try ByteSinkContext(seekable: true)
    var format: UnsafeMutablePointer<AVFormatContext>?
    let code = unsafe avformat_alloc_output_context2(&format, nil, "mp4", nil)
    guard let format = unsafe format else { throw .library(.open, code: code) }
    var packet: UnsafeMutablePointer<AVPacket>? = unsafe av_packet_alloc()
    guard let allocated = unsafe packet else {
      unsafe avformat_free_context(format)
      throw .outOfMemory
    }
    do {
      try unsafe FragmentContext.open(format, io.pointer, formats)
    } catch {
      unsafe av_packet_free(&packet)
      unsafe avformat_free_context(format)
      throw error
    }
    self.io = io
    unsafe self.format = format
    unsafe self.packet = allocated
  }

  deinit {
    // No trailer: it would be an index of fragments that lie in files of their own.
    var packet: UnsafeMutablePointer<AVPacket>? = unsafe packet
    unsafe av_packet_free(&packet)
    unsafe avformat_free_context(format)
  }

  /// Adds a sample to the open fragment. Times in ticks of the track's timescale.
  mutating func write(_ bytes: [UInt8], track: Int, isKey: Bool, ticks: Int64, duration: Int64) throws(MuxError) {
    let code = unsafe bytes.withUnsafeBufferPointer { bytes in
      // The packet is not reference-counted: the muxer copies the bytes before it returns, and never writes to them.
      unsafe packet.pointee.data = UnsafeMutablePointer(mutating: bytes.baseAddress)
      unsafe packet.pointee.flags = isKey ? AV_PKT_FLAG_KEY : 0
      return send(size: bytes.count, track: track, ticks: ticks, duration: duration)
    }
    guard code >= 0 else { throw .library(.frame, code: code) }
  }

  /// Closes the open fragment, so that `takeBytes` has all of it.
  mutating func flush() throws(MuxError) {
    let code = unsafe av_write_frame(format, nil)
    guard code >= 0 else { throw .library(.fragment, code: code) }
  }

  /// Lets the next frame of every track that has none in the open fragment lie elsewhere than where its last one was said to end. Without
  /// this, the muxer moves it there. To be called while no frame of `track`, whose last one lay at `after`, is in the open fragment.
  mutating func allowJump(track: Int, after ticks: Int64) throws(MuxError) {
    var code = unsafe av_opt_set(format.pointee.priv_data, "movflags", "+frag_discont", 0)
    guard code >= 0 else { throw .library(.fragment, code: code) }
    // The muxer judges a packet's distance before it reads the flag. A packet without bytes passes and makes no sample.
    unsafe packet.pointee.data = format.pointee.streams[track]?.pointee.codecpar.pointee.extradata
    code = send(size: 0, track: track, ticks: ticks + 1, duration: 0)
    guard code >= 0 else { throw .library(.fragment, code: code) }
  }

  private func send(size: Int, track: Int, ticks: Int64, duration: Int64) -> Int32 {
    unsafe packet.pointee.size = Int32(size)
    unsafe packet.pointee.stream_index = Int32(track)
    unsafe packet.pointee.pts = ticks
    unsafe packet.pointee.dts = ticks
    unsafe packet.pointee.duration = duration
    let code = unsafe av_write_frame(format, packet)
    unsafe packet.pointee.data = nil
    unsafe packet.pointee.size = 0
    return code
  }

  /// What the muxer has written since the last call.
  mutating func takeBytes() -> [UInt8] {
    io.flush()
    var taken: [UInt8] = []
    taken.reserveCapacity(io.sink.pendingBytes)
    let base = takenBytes
    io.sink.drain { offset, bytes in
      // The muxer goes back only to the sizes of boxes of the fragment (or header) that it is writing.
      let start = Int(offset - base)
      let overlap = min(taken.count - start, bytes.count)
      for i in 0..<max(0, overlap) { taken[start + i] = bytes[i] }
      guard overlap < bytes.count else { return }
      unsafe bytes.extracting(max(0, overlap)...).withUnsafeBufferPointer { unsafe taken.append(contentsOf: $0) }
    }
    takenBytes = base + Int64(taken.count)
    return taken
  }
}

extension FragmentContext {
  private static func open(
    _ format: UnsafeMutablePointer<AVFormatContext>, _ io: UnsafeMutablePointer<AVIOContext>, _ tracks: [TrackFormat]
  ) throws(MuxError) {
    unsafe format.pointee.pb = io
    // Times are the timeline's, to the tick: nothing may shift them to zero, nor shift a track by an edit list.
    unsafe format.pointee.avoid_negative_ts = 0
    unsafe format.pointee.flush_packets = 0
    // No name and version of the library in the header: the same tracks give the same bytes.
    unsafe format.pointee.flags |= AVFMT_FLAG_BITEXACT
    // Frames come as they are to be written: no filter of the muxer's own choice goes over them.
    unsafe format.pointee.flags &= ~AVFMT_FLAG_AUTO_BSF
    for (index, track) in tracks.enumerated() {
      guard let stream = unsafe avformat_new_stream(format, nil) else { throw .outOfMemory }
      unsafe stream.pointee.time_base = AVRational(num: 1, den: Int32(track.codec.clockRate.hertz))
      try unsafe describe(track, index, stream.pointee.codecpar)
      if track.rotation != .none { try unsafe turn(stream, track.rotation) }
    }
    let options = unsafe format.pointee.priv_data
    // frag_discont makes the first fragment's time the first frame's, wherever on the timeline the file begins.
    for (name, value) in [
      ("movflags", "frag_custom+empty_moov+default_base_moof+frag_discont+skip_trailer"), ("use_editlist", "0"),
      ("video_track_timescale", String(Codec.h264.clockRate.hertz)),
    ] {
      let code = unsafe av_opt_set(options, name, value, 0)
      guard code >= 0 else { throw .library(.open, code: code) }
    }
    let code = unsafe avformat_write_header(format, nil)
    guard code >= 0 else { throw .library(.header, code: code) }
    for (index, track) in tracks.enumerated() {
      // Ticks are computed from the codec's clock; a muxer that chose another timescale would stretch time.
      guard let stream = unsafe format.pointee.streams[index], unsafe stream.pointee.time_base.num == 1,
        unsafe stream.pointee.time_base.den == Int32(track.codec.clockRate.hertz)
      else { throw .badFormat(track: index) }
    }
  }

  /// Players turn what the track header's matrix says (ISO/IEC 14496-12 §8.3.2).
  private static func turn(_ stream: UnsafeMutablePointer<AVStream>, _ rotation: PictureRotation) throws(MuxError) {
    let count = 9 * MemoryLayout<Int32>.size
    guard let data = unsafe av_stream_new_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, count) else { throw .outOfMemory }
    unsafe UnsafeMutableRawPointer(data).withMemoryRebound(to: Int32.self, capacity: 9) {
      unsafe av_display_rotation_set($0, Double(rotation.rawValue))
    }
  }

  /// Says what a vpcC says.
  private static func describeVP9(_ configuration: [UInt8], _ parameters: UnsafeMutablePointer<AVCodecParameters>) {
    unsafe parameters.pointee.profile = Int32(configuration[0])
    unsafe parameters.pointee.level = Int32(configuration[1])
    let formats: [[AVPixelFormat]] = [
      [AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P],
      [AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_YUV422P10LE, AV_PIX_FMT_YUV444P10LE],
      [AV_PIX_FMT_YUV420P12LE, AV_PIX_FMT_YUV422P12LE, AV_PIX_FMT_YUV444P12LE],
    ]
    let depth = Int(configuration[2] >> 4)
    let chroma = max(0, Int(configuration[2] >> 1 & 7) - 1)
    unsafe parameters.pointee.format = formats[depth == 12 ? 2 : depth == 10 ? 1 : 0][min(chroma, 2)].rawValue
    // In 4:2:0, where chroma lies is a part of the box: between two rows.
    unsafe parameters.pointee.chroma_location = AVCHROMA_LOC_LEFT
    unsafe parameters.pointee.color_range = configuration[2] & 1 == 1 ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
    unsafe parameters.pointee.color_primaries = AVColorPrimaries(UInt32(configuration[3]))
    unsafe parameters.pointee.color_trc = AVColorTransferCharacteristic(UInt32(configuration[4]))
    unsafe parameters.pointee.color_space = AVColorSpace(UInt32(configuration[5]))
  }

  private static func describe(
    _ track: TrackFormat, _ index: Int, _ parameters: UnsafeMutablePointer<AVCodecParameters>
  ) throws(MuxError) {
    switch track.codec.kind {
    case .audio:
      unsafe parameters.pointee.codec_type = AVMEDIA_TYPE_AUDIO
      unsafe parameters.pointee.codec_id = track.codec.libraryID
      unsafe parameters.pointee.sample_rate = Int32(track.codec.clockRate.hertz)
      // What most frames hold; each sample's own duration is written all the same.
      unsafe parameters.pointee.frame_size = track.codec == .aac ? 1024 : 960
      unsafe av_channel_layout_default(&parameters.pointee.ch_layout, Int32(track.channels))
    case .video:
      unsafe parameters.pointee.codec_type = AVMEDIA_TYPE_VIDEO
      unsafe parameters.pointee.codec_id = track.codec.libraryID
      // The entry whose parameter sets are all in the header, which Apple's players want.
      if track.codec == .h265 { unsafe parameters.pointee.codec_tag = 0x3163_7668 }
      unsafe parameters.pointee.width = Int32(track.size?.width ?? 0)
      unsafe parameters.pointee.height = Int32(track.size?.height ?? 0)
      // The muxer makes the codec's header of the parameters.
      if track.codec == .vp9 { return unsafe describeVP9(track.configuration, parameters) }
    }
    let header = track.codec == .opus ? OpusHead.bytes(channels: UInt8(track.channels)) : track.configuration
    guard let extra = unsafe av_mallocz(header.count + Int(AV_INPUT_BUFFER_PADDING_SIZE)) else { throw .outOfMemory }
    unsafe extra.copyMemory(from: header, byteCount: header.count)
    unsafe parameters.pointee.extradata = extra.assumingMemoryBound(to: UInt8.self)
    unsafe parameters.pointee.extradata_size = Int32(header.count)
  }
}
