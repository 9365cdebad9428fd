package import Codecs
package import Ground

/// Writes one WebM or Matroska file: coded frames in, bytes with their offsets out. Touches no file; `drain` hands over what is to be written.
///
/// - Frames pass unchanged, in the order given. Their times become whole milliseconds, strictly rising within a track.
/// - A cluster begins at each video key frame and at most `clusterMilliseconds` after the one before; its bytes appear when it closes.
/// - The same calls give the same bytes.
/// - A video track's size is that of its largest key frame so far, unless `setPictureSize` says another later. Key frames of another size
///   are written as they are: decoders follow the key frames. Its rotation is that of its first key frame.
/// - What is drained so far is always a file that plays from its start; what `finish` adds is its duration, and seeking.
package struct WebMWriter: ~Copyable {
  private struct Track {
    var isAudio: Bool
    var codec: Codec
    /// What the container wants added to a frame's time (CodecDelay), in milliseconds.
    var delay: Int64
    var clock = WebMTrackClock()
    /// Where the picture's width and height stand in the header; nil for sound.
    var sizeOffsets: (width: Int64, height: Int64)?
    /// The size in the header, where a key frame has told it.
    var largest: PictureSize?
    /// Where the first key frame's rotation goes.
    var projectionSpace: Range<Int>?
    /// Where the codec's configuration goes that the first key frame tells; nil where it needs none, or has it.
    var privateSpace: Range<Int>?

    init(_ header: WebMHeader.Track, _ format: TrackFormat) {
      isAudio = format.codec.kind == .audio
      codec = format.codec
      delay = header.delayMilliseconds
      privateSpace = header.privateSpace
      projectionSpace = header.projectionSpace
      if let width = header.widthOffset, let height = header.heightOffset { sizeOffsets = (Int64(width), Int64(height)) }
    }
  }
  /// How far before its cluster's first frame a frame may lie; a block's distance has 16 bits with sign.
  private static let longestStepBack: Int64 = 30_000
  /// A cluster closes before it grows over this, so that memory does not follow the bit rate. One frame may be larger.
  private static let clusterBytesLimit = 1 << 20

  private var context: WebMContext
  private var tracks: [Track]
  private var cues = WebMCues()
  private let clusterMilliseconds: Int64
  /// The first frame's time in the open cluster; nil while none is open.
  private var clusterStart: Int64?
  private var clusterBytes = 0
  private var isFinished = false
  /// Frames so far that shared their millisecond with the frame before them and were moved on by one or more.
  package private(set) var nudgedFrames = 0

  /// Opens a file of these tracks; a frame's `track` is an index into `formats`. The header is ready to be drained.
  ///
  /// `clusterMilliseconds`: 1 to 30000. Throws `noTracks`, `unsupported`, `badFormat`, `library`, `outOfMemory`.
  package init(
    tracks formats: [TrackFormat], title: String? = nil, clusterMilliseconds: Int64 = 500, container: TapeContainer = .webm
  ) throws(MuxError) {
    context = try WebMContext(formats: formats, title: title, container: container)
    tracks = zip(context.header.tracks, formats).map { Track($0, $1) }
    self.clusterMilliseconds = min(max(clusterMilliseconds, 1), WebMWriter.longestStepBack)
    for (index, format) in formats.enumerated() {
      if let size = format.size { declare(size, track: index) }
      declareRotation(format.rotation, track: index, isFinal: false)
    }
  }

  // MARK: Facts

  /// How many bytes wait to be drained.
  package var pendingBytes: Int { context.io.sink.pendingBytes }
  /// The file's length once everything pending is written.
  package var fileBytes: Int64 { context.io.sink.length }
  /// Where the last frame so far ends on the timeline.
  package var duration: TimeSpan { .milliseconds(tracks.reduce(0) { max($0, $1.clock.end) }) }
  /// Whether frames wait in a cluster that is not among the pending bytes yet.
  package var hasOpenCluster: Bool { clusterStart != nil }

  // MARK: Commands

  /// Writes one frame; answers whether bytes wait to be drained. Throws `noSuchTrack`, `badFrame`, `badTime`, `finished` (the frame is
  /// then not written, and the file goes on as before) or `library`.
  @discardableResult package mutating func write(_ frame: borrowing EncodedFrame) throws(MuxError) -> Bool {
    guard !isFinished else { throw .finished }
    guard tracks.indices.contains(frame.track) else { throw .noSuchTrack(frame.track) }
    guard !frame.bytes.isEmpty, frame.bytes.count < Int32.max else { throw .badFrame(track: frame.track) }
    let wanted = frame.time.milliseconds
    guard frame.time >= .zero, (0..<WebMTrackClock.latestMilliseconds).contains(wanted) else { throw .badTime(track: frame.track) }
    let isAudio = tracks[frame.track].isAudio
    if !isAudio, frame.isKey, let size = frame.size,
      size.width * size.height > tracks[frame.track].largest.map({ $0.width * $0.height }) ?? 0
    {
      try setPictureSize(size, track: frame.track)
      tracks[frame.track].largest = size
    }
    if frame.isKey, tracks[frame.track].projectionSpace != nil { declareRotation(frame.rotation, track: frame.track, isFinal: true) }
    if frame.isKey, tracks[frame.track].privateSpace != nil { configure(frame) }
    let duration = MediaTime(nanoseconds: max(0, frame.duration.nanoseconds)).milliseconds
    let placed = tracks[frame.track].clock.place(wanted, duration: duration)
    if placed != wanted { nudgedFrames += 1 }
    let delay = tracks[frame.track].delay
    if let start = clusterStart {
      let isFull = clusterBytes + frame.bytes.count > WebMWriter.clusterBytesLimit
      let isOutOfReach = placed - start >= clusterMilliseconds || placed - start < -WebMWriter.longestStepBack
      if isFull || isOutOfReach || (frame.isKey && !isAudio) { try closeCluster() }
    }
    clusterBytes += frame.bytes.count
    if clusterStart == nil {
      clusterStart = placed
      if isAudio || frame.isKey { noteCue(track: frame.track, timestamp: placed + delay) }
    }
    try context.write(frame.bytes, track: frame.track, isKey: isAudio || frame.isKey, timestamp: placed + delay)
    return pendingBytes > 0
  }

  /// Puts the parameter sets of an H.264 or H.265 key frame, or an AV1 sequence header, into the header. Later ones that differ stay in their frames
  /// alone, where decoders take them.
  private mutating func configure(_ frame: borrowing EncodedFrame) {
    guard let space = tracks[frame.track].privateSpace,
      let configuration = tracks[frame.track].codec.configuration(ofKeyFrame: frame.bytes.span)
    else { return }
    tracks[frame.track].privateSpace = nil
    guard let element = WebMHeader.codecPrivate(configuration, filling: space) else { return }
    context.io.sink.replace(at: Int64(space.lowerBound), with: element)
  }

  /// Ends the open cluster, if there is one: every frame written so far is then among the pending bytes. Throws `library`.
  package mutating func closeCluster() throws(MuxError) {
    guard clusterStart != nil else { return }
    clusterStart = nil
    clusterBytes = 0
    try context.closeCluster()
  }

  /// Declares a video track's picture size in the header, in place. Key frames that carry a size do it by themselves.
  /// Throws `noSuchTrack`, `badFormat` (no video track, or sides not within 1 to 65535).
  package mutating func setPictureSize(_ size: PictureSize, track: Int) throws(MuxError) {
    guard tracks.indices.contains(track) else { throw .noSuchTrack(track) }
    guard tracks[track].sizeOffsets != nil, WebMContext.canDeclare(size) else { throw .badFormat(track: track) }
    declare(size, track: track)
  }

  private mutating func declareRotation(_ rotation: PictureRotation, track: Int, isFinal: Bool) {
    guard let space = tracks[track].projectionSpace else { return }
    if isFinal { tracks[track].projectionSpace = nil }
    guard let element = WebMHeader.projection(rotation, filling: space) else { return }
    context.io.sink.replace(at: Int64(space.lowerBound), with: element)
  }

  private func declare(_ size: PictureSize, track: Int) {
    guard let offsets = tracks[track].sizeOffsets else { return }
    context.io.sink.replace(at: offsets.width, with: WebMHeader.twoBytes(size.width))
    context.io.sink.replace(at: offsets.height, with: WebMHeader.twoBytes(size.height))
  }

  /// Ends the file: cues, duration, seek head and segment size. A video track that never had a frame is taken from the header. What it orders is small whatever the file's length. A second call
  /// throws `finished`; otherwise `library`.
  package mutating func finish() throws(MuxError) {
    guard !isFinished else { throw .finished }
    try closeCluster()
    isFinished = true
    let sink = context.io.sink
    let used = Set(zip(context.header.tracks, tracks).filter { $1.clock.last != nil }.map { $0.0.number })
    let (append, patches) = WebMIndex.finish(
      context.header, cues.cues, used: used, end: sink.length, durationMilliseconds: duration.nanoseconds / 1_000_000)
    sink.replace(at: sink.length, with: append)
    for patch in patches { sink.replace(at: patch.offset, with: patch.bytes) }
  }

  /// Notes the cluster that is about to open with a frame of that timestamp: its head, its own timestamp, then the frame's block.
  private mutating func noteCue(track: Int, timestamp: Int64) {
    var clusterTimestamp: [UInt8] = []
    clusterTimestamp.appendMatroska(MatroskaID.timestamp, unsigned: timestamp)
    cues.note(
      WebMCues.Cue(
        timestamp: timestamp, isVideo: !tracks[track].isAudio, track: context.header.tracks[track].number,
        clusterPosition: context.io.sink.length - Int64(context.header.segmentStart), relativePosition: Int64(clusterTimestamp.count)))
  }

  /// Lends each pending order, oldest first, and forgets it: `bytes` belong at `offset` of the file, over whatever is there. They are
  /// valid only within `body`. When `body` throws, the order that it refused and those after it stay pending.
  package mutating func drain<E: Error>(_ body: (_ offset: Int64, _ bytes: Span<UInt8>) throws(E) -> Void) throws(E) {
    try context.io.sink.drain(body)
  }
}
