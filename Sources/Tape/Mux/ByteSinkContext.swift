import CLibAV
import Glibc

/// Owns an AVIOContext that writes into a `ByteSink`, and the sink. To be given to an AVFormatContext as its `pb`, which must be
/// freed (or lose its `pb`) before this is.
@safe struct ByteSinkContext: ~Copyable {
  /// Small elements gather here before they reach the sink; larger writes go straight through.
  private static let stagingBytes: Int32 = 1 << 10

  /// Nobody asked for the library's lines on standard error, and its codes say the same. Done once for the process.
  private static let silenceLibrary: Void = av_log_set_level(AV_LOG_QUIET)

  let sink: ByteSink
  private var handle: UnsafeMutablePointer<AVIOContext>

  /// `seekable`: whether the muxer may go back to what it wrote. Throws `outOfMemory`.
  init(seekable: Bool) throws(MuxError) {
    ByteSinkContext.silenceLibrary
    let sink = ByteSink()
    // The library holds the sink unretained: it calls only while its context lives, and this owner outlives the context.
    let opaque = unsafe Unmanaged.passUnretained(sink).toOpaque()
    guard let staging = unsafe av_malloc(Int(Self.stagingBytes)) else { throw .outOfMemory }
    let context = unsafe avio_alloc_context(
      staging.assumingMemoryBound(to: UInt8.self), Self.stagingBytes, 1, opaque, nil, writeToSink, seekable ? seekSink : nil)
    guard let context = unsafe context else {
      unsafe av_free(staging)
      throw .outOfMemory
    }
    unsafe context.pointee.seekable = seekable ? AVIO_SEEKABLE_NORMAL : 0
    unsafe context.pointee.direct = 1
    self.sink = sink
    unsafe self.handle = context
  }

  /// The context, for `AVFormatContext.pb`. Valid while this owner lives.
  var pointer: UnsafeMutablePointer<AVIOContext> {
    @unsafe get { unsafe handle }
  }

  /// Pushes what the staging buffer holds into the sink.
  func flush() { unsafe avio_flush(handle) }

  deinit {
    // The library may have replaced the buffer that it was given: the one to free is the one that it holds now.
    unsafe av_free(handle.pointee.buffer)
    var context: UnsafeMutablePointer<AVIOContext>? = unsafe handle
    unsafe avio_context_free(&context)
  }
}

private let writeToSink: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<UInt8>?, Int32) -> Int32 = {
  opaque, data, count in
  guard let opaque = unsafe opaque, let data = unsafe data, count > 0 else { return 0 }
  let sink = unsafe Unmanaged<ByteSink>.fromOpaque(opaque).takeUnretainedValue()
  sink.write(Int(count)) { bytes in
    unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: data, count: Int(count)))
  }
  return count
}

private let seekSink: @convention(c) (UnsafeMutableRawPointer?, Int64, Int32) -> Int64 = { opaque, offset, whence in
  let invalid: Int64 = -22  // AVERROR(EINVAL)
  guard let opaque = unsafe opaque else { return invalid }
  let sink = unsafe Unmanaged<ByteSink>.fromOpaque(opaque).takeUnretainedValue()
  if whence & AVSEEK_SIZE != 0 { return sink.length }
  let (start, overflow) =
    switch whence & ~AVSEEK_FORCE {
    case SEEK_SET: (offset, false)
    case SEEK_CUR: offset.addingReportingOverflow(sink.position)
    case SEEK_END: offset.addingReportingOverflow(sink.length)
    default: (invalid, true)
    }
  guard !overflow, sink.seek(to: start) else { return invalid }
  return start
}
