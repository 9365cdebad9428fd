import CLibAV
import Codecs
import Ground

/// Owns libavformat's WebM muxer, its packet, and the sink that it writes to. Checks nothing that `WebMWriter` has checked.
@safe struct WebMContext: ~Copyable {
  /// Stands in the header while no picture's size is known. Both sides need two bytes, as every size that is taken fits in.
  static let placeholder = PictureSize(width: 640, height: 360)

  let io: ByteSinkContext
  /// The header as it was written: the places in it that are filled in later.
  let header: WebMHeader
  private let format: UnsafeMutablePointer<AVFormatContext>
  private let packet: UnsafeMutablePointer<AVPacket>

  /// Opens the muxer and writes the header to the sink.
  init(formats: [TrackFormat], title: String?, container: TapeContainer) throws(MuxError) {
    guard !formats.isEmpty else { throw .noTracks }
    let io = try ByteSinkContext(seekable: true)
    var format: UnsafeMutablePointer<AVFormatContext>?
    let code = unsafe avformat_alloc_output_context2(&format, nil, container == .webm ? "webm" : "matroska", nil)
    guard let format = unsafe format else { throw .library(.open, code: code) }
    var packet: UnsafeMutablePointer<AVPacket>? = unsafe av_packet_alloc()
    guard let allocated = unsafe packet else {
      unsafe avformat_free_context(format)
      throw .outOfMemory
    }
    do {
      try unsafe WebMContext.open(format, io.pointer, formats, title, container)
    } catch {
      unsafe av_packet_free(&packet)
      unsafe avformat_free_context(format)
      throw error
    }
    io.flush()
    guard let header = try? WebMHeader(io.sink.pending), header.durationOffset != nil, header.tracks.count == formats.count
    else {
      unsafe av_packet_free(&packet)
      unsafe avformat_free_context(format)
      throw .library(.header, code: 0)
    }
    if let tags = header.tags {
      // They would say each track's duration, which nobody asks them for, and without it they may not stand.
      io.sink.replace(at: Int64(tags.offset), with: tags.head.voided)
    }
    self.io = io
    self.header = header
    unsafe self.format = format
    unsafe self.packet = allocated
  }

  deinit {
    var packet: UnsafeMutablePointer<AVPacket>? = unsafe packet
    unsafe av_packet_free(&packet)
    unsafe avformat_free_context(format)
  }

  /// Hands one frame to the muxer, which copies it into the open cluster. `timestamp` in milliseconds.
  mutating func write(_ bytes: [UInt8], track: Int, isKey: Bool, timestamp: Int64) throws(MuxError) {
    let code = unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe packet.pointee.data = UnsafeMutablePointer(mutating: bytes.baseAddress)
      unsafe packet.pointee.size = Int32(bytes.count)
      unsafe packet.pointee.flags = isKey ? AV_PKT_FLAG_KEY : 0
      unsafe packet.pointee.stream_index = Int32(track)
      unsafe packet.pointee.pts = timestamp
      unsafe packet.pointee.dts = timestamp
      // Any duration keeps the muxer from working one out; none gets into the file.
      unsafe packet.pointee.duration = 1
      return unsafe av_write_frame(format, packet)
    }
    unsafe packet.pointee.data = nil
    guard code >= 0 else { throw .library(.frame, code: code) }
  }

  /// Ends the open cluster and pushes it to the sink.
  mutating func closeCluster() throws(MuxError) {
    let code = unsafe av_write_frame(format, nil)
    guard code >= 0 else { throw .library(.cluster, code: code) }
    io.flush()
  }
}

extension WebMContext {
  private static func open(
    _ format: UnsafeMutablePointer<AVFormatContext>, _ io: UnsafeMutablePointer<AVIOContext>, _ tracks: [TrackFormat], _ title: String?,
    _ container: TapeContainer
  ) throws(MuxError) {
    unsafe format.pointee.pb = io
    unsafe format.pointee.avoid_negative_ts = 0
    unsafe format.pointee.flush_packets = 0
    // Frames come as they are to be written: no filter of the muxer's own choice goes over them.
    unsafe format.pointee.flags &= ~AVFMT_FLAG_AUTO_BSF
    var defaulted: Set<MediaKind> = []
    for (index, track) in tracks.enumerated() {
      guard let stream = unsafe avformat_new_stream(format, nil) else { throw .outOfMemory }
      if defaulted.insert(track.codec.kind).inserted { unsafe stream.pointee.disposition = AV_DISPOSITION_DEFAULT }
      guard container.holds(track.codec) else { throw .unsupported(track.codec) }
      try unsafe describe(track, index, stream.pointee.codecpar)
      if track.mayRotate { try unsafe makeRoomForProjection(stream) }
    }
    // Clusters are closed by the writer alone: the muxer's own limits lie beyond what the writer lets happen.
    unsafe av_opt_set_int(format.pointee.priv_data, "cluster_time_limit", Int64(Int16.max), 0)
    unsafe av_opt_set_int(format.pointee.priv_data, "cluster_size_limit", Int64(Int32.max), 0)
    // Checksums would be wrong after the first patch of what they cover.
    if container == .mkv { unsafe av_opt_set_int(format.pointee.priv_data, "write_crc32", 0, 0) }
    // The flag makes the track identifiers their numbers instead of random; without it, the header may name who wrote the file.
    // Identifiers are made in the first call and the names written in the second.
    unsafe format.pointee.flags |= AVFMT_FLAG_BITEXACT
    var code = unsafe avformat_init_output(format, nil)
    guard code >= 0 else { throw .library(.open, code: code) }
    // Without it Matroska would also get a random identifier.
    if container == .webm { unsafe format.pointee.flags &= ~AVFMT_FLAG_BITEXACT }
    unsafe av_dict_set(&format.pointee.metadata, "encoding_tool", "Tapedeck", 0)
    if let title { unsafe av_dict_set(&format.pointee.metadata, "title", title, 0) }
    code = unsafe avformat_write_header(format, nil)
    guard code >= 0 else { throw .library(.header, code: code) }
    // The muxer holds back one packet of each stream of type audio, to put it behind a key frame of its time, and allocates for that.
    // The order here is the writer's, so with the header written no stream is of that type any more: nothing else asks for it.
    for index in tracks.indices { unsafe format.pointee.streams[index]?.pointee.codecpar.pointee.codec_type = AVMEDIA_TYPE_DATA }
    // Nor does it go back from here on, so that it need not remember for cues: those are the writer's too.
    unsafe io.pointee.seekable = 0
  }

