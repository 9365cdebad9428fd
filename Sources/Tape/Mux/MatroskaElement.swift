/// The element IDs that a WebM file of ours holds (RFC 9559 §27.1), marker bits included.
enum MatroskaID {
  static let ebml: UInt32 = 0x1A45_DFA3
  static let docType: UInt32 = 0x4282
  static let void: UInt32 = 0xEC
  static let segment: UInt32 = 0x1853_8067
  static let seekHead: UInt32 = 0x114D_9B74
  static let seek: UInt32 = 0x4DBB
  static let seekID: UInt32 = 0x53AB
  static let seekPosition: UInt32 = 0x53AC
  static let info: UInt32 = 0x1549_A966
  static let timestampScale: UInt32 = 0x2A_D7B1
  static let duration: UInt32 = 0x4489
  static let tracks: UInt32 = 0x1654_AE6B
  static let trackEntry: UInt32 = 0xAE
  static let trackNumber: UInt32 = 0xD7
  static let codecID: UInt32 = 0x86
  static let codecPrivate: UInt32 = 0x63A2
  static let codecDelay: UInt32 = 0x56AA
  static let audio: UInt32 = 0xE1
  static let channels: UInt32 = 0x9F
  static let samplingFrequency: UInt32 = 0xB5
  static let video: UInt32 = 0xE0
  static let pixelWidth: UInt32 = 0xB0
  static let pixelHeight: UInt32 = 0xBA
  static let projection: UInt32 = 0x7670
  static let projectionType: UInt32 = 0x7671
  static let projectionPoseRoll: UInt32 = 0x7675
  static let tags: UInt32 = 0x1254_C367
  static let cluster: UInt32 = 0x1F43_B675
  static let timestamp: UInt32 = 0xE7
  static let simpleBlock: UInt32 = 0xA3
  static let cues: UInt32 = 0x1C53_BB6B
  static let cuePoint: UInt32 = 0xBB
  static let cueTime: UInt32 = 0xB3
  static let cueTrackPositions: UInt32 = 0xB7
  static let cueTrack: UInt32 = 0xF7
  static let cueClusterPosition: UInt32 = 0xF1
  static let cueRelativePosition: UInt32 = 0xF0
}

/// The head of an EBML element: its ID and how many bytes follow (RFC 8794 §4 to §6).
///
///     +--------------------+----------------------+----------- - - -
///     | ID, 1 to 4 bytes   | size, 1 to 8 bytes   | payload
///     +--------------------+----------------------+----------- - - -
///
/// The leading zero bits of each field's first byte tell its length; the marker bit after them belongs to an ID and not to a size.
struct MatroskaElement: Hashable {
  /// The longest head there is.
  static let longestHead = 12

  var id: UInt32
  /// How many bytes ID and size take.
  var headLength: Int
  /// How many of them the size takes.
  var sizeLength: Int
  /// Nil for the reserved all-ones value: unknown.
  var size: Int64?

  /// The element that begins at `bytes[start]`; nil where the bytes end before its head does, or are no EBML.
  init?(_ bytes: [UInt8], at start: Int) {
    guard start >= 0, start < bytes.count else { return nil }
    let idLength = bytes[start].leadingZeroBitCount + 1
    let sizeStart = start + idLength
    guard idLength <= 4, sizeStart < bytes.count else { return nil }
    let sizeLength = bytes[sizeStart].leadingZeroBitCount + 1
    guard sizeLength <= 8, sizeStart + sizeLength <= bytes.count else { return nil }
    var id: UInt32 = 0
    for i in start..<sizeStart { id = id << 8 | UInt32(bytes[i]) }
    var value = UInt64(bytes[sizeStart]) & (0xFF >> UInt64(sizeLength))
    for i in sizeStart + 1..<sizeStart + sizeLength { value = value << 8 | UInt64(bytes[i]) }
    self.id = id
    self.sizeLength = sizeLength
    headLength = idLength + sizeLength
    size = value == MatroskaElement.unknownSize(sizeLength) ? nil : Int64(value)
  }

