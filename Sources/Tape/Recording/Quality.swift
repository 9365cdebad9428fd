package import Codecs
package import Ground
package import Timeline
package import Track

/// How good a track, a file or a recording is.
package enum QualityVerdict: Int, Sendable, Comparable, CaseIterable {
  case good, degraded, poor

  /// As the control API spells it.
  package var name: String { "\(self)" }
  package static func < (a: QualityVerdict, b: QualityVerdict) -> Bool { a.rawValue < b.rawValue }
}

/// What a verdict is made of. Each measure has two limits, and what exceeds one of them makes the verdict at least that bad.
package enum QualityMeasure: String, Sendable, CaseIterable {
  /// How much of the time between a track's first and last sound is missing, concealed or not: percent.
  case soundMissing
  /// How much of the time between a track's first and last picture another one had to stand in for those missing: percent.
  case pictureMissing
  /// The longest hole: seconds.
  case longestHole
  /// How much later than its first packet a track is on tape: seconds.
  case startDelay
  /// How many of the whole frames the writer or the disk did not take: percent.
  case notWritten
  /// How many of the pictures on tape refer to ones that are missing: percent.
  case degradedPictures
  /// By how much a track lies apart from the reference beyond what its place is known to: milliseconds.
  case avOffset

  /// What exceeds it is degraded, and what exceeds the second is poor.
  package var limits: (degraded: Double, poor: Double) {
    switch self {
    case .soundMissing: (1, 5)
    case .pictureMissing: (2, 10)
    case .longestHole: (2, 30)
    case .startDelay: (2, 10)
    case .notWritten: (0, 1)
    case .degradedPictures: (0, 5)
    case .avOffset: (40, 80)
    }
  }

  package var unit: String {
    switch self {
    case .soundMissing, .pictureMissing, .notWritten, .degradedPictures: "percent"
    case .longestHole, .startDelay: "seconds"
    case .avOffset: "milliseconds"
    }
  }

  package func verdict(_ value: Double) -> QualityVerdict {
    let limits = limits
    return value > limits.poor ? .poor : value > limits.degraded ? .degraded : .good
  }
}

/// Why a verdict is not `good`.
package struct QualityReason: Sendable, Equatable {
  package var measure: QualityMeasure
  package var verdict: QualityVerdict
  package var value: Double
  /// What the value exceeds.
  package var limit: Double
  package var track: String
  package var participant: String
  package var text: String
}

/// One track's quality in a recording, or in one file of it.
package struct TrackQuality: Sendable {
  package var id: String
  package var participant: String
  package var kind: MediaKind
  /// What came and went between the beginning and the end of what is told of.
  package var counters: QualityCounters
  package var holes: HoleBook
  package var span: TimeSpan
  /// Nil before the first frame, and for later parts.
  package var startDelay: TimeSpan?
  /// What is known of the track's clock now; of a file, what was known at its end is not kept.
  package var clock: ParticipantClock.Facts?

  /// Of the time from the first frame to the last, how much is missing: percent.
  package var missingPercent: Double {
    span > .zero ? min(100, holes.total.seconds / span.seconds * 100) : 0
  }

  package func value(_ measure: QualityMeasure) -> Double? {
    switch measure {
    case .soundMissing: kind == .audio ? missingPercent : nil
    case .pictureMissing: kind == .video ? missingPercent : nil
    case .longestHole: holes.longest.map(\.duration.seconds)
    case .startDelay: startDelay?.seconds
    case .notWritten: counters.notWrittenPercent
    case .degradedPictures: counters.degradedPercent
    case .avOffset: clock?.offset.map { max(0, ($0.amount.magnitude - $0.uncertainty).milliseconds) }
    }
  }

  package var reasons: [QualityReason] {
    QualityMeasure.allCases.compactMap { measure in
      guard let value = value(measure) else { return nil }
      let verdict = measure.verdict(value)
      guard verdict > .good else { return nil }
      let limit = verdict == .poor ? measure.limits.poor : measure.limits.degraded
      return QualityReason(
        measure: measure, verdict: verdict, value: value, limit: limit, track: id, participant: participant,
        text: "\(participant)'s \(kind.rawValue): \(text(measure, value)) (over \(TrackQuality.shown(limit)))")
    }
  }

  package var verdict: QualityVerdict { reasons.map(\.verdict).max() ?? .good }

  private func text(_ measure: QualityMeasure, _ value: Double) -> String {
    let number = TrackQuality.shown(value)
    switch measure {
    case .soundMissing: return "\(number) % of the sound is missing or concealed"
    case .pictureMissing: return "for \(number) % of the time pictures are missing"
    case .longestHole: return "a hole of \(number) s (\(holes.longest?.cause ?? ""))"
    case .startDelay: return "on tape \(number) s after its first packet"
    case .notWritten: return "\(number) % of the whole frames could not be written"
    case .degradedPictures: return "\(number) % of the pictures refer to missing ones"
    case .avOffset: return "at least \(number) ms apart from where it should lie"
    }
  }

  /// With two decimals at most.
  static func shown(_ value: Double) -> String {
    let hundredths = Int64((value * 100).rounded())
    guard hundredths % 100 != 0 else { return "\(hundredths / 100)" }
    let fraction = hundredths % 100
    return "\(hundredths / 100)." + (fraction % 10 == 0 ? "\(fraction / 10)" : fraction < 10 ? "0\(fraction)" : "\(fraction)")
  }
}

