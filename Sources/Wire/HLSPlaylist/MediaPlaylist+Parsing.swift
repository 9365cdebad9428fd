import Ground

extension MediaPlaylist {
  /// Reads a media playlist of whole, unencrypted segments. Tags that are not known are passed over (RFC 8216 §6.3.1); byte ranges and
  /// keys are `unsupported`, for a playlist written back without them would say something else.
  package init(parsing bytes: [UInt8]) throws(PlaylistError) {
    var state = ParsingState()
    for line in try PlaylistLine.lines(of: bytes) { try state.take(line) }
    guard let target = state.targetDuration else { throw .missing(tag: "EXT-X-TARGETDURATION") }
    state.playlist.targetDurationSeconds = target
    self = state.playlist
  }

  /// The tags seen so far: those of the playlist, and those that wait for the URI that they belong to.
  private struct ParsingState {
    var playlist = MediaPlaylist(targetDurationSeconds: 0)
    var targetDuration: Int?
    var duration: Int?
    var programDateTime: WallTime?
    var isDiscontinuous = false
    var map: String?

    init() {
      playlist.version = 1
      playlist.hasIndependentSegments = false
    }

    mutating func take(_ line: PlaylistLine) throws(PlaylistError) {
      switch line.content {
      case .tag(let name, let value):
        guard try take(name, value[...], line.number) else { throw .badValue(line: line.number, tag: name) }
      case .uri(let uri):
        guard let milliseconds = duration else { throw .strayURI(line: line.number) }
        playlist.segments.append(
          Segment(
            uri: uri, durationMilliseconds: milliseconds, programDateTime: programDateTime, isDiscontinuous: isDiscontinuous, map: map))
        duration = nil
        programDateTime = nil
        isDiscontinuous = false
      }
    }

    /// False for a value that cannot be read.
    private mutating func take(_ name: String, _ value: Substring, _ line: Int) throws(PlaylistError) -> Bool {
      switch name {
      case "EXT-X-VERSION":
        guard let version = PlaylistText.integer(value) else { return false }
        playlist.version = version
      case "EXT-X-TARGETDURATION":
        guard let seconds = PlaylistText.integer(value) else { return false }
        targetDuration = seconds
      case "EXT-X-MEDIA-SEQUENCE":
        guard let sequence = PlaylistText.integer(value) else { return false }
        playlist.mediaSequence = sequence
      case "EXT-X-PLAYLIST-TYPE":
        guard let kind = Kind(rawValue: String(value)) else { return false }
        playlist.kind = kind
      case "EXT-X-INDEPENDENT-SEGMENTS": playlist.hasIndependentSegments = true
      case "EXT-X-ENDLIST": playlist.isEnded = true
      case "EXT-X-DISCONTINUITY": isDiscontinuous = true
      case "EXT-X-MAP":
        guard let attributes = PlaylistText.attributes(String(value)), let uri = attributes["URI"] else { return false }
        guard attributes["BYTERANGE"] == nil else { throw .unsupported(line: line, tag: name) }
        map = uri
      case "EXT-X-PROGRAM-DATE-TIME":
        guard let time = WallTime(rfc3339: String(value)) else { return false }
        programDateTime = time
      case "EXTINF":
        guard let milliseconds = PlaylistText.thousandths(value.prefix { $0 != "," }) else { return false }
        duration = milliseconds
      case "EXT-X-BYTERANGE", "EXT-X-KEY", "EXT-X-I-FRAMES-ONLY", "EXT-X-STREAM-INF", "EXT-X-MEDIA", "EXT-X-I-FRAME-STREAM-INF":
        throw .unsupported(line: line, tag: name)
      default: break
      }
      return true
    }
  }
}
