import Codecs
import Ground

/// What stands before the first cluster of a WebM file as our muxer lays it out, and where in the file it stands.
struct WebMHeader {
  struct Track: Hashable {
    /// Where its entry begins in the file.
    var offset: Int
    var number: Int64
    var codec: Codec
    /// What a block's timestamp runs ahead of its media time, in milliseconds (RFC 9559 §5.1.4.1.25, CodecDelay).
    var delayMilliseconds: Int64
    var channels = 0
    /// Sound only: what its frames' lengths are counted by, and `multiopus`' streams.
    var clockRate = ClockRate(48_000)
    var streams: OpusStreams?
    var size = PictureSize(width: 0, height: 0)
    /// Where the picture's size stands in the file; nil where it does not take two bytes a side.
    var widthOffset: Int?
    var heightOffset: Int?
    /// The space that a projection takes in the file, where room for one was made.
    var projectionSpace: Range<Int>?
    /// H.264, H.265 and AV1 only: the space that the codec's configuration and what pads it take in the file.
    var privateSpace: Range<Int>?
  }

  var container = TapeContainer.webm
  /// Where the segment's payload begins: what all positions in seek head and cues count from.
  var segmentStart = 0
  /// Nil while the file is unfinished.
  var segmentSize: Int64?
  /// What libavformat keeps free for the seek head: from the segment's start to the first element of use.
  var seekHeadSpace = 0..<0
  var hasSeekHead = false
  /// Where the seek head says that the cues are, counted from the file's start.
  var cuesOffset: Int64?
  var infoOffset = 0
  var tracksOffset = 0
  /// Where the tags are that libavformat writes of itself, and how long their head is.
  var tags: (offset: Int, head: MatroskaElement)?
  /// Where the duration stands, or where the space for it does: 11 bytes either way.
  var durationOffset: Int?
  /// In milliseconds; nil while the file is unfinished.
  var duration: Double?
  var tracks: [Track] = []
  /// Where the first cluster is to begin.
  var end = 0

  /// Reads the header from a file's first bytes. They may hold more than the header, and must hold all of it.
  init(_ bytes: [UInt8]) throws(RecoveryError) {
    guard let ebml = MatroskaElement(bytes, at: 0), ebml.id == MatroskaID.ebml, let size = ebml.size else { throw .otherFile }
    guard size <= Int64(bytes.count - ebml.headLength) else { throw .headerCut }
    let body = ebml.headLength..<ebml.headLength + Int(size)
    let docType = MatroskaChildren(bytes, in: body).first { $0.element.id == MatroskaID.docType }
    guard let docType, let type = [TapeContainer.webm, .mkv].first(where: { bytes[docType.payload].elementsEqual($0.docType.utf8) })
    else { throw .otherFile }
    container = type
    guard let segment = MatroskaElement(bytes, at: body.upperBound) else { throw .headerCut }
    guard segment.id == MatroskaID.segment, segment.sizeLength == WebMHeader.segmentSizeLength else { throw .foreignLayout }
    segmentStart = body.upperBound + segment.headLength
    segmentSize = segment.size
    end = segmentStart
    try readSegment(bytes)
    guard infoOffset > 0, !tracks.isEmpty else { throw .headerCut }
    if seekHeadSpace.isEmpty { seekHeadSpace = segmentStart..<segmentStart }
  }

  private mutating func readSegment(_ bytes: [UInt8]) throws(RecoveryError) {
    for (element, payload) in MatroskaChildren(bytes, in: segmentStart..<bytes.count) {
      let start = payload.lowerBound - element.headLength
      switch element.id {
      case MatroskaID.void: break
      case MatroskaID.seekHead: readSeekHead(bytes, payload)
      case MatroskaID.info:
        // Once, and first: the space before it is what a seek head will fill.
        guard infoOffset == 0, tracks.isEmpty else { throw .foreignLayout }
        infoOffset = start
        seekHeadSpace = segmentStart..<start
        try readInfo(bytes, payload)
      case MatroskaID.tracks:
        guard tracks.isEmpty else { throw .foreignLayout }
        tracksOffset = start
        for (entry, fields) in MatroskaChildren(bytes, in: payload) where entry.id == MatroskaID.trackEntry {
          tracks.append(try WebMHeader.track(bytes, fields, at: fields.lowerBound - entry.headLength))
        }
      case MatroskaID.tags: tags = (start, element)
      default: return
      }
      end = payload.upperBound
    }
  }

