import Codecs
import Ground
package import JSON
import Recording

extension MediaInspection {
  /// The inspection for people.
  package var lines: [String] {
    let seconds = duration.map { NumberText.fixed($0.seconds, 3) + " s" } ?? "no duration in its header"
    var out = ["\(path): \(container), \(seconds), \(NumberText.count(tracks.count, "track"))"]
    guard !tracks.isEmpty else { return out }
    var table = TextTable(heading: [
      "track", "codec", "picture", "packets", "keys", "bytes", "start s", "end s", "every ms", "holes", "longest s", "missing %",
      "cadence %",
    ])
    for track in tracks {
      table.add([
        track.kind.rawValue, track.codec, track.size?.description ?? "-", String(track.packets), String(track.keyFrames),
        String(track.bytes), NumberText.fixed(track.start.seconds, 3), NumberText.fixed(track.end.seconds, 3),
        track.interval.map { NumberText.fixed($0.milliseconds, 1) } ?? "-", String(track.holeCount),
        NumberText.fixed(track.longestHole.seconds, 3), NumberText.fixed(track.missingPercent, 2), NumberText.fixed(track.cadence, 1),
      ])
    }
    out += [""] + table.lines + [""]
    for track in tracks { out += facts(track) }
    if let text = offsets { out.append(text) }
    out.append("verdict: \(verdict.name)" + (cadence.map { ", cadence \(NumberText.fixed($0, 1)) %" } ?? ""))
    return out
  }

  private func facts(_ track: Track) -> [String] {
    var out = track.holes.prefix(10).map {
      "\(track.kind.rawValue): a hole of \(NumberText.fixed($0.duration.seconds, 3)) s at \(NumberText.fixed($0.start.seconds, 3)) s"
    }
    if track.holeCount > 10 { out.append("\(track.kind.rawValue): \(track.holeCount - 10) more holes") }
    if track.overlaps > 0 {
      out.append(
        "\(track.kind.rawValue): \(NumberText.count(track.overlaps, "overlap")), \(NumberText.fixed(track.overlapping.seconds, 3)) s in all"
      )
    }
    if track.unordered > 0 { out.append("\(track.kind.rawValue): \(NumberText.count(track.unordered, "packet")) out of order") }
    if track.corrupt > 0 { out.append("\(track.kind.rawValue): \(NumberText.count(track.corrupt, "damaged packet"))") }
    if let ppm = track.soundAgainstClockPPM { out.append("audio: timestamps against samples \(NumberText.signed(ppm, 0)) ppm") }
    return out
  }

  /// How much earlier the sound begins and ends than the pictures; nil without both.
  private var difference: (start: Double, end: Double)? {
    guard let sound = tracks.first(where: { $0.kind == .audio }), let picture = tracks.first(where: { $0.kind == .video }) else {
      return nil
    }
    return ((picture.start - sound.start).milliseconds, (picture.end - sound.end).milliseconds)
  }

  private var offsets: String? {
    difference.map {
      "picture against sound: begins \(NumberText.signed($0.start, 0)) ms, ends \(NumberText.signed($0.end, 0)) ms"
    }
  }

  /// The inspection for programs.
  package var json: JSONValue {
    .object([
      JSONField("file", .string(path)), JSONField("container", .string(container)),
      JSONField("durationSeconds", JSONValue(duration.map(\.seconds))), JSONField("verdict", .string(verdict.name)),
      JSONField("cadencePercent", JSONValue(cadence.map(Manifest.rounded))), JSONField("damage", JSONValue(damage)),
      JSONField("videoStartsAfterAudioMilliseconds", JSONValue(difference.map { Manifest.rounded($0.start) })),
      JSONField("videoEndsAfterAudioMilliseconds", JSONValue(difference.map { Manifest.rounded($0.end) })),
      JSONField("tracks", .array(tracks.map(MediaInspection.json))),
    ])
  }

  private static func json(_ track: Track) -> JSONValue {
    .object([
      JSONField("kind", .string(track.kind.rawValue)), JSONField("codec", .string(track.codec)),
      JSONField("width", track.size.map { JSONValue($0.width) } ?? .null),
      JSONField("height", track.size.map { JSONValue($0.height) } ?? .null),
      JSONField("sampleRate", track.kind == .audio ? JSONValue(track.sampleRate) : .null),
      JSONField("channels", track.kind == .audio ? JSONValue(track.channels) : .null),
      JSONField("packets", JSONValue(track.packets)), JSONField("keyFrames", JSONValue(track.keyFrames)),
      JSONField("bytes", JSONValue(track.bytes)), JSONField("damagedPackets", JSONValue(track.corrupt)),
      JSONField("startSeconds", .number(track.start.seconds)), JSONField("endSeconds", .number(track.end.seconds)),
      JSONField("intervalMilliseconds", JSONValue(track.interval.map { Manifest.rounded($0.milliseconds) })),
      JSONField("verdict", .string(track.verdict.name)), JSONField("cadencePercent", .number(Manifest.rounded(track.cadence))),
      JSONField("missingPercent", .number(Manifest.rounded(track.missingPercent))),
      JSONField("longestHoleSeconds", .number(track.longestHole.seconds)), JSONField("holeCount", JSONValue(track.holeCount)),
      JSONField(
        "holes",
        .array(track.holes.map { ["startSeconds": .number($0.start.seconds), "durationSeconds": .number($0.duration.seconds)] })),
      JSONField("overlaps", JSONValue(track.overlaps)), JSONField("overlapSeconds", .number(track.overlapping.seconds)),
      JSONField("outOfOrder", JSONValue(track.unordered)),
      JSONField("soundAgainstClockPPM", JSONValue(track.soundAgainstClockPPM.map(Manifest.rounded))),
    ])
  }
}
