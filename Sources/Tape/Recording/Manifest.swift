import Codecs
package import Ground
package import JSON
import Track

/// Where a recording stands (control-api.md, Status).
package enum RecordingStatus: String, Sendable, CaseIterable {
  case starting, recording, paused, processing, completed, failed, cancelled

  package var isLive: Bool { self == .starting || self == .recording || self == .paused }
  package var hasEnded: Bool { self == .completed || self == .failed || self == .cancelled }
}

/// One port, or pair, as a client is told of it.
package struct BoundPort: Sendable {
  /// The tracks it carries.
  package var tracks: [String]
  package var ip: String
  package var port: UInt16
  package var rtcpPort: UInt16
  package init(tracks: [String], ip: String, port: UInt16, rtcpPort: UInt16) {
    self.tracks = tracks
    self.ip = ip
    self.port = port
    self.rtcpPort = rtcpPort
  }
}

/// One source as a client is told of it.
package struct SourceDescription: Sendable {
  package var id: String
  package var ports: [BoundPort]
  package var specification: SourceSpecification
  package init(id: String, ports: [BoundPort], specification: SourceSpecification) {
    self.id = id
    self.ports = ports
    self.specification = specification
  }
}

/// Everything that is known of a recording at one moment; renders as the contract's JSON, which is also `metadata.json`.
package struct Manifest: Sendable {
  package var id: String
  package var specification: RecordingSpecification
  package var status = RecordingStatus.starting
  package var isInterrupted = false
  package var error: ControlError?
  package var endedBy: LimitReached?
  package var createdAt: WallTime
  /// When the first frame had its place; what clients are told is the wall clock's time at the timeline's zero, once it is known.
  package var startedAt: WallTime?
  package var stoppedAt: WallTime?
  package var completedAt: WallTime?
  package var sources: [SourceDescription] = []
  package var files: [FileStatus] = []
  package var hls: [HLSStatus] = []
  package var snapshot = TakeSnapshot()
  /// When the snapshot was taken.
  package var snapshotAt: WallTime

  package init(id: String, specification: RecordingSpecification, createdAt: WallTime) {
    self.id = id
    self.specification = specification
    self.createdAt = createdAt
    snapshotAt = createdAt
  }

  /// The contract's recording. Keys are shown to whoever holds the control socket, and never stored: `withSecrets` false leaves them out.
  package func json(withSecrets: Bool) -> JSONValue {
    .object([
      JSONField("id", .string(id)), JSONField("room", .string(specification.room)),
      JSONField("title", JSONValue(specification.title)), JSONField("startedBy", JSONValue(specification.startedBy)),
      JSONField("status", .string(status.rawValue)), JSONField("interrupted", .bool(isInterrupted)),
      JSONField("error", error.map { ["code": .string($0.code.rawValue), "message": .string($0.message)] } ?? .null),
      JSONField("endedBy", JSONValue(endedBy?.rawValue)),
      JSONField("createdAt", .string(createdAt.rfc3339)), JSONField("startedAt", JSONValue((snapshot.zeroAt ?? startedAt)?.rfc3339)),
      JSONField("stoppedAt", JSONValue(stoppedAt?.rfc3339)), JSONField("completedAt", JSONValue(completedAt?.rfc3339)),
      JSONField("durationSeconds", .number(Manifest.rounded(snapshot.duration.seconds))),
      JSONField("sources", .array(sources.indices.map { source($0, withSecrets: withSecrets) })),
      JSONField("participants", .array(participants)), JSONField("pauses", .array(pauses)),
      JSONField("files", .array(files.map(Manifest.file))), JSONField("hls", .array(hls.map(Manifest.presentation))),
      JSONField("quality", QualityReport(snapshot, files: files).json(at: snapshotAt)),
      JSONField("outputs", outputs), JSONField("limits", limits),
      JSONField("alarms", ["silenceSeconds": JSONValue(specification.alarms.silenceSeconds)]),
      JSONField("metadata", specification.metadata),
    ])
  }

  package static func rounded(_ seconds: Double) -> Double { (seconds * 1000).rounded() / 1000 }

  private func source(_ index: Int, withSecrets: Bool) -> JSONValue {
    let source = sources[index]
    let numbers = snapshot.sources.first { $0.id == source.id }
    let session = numbers?.session
    let state = numbers.map { $0.isRemoved ? "closed" : session?.state ?? ($0.isConnected ? "connected" : "new") } ?? "new"
    var fields: [JSONField] = [
      JSONField("id", .string(source.id)), JSONField("type", .string(source.specification.type)),
      JSONField("state", .string(status.hasEnded ? "closed" : state)),
      JSONField("ports", .array(source.ports.flatMap(Manifest.ports))),
      JSONField("srtp", srtp(source.specification.srtp, withSecrets: withSecrets)),
      JSONField("answer", JSONValue(Manifest.description(source.specification.webrtc?.answer, withSecrets: withSecrets))),
      JSONField("remote", JSONValue(numbers?.remote?.description)),
      JSONField("datagramsReceived", JSONValue(numbers?.datagramsReceived ?? 0)),
      JSONField(
        "datagramsDiscarded", .object((numbers?.discarded ?? []).map { JSONField($0.name, JSONValue($0.count)) })),
    ]
    if let webrtc = source.specification.webrtc { fields += Manifest.session(webrtc, session, withSecrets: withSecrets) }
    let tracks = snapshot.tracks.filter { $0.source == index }
    fields.append(JSONField("tracks", .array(tracks.map(track))))
    return .object(fields)
  }

  /// A session description of ours; without secrets, without its ICE password.
  private static func description(_ text: String?, withSecrets: Bool) -> String? {
    guard let text, !withSecrets else { return text }
    return text.split(separator: "\r\n").filter { !$0.hasPrefix("a=ice-pwd:") }.map { $0 + "\r\n" }.joined()
  }

  /// How a WebRTC peer is connected.
  private static func session(
    _ webrtc: WebRTCSpecification, _ session: TakeSnapshot.SessionNumbers?, withSecrets: Bool
  ) -> [JSONField] {
    var pair = JSONValue.null
    if let session, let local = session.local, let remote = session.remote {
      pair = [
        "local": .string(local.description), "remote": .string(remote.description), "localType": JSONValue(session.localType),
        "remoteType": JSONValue(session.remoteType),
      ]
    }
    let whep = webrtc.whep.map { [JSONField("url", .string(withSecrets ? $0.url : $0.shownURL))] } ?? []
    return whep + [
      JSONField("offer", JSONValue(description(webrtc.offer, withSecrets: withSecrets))),
      JSONField("stateReason", JSONValue(session?.reason)),
      JSONField("iceState", JSONValue(session?.iceState)), JSONField("selectedPair", pair),
      JSONField("dtlsCipher", JSONValue(session?.cipherSuite)), JSONField("srtpSuite", JSONValue(session?.suite)),
      JSONField("roundTripMilliseconds", JSONValue(session?.roundTripMilliseconds.map { Manifest.rounded($0) })),
    ]
  }

  private static func ports(_ port: BoundPort) -> [JSONValue] {
    port.tracks.map { track in
      [
        "track": .string(track), "ip": .string(port.ip), "port": .integer(Int64(port.port)), "rtcpPort": .integer(Int64(port.rtcpPort)),
      ]
    }
  }

  private func srtp(_ srtp: SRTPSpecification?, withSecrets: Bool) -> JSONValue {
    guard let srtp else { return .null }
    var fields = [JSONField("cryptoSuite", .string(srtp.cryptoSuite)), JSONField("rtcp", .string(srtp.rtcp.rawValue))]
    if withSecrets { fields.insert(JSONField("keyBase64", .string(Base64.encode(srtp.key.exposed))), at: 1) }
    return .object(fields)
  }

  private func track(_ track: TakeSnapshot.TrackNumbers) -> JSONValue {
    let counters = track.counters
    let causes = PacketDiscard.allCases.compactMap { cause in
      counters.discarded(cause) > 0 ? JSONField(cause.name, JSONValue(counters.discarded(cause))) : nil
    }
    return .object([
      JSONField("id", .string(track.id)), JSONField("participant", .string(track.participant)),
      JSONField("kind", .string(track.specification.kind.rawValue)), JSONField("codec", .string(track.specification.codec.rawValue)),
      JSONField("payloadType", .integer(Int64(track.specification.payloadType.value))),
      JSONField("ssrc", track.ssrc.map { .integer(Int64($0.value)) } ?? .null),
      JSONField("clockRate", .integer(Int64(track.specification.clockRate.hertz))),
      JSONField("packetsReceived", JSONValue(counters.packetsReceived)), JSONField("packetsLost", JSONValue(counters.packetsLost)),
      JSONField("packetsRecovered", JSONValue(counters.packetsRecovered)),
      JSONField("packetsFromRedundancy", JSONValue(counters.packetsFromRedundancy)),
      JSONField("packetsFromFEC", JSONValue(counters.packetsFromFEC)),
      JSONField("packetsWritten", JSONValue(counters.packetsInFrames)),
      JSONField("packetsPending", JSONValue(track.packetsPending)), JSONField("packetsDiscarded", JSONValue(counters.packetsDiscarded)),
      JSONField("discarded", .object(causes)), JSONField("packetsReordered", JSONValue(counters.packetsReordered)),
      JSONField("bytesReceived", JSONValue(counters.bytesReceived)), JSONField("framesWritten", JSONValue(counters.frames)),
      JSONField("framesDropped", JSONValue(counters.framesDropped)),
      JSONField("framesDegraded", JSONValue(counters.framesDegraded)), JSONField("keyFrames", JSONValue(counters.keyFrames)),
      JSONField("width", track.size.map { JSONValue($0.width) } ?? .null),
      JSONField("height", track.size.map { JSONValue($0.height) } ?? .null),
      JSONField("rotation", JSONValue(track.rotation.rawValue)),
      JSONField("pictures", .array(track.pictures.entries.map(Manifest.pictures))),
      JSONField("gaps", JSONValue(counters.gaps)), JSONField("gapSeconds", .number(Manifest.rounded(counters.gapDuration.seconds))),
      JSONField("packetsFilled", JSONValue(counters.packetsFilled)),
      JSONField("filledSeconds", .number(Manifest.rounded(counters.fillDuration.seconds))),
      JSONField("jitterMilliseconds", .number((track.jitterMilliseconds * 100).rounded() / 100)),
      JSONField("pliSent", JSONValue(counters.pliSent)), JSONField("firSent", JSONValue(counters.firSent)),
      JSONField("nackSent", JSONValue(counters.nackSent)),
      JSONField("senderReports", JSONValue(counters.senderReports)), JSONField("ssrcChanges", JSONValue(counters.ssrcChanges)),
      JSONField("stalled", .bool(track.isStalled)), JSONField("muted", .bool(track.isMuted)),
      JSONField("alarms", .array(track.alarms.map { .string($0.rawValue) })),
      JSONField("lastPacketAt", JSONValue(track.sinceLastPacket.map { (snapshotAt + -$0).rfc3339 })),
    ])
  }

  private static func pictures(_ entry: PictureIndex.Entry) -> JSONValue {
    [
      "startSeconds": .number(rounded(entry.start.seconds)), "width": JSONValue(entry.size.width), "height": JSONValue(entry.size.height),
      "rotation": JSONValue(entry.rotation.rawValue),
    ]
  }

  private var participants: [JSONValue] {
    var ids = specification.participants.map(\.id)
    for seen in snapshot.participants where !ids.contains(seen.id) { ids.append(seen.id) }
    return ids.map { id in
      let told = specification.participants.first { $0.id == id }
      let seen = snapshot.participants.first { $0.id == id }
      return .object([
        JSONField("id", .string(id)), JSONField("name", JSONValue(told?.name)), JSONField("userId", JSONValue(told?.userId)),
        JSONField("role", JSONValue(told?.role)),
        JSONField("joinedAt", JSONValue(seen?.sinceJoined.map { (snapshotAt + -$0).rfc3339 })),
        JSONField("leftAt", JSONValue(seen?.sinceLeft.map { (snapshotAt + -$0).rfc3339 })),
      ])
    }
  }

  private var pauses: [JSONValue] {
    snapshot.pauses.map { pause in
      .object([
        JSONField("mode", .string(pause.mode.rawValue)), JSONField("pausedAt", .string(pause.pausedAt.rfc3339)),
        JSONField("resumedAt", JSONValue(pause.resumedAt?.rfc3339)),
        JSONField("mediaStartSeconds", .number(Manifest.rounded(pause.mediaStart.seconds))),
        JSONField("mediaEndSeconds", JSONValue(pause.mediaEnd.map { Manifest.rounded($0.seconds) })),
      ])
    }
  }

  package static func file(_ file: FileStatus) -> JSONValue {
    .object([
      JSONField("path", .string(file.path)), JSONField("kind", "media"), JSONField("participant", .string(file.participant)),
      JSONField("container", .string(file.container)), JSONField("part", JSONValue(file.part)), JSONField("bytes", JSONValue(file.bytes)),
      JSONField("startSeconds", JSONValue(file.startSeconds.map(rounded))),
      JSONField("durationSeconds", .number(rounded(file.durationSeconds))), JSONField("sha256", JSONValue(file.sha256)),
      JSONField("final", .bool(file.isFinal)),
    ])
  }

  private static func presentation(_ hls: HLSStatus) -> JSONValue {
    .object([
      JSONField("participant", .string(hls.participant)), JSONField("playlist", .string(hls.playlist)),
      JSONField("segments", JSONValue(hls.segments)), JSONField("live", .bool(hls.isLive)),
      JSONField("framesSkipped", JSONValue(hls.framesSkipped)), JSONField("error", JSONValue(hls.error)),
    ])
  }

  private var outputs: JSONValue {
    let file: JSONValue = ["container": .string(specification.container.rawValue)]
    guard let hls = specification.outputs.hls else { return ["file": file, "hls": nil] }
    return [
      "file": file,
      "hls": [
        "segmentSeconds": JSONValue(hls.segmentSeconds), "video": .string(hls.video.rawValue), "audio": .string(hls.audio.rawValue),
        "quality": .string(hls.quality.rawValue), "canvas": JSONValue(hls.canvas?.description),
      ],
    ]
  }

  private var limits: JSONValue {
    [
      "maxDurationSeconds": JSONValue(specification.limits.maxDurationSeconds),
      "idleTimeoutSeconds": JSONValue(specification.limits.idleTimeoutSeconds),
      "departureTimeoutSeconds": JSONValue(specification.limits.departureTimeoutSeconds),
      "degradedAfterSeconds": JSONValue(specification.limits.degradedAfterSeconds ?? Limits.defaultDegradedAfterSeconds),
      "reconnectGraceSeconds": .number(specification.limits.reconnectGraceSeconds),
      "maxBytes": specification.limits.maxBytes.map { .integer($0) } ?? .null,
    ]
  }
}

/// Base64 with padding (RFC 4648 §4).
enum Base64 {
  static func encode(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var out: [UInt8] = []
    var i = 0
    while i < bytes.count {
      let b = (0..<3).map { i + $0 < bytes.count ? UInt32(bytes[i + $0]) : 0 }
      let word = b[0] << 16 | b[1] << 8 | b[2]
      for k in 0..<4 {
        out.append(i + k <= bytes.count || k == 0 ? alphabet[Int(word >> UInt32(18 - 6 * k) & 63)] : 61)
      }
      i += 3
    }
    return String(decoding: out, as: UTF8.self)
  }
}