  private mutating func readSeekHead(_ bytes: [UInt8], _ payload: Range<Int>) {
    hasSeekHead = true
    for (seek, fields) in MatroskaChildren(bytes, in: payload) where seek.id == MatroskaID.seek {
      var isCues = false
      var position: Int64?
      for (field, value) in MatroskaChildren(bytes, in: fields) {
        if field.id == MatroskaID.seekID { isCues = bytes.matroskaUnsigned(value) == Int64(MatroskaID.cues) }
        if field.id == MatroskaID.seekPosition { position = bytes.matroskaUnsigned(value) }
      }
      if isCues, let position, position < Int64.max / 2 { cuesOffset = Int64(segmentStart) + position }
    }
  }

  private mutating func readInfo(_ bytes: [UInt8], _ payload: Range<Int>) throws(RecoveryError) {
    for (field, value) in MatroskaChildren(bytes, in: payload) {
      let start = value.lowerBound - field.headLength
      switch field.id {
      case MatroskaID.timestampScale:
        guard bytes.matroskaUnsigned(value) == 1_000_000 else { throw .foreignLayout }
      case MatroskaID.duration:
        duration = bytes.matroskaFloat(value)
        if value.upperBound - start == WebMHeader.durationLength { durationOffset = start }
      case MatroskaID.void where value.upperBound - start == WebMHeader.durationLength:
        durationOffset = start
      default: break
      }
    }
  }

  private static func track(_ bytes: [UInt8], _ payload: Range<Int>, at offset: Int) throws(RecoveryError) -> Track {
    var track = Track(offset: offset, number: 0, codec: .opus, delayMilliseconds: 0)
    var codec: Codec?
    var frequency = 0.0
    for (field, value) in MatroskaChildren(bytes, in: payload) {
      switch field.id {
      case MatroskaID.trackNumber: track.number = bytes.matroskaUnsigned(value) ?? 0
      case MatroskaID.codecID: codec = Codec.received.first { bytes[value].elementsEqual($0.matroskaName.utf8) }
      case MatroskaID.codecPrivate: track.privateSpace = value.lowerBound - field.headLength..<value.upperBound
      case MatroskaID.codecDelay:
        let delay = bytes.matroskaUnsigned(value) ?? 0
        guard delay < 1_000_000_000 else { throw .foreignLayout }
        track.delayMilliseconds = (delay + 500_000) / 1_000_000
      case MatroskaID.audio:
        for (inner, number) in MatroskaChildren(bytes, in: value) {
          if inner.id == MatroskaID.channels { track.channels = Int(clamping: bytes.matroskaUnsigned(number) ?? 0) }
          if inner.id == MatroskaID.samplingFrequency { frequency = bytes.matroskaFloat(number) ?? 0 }
        }
      case MatroskaID.video:
        for (inner, number) in MatroskaChildren(bytes, in: value) {
          let pixels = Int(clamping: bytes.matroskaUnsigned(number) ?? 0)
          let offset = number.count == 2 ? number.lowerBound : nil
          if inner.id == MatroskaID.pixelWidth { (track.size.width, track.widthOffset) = (pixels, offset) }
          if inner.id == MatroskaID.projection { track.projectionSpace = number.lowerBound - inner.headLength..<number.upperBound }
          if inner.id == MatroskaID.pixelHeight { (track.size.height, track.heightOffset) = (pixels, offset) }
        }
      default: break
      }
    }
    // A block names its track in one byte here, as for every track number below 127.
    guard let codec, (1..<127).contains(track.number) else { throw .foreignLayout }
    track.codec = codec
    if codec.kind == .audio {
      // No header of a sound codec's own is nearly as long.
      let own = track.privateSpace.map { MatroskaChildren(bytes, in: $0).first { _ in true }?.payload ?? $0 } ?? 0..<0
      try track.settleSound(Array(bytes[own].prefix(64)), frequency: frequency)
    }
    if unknownConfiguration(codec) == nil { track.privateSpace = nil }
    return track
  }

