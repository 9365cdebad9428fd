import Codecs
import Ground

/// Bytes of which some lie in the file already.
struct MP4Content {
  enum Piece {
    case bytes([UInt8])
    case fromFile(Range<Int64>)
  }
  private(set) var pieces: [Piece] = []
  private(set) var count: Int64 = 0

  init(_ bytes: [UInt8] = []) { append(bytes) }

  mutating func append(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    count += Int64(bytes.count)
    if case .bytes(let before)? = pieces.last {
      pieces[pieces.count - 1] = .bytes(before + bytes)
    } else {
      pieces.append(.bytes(bytes))
    }
  }

  mutating func append(_ table: MP4Table) {
    for range in table.written {
      pieces.append(.fromFile(range))
      count += Int64(range.count)
    }
    append(table.recent)
  }

  mutating func append(_ other: MP4Content) {
    for piece in other.pieces {
      switch piece {
      case .bytes(let bytes): append(bytes)
      case .fromFile(let range):
        pieces.append(piece)
        count += Int64(range.count)
      }
    }
  }

  /// A box with this in it. Nil where its size would not fit 32 bits.
  func boxed(_ name: StaticString) -> MP4Content {
    var head: [UInt8] = []
    head.appendU32(UInt32(truncatingIfNeeded: count + 8))
    head.appendU32(FragmentBox.code(name))
    var box = MP4Content(head)
    box.append(self)
    return box
  }
}

/// What ends a file of fragments: a `moov` that lists every sample where it lies, so that readers need no fragment any more. The writer and
/// recovery end a file alike, with this.
enum MP4Index {
  /// The final `moov`. `header`: the `moov` that the fragments were written under. Tracks without a sample are left out, if any has one: players
  /// seek by the pictures where a track of them is declared.
  static func moov(_ header: [UInt8], _ tables: [MP4TrackTables]) -> MP4Content {
    let span = header.span
    guard let moov = FragmentBox(at: 0, before: header.count, in: span) else { return MP4Content(header) }
    let isEmpty = tables.allSatisfy { $0.samples == 0 }
    let finished = tables.map { $0.finished() }
    var content = MP4Content()
    var index = -1
    moov.forEachChild(in: span) { child in
      if child.isNamed("mvhd") {
        let last = finished.reduce(0) { max($0, $1.endTicks) }
        content.append(mvhd(Array(header[child.body]), duration: last))
      } else if child.isNamed("trak") {
        index += 1
        guard finished.indices.contains(index), isEmpty || finished[index].samples > 0 else { return }
        content.append(trak(child, in: header, finished[index]))
      } else if !child.isNamed("mvex") {
        content.append(Array(header[child.whole]))
      }
    }
    return content.boxed("moov")
  }

  /// Where the last frame ends on the timeline.
  static func duration(_ tables: [MP4TrackTables]) -> TimeSpan {
    tables.reduce(.zero) { max($0, $1.end) }
  }

  private static func trak(_ trak: FragmentBox, in header: [UInt8], _ tables: MP4TrackTables) -> MP4Content {
    var content = MP4Content()
    trak.forEachChild(in: header.span) { child in
      if child.isNamed("tkhd") {
        content.append(tkhd(Array(header[child.body]), tables, size: largestSize(trak, in: header.span, tables)))
        content.append(edits(tables))
      } else if child.isNamed("mdia") {
        content.append(mdia(child, in: header, tables))
      } else if !child.isNamed("edts") {
        content.append(Array(header[child.whole]))
      }
    }
    return content.boxed("trak")
  }

  private static func mdia(_ mdia: FragmentBox, in header: [UInt8], _ tables: MP4TrackTables) -> MP4Content {
    var content = MP4Content()
    mdia.forEachChild(in: header.span) { child in
      if child.isNamed("mdhd") {
        content.append(mdhd(Array(header[child.body]), duration: tables.mediaTicks))
      } else if child.isNamed("minf") {
        var minf = MP4Content()
        child.forEachChild(in: header.span) { inner in
          if inner.isNamed("stbl") { minf.append(stbl(inner, in: header, tables)) } else { minf.append(Array(header[inner.whole])) }
        }
        content.append(minf.boxed("minf"))
      } else {
        content.append(Array(header[child.whole]))
      }
    }
    return content.boxed("mdia")
  }

  private static func stbl(_ stbl: FragmentBox, in header: [UInt8], _ tables: MP4TrackTables) -> MP4Content {
    var content = MP4Content()
    if let stsd = stbl.child("stsd", in: header.span) { content.append(Array(header[stsd.whole])) }
    content.append(table("stts", tables.durations, entryBytes: 8))
    if tables.isVideo { content.append(table("stss", tables.keys, entryBytes: 4)) }
    content.append(table("stsc", tables.chunkRuns, entryBytes: 12))
    // Nothing is said of a size that all samples share.
    content.append(table("stsz", tables.sizes, entryBytes: 4, before: [0, 0, 0, 0]))
    content.append(table("co64", tables.offsets, entryBytes: 8))
    return content.boxed("stbl")
  }

