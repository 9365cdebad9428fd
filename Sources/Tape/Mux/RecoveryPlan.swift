package import Codecs
package import Ground

/// Bytes that belong at an offset of a file, over what is there.
package struct FilePatch: Sendable, Hashable {
  package var offset: Int64
  package var bytes: [UInt8]
}

/// What there is in a file of the tape, finished or not.
package struct TapeFacts: Sendable, Hashable {
  package struct Track: Sendable, Hashable {
    package var codec: Codec
    /// Sound only.
    package var channels: Int
    /// Pictures only; the placeholder of the header where no key frame came.
    package var size: PictureSize?
  }
  package var tracks: [Track] = []
  /// Where the last frame ends on the timeline.
  package var duration = TimeSpan.zero
  /// Clusters, or MP4 fragments, with media.
  package var clusters = 0
  /// Video key frames that open a cluster or fragment, as each does that our writers write.
  package var keyFrames = 0
  /// How many of the file's bytes are header and whole frames.
  package var bytesKept: Int64 = 0
}

/// What has to be done to a file so that it is finished, in this order: cut it to `truncateTo`, append `append`, then write the
/// patches. Doing it again, or planning again after a part of it, comes to the same file.
package struct RecoveryPlan: Sendable, Hashable {
  /// The file is whole: there is nothing to do.
  package var isFinished: Bool
  package var truncateTo: Int64
  package var append: [UInt8] = []
  package var patches: [FilePatch] = []
  package var facts: TapeFacts
}
