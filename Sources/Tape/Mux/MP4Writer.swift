package import Codecs
package import Ground

/// What is to be done to a file, in order, so that it is finished.
package enum FinishingStep: Sendable {
  case write(at: Int64, [UInt8])
  /// A copy of what the file has elsewhere.
  case copy(from: Range<Int64>, to: Int64)
}

/// Writes one MP4 file: coded frames in, bytes with their offsets out. Touches no file; `drain` hands over what is to be written.
///
/// - While it grows it is a fragmented file: a header, then fragments of half a second, each appended as a whole. It plays from its start at any
///   time, and after a crash.
/// - `finish` makes an ordinary file of it without moving a byte of media: a `moov` that lists every sample is appended, and then 16 bytes that were
///   kept behind the `ftyp` become the head of an `mdat` that holds all else, fragments' heads included.
/// - Frames pass unchanged, in the order given, with their times to the tick (90 kHz for pictures, 48 kHz for sound).
/// - A fragment begins at each video key frame, and at most `fragmentMilliseconds` after the one before.
/// - A key frame of another format has an entry of its own in the track's sample description. The same calls give the same bytes.
package struct MP4Writer: ~Copyable {
  private struct Track {
    let codec: Codec
    /// Which entry of the sample description its frames are of.
    var description = 1
    var last: MediaTime?
    var end = MediaTime.zero
  }
  /// A fragment closes before it grows over this, so that memory does not follow the bit rate. One frame may be larger.
  private static let fragmentBytesLimit = 1 << 20
  /// How much of the index is kept in memory; what is more goes into the file at once, where it is read again at the end.
  private static let indexBytesLimit = 64 << 10
  /// How long the last picture of a fragment is said to last at most, where nobody knows yet.
  private static let longestGuess = TimeSpan.milliseconds(100)
  /// Frames nearer to each other than a fragment can tell apart.
  private static let leastDistance = TimeSpan.microseconds(50)

  private var header: MP4Header
  private var fragments: FragmentWriter
  private let sink = ByteSink()
  private var tracks: [Track]
  private var tables: [MP4TrackTables]
  private let fragmentDuration: TimeSpan
  /// The first frame's time in the open fragment; nil while none is open.
  private var fragmentStart: MediaTime?
  private var fragmentBytes = 0
  private var isFinished = false

  /// Opens a file of these tracks; a frame's `track` is an index into `formats`. The header is ready to be drained.
  ///
  /// Throws `noTracks`, `unsupported`, `badFormat`, `library`, `outOfMemory`.
  package init(tracks formats: [TrackFormat], fragmentMilliseconds: Int64 = 500) throws(MuxError) {
    for format in formats where !TapeContainer.mp4.holds(format.codec) { throw .unsupported(format.codec) }
    let header = try MP4Header(formats)
    fragments = try FragmentWriter(tracks: header.formats)
    self.header = header
    tracks = formats.map { Track(codec: $0.codec) }
    tables = formats.map { MP4TrackTables($0.codec) }
    fragmentDuration = .milliseconds(max(1, fragmentMilliseconds))
    append(header.bytes)
  }

  // MARK: Facts

  /// How many bytes wait to be drained.
  package var pendingBytes: Int { sink.pendingBytes }
  /// The file's length once everything pending is written.
  package private(set) var fileBytes: Int64 = 0
  /// Where the last frame so far ends on the timeline.
  package var duration: TimeSpan { tracks.reduce(MediaTime.zero) { max($0, $1.end) } - .zero }

  // MARK: Commands

  /// Writes one frame; answers whether bytes wait to be drained. Throws `noSuchTrack`, `badFrame`, `badTime`, `finished` (the frame is
  /// then not written, and the file goes on as before) or `library`.
  @discardableResult package mutating func write(_ frame: borrowing EncodedFrame) throws(MuxError) -> Bool {
    guard !isFinished else { throw .finished }
    guard tracks.indices.contains(frame.track) else { throw .noSuchTrack(frame.track) }
    guard !frame.bytes.isEmpty, frame.bytes.count < Int32.max else { throw .badFrame(track: frame.track) }
    var placed = copy frame
    if let last = tracks[frame.track].last { placed.time = max(frame.time, last + MP4Writer.leastDistance) }
    guard placed.time >= .zero, placed.time <= FragmentWriter.latest else { throw .badTime(track: frame.track) }
    let isVideo = tracks[frame.track].codec.kind == .video
    placed.isKey = frame.isKey || !isVideo
    if let start = fragmentStart {
      let isFull = fragmentBytes + frame.bytes.count > MP4Writer.fragmentBytesLimit
      if isFull || placed.time - start >= fragmentDuration || (isVideo && frame.isKey) { try closeFragment() }
    }
    if isVideo, frame.isKey { try describe(frame) }
    let track = tracks[frame.track]
    let guess = track.last.map { min(placed.time - $0, MP4Writer.longestGuess) } ?? .milliseconds(1)
    let duration = frame.duration > .zero ? frame.duration : guess
    try fragments.write(placed, duration: duration)
    if fragmentStart == nil { fragmentStart = placed.time }
    fragmentBytes += frame.bytes.count
    tracks[frame.track].last = placed.time
    tracks[frame.track].end = placed.time + duration
    return pendingBytes > 0
  }

  /// Ends the open fragment, if there is one: every frame written so far is then among the pending bytes. Throws `library`.
  package mutating func closeFragment() throws(MuxError) {
    guard fragmentStart != nil else { return }
    fragmentStart = nil
    fragmentBytes = 0
    let bytes = MP4Fragment.describe(try fragments.flushFragment(), tracks.map(\.description))
    let span = bytes.span
    guard let moof = FragmentBox(at: 0, before: bytes.count, in: span),
      let fragment = MP4Fragment(
        moof, in: span, at: fileBytes, data: fileBytes + Int64(moof.whole.upperBound) + 8..<fileBytes + Int64(bytes.count),
        trackCount: tracks.count)
    else { throw .library(.fragment, code: 0) }
    append(bytes)
    fragment.enter(into: &tables)
    writeOutIndex()
  }

  /// Ends the file, but for what it answers, which is to be done when all that waits has been drained. What is written then is small: the
  /// index of the samples, a hundredth of the file or less. A second call throws `finished`; otherwise `library`.
  package mutating func finish() throws(MuxError) -> [FinishingStep] {
    guard !isFinished else { throw .finished }
    try closeFragment()
    isFinished = true
    let mediaEnd = fileBytes
    var steps: [FinishingStep] = []
    for piece in MP4Index.moov(header.moov, tables).pieces {
      switch piece {
      case .bytes(let bytes):
        steps.append(.write(at: fileBytes, bytes))
        fileBytes += Int64(bytes.count)
      case .fromFile(let range):
        steps.append(.copy(from: range, to: fileBytes))
        fileBytes += Int64(range.count)
      }
    }
    // The mark comes last: with it in place the file counts as finished, and without it as a fragmented one, which it still is.
    steps.append(.write(at: header.markOffset, MP4Header.mark(mediaEnd - header.markOffset)))
    return steps
  }

  /// Lends each pending order, oldest first, and forgets it: `bytes` belong at `offset` of the file, over whatever is there. They are
  /// valid only within `body`. When `body` throws, the order that it refused and those after it stay pending.
  package mutating func drain<E: Error>(_ body: (_ offset: Int64, _ bytes: Span<UInt8>) throws(E) -> Void) throws(E) {
    try sink.drain(body)
  }

  // MARK: Steps

  private mutating func append(_ bytes: [UInt8]) {
    sink.replace(at: fileBytes, with: bytes)
    fileBytes += Int64(bytes.count)
  }

  /// Sees to it that the header describes a key frame. One that does not tell its format is taken for one of those before.
  private mutating func describe(_ frame: borrowing EncodedFrame) throws(MuxError) {
    let codec = tracks[frame.track].codec
    let told = (copy frame).format(codec)
    guard let told, let size = told.size, (1...16_384).contains(size.width), (1...16_384).contains(size.height) else { return }
    let (number, isNew) = try header.description(of: told, track: frame.track)
    tracks[frame.track].description = number
    if isNew, let region = header.region {
      sink.replace(at: header.markOffset + Int64(MP4Header.markBytes), with: region)
    }
  }

  /// Puts the index of what is written so far into the file, in a box that readers pass over, so that memory does not grow with the file.
  private mutating func writeOutIndex() {
    let waiting = tables.reduce(0) { $0 + $1.recentBytes }
    guard waiting >= MP4Writer.indexBytesLimit else { return }
    var box: [UInt8] = []
    box.reserveCapacity(waiting + 8)
    box.appendU32(UInt32(waiting + 8))
    box.appendU32(FragmentBox.code("free"))
    for index in tables.indices { tables[index].writeOut(to: &box, at: fileBytes) }
    append(box)
  }
}