  private static func table(_ name: StaticString, _ table: MP4Table, entryBytes: Int, before: [UInt8] = []) -> MP4Content {
    var head: [UInt8] = [0, 0, 0, 0] + before
    head.appendU32(UInt32(truncatingIfNeeded: table.count / entryBytes))
    var content = MP4Content(head)
    content.append(table)
    return content.boxed(name)
  }
}

/// The headers' fields that are only known at the end. Durations that 32 bits do not hold are written in 64 (version 1 of the boxes).
extension MP4Index {
  /// version and flags (32), creation and modification time (32 each), time scale (32), duration (32), then 80 bytes that stay.
  private static func mvhd(_ old: [UInt8], duration: Int64) -> [UInt8] {
    var body = start(old, duration)
    body.appendU32(UInt32(MP4TrackTables.timescale))
    append(duration, to: &body)
    return FragmentBox.box(FragmentBox.code("mvhd"), body + old.suffix(80))
  }

  /// version and flags, creation and modification time, track (32), reserved (32), duration (32), then 60 bytes that stay but for the picture's
  /// size, which comes last, in 16.16.
  private static func tkhd(_ old: [UInt8], _ tables: MP4TrackTables, size: PictureSize?) -> [UInt8] {
    let duration = tables.endTicks
    var body = start(old, duration)
    body += old[(old.count - 72)..<(old.count - 68)] + [0, 0, 0, 0]
    append(duration, to: &body)
    body += old.suffix(60).dropLast(8)
    if let size {
      body.appendU32(UInt32(size.width) << 16)
      body.appendU32(UInt32(size.height) << 16)
    } else {
      body += old.suffix(8)
    }
    return FragmentBox.box(FragmentBox.code("tkhd"), body)
  }

  /// version and flags, creation and modification time, time scale (32), duration (32), then language and 16 bits that stay.
  private static func mdhd(_ old: [UInt8], duration: Int64) -> [UInt8] {
    var body = start(old, duration)
    body.appendU32(UInt32(MP4TrackTables.timescale))
    append(duration, to: &body)
    return FragmentBox.box(FragmentBox.code("mdhd"), body + old.suffix(4))
  }

  private static func isLong(_ duration: Int64) -> Bool { duration > Int64(UInt32.max) - 1 }

  /// Version and flags, and the two times, which nobody tells: a file is the same each time that it is made.
  private static func start(_ old: [UInt8], _ duration: Int64) -> [UInt8] {
    [isLong(duration) ? 1 : 0] + old[1..<4] + [UInt8](repeating: 0, count: isLong(duration) ? 16 : 8)
  }

  private static func append(_ duration: Int64, to body: inout [UInt8]) {
    if isLong(duration) { body.appendU64(UInt64(duration)) } else { body.appendU32(UInt32(duration)) }
  }

  /// Where the track's stretches lie on the timeline (`edts`, §8.6.5 and §8.6.6): nothing for so long, then media from there on.
  private static func edits(_ tables: MP4TrackTables) -> [UInt8] {
    guard let first = tables.stretches.first, first.start > 0 || tables.stretches.count > 1 else { return [] }
    var entries: [(duration: Int64, media: Int64)] = []
    var at: Int64 = 0
    for (index, stretch) in tables.stretches.enumerated() {
      if stretch.start > at { entries.append((stretch.start - at, -1)) }
      let mediaEnd = index + 1 < tables.stretches.count ? tables.stretches[index + 1].media : tables.mediaTicks
      at = stretch.start + mediaEnd - stretch.media
      entries.append((mediaEnd - stretch.media, stretch.media))
    }
    let needs64 = entries.contains { isLong($0.duration) || $0.media > Int64(Int32.max) }
    var body: [UInt8] = [needs64 ? 1 : 0, 0, 0, 0]
    body.appendU32(UInt32(entries.count))
    for entry in entries {
      if needs64 {
        body.appendU64(UInt64(entry.duration))
        body.appendU64(UInt64(bitPattern: entry.media))
      } else {
        body.appendU32(UInt32(entry.duration))
        body.appendU32(UInt32(bitPattern: Int32(entry.media)))
      }
      // At the usual speed.
      body.appendU32(0x1_0000)
    }
    return FragmentBox.box(FragmentBox.code("edts"), FragmentBox.box(FragmentBox.code("elst"), body))
  }

  /// The largest picture that the track's samples are described with, where it has pictures.
  private static func largestSize(_ trak: FragmentBox, in header: Span<UInt8>, _ tables: MP4TrackTables) -> PictureSize? {
    guard tables.isVideo, let stsd = trak.descendant(["mdia", "minf", "stbl", "stsd"], in: header) else { return nil }
    var largest: PictureSize?
    var number: UInt32 = 0
    stsd.forEachChild(in: header, skipping: 8) { entry in
      number += 1
      guard entry.body.count >= 28, tables.descriptions.contains(number) || tables.descriptions.isEmpty else { return }
      let at = entry.body.lowerBound + 24
      let size = PictureSize(width: Int(header.u16(at: at)), height: Int(header.u16(at: at + 2)))
      if size.width * size.height > largest.map({ $0.width * $0.height }) ?? 0 { largest = size }
    }
    return largest
  }
}
