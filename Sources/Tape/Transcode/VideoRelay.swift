package import Codecs
package import Ground

/// Passes pictures on as they are, for players that take their codec in MP4: frames keep their bytes and their times.
///
/// Key frames are the sender's, so segments are as long as its key frames let them be. Its format is what a key frame tells, and nothing goes
/// before one. With H.264, before the first one, and after two seconds without a picture until the next one, there are black pictures of a
/// small encoder, so that players' buffers have no hole; other codecs have no such encoder here.
package struct VideoRelay: ~Copyable {
  /// Times closer than this are one.
  private static let resolution = TimeSpan.microseconds(500)
  /// How long the last picture stands.
  private static let patience = TimeSpan.milliseconds(2_000)
  /// Another format sooner than so long after the last is left out: each breaks the presentation.
  private static let formatInterval = TimeSpan.milliseconds(1_000)
  /// What MP4 can say.
  private static let longestSide = 16_384

  package private(set) var counters = VideoTranscodeCounters()
  package private(set) var awaitsKeyFrame = true
  /// No frame not yet made has a time at or before this.
  package private(set) var horizon: MediaTime

  private let codec: Codec
  private var settings: TranscodeSettings
  private var black: VideoTranscoder?
  private var undelivered = Outbox<VideoOutput>()
  private var format: TrackFormat?
  private var formatAt: MediaTime?
  private var last: MediaTime?

  /// A relay of `codec`, which is played in MP4. `settings.video` is of no importance. Throws `cannotOpen` of the encoder of black pictures.
  package init(_ codec: Codec, settings: TranscodeSettings) throws(TranscodeError) {
    self.codec = codec
    self.settings = settings
    self.settings.video = .low
    horizon = MediaTime(nanoseconds: settings.start.nanoseconds - 1)
    if hasFiller { black = try VideoTranscoder(settings: self.settings) }
  }

  /// Whether there are black pictures where there are none of the sender's.
  package var hasFiller: Bool { codec == .h264 }

  /// Takes one frame, an access unit with its parameter sets in front where it is a key frame. Throws what the encoder of black pictures throws.
  package mutating func receive(_ frame: EncodedFrame) throws(TranscodeError) {
    counters.received += 1
    guard frame.time >= (last.map { $0 + Self.resolution } ?? settings.start) else {
      counters.late += 1
      // What refers to it cannot be decoded.
      awaitsKeyFrame = true
      return
    }
    if frame.isKey {
      awaitsKeyFrame = try !begin(frame)
      if awaitsKeyFrame { return }
    }
    guard !awaitsKeyFrame else {
      counters.skipped += 1
      return
    }
    undelivered.append(.frame(frame))
    counters.encoded += 1
    last = frame.time
    horizon = max(horizon, frame.time)
  }

  /// Makes a key frame's format the output's; false where it cannot be shown.
  private mutating func begin(_ frame: EncodedFrame) throws(TranscodeError) -> Bool {
    guard let told = frame.format(codec), let size = told.size else {
      counters.undecodable += 1
      return false
    }
    guard (2...Self.longestSide).contains(size.width), (2...Self.longestSide).contains(size.height) else {
      counters.refusedSize += 1
      return false
    }
    guard told != format || black != nil else { return true }
    if black == nil, let formatAt, frame.time - formatAt < Self.formatInterval {
      counters.overRate += 1
      return false
    }
    var from = frame.time
    if hasFiller, last == nil, frame.time - settings.start <= Self.patience {
      // Nothing has been put out: the format may as well be in force from the beginning.
      black = nil
      from = settings.start
    }
    try endBlack(at: frame.time)
    // Black may have been put out up to this very time.
    guard frame.time >= (last.map { $0 + Self.resolution } ?? settings.start) else {
      counters.late += 1
      return false
    }
    format = told
    formatAt = frame.time
    undelivered.append(.format(told, from: from))
    counters.formats += 1
    return true
  }

  private mutating func endBlack(at time: MediaTime) throws(TranscodeError) {
    guard black != nil else { return }
    try black?.finish(at: time)
    takeBlack()
    black = nil
  }

  private mutating func takeBlack() {
    while let output = black?.poll() {
      if case .format = output { counters.formats += 1 } else { counters.repeated += 1 }
      last = max(last ?? output.time, output.time)
      undelivered.append(output)
    }
  }

  /// Lets the output go on to `time` without pictures. Throws what the encoder of black pictures throws.
  package mutating func advance(to time: MediaTime) throws(TranscodeError) {
    guard hasFiller else {
      horizon = max(horizon, time)
      return
    }
    if black == nil, let last, time - last >= Self.patience {
      settings.start = last + Self.patience
      settings.hasShortStart = false
      black = try VideoTranscoder(settings: settings)
      awaitsKeyFrame = true
      format = nil
    }
    guard black != nil else {
      // What stands may be followed by black from here on.
      horizon = max(horizon, min(time, (last ?? time) + Self.patience))
      return
    }
    try black?.advance(to: time)
    takeBlack()
    horizon = max(horizon, time)
  }

  /// Puts out what is due before `time`, where the output ends. Throws what the encoder of black pictures throws.
  package mutating func finish(at time: MediaTime) throws(TranscodeError) {
    try endBlack(at: time)
    horizon = max(horizon, time)
  }

  /// Frames were left out: nothing is passed on before the next key frame.
  package mutating func skipToKeyFrame() { awaitsKeyFrame = true }

  /// The next output, its frames as of track 0; nil when there is none yet.
  package mutating func poll() -> VideoOutput? {
    guard case .frame(var frame)? = undelivered.first else { return undelivered.take() }
    _ = undelivered.take()
    frame.track = 0
    return .frame(frame)
  }

  /// The time of the output that `poll` gives next.
  package var nextOutputTime: MediaTime? { undelivered.first?.time }
}
