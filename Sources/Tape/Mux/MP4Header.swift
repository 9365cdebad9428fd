import Codecs
import Ground

/// The header of an MP4 tape: `ftyp` and `moov` as `FragmentWriter` makes them, with every description of a track's pictures that came so far.
///
///     | ftyp | free: 16 bytes, later the head of the one mdat | moov | free: room for the moov to grow |
///
/// Pictures tell their format with their first key frame; until then the track is described by a stand-in.
struct MP4Header {
  private struct Track {
    var format: TrackFormat
    /// The entries of its sample description box (`stsd`).
    var entries: [[UInt8]] = []
    /// The configurations that they are of; empty while a stand-in stands there.
    var configurations: [TrackFormat] = []
    /// No more descriptions are tried: there is no room.
    var isFull = false
  }
  /// What more than a stand-in's bytes a track of pictures may need in the file.
  private static let roomBytes = 3 << 10
  /// The box that will be the head of the one `mdat`: a size of 64 bits needs 16 bytes.
  static let markBytes = 16
  /// Players go through the descriptions one by one.
  private static let mostDescriptions = 64

  private var tracks: [Track]
  private(set) var fileType: [UInt8] = []
  private(set) var moov: [UInt8] = []
  /// How many bytes `moov` and the room behind it take in the file.
  private(set) var space = 0

  /// Throws what `FragmentWriter.init` throws.
  init(_ formats: [TrackFormat]) throws(MuxError) {
    tracks = formats.map { Track(format: MP4Header.standIn($0)) }
    try rebuild()
    let pictures = formats.count { $0.codec.kind == .video }
    space = moov.count + 8 + pictures * MP4Header.roomBytes
  }

  /// The formats that the file is opened with.
  var formats: [TrackFormat] { tracks.map(\.format) }

  /// Where the head of the one `mdat` goes, counted from the file's start.
  var markOffset: Int64 { Int64(fileType.count) }

  /// All of the header, as the file begins.
  var bytes: [UInt8] { fileType + MP4Header.freeBox(MP4Header.markBytes) + (region ?? moov) }

  /// What stands behind the mark: `moov` and the room that is left. Nil where there is not enough.
  var region: [UInt8]? {
    let left = space - moov.count
    guard left == 0 || left >= 8 else { return nil }
    return moov + (left > 0 ? MP4Header.freeBox(left) : [])
  }

  /// Which description a key frame of that format needs, counted from 1, and whether the header has changed for it. A format that there is no
  /// more room for is described as the last one: its frames have their parameter sets.
  mutating func description(of told: TrackFormat, track: Int) throws(MuxError) -> (number: Int, isNew: Bool) {
    var told = told
    // Which way up is a matter of the track, not of its descriptions.
    let rotation = told.rotation
    told.rotation = .none
    if let known = tracks[track].configurations.firstIndex(of: told) { return (known + 1, false) }
    let before = self
    if tracks[track].configurations.isEmpty {
      tracks[track].format = told
      tracks[track].format.rotation = rotation
      tracks[track].configurations = [told]
      tracks[track].entries = []
      try rebuild()
      return (1, true)
    }
    let last = tracks[track].configurations.count
    guard last < MP4Header.mostDescriptions, !tracks[track].isFull else { return (last, false) }
    var other = formats
    other[track] = told
    let writer = try FragmentWriter(tracks: other)
    guard let entry = MP4Header.entries(in: writer.initSegment, track: track).first else { throw .library(.header, code: 0) }
    tracks[track].configurations.append(told)
    tracks[track].entries.append(entry)
    try rebuild()
    guard region == nil else { return (last + 1, true) }
    self = before
    tracks[track].isFull = true
    return (last, false)
  }

  private mutating func rebuild() throws(MuxError) {
    let writer = try FragmentWriter(tracks: formats)
    let made = writer.initSegment
    let span = made.span
    guard let type = FragmentBox(at: 0, before: made.count, in: span), type.isNamed("ftyp"),
      let found = FragmentBox(at: type.whole.upperBound, before: made.count, in: span), found.isNamed("moov")
    else { throw .library(.header, code: 0) }
    fileType = Array(made[type.whole])
    for index in tracks.indices where tracks[index].entries.isEmpty {
      tracks[index].entries = MP4Header.entries(in: made, track: index)
    }
    var index = -1
    let tracks = tracks
    moov = found.rebuilt(in: made) { child in
      guard child.isNamed("trak") else { return nil }
      index += 1
      guard tracks.indices.contains(index), tracks[index].entries.count > 1 else { return nil }
      let entries = tracks[index].entries
      return child.rebuilt(in: made, path: ["mdia", "minf", "stbl", "stsd"]) { _ in
        var body: [UInt8] = [0, 0, 0, 0]
        body.appendU32(UInt32(entries.count))
        return body + entries.flatMap { $0 }
      }
    }
  }

