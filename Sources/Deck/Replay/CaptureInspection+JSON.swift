import Codecs
import Ground
package import JSON
import RTCP
import Recording

extension CaptureInspection {
  /// The inspection for programs. Times are milliseconds or seconds as the names say; what cannot be told is null.
  package var json: JSONValue {
    .object([
      JSONField("capture", .string(path)),
      JSONField("startedAt", JSONValue(description.firstTime?.rfc3339)),
      JSONField("durationSeconds", JSONValue(description.firstTime.map { ((description.lastTime ?? $0) - $0).seconds })),
      JSONField("datagrams", JSONValue(datagrams)),
      JSONField("payloadTypesFrom", .string(description.origin.rawValue)),
      JSONField("cryptoSuite", JSONValue(description.srtp?.cryptoSuite)),
      JSONField("rtcpInClear", description.srtp.map { .bool($0.rtcp == .clear) } ?? .null),
      JSONField(
        "participants",
        .array(
          description.participants.map { participant in
            .object([JSONField("id", .string(participant.id)), JSONField("cname", JSONValue(participant.cname))])
          })),
      JSONField("streams", .array(streams.map(json(of:)))),
      JSONField("offsets", .array(offsets.map(json(of:)))),
      JSONField(
        "rtcp",
        .object([
          JSONField("fromSenders", senderRTCP.json), JSONField("feedback", feedbackRTCP.json),
        ])),
      JSONField(
        "otherDatagrams",
        .object(
          Other.allCases.compactMap { cause in
            other[cause].map { JSONField("\(cause)", JSONValue($0)) }
          })),
      JSONField(
        "skippedFrames",
        .object(
          NotUDP.allCases.compactMap { cause in
            skipped[cause] > 0 ? JSONField("\(cause)", JSONValue(skipped[cause])) : nil
          })),
      JSONField("damage", JSONValue(damage?.description)),
    ])
  }

  private func json(of counted: StreamInspection) -> JSONValue {
    let stream = counted.stream
    var track: CaptureDescription.Track?
    var role = "media"
    switch stream.role {
    case .media(let index): track = description.tracks[index]
    case .retransmission(let index):
      role = "retransmission"
      track = index.map { description.tracks[$0] }
    case .padding: role = "padding"
    case .auxiliary: role = "auxiliary"
    }
    let video = counted.video
    return .object([
      JSONField("ssrc", JSONValue(Int64(stream.ssrc.value))),
      JSONField("role", .string(role)),
      JSONField("participant", JSONValue(track?.participant)),
      JSONField("kind", JSONValue(track?.codec?.kind.rawValue)),
      JSONField("codec", .string(stream.format.encoding)),
      JSONField("payloadType", JSONValue(Int(stream.payloadType.value))),
      JSONField("clockRate", JSONValue(Int(stream.format.clockRate.hertz))),
      JSONField("channels", stream.format.channels.map { JSONValue($0) } ?? .null),
      JSONField("mid", JSONValue(track?.mid)),
      JSONField("source", .string(stream.flow.source.description)),
      JSONField("destination", .string(stream.flow.destination.description)),
      JSONField("encrypted", .bool(!stream.isReadable)),
      JSONField("packets", JSONValue(counted.packets)),
      JSONField("bytes", JSONValue(counted.bytes)),
      JSONField("payloadBytes", stream.isReadable ? JSONValue(counted.payloadBytes) : .null),
      JSONField("durationSeconds", JSONValue(counted.duration.seconds)),
      JSONField("mediaSeconds", JSONValue(counted.mediaSpan.seconds)),
      JSONField("firstSequenceNumber", JSONValue(Int(counted.firstSequenceNumber.value))),
      JSONField("lastSequenceNumber", JSONValue(Int(counted.lastSequenceNumber.value))),
      JSONField("packetsLost", JSONValue(counted.missing)),
      JSONField("duplicates", JSONValue(counted.duplicates)),
      JSONField("outOfOrder", JSONValue(counted.outOfOrder)),
      JSONField("paddingOnly", stream.isReadable ? JSONValue(counted.paddingOnly) : .null),
      JSONField("markers", JSONValue(counted.markers)),
      JSONField("jitterMilliseconds", JSONValue(counted.jitterMilliseconds)),
      JSONField("malformedPayloads", JSONValue(counted.malformedPayloads)),
      JSONField("redundantBlocks", JSONValue(counted.redundantBlocks)), JSONField("corrections", JSONValue(counted.corrections)),
      JSONField("audioSeconds", JSONValue(counted.soundDuration?.seconds)),
      JSONField("frames", video.map { JSONValue($0.completeFrames) } ?? .null),
      JSONField("incompleteFrames", video.map { JSONValue($0.incompleteFrames) } ?? .null),
      JSONField("framesBeforeFirstKeyFrame", video.map { JSONValue($0.framesBeforeFirstKeyFrame) } ?? .null),
      JSONField("keyFrames", video.map { JSONValue($0.keyFrames) } ?? .null),
      JSONField("sizes", video.map { .array($0.sizes.map { .string($0.description) }) } ?? .null),
      JSONField("senderReports", JSONValue(counted.senderReports)),
      JSONField(
        "firstSenderReport",
        counted.firstReport.map { report in
          .object([
            JSONField("ntpSeconds", .number(Double(report.ntp.nanoseconds) / 1e9)),
            JSONField("rtpTimestamp", JSONValue(Int64(report.rtp.value))),
          ])
        } ?? .null),
    ])
  }

  private func json(of offset: Offset) -> JSONValue {
    .object([
      JSONField("participant", .string(offset.participant)),
      JSONField("audioSsrc", JSONValue(Int64(description.tracks[offset.audio].ssrcs[0].value))),
      JSONField("videoSsrc", JSONValue(Int64(description.tracks[offset.video].ssrcs[0].value))),
      JSONField("videoAfterAudioBySenderReportsMilliseconds", JSONValue(offset.bySenderReports?.milliseconds)),
      JSONField("videoAfterAudioByFirstArrivalMilliseconds", JSONValue(offset.byFirstArrival.milliseconds)),
      JSONField("videoAfterAudioByArrivalMilliseconds", JSONValue(offset.byArrival.milliseconds)),
    ])
  }
}
