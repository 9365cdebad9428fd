import Codecs
package import Ground
import HLSPlaylist

/// What finishes the presentation that a crashed process left: whole fragments are kept, the playlists are closed. A plan only; nothing is touched.
///
/// Carrying it out only in part (another crash) leaves a presentation that the next plan finishes.
package struct HLSRecovery: Sendable {
  /// A file in the presentation's folder.
  package struct File: Sendable, Hashable {
    package var path: String
    package var byteCount: Int
    package init(path: String, byteCount: Int) {
      self.path = path
      self.byteCount = byteCount
    }
  }

  /// To be carried out in order; empty where the presentation is whole, or nothing is there.
  package private(set) var orders: [HLSOrder] = []
  /// Segments in the final playlist.
  package private(set) var segmentCount = 0
  /// What they play for together.
  package private(set) var durationSeconds = 0.0
  /// Bytes of media in them.
  package private(set) var byteCount = 0

  /// `files`: what lies in the folder. `read`: the content of one of them, nil where it cannot be read. `wallClockZero`: the wall clock's time at the
  /// timeline's zero, for a presentation of which no playlist was written; else a segment that was not yet listed begins when the one before
  /// it ended.
  package init(files: [File], wallClockZero: WallTime? = nil, read: @escaping (String) -> [UInt8]?) {
    var survey = HLSSurvey(files: files, wallClockZero: wallClockZero, read: read)
    survey.takeListed()
    survey.takeUnlisted()
    orders = survey.orders
    segmentCount = survey.playlist.segments.count
    durationSeconds = Double(survey.playlist.segments.reduce(0) { $0 + $1.durationMilliseconds }) / 1_000
    byteCount = survey.byteCounts.reduce(0, +)
    guard segmentCount > 0, survey.isChanged else { return }
    // The media playlist comes last: once it is final, so is everything.
    orders.append(.write(path: HLSName.master, bytes: survey.finalMultivariantPlaylist))
    orders.append(.write(path: HLSName.media, bytes: survey.finalMediaPlaylist))
  }
}

/// The walk through what was left, from the playlist's segments to the last whole fragment.
private struct HLSSurvey {
  private let sizes: [String: Int]
  /// The wall clock's time at the timeline's zero, for segments that are not listed.
  private var wallClockZero: WallTime?
  private var hasAnchor = false
  private let read: (String) -> [UInt8]?
  private let listed: MediaPlaylist?
  private let hasMaster: Bool
  private var headers: [Int: FragmentHeader] = [:]
  private var codecs: [String] = []
  private var size: PictureSize?
  private var frameRate: Double?

  var orders: [HLSOrder] = []
  var playlist: MediaPlaylist
  /// Of each segment in the playlist.
  var byteCounts: [Int] = []

  init(files: [HLSRecovery.File], wallClockZero: WallTime?, read: @escaping (String) -> [UInt8]?) {
    sizes = Dictionary(files.map { ($0.path, max(0, $0.byteCount)) }, uniquingKeysWith: { first, _ in first })
    self.wallClockZero = wallClockZero
    self.read = read
    listed = read(HLSName.media).flatMap { try? MediaPlaylist(parsing: $0) }
    let master = read(HLSName.master).flatMap { try? MultivariantPlaylist(parsing: $0) }
    hasMaster = master != nil
    playlist = listed ?? MediaPlaylist(targetDurationSeconds: 0)
    playlist.segments = []
    if let variant = master?.variants.first {
      codecs = variant.codecs
      size = variant.resolution.map { PictureSize(width: $0.width, height: $0.height) }
      frameRate = variant.frameRate
    }
  }

  /// Whether the playlists on disk are not the final ones.
  var isChanged: Bool { listed?.isEnded != true || listed?.segments != playlist.segments || !hasMaster || !orders.isEmpty }

  /// Keeps the playlist's segments whose files are there.
  mutating func takeListed() {
    var isBroken = false
    for var segment in listed?.segments ?? [] {
      guard let bytes = sizes[segment.uri] else {
        isBroken = true
        continue
      }
      segment.isDiscontinuous = segment.isDiscontinuous || (isBroken && !playlist.segments.isEmpty)
      isBroken = false
      playlist.segments.append(segment)
      byteCounts.append(bytes)
    }
  }

