import Codecs
package import Ground
package import JSON
import Timeline

extension QualityReport {
  /// The report as `GET …/quality` answers it and `metadata.json` keeps it. `at`: when its numbers were taken.
  package func json(at: WallTime) -> JSONValue {
    var sum = QualityCounters()
    for track in tracks { sum += track.counters }
    return .object([
      JSONField("at", .string(at.rfc3339)), JSONField("verdict", .string(verdict.name)),
      JSONField("reasons", .array(reasons.map(QualityReport.json))),
      JSONField("totals", .object(QualityReport.numbers(sum))),
      JSONField("tracks", .array(tracks.map(QualityReport.json))),
      JSONField(
        "files",
        .array(
          files.map { file in
            [
              "path": .string(file.path), "verdict": .string(file.verdict.name),
              "reasons": .array(file.tracks.flatMap(\.reasons).map(QualityReport.json)),
              "tracks": .array(file.tracks.map(QualityReport.json)),
            ]
          })),
      JSONField(
        "thresholds",
        .object(
          QualityMeasure.allCases.map { measure in
            JSONField(
              measure.rawValue,
              [
                "degradedOver": .number(measure.limits.degraded), "poorOver": .number(measure.limits.poor), "unit": .string(measure.unit),
              ])
          })),
    ])
  }

  private static func json(_ reason: QualityReason) -> JSONValue {
    [
      "measure": .string(reason.measure.rawValue), "verdict": .string(reason.verdict.name), "track": .string(reason.track),
      "participant": .string(reason.participant), "value": .number(Manifest.rounded(reason.value)), "limit": .number(reason.limit),
      "unit": .string(reason.measure.unit), "message": .string(reason.text),
    ]
  }

  private static func json(_ track: TrackQuality) -> JSONValue {
    let longest = track.holes.longest?.duration ?? .zero
    return .object(
      [
        JSONField("id", .string(track.id)), JSONField("participant", .string(track.participant)),
        JSONField("kind", .string(track.kind.rawValue)), JSONField("verdict", .string(track.verdict.name)),
        JSONField("durationSeconds", .number(Manifest.rounded(track.span.seconds))),
        JSONField("startDelaySeconds", JSONValue(track.startDelay.map { Manifest.rounded($0.seconds) })),
      ] + numbers(track.counters) + [
        JSONField("clock", track.clock.map(json) ?? .null),
        JSONField("missingMilliseconds", .number(track.holes.total.milliseconds.rounded())),
        JSONField("missingPercent", .number(Manifest.rounded(track.missingPercent))),
        JSONField("longestHoleSeconds", .number(Manifest.rounded(longest.seconds))),
        JSONField("holeCount", JSONValue(track.holes.count)), JSONField("holesOmitted", JSONValue(track.holes.omitted)),
        JSONField("holes", .array(track.holes.holes.map(json))),
      ])
  }

  private static func json(_ clock: ParticipantClock.Facts) -> JSONValue {
    var offset = JSONValue.null
    if let known = clock.offset {
      offset = [
        "milliseconds": .number(Manifest.rounded(known.amount.milliseconds)),
        "uncertaintyMilliseconds": .number(Manifest.rounded(known.uncertainty.milliseconds)), "basis": .string(known.basis.rawValue),
      ]
    }
    return [
      "driftPPM": JSONValue(clock.driftPPM.map(Manifest.rounded)), "corrections": JSONValue(clock.corrections),
      "lastCorrectionMilliseconds": JSONValue(clock.lastCorrection.map { Manifest.rounded($0.milliseconds) }),
      "wallClockSteps": JSONValue(clock.wallClockSteps), "avOffset": offset,
    ]
  }

  private static func json(_ hole: Hole) -> JSONValue {
    [
      "startSeconds": .number(Manifest.rounded(hole.start.seconds)), "durationSeconds": .number(Manifest.rounded(hole.duration.seconds)),
      "cause": .string(hole.cause), "packetsLost": .integer(hole.packetsLost), "framesDropped": .integer(hole.framesDropped),
      "degraded": .bool(hole.isDegraded),
    ]
  }

  private static func numbers(_ counters: QualityCounters) -> [JSONField] {
    [
      JSONField("packetsReceived", JSONValue(counters.packetsReceived)), JSONField("packetsLost", JSONValue(counters.packetsLost)),
      JSONField(
        "packetsRecovered",
        [
          "nack": JSONValue(counters.recoveredByNACK), "redundancy": JSONValue(counters.recoveredByRedundancy),
          "fec": JSONValue(counters.recoveredByFEC),
        ]),
      JSONField("framesWritten", JSONValue(counters.framesWritten)), JSONField("framesDropped", JSONValue(counters.framesDropped)),
      JSONField("framesNotWritten", JSONValue(counters.framesNotWritten)),
      JSONField("framesDegraded", JSONValue(counters.framesDegraded)),
      JSONField("packetsFilled", JSONValue(counters.packetsFilled)),
      JSONField("filledSeconds", .number(Manifest.rounded(counters.filled.seconds))),
      JSONField("nackSent", JSONValue(counters.nackSent)), JSONField("pliSent", JSONValue(counters.pliSent)),
      JSONField("firSent", JSONValue(counters.firSent)),
    ]
  }
}