  /// Stands in the header while no key frame has told the parameter sets of H.264 or H.265, or the sequence header of AV1: an avcC, hvcC or
  /// av1C without any (ISO/IEC 14496-15 §5.3.3.1, §8.3.3.1; AV1 in ISOBMFF §2.3), and room for those that come. Nil for a codec that needs none.
  static func unknownConfiguration(_ codec: Codec) -> [UInt8]? {
    switch codec {
    case .h264: [1, 66, 0xc0, 31, 0xff, 0xe0, 0] + [UInt8](repeating: 0, count: 505)
    case .h265:
      [1] + [UInt8](repeating: 0, count: 12) + [0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 0] + [UInt8](repeating: 0, count: 505)
    case .av1: [0x81, 0, 0x0c, 0] + [UInt8](repeating: 0, count: 252)
    case .opus, .multiopus, .pcmu, .pcma, .g722, .l16, .vp8, .vp9, .aac: nil
    }
  }

  /// The codec's configuration as it stands in the space that is kept for it; nil where it does not fit.
  static func codecPrivate(_ configuration: [UInt8], filling space: Range<Int>) -> [UInt8]? {
    var element: [UInt8] = []
    element.appendMatroska(MatroskaID.codecPrivate, configuration)
    let left = space.count - element.count
    guard left == 0 || left >= 2 else { return nil }
    if left > 0 { element.appendMatroskaVoid(left) }
    return element
  }

  /// A rectangular picture that is to be turned, in the space that is kept for a projection; without a rotation, what voids that space. Nil
  /// where it is too small. A roll is counter-clockwise, within 180 degrees (RFC 9559 §5.1.4.1.28.46).
  static func projection(_ rotation: PictureRotation, filling space: Range<Int>) -> [UInt8]? {
    var element: [UInt8] = []
    if rotation != .none {
      let roll: Float = rotation == .threeQuarters ? 90 : Float(-rotation.rawValue)
      var fields: [UInt8] = []
      fields.appendMatroska(MatroskaID.projectionType, unsigned: 0)
      fields.appendMatroska(MatroskaID.projectionPoseRoll, (0..<4).map { UInt8(truncatingIfNeeded: roll.bitPattern >> (24 - 8 * $0)) })
      element.appendMatroska(MatroskaID.projection, fields)
    }
    let left = space.count - element.count
    guard left == 0 || left >= 2 else { return nil }
    if left > 0 { element.appendMatroskaVoid(left) }
    return element
  }

  /// How long the segment's size field is: long enough for every size.
  static let segmentSizeLength = 8
  /// How long the element is that says the duration.
  static let durationLength = 11

  /// A side of a picture as it stands in the header: two bytes, zero-padded where one would do.
  static func twoBytes(_ side: Int) -> [UInt8] { [UInt8(truncatingIfNeeded: side >> 8), UInt8(truncatingIfNeeded: side)] }
}

extension TapeContainer {
  /// What an EBML header calls it.
  var docType: String { self == .webm ? "webm" : "matroska" }
}

extension Codec {
  /// The codec's name in Matroska; empty for a codec that is never put there.
  var matroskaName: String {
    switch self {
    case .opus, .multiopus: "A_OPUS"
    case .pcmu, .pcma, .g722: "A_MS/ACM"
    case .l16: "A_PCM/INT/BIG"
    case .vp8: "V_VP8"
    case .vp9: "V_VP9"
    case .h264: "V_MPEG4/ISO/AVC"
    case .h265: "V_MPEGH/ISO/HEVC"
    case .av1: "V_AV1"
    case .aac: ""
    }
  }
}
