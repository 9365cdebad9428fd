import Codecs
import Ground

/// Completes MP4 files of `MP4Writer` whose writer was killed: finds what is whole, and says what to cut, append and patch.
///
/// Keeps all whole fragments before the first damage; a last one that was cut goes. Zeros, as file systems leave them after a crash, count as not
/// written (`MP4Scan.writtenEnd`). What comes out is the file that its writer would have made of these fragments, ordinary MP4. What is kept does
/// not depend on what stands behind it, so recovery that was interrupted comes to the same file.
package enum MP4Recovery {
  /// No header of ours comes near it.
  private static let longestHeader = 1 << 20

  /// Reads a file of `length` bytes and answers how to finish it. `read` gives the bytes at an offset, fewer only at the file's end,
  /// nil where reading failed. Asks for the header, and for the head of each fragment.
  ///
  /// Throws `otherFile`, `headerCut`, `foreignLayout`, `unreadable`. A file without a frame is completed too: see `facts.clusters`.
  package static func plan(
    length: Int64, read: @escaping (_ offset: Int64, _ count: Int) -> [UInt8]?
  ) throws(RecoveryError) -> RecoveryPlan {
    var window = FileWindow(length: max(0, length), read: read)
    let held = try window.hold(0, longestHeader)
    let start = try MP4FileStart(Array(window.bytes[held]))
    var scan = MP4Scan(start, window)
    try scan.walk()
    var plan = plan(start, scan)
    if start.markedEnd == plan.truncateTo, plan.truncateTo + Int64(plan.append.count) == length,
      try ends(with: plan.append, at: plan.truncateTo, window)
    {
      plan.facts.bytesKept = length
      return RecoveryPlan(isFinished: true, truncateTo: length, facts: plan.facts)
    }
    guard let end = try scan.writtenEnd() else { return plan }
    window.length = end
    scan = MP4Scan(start, window)
    try scan.walk()
    return self.plan(start, scan)
  }

  private static func plan(_ start: MP4FileStart, _ scan: MP4Scan) -> RecoveryPlan {
    var append: [UInt8] = []
    for piece in MP4Index.moov(start.moov, scan.tables).pieces {
      if case .bytes(let bytes) = piece { append += bytes }
    }
    return RecoveryPlan(
      isFinished: false, truncateTo: scan.keptEnd, append: append,
      patches: [FilePatch(offset: start.markOffset, bytes: MP4Header.mark(scan.keptEnd - start.markOffset))], facts: scan.facts)
  }

  private static func ends(with bytes: [UInt8], at offset: Int64, _ window: FileWindow) throws(RecoveryError) -> Bool {
    var window = window
    let held = try window.hold(offset, bytes.count)
    return window.bytes[held].elementsEqual(bytes)
  }
}

/// What stands before the first fragment.
struct MP4FileStart {
  let markOffset: Int64
  let moov: [UInt8]
  /// Where the first fragment begins.
  let end: Int64
  /// Where the one `mdat` ends, in a file whose mark was set.
  let markedEnd: Int64?
  let codecs: [Codec]
  let facts: [TapeFacts.Track]
  /// How many descriptions each track has.
  let descriptionCounts: [Int]

  /// Reads it from a file's first bytes, which hold all of it where the file does.
  init(_ bytes: [UInt8]) throws(RecoveryError) {
    let span = bytes.span
    guard bytes.count >= 8, span.u32(at: 4) == FragmentBox.code("ftyp") else { throw .otherFile }
    guard let type = FragmentBox(at: 0, before: bytes.count, in: span) else { throw .headerCut }
    let mark = type.whole.upperBound
    guard mark + MP4Header.markBytes <= bytes.count else { throw .headerCut }
    let isFree = span.u32(at: mark) == UInt32(MP4Header.markBytes) && span.u32(at: mark + 4) == FragmentBox.code("free")
    let isMarked = span.u32(at: mark) == 1 && span.u32(at: mark + 4) == FragmentBox.code("mdat")
    guard isFree || isMarked else { throw .foreignLayout }
    let start = mark + MP4Header.markBytes
    guard start + 8 <= bytes.count, span.u32(at: start + 4) == FragmentBox.code("moov"),
      let box = FragmentBox(at: start, before: bytes.count, in: span)
    else { throw .headerCut }
    moov = Array(bytes[box.whole])
    var after = box.whole.upperBound
    if let room = FragmentBox(at: after, before: bytes.count, in: span), room.isNamed("free") { after = room.whole.upperBound }
    end = Int64(after)
    markOffset = Int64(mark)
    let size = span.u64(at: mark + 8)
    markedEnd = isMarked && size < 1 << 62 ? markOffset + Int64(size) : nil
    (codecs, facts, descriptionCounts) = try MP4FileStart.tracks(moov)
  }

