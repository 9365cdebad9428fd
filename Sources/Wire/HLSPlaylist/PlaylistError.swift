/// Why a text is not the playlist that it was taken for. Lines count from 1.
package enum PlaylistError: Error, Hashable, Sendable {
  /// Not UTF-8, or the first line is not `#EXTM3U` (RFC 8216 §4.3.1.1).
  case notAPlaylist
  /// A tag without which there is no such playlist.
  case missing(tag: String)
  /// A tag whose value cannot be read, or lies outside its range.
  case badValue(line: Int, tag: String)
  /// A tag of the other kind of playlist, or one that changes what segments mean and is not carried here.
  case unsupported(line: Int, tag: String)
  /// A URI line that no `EXTINF` (or `EXT-X-STREAM-INF`) belongs to.
  case strayURI(line: Int)
}
