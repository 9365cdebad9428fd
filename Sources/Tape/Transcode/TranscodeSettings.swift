package import Codecs
package import Ground

/// How large, how often and how heavy pictures for HLS may be.
package enum VideoQuality: String, Sendable, Hashable, CaseIterable {
  case low, medium, high, ultra

  /// The bound of a picture's shorter side, so that portrait is treated as landscape is; a smaller picture is never scaled up.
  package var shortSide: Int {
    switch self {
    case .low: 480
    case .medium: 720
    case .high: 1080
    case .ultra: 2160
    }
  }
  /// What one second of coded pictures may cost on average.
  package var bitsPerSecond: Int {
    switch self {
    case .low: 1_000_000
    case .medium: 2_500_000
    case .high: 5_000_000
    case .ultra: 15_000_000
    }
  }
  package var framesPerSecond: Int {
    switch self {
    case .low: 24
    case .medium, .high: 30
    case .ultra: 60
    }
  }

  /// The size at which a picture of `size` is encoded: within the bound, aspect kept, both sides even as 4:2:0 in H.264 needs. An odd
  /// picture loses its last row or column rather than be scaled.
  package func fitted(_ size: PictureSize) -> PictureSize {
    let short = min(size.width, size.height)
    func even(_ side: Int) -> Int { max(side & ~1, 2) }
    guard short > shortSide else { return PictureSize(width: even(size.width), height: even(size.height)) }
    // Rounded to the nearest even number, which keeps the aspect within a pixel.
    func scaled(_ side: Int) -> Int { (side * shortSide + short) / (2 * short) * 2 }
    return size.width < size.height
      ? PictureSize(width: shortSide, height: scaled(size.height))
      : PictureSize(width: scaled(size.width), height: shortSide)
  }
}

/// What a participant's frames are made into.
package struct TranscodeSettings: Sendable, Hashable {
  package enum Audio: String, Sendable, Hashable { case aac, opus }

  /// Nil: no picture in the output.
  package var video: VideoQuality? = .medium
  /// The size of every picture that is made, those that come in another shape with black beside them; nil: each has its own.
  package var canvas: PictureSize?
  package var audio = Audio.aac
  /// At every multiple of so many seconds of the timeline, a picture is an IDR. At least 1.
  package var segmentSeconds = 4
  /// Besides, one and two seconds after the output's beginning, for a presentation that starts with two short segments.
  package var hasShortStart = false
  /// Where the output begins: the timeline's zero unless the participant's output begins later. The first picture is put out there, and
  /// sound from the AAC frame on that holds it.
  package var start = MediaTime.zero
  /// x264's name for how much work a picture is worth, from `ultrafast` to `veryslow`.
  package var encoderPreset = "veryfast"

  package init() {}
}

/// How much work the video transcoder leaves out. Each level costs less than the one before it.
package enum ShedLevel: Int, Sendable, Hashable, Comparable, CaseIterable {
  /// Everything is decoded and encoded.
  case nothing
  /// Everything is decoded, every third picture is encoded.
  case thinned
  /// Everything is decoded; only the segment boundaries and the rhythm of a held picture are encoded.
  case boundariesOnly
  /// Inter frames are dropped undecoded; each key frame is decoded and encoded.
  case keyFramesOnly

  package static func < (a: ShedLevel, b: ShedLevel) -> Bool { a.rawValue < b.rawValue }
}