  /// The head of a void element with the same payload and as long a head, for an element of known size and an ID of two bytes or more.
  var voided: [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendMatroskaID(MatroskaID.void)
    bytes.appendMatroskaSize(size ?? 0, length: headLength - 1)
    return bytes
  }

  /// The value whose bits are all ones in a size field of that length.
  static func unknownSize(_ length: Int) -> UInt64 { (1 << UInt64(7 * length)) - 1 }
}

/// The elements that lie end to end in a range of bytes. Ends at the first that is cut or is none.
struct MatroskaChildren: Sequence, IteratorProtocol {
  private let bytes: [UInt8]
  private var position: Int
  private let end: Int

  init(_ bytes: [UInt8], in range: Range<Int>) {
    self.bytes = bytes
    position = range.lowerBound
    end = Swift.min(range.upperBound, bytes.count)
  }

  mutating func next() -> (element: MatroskaElement, payload: Range<Int>)? {
    guard position < end, let element = MatroskaElement(bytes, at: position), let size = element.size else { return nil }
    let start = position + element.headLength
    guard start <= end, size <= Int64(end - start) else { return nil }
    position = start + Int(size)
    return (element, start..<position)
  }
}

extension Array where Element == UInt8 {
  /// The big-endian unsigned integer in `range`, which lies in the array; nil where it has more than 63 bits.
  func matroskaUnsigned(_ range: Range<Int>) -> Int64? {
    guard range.count <= 8, range.count < 8 || self[range.lowerBound] < 0x80 else { return nil }
    return self[range].reduce(0) { $0 << 8 | Int64($1) }
  }

  /// The 8-byte float in `range`; nil for any other length and for what is no finite positive number.
  func matroskaFloat(_ range: Range<Int>) -> Double? {
    guard range.count == 8 else { return nil }
    let value = Double(bitPattern: self[range].reduce(0) { $0 << 8 | UInt64($1) })
    return value.isFinite && value >= 0 ? value : nil
  }

  /// Appends an ID in as few bytes as its marker bit says.
  mutating func appendMatroskaID(_ id: UInt32) {
    for shift in stride(from: (32 - id.leadingZeroBitCount - 1) / 8 * 8, through: 0, by: -8) {
      append(UInt8(truncatingIfNeeded: id >> UInt32(shift)))
    }
  }

  /// Appends a size in `length` bytes, or in the fewest that hold it. `length` must be enough.
  mutating func appendMatroskaSize(_ size: Int64, length: Int? = nil) {
    let length = length ?? (1...8).first { UInt64(size) < MatroskaElement.unknownSize($0) } ?? 8
    let marked = UInt64(size) | 1 << UInt64(7 * length)
    for i in stride(from: (length - 1) * 8, through: 0, by: -8) { append(UInt8(truncatingIfNeeded: marked >> UInt64(i))) }
  }

  mutating func appendMatroska(_ id: UInt32, _ payload: [UInt8]) {
    appendMatroskaID(id)
    appendMatroskaSize(Int64(payload.count))
    append(contentsOf: payload)
  }

  /// Appends an unsigned integer in as few bytes as hold it, at least one.
  mutating func appendMatroska(_ id: UInt32, unsigned value: Int64) {
    let length = Swift.max(1, (64 - value.leadingZeroBitCount + 7) / 8)
    appendMatroskaID(id)
    appendMatroskaSize(Int64(length))
    for i in stride(from: (length - 1) * 8, through: 0, by: -8) { append(UInt8(truncatingIfNeeded: value >> Int64(i))) }
  }

  mutating func appendMatroska(_ id: UInt32, float value: Double) {
    appendMatroskaID(id)
    appendMatroskaSize(8)
    for i in stride(from: 56, through: 0, by: -8) { append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(i))) }
  }

  /// Appends an element of `total` bytes, at least 2, that readers pass over.
  mutating func appendMatroskaVoid(_ total: Int) {
    appendMatroskaID(MatroskaID.void)
    let sizeLength = total < 10 ? 1 : 8
    appendMatroskaSize(Int64(total - 1 - sizeLength), length: sizeLength)
    append(contentsOf: repeatElement(0, count: total - 1 - sizeLength))
  }
}
