package import Codecs
package import Ground

/// What a video transcoder puts out.
package enum VideoOutput: Sendable {
  /// The frames from `from` on are of this format: before the first frame, and when the picture's size has changed. An IDR follows.
  case format(TrackFormat, from: MediaTime)
  case frame(EncodedFrame)

  package var time: MediaTime {
    switch self {
    case .format(_, let from): from
    case .frame(let frame): frame.time
    }
  }
}

/// Makes H.264 of VP8, with an IDR at exactly every multiple of the segment's length.
///
/// A picture keeps its time. Where no picture falls on a boundary the one before it is put out again there; without pictures, the last
/// one is put out about once a second, and before the first, black ones. Times rise strictly, by half a millisecond at least.
package struct VideoTranscoder: ~Copyable {
  /// A key frame that declares more is refused: it would take some 100 MB to hold.
  package static let maximumPixels = 1 << 24
  /// The size of black pictures for a camera that has not shown its own.
  package static let placeholderSize = PictureSize(width: 640, height: 360)
  /// Times closer than this are one: WebM's milliseconds do not tell them apart, and no container rounds them together.
  private static let resolution = TimeSpan.microseconds(500)
  private static let holdInterval = TimeSpan.milliseconds(1000)

  package private(set) var counters = VideoTranscodeCounters()
  package private(set) var shedLevel = ShedLevel.nothing
  /// Whether inter frames are dropped until a key frame comes: to ask the sender for one ends it.
  package private(set) var awaitsKeyFrame = true
  /// No frame not yet made has a time at or before this, unless the input goes back; before the begin if nothing was made.
  package private(set) var horizon: MediaTime

  private let quality: VideoQuality
  private let canvas: PictureSize?
  private let preset: String
  private let start: MediaTime
  private let segment: TimeSpan
  private var decoder: VP8Decoder
  private var encoder: H264Encoder?
  private var scaler: Scaler?
  private var undelivered = Outbox<VideoOutput>()
  /// The picture to show when none comes, at the size of the output.
  private var held: Picture
  /// Decoded pictures wait here for the scaler.
  private var unscaled: Picture
  /// The size of a picture in the decoder that is newer than `held`.
  private var fresh: PictureSize?
  private var freshRotation = PictureRotation.none
  /// Pictures that were turned, and those that wait to be put onto the canvas.
  private var turned: Picture
  private var boxed: Picture
  private var hasPicture = false
  private var last: MediaTime?
  private let grid: SegmentGrid
  private var boundary: MediaTime
  private var rate: FrameRateCap
  private var sinceEncoded = 0
  /// When the encoder was opened for a picture that came in.
  private var resized: MediaTime?

  /// `settings.video` must not be nil to be heeded; it counts as medium otherwise. Throws `cannotOpen`.
  package init(settings: TranscodeSettings) throws(TranscodeError) {
    quality = settings.video ?? .medium
    canvas = settings.canvas
    preset = settings.encoderPreset
    start = settings.start
    segment = TimeSpan.milliseconds(1000) * Int64(max(settings.segmentSeconds, 1))
    grid = SegmentGrid(segment: segment, shortStart: settings.hasShortStart ? start : nil)
    boundary = start.nanoseconds % segment.nanoseconds == 0 ? start : grid.boundary(after: start)
    horizon = MediaTime(nanoseconds: start.nanoseconds - 1)
    decoder = try VP8Decoder()
    held = Picture(black: settings.canvas ?? Self.placeholderSize)
    unscaled = Picture(black: PictureSize(width: 2, height: 2))
    turned = unscaled
    boxed = unscaled
    rate = FrameRateCap(framesPerSecond: quality.framesPerSecond)
  }

  /// Takes one VP8 frame. Frames come in the order of decoding. A frame that cannot be decoded is counted, and the last picture stays.
  /// Throws `cannotOpen` and `cannotEncode` of the encoder.
  package mutating func receive(_ frame: EncodedFrame) throws(TranscodeError) {
    counters.received += 1
    guard let header = try? VP8FrameHeader(parsing: frame.bytes.span) else {
      counters.undecodable += 1
      return
    }
    guard accepts(header) else { return }
    let time = snapped(frame.time)
    let isLate = time < (last.map { $0 + Self.resolution } ?? start)
    if !isLate {
      // Nothing has been put out: what is black before the first picture may as well have its size.
      if last == nil, !hasPicture, let size = header.size { held = Picture(black: output(frame.rotation.upright(size))) }
      try repeatHeld(before: time)
    }
    // Decoding takes the decoder's picture away, whatever comes of it.
    fresh = nil
    do {
      guard let size = try decoder.decode(frame.bytes) else {
        counters.hidden += 1
        return
      }
      fresh = size
      freshRotation = frame.rotation
      hasPicture = true
    } catch {
      counters.undecodable += 1
      return
    }
    if isLate {
      counters.late += 1
    } else {
      try encodeReceived(at: time)
      horizon = max(horizon, time)
    }
  }

  /// Puts out what is due up to `time` while no frame came: pictures on boundaries, and held ones once a second. A frame that comes for a
  /// time that has been put out is shown at the next one. Advance by seconds, and poll. Throws like `receive`.
  package mutating func advance(to time: MediaTime) throws(TranscodeError) {
    try repeatHeld(before: MediaTime(nanoseconds: time.nanoseconds + 1))
    horizon = max(horizon, time)
  }

  /// Puts out what is due before `time`, where the output ends: a picture that began there would last no time. Throws like `receive`.
  package mutating func finish(at time: MediaTime) throws(TranscodeError) {
    try repeatHeld(before: time)
    horizon = max(horizon, time)
  }

  /// Drops inter frames, undecoded, until the next key frame: what to do when the work has fallen far behind.
  package mutating func skipToKeyFrame() { awaitsKeyFrame = true }

  /// Sets how much work is left out from now on.
  package mutating func shed(_ level: ShedLevel) { shedLevel = level }

  /// The next output, its frames as of track 0; nil when there is none yet.
  package mutating func poll() -> VideoOutput? { undelivered.take() }

  /// The time of the output that `poll` gives next.
  package var nextOutputTime: MediaTime? { undelivered.first?.time }

  /// Whether a frame is worth decoding; counts why not.
  private mutating func accepts(_ header: VP8FrameHeader) -> Bool {
    if let size = header.size {
      guard size.width * size.height <= Self.maximumPixels, min(size.width, size.height) >= 2 else {
        counters.refusedSize += 1
        awaitsKeyFrame = true
        return false
      }
      awaitsKeyFrame = false
    } else if shedLevel == .keyFramesOnly {
      awaitsKeyFrame = true
    }
    if awaitsKeyFrame { counters.skipped += 1 }
    return !awaitsKeyFrame
  }

  /// Puts the picture just decoded out at `time`, unless rate or shed level forbid.
  private mutating func encodeReceived(at time: MediaTime) throws(TranscodeError) {
    let isBoundary = time == boundary
    let isThinned =
      switch shedLevel {
      case .nothing, .keyFramesOnly: false
      case .thinned: sinceEncoded < 2
      case .boundariesOnly: true
      }
    if isResizedTooSoon(at: time), !isBoundary {
      counters.overRate += 1
    } else if isThinned, !isBoundary {
      counters.thinned += 1
      sinceEncoded += 1
    } else if isBoundary || rate.admits(time) {
      if isBoundary { rate.count(time) }
      let formats = counters.formats
      try encodeHeld(at: time)
      if counters.formats > formats { resized = time }
      counters.encoded += 1
      sinceEncoded = 0
    } else {
      counters.overRate += 1
    }
  }

  /// Whether the size has changed again within a second: each change costs an encoder and breaks the presentation, so a sender cannot have
  /// one with each frame. The new size is taken once the second is over.
  private func isResizedTooSoon(at time: MediaTime) -> Bool {
    guard let resized, let fresh, output(freshRotation.upright(fresh)) != held.size else { return false }
    return time - resized < Self.holdInterval
  }

  /// Times that the tape does not tell from a boundary are the boundary.
  private func snapped(_ time: MediaTime) -> MediaTime {
    (time - boundary).magnitude < Self.resolution ? boundary : time
  }

  private mutating func repeatHeld(before end: MediaTime) throws(TranscodeError) {
    while true {
      var next = start
      if let last {
        // A held picture shortly before a boundary would only be in its way.
        next = boundary - last < Self.holdInterval + .milliseconds(250) ? boundary : last + Self.holdInterval
      }
      guard next == boundary ? next < end : next + Self.resolution <= end else { return }
      try encodeHeld(at: next)
      counters.repeated += 1
    }
  }

  /// Encodes the newest picture.
  private mutating func encodeHeld(at time: MediaTime) throws(TranscodeError) {
    try loadFresh()
    if encoder?.size != held.size {
      // The old one's memory goes before the new one's comes.
      encoder = nil
      let opened = try H264Encoder(size: held.size, quality: quality, preset: preset)
      undelivered.append(.format(opened.format, from: time))
      encoder = consume opened
      counters.formats += 1
    }
    guard let frame = try encoder?.encode(held, at: time, asIDR: time == boundary) else { return }
    undelivered.append(.frame(frame))
    last = time
    if boundary <= time { boundary = grid.boundary(after: time) }
  }

  /// The size that an upright picture of `size` is put out with.
  private func output(_ size: PictureSize) -> PictureSize { canvas ?? quality.fitted(size) }

  /// The largest size of the picture's shape that the output takes.
  private func target(_ size: PictureSize) -> PictureSize {
    guard let canvas else { return quality.fitted(size) }
    let isWider = size.width * canvas.height > size.height * canvas.width
    func even(_ side: Int) -> Int { max(side & ~1, 2) }
    return isWider
      ? PictureSize(width: canvas.width, height: even((size.height * canvas.width + size.width / 2) / size.width))
      : PictureSize(width: even((size.width * canvas.height + size.height / 2) / size.height), height: canvas.height)
  }

  private mutating func loadFresh() throws(TranscodeError) {
    guard let coded = fresh else { return }
    fresh = nil
    let size = freshRotation.upright(coded)
    let target = target(size)
    let output = output(size)
    let isCropped =
      canvas == nil && target.width <= size.width && target.height <= size.height && min(size.width, size.height) <= quality.shortSide
    if isCropped, freshRotation == .none {
      held.resize(to: target)
      _ = decoder.copyPicture(into: &held)
      return
    }
    unscaled.resize(to: coded)
    guard decoder.copyPicture(into: &unscaled) else { return }
    if freshRotation != .none { turned.turn(unscaled, by: freshRotation) }
    held.resize(to: output)
    let source = freshRotation == .none ? coded : size
    if scaler?.source != source || scaler?.target != target {
      scaler = nil
      scaler = try Scaler(from: source, to: target)
    }
    guard target != output else {
      if freshRotation == .none { scaler?.scale(unscaled, into: &held) } else { scaler?.scale(turned, into: &held) }
      return
    }
    if freshRotation == .none { scaler?.scale(unscaled, into: &boxed) } else { scaler?.scale(turned, into: &boxed) }
    held.letterbox(boxed)
  }
}
