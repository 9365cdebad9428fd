package import Codecs

/// Why a container could not be opened or taken further.
package enum MuxError: Error, Hashable, Sendable {
  /// What the library was asked to do when it refused.
  package enum Step: String, Hashable, Sendable {
    case open, header, frame, cluster, fragment, trailer
  }
  /// A file needs at least one track.
  case noTracks
  /// The container does not carry the codec.
  case unsupported(Codec)
  /// A track whose format the container cannot say: no configuration, or channels that are not 1 or 2.
  case badFormat(track: Int)
  /// A frame or a size for a track that the file does not have.
  case noSuchTrack(Int)
  /// A frame without bytes, or of more than 2 GiB.
  case badFrame(track: Int)
  /// A frame before the timeline's zero, or more than 34 years after it.
  case badTime(track: Int)
  /// The file was finished before.
  case finished
  /// The library refused; `code` is its AVERROR.
  case library(Step, code: Int32)
  /// There was no memory for the library's handles.
  case outOfMemory
}