  private static func describe(
    _ track: TrackFormat, _ index: Int, _ parameters: UnsafeMutablePointer<AVCodecParameters>
  ) throws(MuxError) {
    switch track.codec {
    case .opus:
      guard (1...2).contains(track.channels) else { throw .badFormat(track: index) }
      unsafe parameters.pointee.codec_type = AVMEDIA_TYPE_AUDIO
      unsafe parameters.pointee.codec_id = track.codec.libraryID
      unsafe parameters.pointee.sample_rate = 48_000
      unsafe parameters.pointee.initial_padding = Int32(OpusHead.preSkipSamples)
      unsafe av_channel_layout_default(&parameters.pointee.ch_layout, Int32(track.channels))
      try unsafe setPrivate(OpusHead.bytes(channels: UInt8(track.channels)), parameters)
    case .multiopus, .pcmu, .pcma, .g722, .l16: try unsafe describeSound(track, index, parameters)
    case .vp8, .vp9, .h264, .h265, .av1:
      guard track.size.map(canDeclare) ?? true else { throw .badFormat(track: index) }
      unsafe parameters.pointee.codec_type = AVMEDIA_TYPE_VIDEO
      unsafe parameters.pointee.codec_id = track.codec.libraryID
      if let unknown = WebMHeader.unknownConfiguration(track.codec) { try unsafe setPrivate(unknown, parameters) }
      unsafe parameters.pointee.width = Int32(placeholder.width)
      unsafe parameters.pointee.height = Int32(placeholder.height)
    case .aac: throw .unsupported(track.codec)
    }
  }

  /// Sound that is not plain Opus. The muxer makes what the header holds of the codec's own, but for Opus.
  private static func describeSound(
    _ track: TrackFormat, _ index: Int, _ parameters: UnsafeMutablePointer<AVCodecParameters>
  ) throws(MuxError) {
    let sound = track.sound
    guard sound.codec.channelCounts.contains(sound.channels), sound.codec.clockRates.contains(sound.clockRate.hertz) else {
      throw .badFormat(track: index)
    }
    unsafe parameters.pointee.codec_type = AVMEDIA_TYPE_AUDIO
    unsafe parameters.pointee.sample_rate = Int32(sound.samplingRate)
    unsafe av_channel_layout_default(&parameters.pointee.ch_layout, Int32(sound.channels))
    unsafe parameters.pointee.codec_id = sound.codec.libraryID
    if sound.codec == .g722 {
      unsafe parameters.pointee.bits_per_coded_sample = 4
      unsafe parameters.pointee.bit_rate = 64_000
    }
    if let streams = sound.streams {
      guard streams.channels == sound.channels else { throw .badFormat(track: index) }
      unsafe parameters.pointee.initial_padding = Int32(OpusHead.preSkipSamples)
      try unsafe setPrivate(OpusHead.bytes(streams), parameters)
    }
    if let bytes = sound.bytesPerTick { unsafe parameters.pointee.block_align = Int32(bytes) }
  }

  /// Lets the muxer write a projection, of a kind that the writer then writes its own over.
  private static func makeRoomForProjection(_ stream: UnsafeMutablePointer<AVStream>) throws(MuxError) {
    var count = 0
    guard let mapping = unsafe av_spherical_alloc(&count) else { throw .outOfMemory }
    unsafe mapping.pointee.projection = AV_SPHERICAL_EQUIRECTANGULAR
    let code = unsafe av_stream_add_side_data(
      stream, AV_PKT_DATA_SPHERICAL, UnsafeMutableRawPointer(mapping).assumingMemoryBound(to: UInt8.self), count)
    guard code >= 0 else {
      unsafe av_free(mapping)
      throw .outOfMemory
    }
  }

  /// What the header is to hold of the codec's own (CodecPrivate).
  private static func setPrivate(_ bytes: [UInt8], _ parameters: UnsafeMutablePointer<AVCodecParameters>) throws(MuxError) {
    guard let extra = unsafe av_mallocz(bytes.count + Int(AV_INPUT_BUFFER_PADDING_SIZE)) else { throw .outOfMemory }
    unsafe extra.copyMemory(from: bytes, byteCount: bytes.count)
    unsafe parameters.pointee.extradata = extra.assumingMemoryBound(to: UInt8.self)
    unsafe parameters.pointee.extradata_size = Int32(bytes.count)
  }

  /// Whether the header's two bytes a side hold the size.
  static func canDeclare(_ size: PictureSize) -> Bool {
    (1...Int(UInt16.max)).contains(size.width) && (1...Int(UInt16.max)).contains(size.height)
  }
}
