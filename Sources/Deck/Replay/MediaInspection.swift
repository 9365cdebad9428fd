package import Codecs
package import Ground
package import Recording

/// What a finished media file holds, and how evenly its tracks go: read off the packets' times alone, whoever wrote it.
package struct MediaInspection: Sendable {
  /// A stretch in which a track has nothing.
  package struct Hole: Sendable, Equatable {
    package var start: TimeSpan
    package var duration: TimeSpan
  }
  package struct Track: Sendable {
    package var kind: MediaKind
    package var codec: String
    package var size: PictureSize?
    package var sampleRate = 0
    package var channels = 0
    package var packets = 0
    package var bytes = 0
    package var keyFrames = 0
    package var corrupt = 0
    /// Where the first packet begins, and where the last one ends.
    package var start = TimeSpan.zero
    package var end = TimeSpan.zero
    /// What most packets are apart.
    package var interval: TimeSpan?
    /// The first hundred.
    package var holes: [Hole] = []
    package var holeCount = 0
    package var missing = TimeSpan.zero
    package var longestHole = TimeSpan.zero
    /// Sound that is told twice: packets that begin before the one before them ends.
    package var overlaps = 0
    package var overlapping = TimeSpan.zero
    /// Packets of sound whose time is not behind that of the one before them, and pictures that share their time with another.
    package var unordered = 0
    /// Of the track's time, the share in which each packet came when it was due: percent.
    package var cadence = 100.0
    /// By how much the timestamps run faster than the sound in the packets, in parts of a million; nil for pictures.
    package var soundAgainstClockPPM: Double?

    package var span: TimeSpan { end - start }
    package var missingPercent: Double { span > .zero ? min(100, missing.seconds / span.seconds * 100) : 0 }
    package var verdict: QualityVerdict {
      max(
        (kind == .audio ? QualityMeasure.soundMissing : .pictureMissing).verdict(missingPercent),
        QualityMeasure.longestHole.verdict(longestHole.seconds))
    }
  }
  package var path: String
  package var container: String
  package var duration: TimeSpan?
  package var tracks: [Track]
  /// Why the reading ended before the file did, or nil.
  package var damage: String?

  package var verdict: QualityVerdict { tracks.map(\.verdict).max() ?? .good }
  /// The lowest cadence of the tracks; nil without tracks.
  package var cadence: Double? { tracks.map(\.cadence).min() }

  /// Whether a file begins as Matroska, WebM or MP4 do.
  package static func isMediaFile(_ head: [UInt8]) -> Bool {
    if head.starts(with: [0x1a, 0x45, 0xdf, 0xa3]) { return true }
    guard head.count >= 8 else { return false }
    return ["ftyp", "styp", "moov", "moof"].contains { head[4..<8].elementsEqual($0.utf8) }
  }

  /// Reads the whole file.
  package init(of path: String) throws(MediaFileError) {
    let reader = try MediaFileReader(path: path)
    self.path = path
    container = reader.container
    duration = reader.duration
    var gauges = reader.streams.map { $0.kind.map { TrackGauge(kind: $0) } }
    do throws(MediaFileError) {
      while let packet = try reader.next() { gauges[packet.stream]?.observe(packet) }
    } catch {
      damage = error.message
    }
    tracks = []
    for (stream, gauge) in zip(reader.streams, gauges) {
      guard var track = gauge?.track() else { continue }
      track.codec = stream.codec
      track.size = stream.size
      track.sampleRate = stream.sampleRate
      track.channels = stream.channels
      tracks.append(track)
    }
  }
}

/// Measures one track, packet by packet.
struct TrackGauge {
  private static let keptHoles = 100
  /// What containers round times to, and players do not hear.
  private static let tolerance = TimeSpan.milliseconds(10)
  /// Pictures that stand still for less are not seen to.
  private static let shortestFreeze = TimeSpan.milliseconds(200)

  private let kind: MediaKind
  private var seen: MediaInspection.Track
  private var lastTime: TimeSpan?
  private var soundEnd = TimeSpan.zero
  /// When pictures are shown, in the order of the file, which need not be that of time.
  private var times: [TimeSpan] = []
  private var slewed = TimeSpan.zero

  init(kind: MediaKind) {
    self.kind = kind
    seen = MediaInspection.Track(kind: kind, codec: "")
  }

  mutating func observe(_ packet: MediaFileReader.Packet) {
    seen.packets += 1
    seen.bytes += packet.bytes
    if packet.isKey { seen.keyFrames += 1 }
    if packet.isCorrupt { seen.corrupt += 1 }
    let isFirst = seen.packets == 1
    seen.start = isFirst ? packet.time : min(seen.start, packet.time)
    seen.end = isFirst ? packet.time + packet.duration : max(seen.end, packet.time + packet.duration)
    guard kind == .audio else {
      times.append(packet.time)
      return
    }
    if isFirst {
      soundEnd = seen.end
    } else if let lastTime, packet.time <= lastTime {
      seen.unordered += 1
      return
    } else {
      listen(packet)
    }
    lastTime = packet.time
  }

  private mutating func listen(_ packet: MediaFileReader.Packet) {
    let distance = packet.time - soundEnd
    if distance > TrackGauge.tolerance {
      note(MediaInspection.Hole(start: soundEnd, duration: distance))
    } else if distance < -TrackGauge.tolerance {
      seen.overlaps += 1
      seen.overlapping += -distance
    } else {
      slewed += distance
      // What is rounded now comes back with the next: the sound goes on from where it was told to be.
    }
    soundEnd = packet.time + packet.duration
  }

  private mutating func note(_ hole: MediaInspection.Hole) {
    seen.holeCount += 1
    seen.missing += hole.duration
    seen.longestHole = max(seen.longestHole, hole.duration)
    if seen.holes.count < TrackGauge.keptHoles { seen.holes.append(hole) }
  }

  /// What was measured; nil for a track without packets.
  func track() -> MediaInspection.Track? {
    guard seen.packets > 0 else { return nil }
    var gauge = self
    if kind == .audio { gauge.finishSound() } else { gauge.finishPictures() }
    return gauge.seen
  }

  private mutating func finishSound() {
    let span = seen.span
    guard span > .zero else { return }
    seen.cadence = max(0, 100 * (1 - (seen.missing + seen.overlapping).seconds / span.seconds))
    let sounding = span - seen.missing
    if sounding > .zero { seen.soundAgainstClockPPM = slewed.seconds / sounding.seconds * 1e6 }
    if seen.packets > 1 { seen.interval = TimeSpan(nanoseconds: sounding.nanoseconds / Int64(seen.packets)) }
  }

  private mutating func finishPictures() {
    times.sort()
    let intervals = zip(times, times.dropFirst()).map { $1 - $0 }
    seen.unordered = intervals.count { $0 == .zero }
    let rising = intervals.filter { $0 > .zero }
    guard !rising.isEmpty else { return }
    let usual = rising.sorted()[rising.count / 2]
    seen.interval = usual
    let freeze = max(TrackGauge.shortestFreeze, usual * 3)
    var regular = TimeSpan.zero
    for (time, interval) in zip(times, intervals) {
      if interval > freeze { note(MediaInspection.Hole(start: time + usual, duration: interval - usual)) }
      if (interval - usual).magnitude * 2 <= usual { regular += interval }
    }
    seen.cadence = 100 * regular.seconds / (times[times.count - 1] - times[0]).seconds
  }
}
