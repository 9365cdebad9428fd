import Ground
import HLSPlaylist
import Testing

/// Playlists: what is written, that it is read back the same, and what is refused.
@Suite struct HLSPlaylistTests {
  private static let start = WallTime(rfc3339: "2026-11-21T12:07:00.250Z")!

  private static func segment(_ n: Int, map: String? = "init-0.mp4", milliseconds: Int = 4_000, cut: Bool = false) -> MediaPlaylist.Segment
  {
    MediaPlaylist.Segment(
      uri: "seg-\(n).m4s", durationMilliseconds: milliseconds, programDateTime: start + .milliseconds(Int64(n) * 4_000),
      isDiscontinuous: cut, map: map)
  }

  private static var growing: MediaPlaylist {
    var playlist = MediaPlaylist(targetDurationSeconds: 4, kind: .event)
    playlist.segments = [segment(0), segment(1, milliseconds: 3_967), segment(2, map: "init-1.mp4", milliseconds: 7, cut: true)]
    return playlist
  }

  @Test func mediaPlaylistIsWrittenAsTheRFCSpellsIt() {
    let text = """
      #EXTM3U
      #EXT-X-VERSION:7
      #EXT-X-TARGETDURATION:4
      #EXT-X-MEDIA-SEQUENCE:0
      #EXT-X-PLAYLIST-TYPE:EVENT
      #EXT-X-INDEPENDENT-SEGMENTS
      #EXT-X-MAP:URI="init-0.mp4"
      #EXT-X-PROGRAM-DATE-TIME:2026-11-21T12:07:00.250Z
      #EXTINF:4.000,
      seg-0.m4s
      #EXT-X-PROGRAM-DATE-TIME:2026-11-21T12:07:04.250Z
      #EXTINF:3.967,
      seg-1.m4s
      #EXT-X-DISCONTINUITY
      #EXT-X-MAP:URI="init-1.mp4"
      #EXT-X-PROGRAM-DATE-TIME:2026-11-21T12:07:08.250Z
      #EXTINF:0.007,
      seg-2.m4s

      """
    #expect(Self.growing.text == text)
    var final = Self.growing
    final.kind = .vod
    final.isEnded = true
    #expect(final.text == text.replacing("EVENT", with: "VOD") + "#EXT-X-ENDLIST\n")
  }

  @Test func whatIsWrittenIsReadBack() throws {
    var playlist = Self.growing
    #expect(try MediaPlaylist(parsing: Array(playlist.text.utf8)) == playlist)
    playlist.kind = nil
    playlist.isEnded = true
    playlist.hasIndependentSegments = false
    playlist.mediaSequence = 41
    playlist.segments[1].programDateTime = nil
    playlist.segments[0].uri = "a/\u{301}é 1.m4s"
    #expect(try MediaPlaylist(parsing: Array(playlist.text.utf8)) == playlist)
    let empty = MediaPlaylist(targetDurationSeconds: 1)
    #expect(try MediaPlaylist(parsing: Array(empty.text.utf8)) == empty)
  }

  @Test func carriageReturnsCommentsAndUnknownTagsAreReadOver() throws {
    let text = "#EXTM3U\r\n# a comment\r\n#EXT-X-TARGETDURATION:5\r\n#EXT-X-UNHEARD-OF:1\r\n\r\n#EXTINF:4.99951,a title\r\nx.m4s\r\n"
    let playlist = try MediaPlaylist(parsing: Array(text.utf8))
    #expect(playlist.targetDurationSeconds == 5)
    #expect(playlist.version == 1)
    #expect(playlist.segments == [MediaPlaylist.Segment(uri: "x.m4s", durationMilliseconds: 5_000)])
  }

  @Test func aURIThatWouldEndItsLineIsEncoded() throws {
    var playlist = MediaPlaylist(targetDurationSeconds: 4)
    playlist.segments = [MediaPlaylist.Segment(uri: "#a\nb.m4s", durationMilliseconds: 1, map: "i\"n.mp4")]
    let read = try MediaPlaylist(parsing: Array(playlist.text.utf8))
    #expect(read.segments.map(\.uri) == ["%23a%0Ab.m4s"])
    #expect(read.segments.map(\.map) == ["i%22n.mp4"])
  }

