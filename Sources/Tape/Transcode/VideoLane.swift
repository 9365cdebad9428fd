import Codecs
import Ground

/// A participant's pictures on their way to HLS: transcoded, or passed on where players take their codec.
final class VideoLane {
  /// What comes out.
  let codec: Codec
  private var transcoder: VideoTranscoder?
  private var relay: VideoRelay?

  /// Throws `cannotOpen`.
  init(_ codec: Codec, settings: TranscodeSettings) throws(TranscodeError) {
    if codec.isPlayedInMP4 {
      self.codec = codec
      relay = try VideoRelay(codec, settings: settings)
      transcoder = nil
    } else {
      self.codec = .h264
      transcoder = try VideoTranscoder(settings: settings)
      relay = nil
    }
  }

  /// Whether something comes out from the beginning on, whenever the first picture comes.
  var hasFiller: Bool { relay?.hasFiller ?? true }
  var counters: VideoTranscodeCounters {
    if let counters = transcoder?.counters { return counters }
    return relay?.counters ?? VideoTranscodeCounters()
  }
  var shedLevel: ShedLevel { transcoder?.shedLevel ?? .nothing }
  var awaitsKeyFrame: Bool {
    if let awaits = transcoder?.awaitsKeyFrame { return awaits }
    return relay?.awaitsKeyFrame ?? false
  }
  var horizon: MediaTime {
    if let horizon = transcoder?.horizon { return horizon }
    return relay?.horizon ?? .zero
  }
  var nextOutputTime: MediaTime? {
    if transcoder != nil { return transcoder?.nextOutputTime }
    return relay?.nextOutputTime
  }

  func receive(_ frame: EncodedFrame) throws(TranscodeError) {
    try transcoder?.receive(frame)
    try relay?.receive(frame)
  }
  func advance(to time: MediaTime) throws(TranscodeError) {
    try transcoder?.advance(to: time)
    try relay?.advance(to: time)
  }
  func finish(at time: MediaTime) throws(TranscodeError) {
    try transcoder?.finish(at: time)
    try relay?.finish(at: time)
  }
  /// What is passed on costs nothing that could be left out.
  func shed(_ level: ShedLevel) { transcoder?.shed(level) }
  func skipToKeyFrame() {
    transcoder?.skipToKeyFrame()
    relay?.skipToKeyFrame()
  }
  func poll() -> VideoOutput? {
    if relay != nil { return relay?.poll() }
    return transcoder?.poll()
  }
}
