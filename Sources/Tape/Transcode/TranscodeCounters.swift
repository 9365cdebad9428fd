/// What became of the video frames that came in. `received` is the sum of `encoded` and every cause from `undecodable` to `late`.
package struct VideoTranscodeCounters: Sendable, Hashable {
  package var received = 0
  /// Frames whose own picture was encoded at its own time.
  package var encoded = 0
  /// The decoder refused the frame, or it is no VP8 frame.
  package var undecodable = 0
  /// Key frames that declare more pixels than `VideoTranscoder.maximumPixels`, or less than 2 in a row or column.
  package var refusedSize = 0
  /// Inter frames dropped undecoded because the pictures that they refer to are missing: before the first key frame, after a key frame
  /// of refused size, while or after skipping.
  package var skipped = 0
  /// Alternate reference frames: decoded, never shown.
  package var hidden = 0
  /// Dropped for the quality's frame rate, or for a size that changed again within a second.
  package var overRate = 0
  /// Decoded and not encoded, for the shed level.
  package var thinned = 0
  /// At or before a time that had been put out already, or less than half a millisecond after it.
  package var late = 0
  /// Pictures put out again because no frame was there: at boundaries, and once a second without new ones.
  package var repeated = 0
  /// How often an encoder was opened: once, and once for each change of size.
  package var formats = 0

  package init() {}
}

/// What became of the sound that came in, in packets, and of the 48 kHz line that was made of it, in samples.
package struct AudioTranscodeCounters: Sendable, Hashable {
  package var received = 0
  /// The decoder refused the packet, or it is no Opus packet.
  package var undecodable = 0
  /// Packets of which nothing was left: the line had passed them.
  package var late = 0
  /// Samples of silence where no packet was.
  package var silentSamples = 0
  /// Samples that the decoder made up for short losses.
  package var concealedSamples = 0
  /// Decoded samples left out because the line had passed their place.
  package var trimmedSamples = 0
  /// Samples added, to follow a clock that runs slower than the line's.
  package var insertedSamples = 0
  /// Samples left out, to follow a clock that runs faster than the line's.
  package var removedSamples = 0
  /// Frames put out.
  package var framesOut = 0

  package init() {}
}
