package import Codecs
package import Ground

/// Passes pictures on as they are, for players that take their codec in MP4.
///
/// Its format is what a key frame tells; nothing is put out before one, nor after one that tells nothing.
package struct PictureRelay {
  /// Whether pictures of that codec can be passed on.
  package static func takes(_ codec: Codec) -> Bool { codec == .vp9 }

  package private(set) var counters = VideoTranscodeCounters()
  /// Whether pictures are dropped until a key frame comes.
  package private(set) var awaitsKeyFrame = true
  /// No picture not yet put out has a time at or before this.
  package private(set) var horizon: MediaTime

  private let codec: Codec
  private let start: MediaTime
  private var format: TrackFormat?
  private var last: MediaTime?
  private var undelivered = Outbox<VideoOutput>()

  package init(codec: Codec, start: MediaTime) {
    self.codec = codec
    self.start = start
    horizon = MediaTime(nanoseconds: start.nanoseconds - 1)
  }

  /// Takes one frame. One before the begin, or not after the one before it, is dropped as late; what refers to it then waits for a key
  /// frame.
  package mutating func receive(_ frame: EncodedFrame) {
    counters.received += 1
    guard frame.time >= (last.map { $0 + .microseconds(500) } ?? start) else {
      counters.late += 1
      awaitsKeyFrame = true
      return
    }
    if frame.isKey {
      guard let found = PictureRelay.format(of: frame, codec) else {
        counters.undecodable += 1
        awaitsKeyFrame = true
        return
      }
      awaitsKeyFrame = false
      if found != format {
        format = found
        undelivered.append(.format(found, from: frame.time))
      }
    }
    guard !awaitsKeyFrame else {
      counters.skipped += 1
      return
    }
    var relayed = frame
    relayed.track = 0
    last = frame.time
    horizon = max(horizon, frame.time)
    undelivered.append(.frame(relayed))
  }

  /// No picture will come for a time up to `time`.
  package mutating func advance(to time: MediaTime) { horizon = max(horizon, time) }

  /// Frames were left out: nothing is passed on before the next key frame.
  package mutating func skipToKeyFrame() { awaitsKeyFrame = true }

  /// The next output; nil when there is none yet.
  package mutating func poll() -> VideoOutput? { undelivered.take() }
  /// The time of the output that `poll` gives next.
  package var nextOutputTime: MediaTime? { undelivered.first?.time }

  /// What a key frame tells of its track; nil where it cannot be read.
  private static func format(of frame: EncodedFrame, _ codec: Codec) -> TrackFormat? {
    switch codec {
    case .vp9:
      let header = try? VP9FrameHeader(parsing: frame.bytes.span, from: 0, to: frame.bytes.count, slots: VP9Slots())
      guard var header, header.isKey else { return nil }
      // Of several layers the frame tells the largest one's size, its first header the smallest one's.
      header.size = frame.size ?? header.size
      guard let size = header.size, let configuration = VP9Configuration(header) else { return nil }
      return TrackFormat(codec: codec, size: size, configuration: configuration.bytes)
    case .opus, .vp8, .h264, .aac: return nil
    }
  }
}