  /// The entries of a track's `stsd` in a header of `FragmentWriter`'s.
  private static func entries(in made: [UInt8], track: Int) -> [[UInt8]] {
    let span = made.span
    var offset = 0
    var found: [[UInt8]] = []
    while let box = FragmentBox(at: offset, before: made.count, in: span) {
      offset = box.whole.upperBound
      var index = -1
      if box.isNamed("moov") {
        box.forEachChild(in: span) { trak in
          guard trak.isNamed("trak") else { return }
          index += 1
          guard index == track else { return }
          trak.descendant(["mdia", "minf", "stbl", "stsd"], in: span)?.forEachChild(in: span, skipping: 8) {
            found.append(Array(made[$0.whole]))
          }
        }
      }
    }
    return found
  }

  /// A box that readers pass over. `count`: at least 8.
  static func freeBox(_ count: Int) -> [UInt8] {
    var box: [UInt8] = []
    box.appendU32(UInt32(count))
    box.appendU32(FragmentBox.code("free"))
    return box + [UInt8](repeating: 0, count: count - 8)
  }

  /// The head of an `mdat` of that many bytes, itself included, in the place of the mark.
  static func mark(_ count: Int64) -> [UInt8] {
    var box: [UInt8] = []
    box.appendU32(1)
    box.appendU32(FragmentBox.code("mdat"))
    box.appendU64(UInt64(count))
    return box
  }

  /// The format, or for pictures whose format nobody knows yet one that says nothing of them.
  private static func standIn(_ format: TrackFormat) -> TrackFormat {
    guard format.codec.kind == .video else { return format }
    var known = format
    known.size = WebMContext.placeholder
    known.rotation = .none
    // A vpcC of 4:2:0 in 8 bits; else an avcC, hvcC or av1C without any sets.
    known.configuration =
      format.codec == .vp9 ? [0, 10, 0x82, 2, 2, 2, 0, 0] : (WebMHeader.unknownConfiguration(format.codec) ?? []).trimmed(of: format.codec)
    return known
  }
}

extension [UInt8] {
  /// Without the room that WebM's header keeps behind a configuration.
  fileprivate func trimmed(of codec: Codec) -> [UInt8] {
    Array(prefix(codec == .h264 ? 7 : codec == .h265 ? 24 : 5))
  }
}

extension FragmentBox {
  /// The box that is reached by these names, one in the other; each the first of its name.
  func descendant(_ path: [StaticString], in bytes: Span<UInt8>) -> FragmentBox? {
    var box = self
    for name in path {
      guard let next = box.child(name, in: bytes) else { return nil }
      box = next
    }
    return box
  }

  /// The box's bytes with some of its children replaced: `replacement` answers whole boxes, or nil where the child stays as it is.
  func rebuilt(in bytes: [UInt8], _ replacement: (FragmentBox) -> [UInt8]?) -> [UInt8] {
    var content: [UInt8] = []
    forEachChild(in: bytes.span) { content += replacement($0) ?? Array(bytes[$0.whole]) }
    return FragmentBox.box(type, content)
  }

  /// The same with the body of one box replaced, which is reached by these names.
  func rebuilt(in bytes: [UInt8], path: [StaticString], _ body: (FragmentBox) -> [UInt8]) -> [UInt8] {
    guard let name = path.first else { return FragmentBox.box(type, body(self)) }
    return rebuilt(in: bytes) { $0.isNamed(name) ? $0.rebuilt(in: bytes, path: Array(path.dropFirst()), body) : nil }
  }

  /// A box with a size of 32 bits.
  static func box(_ type: UInt32, _ content: [UInt8]) -> [UInt8] {
    var box: [UInt8] = []
    box.reserveCapacity(content.count + 8)
    box.appendU32(UInt32(content.count + 8))
    box.appendU32(type)
    return box + content
  }
}