  @Test(arguments: [
    ("", PlaylistError.notAPlaylist),
    ("#EXTM3U8\n", .notAPlaylist),
    ("\u{feff}#EXTM3U\n", .notAPlaylist),
    ("#EXTM3U\n", .missing(tag: "EXT-X-TARGETDURATION")),
    ("#EXTM3U\n#EXT-X-TARGETDURATION:-4\n", .badValue(line: 2, tag: "EXT-X-TARGETDURATION")),
    ("#EXTM3U\n#EXT-X-TARGETDURATION:99999999999999999999\n", .badValue(line: 2, tag: "EXT-X-TARGETDURATION")),
    ("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n#EXT-X-PLAYLIST-TYPE:LIVE\n", .badValue(line: 4, tag: "EXT-X-PLAYLIST-TYPE")),
    ("#EXTM3U\n#EXT-X-TARGETDURATION:4\nseg-0.m4s\n", .strayURI(line: 3)),
    ("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na\nb\n", .strayURI(line: 5)),
    ("#EXTM3U\n#EXTINF:four,\n", .badValue(line: 2, tag: "EXTINF")),
    ("#EXTM3U\n#EXTINF:\n", .badValue(line: 2, tag: "EXTINF")),
    ("#EXTM3U\n#EXT-X-MAP:URI=\"a\n", .badValue(line: 2, tag: "EXT-X-MAP")),
    ("#EXTM3U\n#EXT-X-MAP:URI=\"a\",BYTERANGE=\"1@0\"\n", .unsupported(line: 2, tag: "EXT-X-MAP")),
    ("#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:today\n", .badValue(line: 2, tag: "EXT-X-PROGRAM-DATE-TIME")),
    ("#EXTM3U\n#EXT-X-KEY:METHOD=AES-128\n", .unsupported(line: 2, tag: "EXT-X-KEY")),
    ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n", .unsupported(line: 2, tag: "EXT-X-STREAM-INF")),
  ])
  func badMediaPlaylistsAreNamed(text: String, error: PlaylistError) {
    #expect(throws: error) { try MediaPlaylist(parsing: Array(text.utf8)) }
  }

  @Test func everyPrefixIsReadOrRefused() {
    let bytes = Array(Self.growing.text.utf8)
    var read = 0
    for count in 0...bytes.count where (try? MediaPlaylist(parsing: Array(bytes[..<count]))) != nil { read += 1 }
    #expect(read > 0 && read < bytes.count)
    #expect(throws: PlaylistError.notAPlaylist) { try MediaPlaylist(parsing: [0xff, 0xfe]) }
  }

  @Test func namesOfCodecsAreReadWithoutSpacesAndHoles() throws {
    let text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1.42C00D,,  opus, \"\nmedia.m3u8\n"
    let playlist = try MultivariantPlaylist(parsing: Array(text.utf8))
    #expect(playlist.variants.map(\.codecs) == [["avc1.42C00D", "opus"]])
  }

  @Test func multivariantPlaylistIsWrittenAndReadBack() throws {
    let full = MultivariantPlaylist.Variant(
      uri: "media.m3u8", bandwidth: 2_800_000, averageBandwidth: 2_500_001, codecs: ["avc1.42C01F", "mp4a.40.2"],
      resolution: MultivariantPlaylist.Resolution(width: 1280, height: 720), frameRate: 29.97)
    let playlist = MultivariantPlaylist(variants: [full, MultivariantPlaylist.Variant(uri: "low.m3u8", bandwidth: 9)])
    #expect(
      playlist.text == """
        #EXTM3U
        #EXT-X-VERSION:7
        #EXT-X-INDEPENDENT-SEGMENTS
        #EXT-X-STREAM-INF:BANDWIDTH=2800000,AVERAGE-BANDWIDTH=2500001,CODECS="avc1.42C01F,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970
        media.m3u8
        #EXT-X-STREAM-INF:BANDWIDTH=9
        low.m3u8

        """)
    #expect(try MultivariantPlaylist(parsing: Array(playlist.text.utf8)) == playlist)
  }

  @Test(arguments: [
    ("#EXTM3U\n", PlaylistError.missing(tag: "EXT-X-STREAM-INF")),
    ("#EXTM3U\n#EXT-X-STREAM-INF:CODECS=\"opus\"\na\n", .badValue(line: 2, tag: "EXT-X-STREAM-INF")),
    ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,BANDWIDTH=2\na\n", .badValue(line: 2, tag: "EXT-X-STREAM-INF")),
    ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1x\na\n", .badValue(line: 2, tag: "EXT-X-STREAM-INF")),
    ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,FRAME-RATE=fast\na\n", .badValue(line: 2, tag: "EXT-X-STREAM-INF")),
    ("#EXTM3U\nmedia.m3u8\n", .strayURI(line: 2)),
    ("#EXTM3U\n#EXTINF:4,\n", .unsupported(line: 2, tag: "EXTINF")),
  ])
  func badMultivariantPlaylistsAreNamed(text: String, error: PlaylistError) {
    #expect(throws: error) { try MultivariantPlaylist(parsing: Array(text.utf8)) }
  }
}