/// The numbers of a quality report: what a track's counters grew by.
package struct QualityCounters: Sendable, Equatable {
  package var packetsReceived: UInt64 = 0
  package var packetsLost: UInt64 = 0
  package var recoveredByNACK: UInt64 = 0
  package var recoveredByRedundancy: UInt64 = 0
  package var recoveredByFEC: UInt64 = 0
  package var framesWritten: UInt64 = 0
  package var framesDropped: UInt64 = 0
  package var framesNotWritten: UInt64 = 0
  package var framesDegraded: UInt64 = 0
  package var packetsFilled: UInt64 = 0
  package var filled = TimeSpan.zero
  package var nackSent: UInt64 = 0
  package var pliSent: UInt64 = 0
  package var firSent: UInt64 = 0

  package init() {}

  /// What lies between two moments of one track.
  package init(from before: TrackCounters, to after: TrackCounters) {
    packetsReceived = after.packetsReceived - before.packetsReceived
    packetsLost = after.packetsLost - before.packetsLost
    recoveredByRedundancy = after.packetsFromRedundancy - before.packetsFromRedundancy
    recoveredByFEC = after.packetsFromFEC - before.packetsFromFEC
    recoveredByNACK = after.packetsRecovered - before.packetsRecovered - recoveredByRedundancy - recoveredByFEC
    // What a file was thought to have can be taken back after the next one has begun.
    framesWritten = after.frames > before.frames ? after.frames - before.frames : 0
    framesDropped = after.framesDropped - before.framesDropped
    framesNotWritten = after.framesNotWritten - before.framesNotWritten
    framesDegraded = after.framesDegraded - before.framesDegraded
    packetsFilled = after.packetsFilled - before.packetsFilled
    filled = after.fillDuration - before.fillDuration
    nackSent = after.nackSent - before.nackSent
    pliSent = after.pliSent - before.pliSent
    firSent = after.firSent - before.firSent
  }

  /// Percent of the whole frames.
  var notWrittenPercent: Double {
    let frames = framesWritten + framesNotWritten
    return frames > 0 ? Double(framesNotWritten) / Double(frames) * 100 : 0
  }

  /// Percent of the frames on tape.
  var degradedPercent: Double { framesWritten > 0 ? min(100, Double(framesDegraded) / Double(framesWritten) * 100) : 0 }

  package static func += (a: inout QualityCounters, b: QualityCounters) {
    a.packetsReceived += b.packetsReceived
    a.packetsLost += b.packetsLost
    a.recoveredByNACK += b.recoveredByNACK
    a.recoveredByRedundancy += b.recoveredByRedundancy
    a.recoveredByFEC += b.recoveredByFEC
    a.framesWritten += b.framesWritten
    a.framesDropped += b.framesDropped
    a.framesNotWritten += b.framesNotWritten
    a.framesDegraded += b.framesDegraded
    a.packetsFilled += b.packetsFilled
    a.filled += b.filled
    a.nackSent += b.nackSent
    a.pliSent += b.pliSent
    a.firSent += b.firSent
  }
}

/// The quality of one recording and of each of its files.
package struct QualityReport: Sendable {
  package struct FileQuality: Sendable {
    package var path: String
    package var tracks: [TrackQuality]
    package var verdict: QualityVerdict { tracks.map(\.verdict).max() ?? .good }
  }
  package var tracks: [TrackQuality]
  package var files: [FileQuality]
  package var verdict: QualityVerdict { tracks.map(\.verdict).max() ?? .good }
  package var reasons: [QualityReason] { tracks.flatMap(\.reasons) }

  package init(_ snapshot: TakeSnapshot, files: [FileStatus]) {
    tracks = snapshot.tracks.filter { $0.counters.packetsReceived > 0 }.map { track in
      var holes = HoleBook()
      for part in track.parts { holes.append(part.holes) }
      var whole = TrackPart()
      whole.start = track.parts.lazy.compactMap(\.start).first
      whole.end = track.parts.lazy.compactMap(\.end).max()
      return TrackQuality(
        id: track.id, participant: track.participant, kind: track.specification.kind,
        counters: QualityCounters(from: TrackCounters(), to: track.counters), holes: holes, span: whole.span, startDelay: track.startDelay,
        clock: track.clock)
    }
    self.files = files.map { file in
      FileQuality(path: file.path, tracks: snapshot.tracks.compactMap { QualityReport.track($0, in: file) })
    }
  }

  private static func track(_ track: TakeSnapshot.TrackNumbers, in file: FileStatus) -> TrackQuality? {
    guard track.participant == file.participant, let index = track.parts.firstIndex(where: { $0.part == file.part }) else { return nil }
    let part = track.parts[index]
    let after = index + 1 < track.parts.count ? track.parts[index + 1].before : track.counters
    return TrackQuality(
      id: track.id, participant: track.participant, kind: track.specification.kind,
      counters: QualityCounters(from: part.before, to: after), holes: part.holes, span: part.span,
      startDelay: index == 0 ? track.startDelay : nil)
  }
}