  /// The tracks must be those that the writer numbers from 1 on, and be laid out as its index changes them.
  private static func tracks(_ moov: [UInt8]) throws(RecoveryError) -> ([Codec], [TapeFacts.Track], [Int]) {
    let span = moov.span
    guard let box = FragmentBox(at: 0, before: moov.count, in: span), let mvhd = box.child("mvhd", in: span),
      mvhd.body.count == 100
    else { throw .foreignLayout }
    var codecs: [Codec] = []
    var facts: [TapeFacts.Track] = []
    var counts: [Int] = []
    var isOurs = true
    box.forEachChild(in: span) { child in
      guard isOurs, child.isNamed("trak") else { return }
      guard let (id, fact, count) = track(child, in: span), id == facts.count + 1 else {
        isOurs = false
        return
      }
      codecs.append(fact.codec)
      facts.append(fact)
      counts.append(count)
    }
    guard isOurs, !facts.isEmpty else { throw .foreignLayout }
    return (codecs, facts, counts)
  }

  private static func track(_ trak: FragmentBox, in bytes: Span<UInt8>) -> (id: Int, TapeFacts.Track, descriptions: Int)? {
    guard let tkhd = trak.child("tkhd", in: bytes)?.body, tkhd.count == 84, bytes[tkhd.lowerBound] == 0,
      let mdhd = trak.descendant(["mdia", "mdhd"], in: bytes)?.body, mdhd.count == 24, bytes[mdhd.lowerBound] == 0,
      let stsd = trak.descendant(["mdia", "minf", "stbl", "stsd"], in: bytes), stsd.body.count >= 8
    else { return nil }
    var count = 0
    var fact: TapeFacts.Track?
    stsd.forEachChild(in: bytes, skipping: 8) { entry in
      count += 1
      guard fact == nil, entry.body.count >= 28 else { return }
      let at = entry.body.lowerBound
      for (name, codec) in entryNames where entry.isNamed(name) {
        fact = TapeFacts.Track(
          codec: codec, channels: codec.kind == .audio ? Int(bytes.u16(at: at + 16)) : 0,
          size: codec.kind == .video ? PictureSize(width: Int(bytes.u16(at: at + 24)), height: Int(bytes.u16(at: at + 26))) : nil)
      }
    }
    guard let fact, bytes.u32(at: mdhd.lowerBound + 12) == fact.codec.clockRate.hertz else { return nil }
    return (Int(bytes.u32(at: tkhd.lowerBound + 12)), fact, count)
  }

  private static let entryNames: [(name: StaticString, codec: Codec)] = [
    ("Opus", .opus), ("avc1", .h264), ("hvc1", .h265), ("vp09", .vp9), ("av01", .av1),
  ]
}

/// Walks a file's fragments and finds how far it is whole.
struct MP4Scan {
  /// No fragment of ours has a head that comes near it.
  private static let longestHead: UInt32 = 8 << 20
  /// What is read at a time: the usual head of a fragment, and that of its media.
  private static let headBytes = 2 << 10
  /// Fewer zeros than that may be a picture's own.
  private static let shortestZeroTail: Int64 = 32
  /// No frame of sound is longer.
  private static let longestSound: Int64 = 64 << 10

  /// Where a fragment begins, and the bytes of its frames by which it is seen to be written.
  private struct Ending {
    let start: Int64
    let tail: Range<Int64>
  }

  private let start: MP4FileStart
  private var window: FileWindow
  private(set) var tables: [MP4TrackTables]
  /// Where what is kept ends.
  private(set) var keptEnd: Int64
  private var endings: [Ending] = []

