import CLibAV
package import Codecs
package import Ground

/// Why a media file cannot be read.
package struct MediaFileError: Error, Sendable, Equatable {
  /// One line for people.
  package var message: String
}

/// Reads a finished file's packets by libavformat, without decoding them. For one thread.
@safe package final class MediaFileReader {
  package struct Stream: Sendable, Equatable {
    /// Nil for what is neither sound nor picture.
    package var kind: MediaKind?
    /// As libavcodec names it, such as `vp8` or `opus`.
    package var codec: String
    /// Of pictures, as the header has it.
    package var size: PictureSize?
    /// Of sound.
    package var sampleRate: Int
    package var channels: Int
  }
  package struct Packet: Sendable, Equatable {
    package var stream: Int
    /// Where on the file's timeline it is presented.
    package var time: TimeSpan
    /// How long it lasts; zero where neither the codec nor the container says so.
    package var duration: TimeSpan
    package var bytes: Int
    package var isKey: Bool
    /// The container or the parser found it damaged.
    package var isCorrupt: Bool
  }

  /// The container, as libavformat names it.
  package let container: String
  /// As the header has it; nil where it has none.
  package let duration: TimeSpan?
  package let streams: [Stream]
  private var format: UnsafeMutablePointer<AVFormatContext>?
  private var packet: UnsafeMutablePointer<AVPacket>?
  private static let nanoseconds = AVRational(num: 1, den: 1_000_000_000)

  /// Opens a file of the local disk; nothing is fetched from anywhere.
  package init(path: String) throws(MediaFileError) {
    var options: OpaquePointer?
    unsafe av_dict_set(&options, "protocol_whitelist", "file", 0)
    defer { unsafe av_dict_free(&options) }
    var format: UnsafeMutablePointer<AVFormatContext>?
    let code = unsafe avformat_open_input(&format, "file:" + path, nil, &options)
    guard code >= 0, let opened = unsafe format else {
      throw MediaFileError(message: "\(path): \(MediaFileReader.text(code))")
    }
    unsafe opened.pointee.max_analyze_duration = 2_000_000
    let found = unsafe avformat_find_stream_info(opened, nil)
    guard found >= 0, let packet = unsafe av_packet_alloc() else {
      unsafe avformat_close_input(&format)
      throw MediaFileError(message: "\(path): \(MediaFileReader.text(found))")
    }
    unsafe self.format = opened
    unsafe self.packet = packet
    container = unsafe String(cString: opened.pointee.iformat.pointee.name)
    let told = unsafe opened.pointee.duration
    duration = told > 0 ? TimeSpan(nanoseconds: told * 1_000) : nil
    var streams: [Stream] = []
    for index in 0..<Int(unsafe opened.pointee.nb_streams) {
      guard let stream = unsafe opened.pointee.streams[index], let parameters = unsafe stream.pointee.codecpar else { continue }
      let type = unsafe parameters.pointee.codec_type
      let width = Int(unsafe parameters.pointee.width)
      streams.append(
        Stream(
          kind: type == AVMEDIA_TYPE_VIDEO ? .video : type == AVMEDIA_TYPE_AUDIO ? .audio : nil,
          codec: unsafe String(cString: avcodec_get_name(parameters.pointee.codec_id)),
          size: width > 0 ? PictureSize(width: width, height: Int(unsafe parameters.pointee.height)) : nil,
          sampleRate: Int(unsafe parameters.pointee.sample_rate), channels: Int(unsafe parameters.pointee.ch_layout.nb_channels)))
    }
    self.streams = streams
  }

  deinit {
    unsafe av_packet_free(&packet)
    unsafe avformat_close_input(&format)
  }

  /// The next packet in the file's order; nil at its end. Throws where the file breaks off in the middle of something.
  package func next() throws(MediaFileError) -> Packet? {
    guard let format = unsafe format, let packet = unsafe packet else { return nil }
    var index: Int
    repeat {
      unsafe av_packet_unref(packet)
      let code = unsafe av_read_frame(format, packet)
      if clibav_has_ended(code) != 0 { return nil }
      guard code >= 0 else { throw MediaFileError(message: MediaFileReader.text(code)) }
      index = Int(unsafe packet.pointee.stream_index)
      // A stream that began in the middle of the file is not one of those that were told.
    } while index >= streams.count
    guard let stream = unsafe format.pointee.streams[index] else { return nil }
    let base = unsafe stream.pointee.time_base
    let shown = unsafe packet.pointee.pts == Int64.min ? packet.pointee.dts : packet.pointee.pts
    let bytes = Int(unsafe packet.pointee.size)
    let told = unsafe packet.pointee.duration > 0 ? av_rescale_q(packet.pointee.duration, base, MediaFileReader.nanoseconds) : 0
    let coded = unsafe streams[index].kind == .audio ? length(packet, stream, streams[index]) : nil
    return Packet(
      stream: index, time: TimeSpan(nanoseconds: shown == Int64.min ? 0 : av_rescale_q(shown, base, MediaFileReader.nanoseconds)),
      duration: coded ?? TimeSpan(nanoseconds: told), bytes: bytes, isKey: unsafe packet.pointee.flags & AV_PKT_FLAG_KEY != 0,
      isCorrupt: unsafe packet.pointee.flags & AV_PKT_FLAG_CORRUPT != 0)
  }

  /// How long a packet of sound is by itself, whatever the container says.
  private func length(
    _ packet: UnsafeMutablePointer<AVPacket>, _ stream: UnsafeMutablePointer<AVStream>, _ facts: Stream
  ) -> TimeSpan? {
    if facts.codec == "opus" {
      let payload = unsafe UnsafeBufferPointer(start: packet.pointee.data, count: Int(packet.pointee.size))
      return (try? unsafe OpusPacket(parsing: Span(_unsafeElements: payload)))?.duration
    }
    let samples = unsafe av_get_audio_frame_duration2(stream.pointee.codecpar, packet.pointee.size)
    guard samples > 0, facts.sampleRate > 0 else { return nil }
    return TimeSpan(nanoseconds: Int64(samples) * 1_000_000_000 / Int64(facts.sampleRate))
  }

  private static func text(_ code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 128)
    guard unsafe av_strerror(code, &buffer, buffer.count) == 0 else { return "libavformat's error \(code)" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
