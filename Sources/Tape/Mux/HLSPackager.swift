package import Codecs
package import Ground
import HLSPlaylist

/// Makes one participant's live HLS presentation of encoded frames: initialization segments, fragments, segments and playlists, as orders to
/// whoever holds the folder. Knows no clock and no file.
///
/// A segment with video ends at the first key frame at or after a multiple of the segment duration on the timeline, which the encoder is expected
/// to put exactly there. Without video (none in the formats, or none coming), it ends so that the target duration is not exceeded.
package struct HLSPackager: ~Copyable {
  /// A key frame so little before a boundary lies on it: times of different clocks have been rounded.
  static let boundaryTolerance = TimeSpan.milliseconds(1)
  /// A track that lies so far behind another is not waited for.
  static let patience = TimeSpan.milliseconds(2_000)
  /// A longer silence of all tracks across a boundary is a break in the timeline of the presentation.
  static let gap = TimeSpan.milliseconds(500)

  /// The segment that grows.
  struct OpenSegment {
    var start: MediaTime
    /// The next boundary of the grid.
    var boundary: MediaTime
    /// How long it may become without pictures.
    var longest: TimeSpan
    var fragmentStart: MediaTime
    var programDateTime: WallTime
    var isDiscontinuous: Bool
    var byteCount = 0
  }

  let configuration: HLSConfiguration
  let segmentDuration: TimeSpan
  /// Known from the first segment on.
  var grid: SegmentGrid?
  var wallClockZero: WallTime
  var formats: [TrackFormat] = []
  var writer: FragmentWriter?
  var lanes: [HLSLane] = []
  var videoTrack: Int?
  var parameterSets = HLSParameterSets(avcC: [])
  var segment: OpenSegment?
  /// The last video frame, whose duration its successor will tell.
  var held: EncodedFrame?
  /// The time between the last two video frames.
  var videoInterval = TimeSpan.milliseconds(33)
  var lastVideoTime = MediaTime.zero
  /// Where the media given to the muxer ends.
  var mediaEnd = MediaTime.zero
  /// Video is dropped until a key frame, so that no segment needs another.
  var needsKey = true
  var isDiscontinuous = false
  /// The number of the initialization segment in force, and whether it has been written: not before a segment needs it.
  var initNumber = 0
  var isInitWritten = false
  var presentation: HLSPresentation
  var orders: [HLSOrder] = []
  /// Finished segments that no playlist names yet.
  var unannounced: [HLSSegment] = []
  var isFinished = false
  /// Formats that the next frame will begin with.
  private var nextFormats: [TrackFormat]?
  private var nextWriter: FragmentWriter?
  private var nextTime: MediaTime?

  /// Video frames that were dropped because they cannot be decoded without an earlier segment.
  package internal(set) var droppedFrames = 0
  /// Frames that were dropped for their time: not after the one before, or outside the timeline.
  package private(set) var misplacedFrames = 0
  /// Segments that no key frame ended in time. The playlist states the target duration for them.
  package internal(set) var overlongSegments = 0
  /// Finished segments so far.
  package var segmentCount: Int { presentation.segmentCount }
  /// Those of them that the playlists name: none before there are `leadSegments`.
  package var publishedSegmentCount: Int { segmentCount - unannounced.count }
  /// Where the last finished segment ends or, while one grows, where the media in it ends.
  package var end: MediaTime { mediaEnd }

  /// `wallClockZero`: the wall clock's time at the timeline's zero.
  package init(_ configuration: HLSConfiguration, wallClockZero: WallTime) {
    var checked = configuration
    checked.segmentSeconds = min(max(configuration.segmentSeconds, 1), 30)
    checked.fragmentMilliseconds = min(max(configuration.fragmentMilliseconds, 1), 1_000)
    self.configuration = checked
    self.wallClockZero = wallClockZero
    segmentDuration = .milliseconds(Int64(checked.segmentSeconds) * 1_000)
    presentation = HLSPresentation(checked)
  }

  /// Says what the frames from here on will be like: at most one video and one audio track. Those given before belong to the formats before; their
  /// segment ends at `time`, or where nil at the next frame, and the one after it begins with an initialization segment of its own. Nothing happens
  /// where the formats are those in force. Throws what `FragmentWriter.init` throws, `badFormat` for a second track of a kind, `finished`.
  package mutating func start(_ formats: [TrackFormat], at time: MediaTime? = nil) throws(MuxError) {
    guard !isFinished else { throw .finished }
    guard formats != self.formats else {
      nextFormats = nil
      nextWriter = nil
      return
    }
    for index in formats.indices where formats[..<index].contains(where: { $0.codec.kind == formats[index].codec.kind }) {
      throw .badFormat(track: index)
    }
    nextWriter = try FragmentWriter(tracks: formats)
    nextFormats = formats
    nextTime = time
  }

  /// Takes a frame. Frames of a track come in the order of time; of two tracks, either may run ahead. A frame that does not come after the one before it,
  /// or lies outside the first 24 days, is counted and dropped. Throws `noSuchTrack` before `start`, `badFrame`, `finished` (nothing has happened then),
  /// `library`.
  package mutating func write(_ frame: EncodedFrame) throws(MuxError) {
    guard !isFinished else { throw .finished }
    guard (nextFormats ?? formats).indices.contains(frame.track) else { throw .noSuchTrack(frame.track) }
    guard !frame.bytes.isEmpty, frame.bytes.count <= Int(Int32.max) else { throw .badFrame(track: frame.track) }
    guard frame.time >= .zero, frame.time <= FragmentWriter.latest else {
      misplacedFrames += 1
      return
    }
    if let next = nextFormats { try begin(next, at: nextTime ?? frame.time) }
    guard lanes[frame.track].append(frame) else {
      misplacedFrames += 1
      return
    }
    try pump()
  }

  /// Sets the wall clock's time at the timeline's zero, from the next segment on: after a pause that the timeline leaves out, it is later by the
  /// pause's length.
  package mutating func setWallClock(zero: WallTime) { wallClockZero = zero }

  /// Ends the presentation: the last segment is closed, the playlists are final. Idempotent. Throws `library`.
  package mutating func finish() throws(MuxError) {
    guard !isFinished else { return }
    try endFormats(at: nil)
    isFinished = true
    writer = nil
    nextWriter = nil
    guard segmentCount > 0 else { return }
    presentation.end()
    // The media playlist comes last: once it is final, so is everything.
    if let bytes = presentation.takeMultivariantPlaylist() { orders.append(.write(path: HLSName.master, bytes: bytes)) }
    orders.append(.write(path: HLSName.media, bytes: presentation.mediaPlaylist))
    announce()
  }

  private mutating func begin(_ next: [TrackFormat], at time: MediaTime) throws(MuxError) {
    try endFormats(at: time)
    if isInitWritten { initNumber += 1 }
    isInitWritten = false
    writer = nextWriter.take()
    nextFormats = nil
    formats = next
    lanes = next.map { HLSLane(codec: $0.codec) }
    videoTrack = next.firstIndex { $0.codec.kind == .video }
    parameterSets = HLSParameterSets(avcC: videoTrack.flatMap { next[$0].codec == .h264 ? next[$0].configuration : nil } ?? [])
    needsKey = true
    isDiscontinuous = segmentCount > 0
  }

  /// What is to be done since the last call, in order.
  package mutating func takeOrders() -> [HLSOrder] {
    defer { orders = [] }
    return orders
  }
}