  init(_ start: MP4FileStart, _ window: FileWindow) {
    self.start = start
    self.window = window
    tables = start.codecs.map { MP4TrackTables($0) }
    keptEnd = start.end
  }

  /// What was found.
  var facts: TapeFacts {
    let hasFrames = tables.contains { $0.samples > 0 }
    var facts = TapeFacts()
    facts.tracks = zip(start.facts, tables).filter { !hasFrames || $0.1.samples > 0 }.map(\.0)
    facts.duration = MP4Index.duration(tables)
    facts.clusters = endings.count
    facts.keyFrames = tables.reduce(0) { $0 + ($1.isVideo ? $1.keyCount : 0) }
    facts.bytesKept = keptEnd
    return facts
  }

  /// Goes from box to box to the first place where no whole fragment of ours begins.
  mutating func walk() throws(RecoveryError) {
    window.chunkBytes = MP4Scan.headBytes
    while let (type, size) = try head(keptEnd) {
      if type == FragmentBox.code("free") {
        // A part of the index that its writer put there.
        keptEnd += Int64(size)
        continue
      }
      guard type == FragmentBox.code("moof"), size <= MP4Scan.longestHead, let next = try fragment(keptEnd, Int(size)) else { return }
      keptEnd = next
    }
  }

  /// Where the first of the last fragments begins whose media did not come to disk; nil where it did. A picture never ends with 32 zeros. A
  /// frame of sound may, by padding, but is not all of them.
  mutating func writtenEnd() throws(RecoveryError) -> Int64? {
    var end: Int64?
    while let last = endings.popLast() {
      guard last.tail.count >= Int(MP4Scan.shortestZeroTail) else { break }
      let held = try window.hold(last.tail.lowerBound, last.tail.count)
      guard window.bytes[held].allSatisfy({ $0 == 0 }) else { break }
      end = last.start
    }
    return end
  }

  /// `data`: where the fragment's media begins.
  private func ending(_ fragment: MP4Fragment, _ start: Int64, data: Int64) -> Ending {
    var end = data
    var needed = MP4Scan.shortestZeroTail
    for part in fragment.parts {
      var samples = part.samples[...]
      for chunk in part.chunks {
        let size = samples.prefix(chunk.count).reduce(0) { $0 + Int64($1.size) }
        let last = samples.prefix(chunk.count).last.map { Int64($0.size) } ?? 0
        samples = samples.dropFirst(chunk.count)
        guard chunk.offset + size > end else { continue }
        end = chunk.offset + size
        needed = tables[part.track].isVideo ? MP4Scan.shortestZeroTail : min(max(MP4Scan.shortestZeroTail, last), MP4Scan.longestSound)
      }
    }
    return Ending(start: start, tail: max(data, end - needed)..<end)
  }

  /// The type and size of a box that is whole.
  private mutating func head(_ at: Int64) throws(RecoveryError) -> (type: UInt32, size: UInt32)? {
    guard at <= window.length - 8 else { return nil }
    let held = try window.hold(at, 8)
    guard held.count == 8 else { return nil }
    let size = window.bytes.span.u32(at: held.lowerBound)
    guard size >= 8, Int64(size) <= window.length - at else { return nil }
    return (window.bytes.span.u32(at: held.lowerBound + 4), size)
  }

  /// Enters a fragment whose `moof` stands at `at`; answers where it ends, nil where it is not whole.
  private mutating func fragment(_ at: Int64, _ size: Int) throws(RecoveryError) -> Int64? {
    let body = at + Int64(size)
    guard let (type, mediaSize) = try head(body), type == FragmentBox.code("mdat") else { return nil }
    let held = try window.hold(at, size)
    guard held.count == size else { return nil }
    let moof = Array(window.bytes[held])
    guard let box = FragmentBox(at: 0, before: size, in: moof.span),
      let fragment = MP4Fragment(
        box, in: moof.span, at: at, data: body + 8..<body + Int64(mediaSize), trackCount: tables.count),
      fragment.follows(tables, descriptionCounts: start.descriptionCounts)
    else { return nil }
    fragment.enter(into: &tables)
    endings.append(ending(fragment, at, data: body + 8))
    return body + Int64(mediaSize)
  }
}
