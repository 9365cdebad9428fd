package import Ground

/// A media playlist of fMP4 segments (RFC 8216 §4.3.3): what plays after what, for how long, and whether more will come.
package struct MediaPlaylist: Sendable, Hashable {
  /// What may still happen to the playlist (RFC 8216 §4.3.3.5).
  package enum Kind: String, Sendable, Hashable {
    /// Segments are only ever added at the end.
    case event = "EVENT"
    /// Nothing changes any more.
    case vod = "VOD"
  }

  /// One media segment with the tags that stand before it.
  package struct Segment: Sendable, Hashable {
    /// Relative to the playlist.
    package var uri: String
    /// How long it plays (`EXTINF`).
    package var durationMilliseconds: Int
    /// When its first sample was, by the wall clock, kept to the millisecond.
    package var programDateTime: WallTime?
    /// Codecs, tracks or timestamps do not continue those of the segment before it.
    package var isDiscontinuous: Bool
    /// The initialization segment that it needs (`EXT-X-MAP`), whether or not it is the same as its predecessor's.
    package var map: String?

    package init(
      uri: String, durationMilliseconds: Int, programDateTime: WallTime? = nil, isDiscontinuous: Bool = false, map: String? = nil
    ) {
      self.uri = uri
      self.durationMilliseconds = durationMilliseconds
      self.programDateTime = programDateTime
      self.isDiscontinuous = isDiscontinuous
      self.map = map
    }
  }

  package var version = 7
  /// What no segment's duration, rounded to the nearest second, exceeds.
  package var targetDurationSeconds: Int
  /// The number of the first segment.
  package var mediaSequence = 0
  package var kind: Kind?
  /// Every segment can be decoded without any other (RFC 8216 §4.3.5.1).
  package var hasIndependentSegments = true
  package var segments: [Segment] = []
  /// No segment will be added (`EXT-X-ENDLIST`).
  package var isEnded = false

  package init(targetDurationSeconds: Int, kind: Kind? = nil) {
    self.targetDurationSeconds = targetDurationSeconds
    self.kind = kind
  }

  /// The playlist as text. One pass over all segments; for a long live playlist keep the parts and join them (`head`, `tail`,
  /// `Segment.text(after:)`).
  package var text: String {
    var out = head
    var previous: Segment?
    for segment in segments {
      out += segment.text(after: previous)
      previous = segment
    }
    return out + tail
  }

  /// The lines before the first segment.
  package var head: String {
    var out = "#EXTM3U\n#EXT-X-VERSION:\(version)\n#EXT-X-TARGETDURATION:\(targetDurationSeconds)\n#EXT-X-MEDIA-SEQUENCE:\(mediaSequence)\n"
    if let kind { out += "#EXT-X-PLAYLIST-TYPE:\(kind.rawValue)\n" }
    if hasIndependentSegments { out += "#EXT-X-INDEPENDENT-SEGMENTS\n" }
    return out
  }

  /// The lines after the last segment.
  package var tail: String { isEnded ? "#EXT-X-ENDLIST\n" : "" }
}

extension MediaPlaylist.Segment {
  /// The segment's lines where `previous` stands before it (nil: it is the first).
  package func text(after previous: MediaPlaylist.Segment?) -> String {
    var out = ""
    if isDiscontinuous { out += "#EXT-X-DISCONTINUITY\n" }
    if let map, map != previous?.map { out += "#EXT-X-MAP:URI=\"\(PlaylistText.uri(map))\"\n" }
    if let programDateTime { out += "#EXT-X-PROGRAM-DATE-TIME:\(programDateTime.rfc3339)\n" }
    return out + "#EXTINF:\(PlaylistText.decimal(thousandths: durationMilliseconds)),\n\(PlaylistText.uri(uri))\n"
  }
}