  /// Adds the segments that the playlist does not know yet: finished ones, and what is whole of the one that grew.
  mutating func takeUnlisted() {
    // Behind all that is listed, whatever the last line of a damaged playlist says: no segment comes twice.
    var number = (listed?.segments.compactMap { HLSName.number(in: $0.uri, "seg-", ".m4s") }.max()).map { $0 + 1 } ?? 0
    while true {
      let name = HLSName.segment(number)
      let part = HLSName.part(number)
      let isFinished = sizes[name] != nil
      guard let size = sizes[name] ?? sizes[part], let bytes = read(isFinished ? name : part),
        let (scan, map) = examine(bytes, isFinished: isFinished)
      else { break }
      if scan.wholeBytes < size { orders.append(.truncate(path: isFinished ? name : part, bytes: scan.wholeBytes)) }
      if !isFinished { orders.append(.rename(from: part, to: name)) }
      append(name, scan, map: map)
      number += 1
    }
    // What is left of parts holds nothing that could be played.
    let kept = Set(playlist.segments.map { $0.uri + ".part" })
    for path in sizes.keys.sorted() {
      guard HLSName.number(in: path, "seg-", ".m4s.part") != nil else { continue }
      if !kept.contains(path) || sizes[String(path.dropLast(5))] != nil { orders.append(.remove(path: path)) }
    }
  }

  /// What a segment holds, and the number of its initialization segment.
  private mutating func examine(_ bytes: [UInt8], isFinished: Bool) -> (FragmentScan, Int)? {
    let last = playlist.segments.last?.map.flatMap { HLSName.number(in: $0, "init-", ".mp4") }
    let current = last ?? -1
    // The next initialization segment may have been written, and this may be its first segment: then its fragments are counted from 1.
    for number in [current + 1, current] where number >= 0 {
      guard let header = header(number), let scan = FragmentScan(bytes, header: header) else { continue }
      if number == current || scan.firstSequence == 1 || last == nil { return (scan, number) }
    }
    return nil
  }

  private mutating func header(_ number: Int) -> FragmentHeader? {
    if let known = headers[number] { return known }
    guard sizes[HLSName.initSegment(number)] != nil, let header = read(HLSName.initSegment(number)).flatMap({ FragmentHeader(parsing: $0) })
    else { return nil }
    headers[number] = header
    return header
  }

  private mutating func append(_ name: String, _ scan: FragmentScan, map: Int) {
    let mapName = HLSName.initSegment(map)
    let previous = playlist.segments.last
    var isDiscontinuous = previous != nil && previous?.map != mapName
    if let previous, !isDiscontinuous, let header = header(map),
      let before = read(previous.uri).flatMap({ FragmentScan($0, header: header) })
    {
      isDiscontinuous = scan.start - before.end > HLSPackager.gap
    }
    let length = Int(scan.end.milliseconds - scan.start.milliseconds)
    let limit = playlist.targetDurationSeconds > 0 ? playlist.targetDurationSeconds * 1_000 : Int.max
    playlist.segments.append(
      MediaPlaylist.Segment(
        uri: name, durationMilliseconds: min(max(length, 1), limit), programDateTime: programDateTime(of: scan, after: previous),
        isDiscontinuous: isDiscontinuous, map: mapName))
    byteCounts.append(scan.wholeBytes)
    for track in headers[map]?.tracks ?? [] {
      if let codec = track.codecName, !codecs.contains(codec) { codecs.append(codec) }
      guard let new = track.size else { continue }
      if size.map({ new.width * new.height > $0.width * $0.height }) ?? true { size = new }
    }
  }

  private mutating func programDateTime(of scan: FragmentScan, after previous: MediaPlaylist.Segment?) -> WallTime? {
    if !hasAnchor, let previous, let time = previous.programDateTime {
      // The listed segments know of pauses that closed the timeline up.
      wallClockZero = time + .milliseconds(Int64(previous.durationMilliseconds) - scan.start.milliseconds)
    }
    hasAnchor = true
    return wallClockZero.map { $0 + .milliseconds(scan.start.milliseconds) }
  }

  /// The playlist's own, or, without a playlist, what its longest segment needs.
  private var targetSeconds: Int {
    if playlist.targetDurationSeconds > 0 { return playlist.targetDurationSeconds }
    return max(1, ((playlist.segments.map(\.durationMilliseconds).max() ?? 0) + 999) / 1_000)
  }

  var finalMediaPlaylist: [UInt8] {
    var final = playlist
    final.kind = .vod
    final.isEnded = true
    if listed == nil {
      final.version = 7
      final.hasIndependentSegments = true
    }
    final.targetDurationSeconds = targetSeconds
    return Array(final.text.utf8)
  }

  var finalMultivariantPlaylist: [UInt8] {
    var rate = HLSBitRate(targetSeconds: targetSeconds)
    for (segment, bytes) in zip(playlist.segments, byteCounts) { rate.add(bytes: bytes, milliseconds: segment.durationMilliseconds) }
    let variant = MultivariantPlaylist.Variant(
      uri: HLSName.media, bandwidth: rate.peak, averageBandwidth: rate.average, codecs: codecs,
      resolution: size.map { MultivariantPlaylist.Resolution(width: $0.width, height: $0.height) }, frameRate: frameRate)
    return Array(MultivariantPlaylist(variants: [variant]).text.utf8)
  }
}
