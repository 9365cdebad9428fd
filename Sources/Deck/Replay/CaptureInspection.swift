import Codecs
package import Ground
import RTCP
import RTP

/// What is in a capture, counted: every datagram belongs to a stream, to RTCP or to a named cause.
package struct CaptureInspection: Sendable {
  package let path: String
  package let description: CaptureDescription
  /// In the order of their first packets.
  package private(set) var streams: [StreamInspection] = []
  package private(set) var datagrams = 0
  package private(set) var skipped = SkippedFrames()
  /// Datagrams with RTCP that go with the media, and those that come back.
  package private(set) var senderRTCP = RTCPCounts()
  package private(set) var feedbackRTCP = RTCPCounts()
  /// Datagrams that belong to no stream, by cause.
  package private(set) var other: [Other: Int] = [:]
  /// How the file ends too early, if it does.
  package private(set) var damage: CaptureError?

  /// Why a datagram belongs to no stream.
  package enum Other: String, Sendable, Hashable, CaseIterable {
    case stun = "STUN"
    case dtls = "DTLS"
    case turnChannel = "TURN channel data"
    case emptyHeader = "12 bytes of zeros in place of RTCP"
    case unknown = "neither RTP nor anything that travels with it"
    case unknownPayloadType = "RTP of a payload type that is not described"
    case noStream = "RTP that makes no stream"
    case malformedRTP = "RTP with a broken header"
    case notOpened = "SRTP that no key opens"
  }

  private var indices: [CaptureSurvey.StreamKey: Int] = [:]

  /// Reads the capture twice: once to find out what is in it, once to count. Throws where it is no capture; a damaged one is counted as
  /// far as it is whole.
  package init(of path: String, hints: CaptureHints) throws(CaptureError) {
    self.path = path
    description = try CaptureDescription(of: path, hints: hints)
    let origin = description.firstTime ?? WallTime(nanosecondsSinceEpoch: 0)
    for stream in description.streams {
      indices[CaptureSurvey.StreamKey(flow: stream.flow, ssrc: stream.ssrc)] = streams.count
      streams.append(StreamInspection(stream, origin: origin))
    }
    var walk = try CaptureWalk(path: path, keys: hints.keys)
    do throws(CaptureError) {
      while let step = try walk.next() { add(step, walk.payload) }
    } catch {
      damage = error
    }
    skipped = walk.reader.skipped
    for i in streams.indices { streams[i].finish() }
  }

  private mutating func add(_ step: CaptureWalk.Step, _ payload: Span<UInt8>) {
    datagrams += 1
    switch step.kind {
    case .rtp: addRTP(step, payload)
    case .rtcp: addRTCP(step, payload)
    case .stun: other[.stun, default: 0] += 1
    case .dtls: other[.dtls, default: 0] += 1
    case .turnChannel: other[.turnChannel, default: 0] += 1
    case .emptyHeader: other[.emptyHeader, default: 0] += 1
    case .unknown: other[.unknown, default: 0] += 1
    }
  }

  private mutating func addRTP(_ step: CaptureWalk.Step, _ payload: Span<UInt8>) {
    let flow = step.datagram.flow
    guard payload.count >= RTPPacket.minimumBytes,
      let index = indices[CaptureSurvey.StreamKey(flow: flow, ssrc: SSRC(payload.u32(at: 8)))]
    else {
      let isDescribed = description.hints.format(of: PayloadType(payload[1]), to: flow.destination.port) != nil
      other[description.hints.hasFormats && !isDescribed ? .unknownPayloadType : .noStream, default: 0] += 1
      return
    }
    let stream = streams[index].stream
    if step.protection == .refused, stream.isReadable {
      other[.notOpened, default: 0] += 1
      return
    }
    guard let packet = RTPPacket.reading(payload, isReadable: stream.isReadable && step.protection != .replayed) else {
      other[.malformedRTP, default: 0] += 1
      return
    }
    if description.hints.hasFormats, description.hints.format(of: packet.payloadType, to: flow.destination.port) == nil {
      other[.unknownPayloadType, default: 0] += 1
      return
    }
    if step.protection == .replayed {
      streams[index].addReplayed(wireBytes: step.bytes, packet, at: step.datagram.time)
    } else {
      streams[index].add(packet, payload, wireBytes: step.bytes, at: step.datagram.time)
    }
  }

  private mutating func addRTCP(_ step: CaptureWalk.Step, _ payload: Span<UInt8>) {
    let isFeedback = !description.isFromSender(step.datagram.flow, .rtcp)
    var counts = isFeedback ? feedbackRTCP : senderRTCP
    defer { if isFeedback { feedbackRTCP = counts } else { senderRTCP = counts } }
    // Without a key the first packet's head is in clear and the rest is not (RFC 3711 §3.4).
    let isEncrypted = description.streams.contains {
      !$0.isReadable && ($0.flow == step.datagram.flow || $0.flow == step.datagram.flow.reversed)
    }
    if step.protection == .refused || step.protection == .replayed || (step.protection == nil && isEncrypted) {
      counts.addUnreadable()
      return
    }
    var reports: [SenderReport] = []
    counts.add(payload) { packet in
      if case .senderReport(let report) = packet { reports.append(report) }
    }
    for report in reports {
      if let index = streamIndex(of: report.ssrc, beside: step.datagram.flow) { streams[index].add(report) }
    }
  }

  /// The stream that a report is about: of that SSRC, from that address.
  private func streamIndex(of ssrc: SSRC, beside flow: Flow) -> Int? {
    if let same = indices[CaptureSurvey.StreamKey(flow: flow, ssrc: ssrc)] { return same }
    return streams.indices.first {
      streams[$0].stream.ssrc == ssrc && streams[$0].stream.flow.source.ip == flow.source.ip
        && streams[$0].stream.flow.destination.ip == flow.destination.ip
    }
  }

  // MARK: - Sound and picture

  /// How far a video track begins after an audio track of the same participant, by two measures.
  package struct Offset: Sendable, Equatable {
    package var participant: String
    /// Indices into `description.tracks`.
    package var audio: Int
    package var video: Int
    /// By the sender's own clock; nil where one of them has no sender report.
    package var bySenderReports: TimeSpan?
    /// By when their first packets came.
    package var byFirstArrival: TimeSpan
    /// By when all their packets came, on average: what a receiver without sender reports can know at best.
    package var byArrival: TimeSpan
  }

  /// One for each pair of an audio and a video track of a participant, of their first SSRCs.
  package var offsets: [Offset] {
    var found: [Offset] = []
    for (a, audio) in description.tracks.enumerated() where audio.codec?.kind == .audio {
      for (v, video) in description.tracks.enumerated() where video.codec?.kind == .video && video.participant == audio.participant {
        guard let x = inspection(of: audio), let y = inspection(of: video), let xTime = x.firstTime, let yTime = y.firstTime,
          let xStart = x.startByArrival, let yStart = y.startByArrival
        else {
          continue
        }
        var reported: TimeSpan?
        if let xClock = x.startOnSenderClock, let yClock = y.startOnSenderClock {
          reported = TimeSpan(nanoseconds: yClock &- xClock)
        }
        found.append(
          Offset(
            participant: audio.participant, audio: a, video: v, bySenderReports: reported, byFirstArrival: yTime - xTime,
            byArrival: yStart - xStart))
      }
    }
    return found
  }

  private func inspection(of track: CaptureDescription.Track) -> StreamInspection? {
    streams.first { $0.stream.ssrc == track.ssrcs.first && $0.stream.flow == track.flow }
  }
}
