package import Codecs
package import Ground

/// A whole, decodable frame with its place on our clock.
package struct PlacedFrame: Sendable {
  /// The frame as its codec defines it, in storage of the pool: give it back when it is written.
  package var bytes: [UInt8]
  /// When it was captured, on our clock, in nanoseconds. Rises by a millisecond at least from one frame of a track to the next.
  package var place: Int64
  /// When its first packet came.
  package var arrival: Instant
  /// How many packets it came in; zero for what only fills a hole in the sound.
  package var packets: Int
  /// Whether decoding can start here; true for every audio frame.
  package var isKey: Bool
  /// How long it lasts where the codec says so; zero for pictures.
  package var duration: TimeSpan
  /// The size that a video key frame declares.
  package var size: PictureSize?
  /// How the picture must be turned to be upright.
  package var rotation = PictureRotation.none
  /// Whether a picture that it refers to is missing: no key frame came for so long that it was let pass all the same.
  package var isDegraded = false
}

/// What a track has to tell, in the order of the stream.
package enum TrackOutput: Sendable {
  case frame(PlacedFrame)
  case gap(TrackGap)
  /// A key frame of another size than before.
  case resized(PictureSize)
  /// The pictures must be turned otherwise than before.
  case rotated(PictureRotation)
}
