import Codecs
import Ground
import Recording

extension CaptureInspection {
  /// The inspection for people: a table of the streams, then a line for whatever else there is to tell.
  package var lines: [String] {
    var out = [summary]
    if let srtp = description.srtp {
      out.append("SRTP: \(srtp.cryptoSuite), RTCP \(srtp.rtcp == .clear ? "in clear" : "encrypted")")
    }
    for participant in description.participants { out.append(line(for: participant)) }
    if !streams.isEmpty {
      out.append("")
      out += streamTable.lines
    }
    var facts: [String] = []
    for stream in streams { facts += stream.videoLines }
    facts += offsets.map(line(for:))
    for (name, counts) in [("RTCP from senders", senderRTCP), ("RTCP feedback", feedbackRTCP)] where counts.datagrams > 0 {
      facts.append("\(name): \(counts.text)")
    }
    for cause in Other.allCases {
      if let count = other[cause] { facts.append("\(NumberText.count(count, "datagram")): \(cause.rawValue)") }
    }
    for cause in NotUDP.allCases where skipped[cause] > 0 {
      facts.append("\(NumberText.count(skipped[cause], "frame")): \(cause.rawValue)")
    }
    if !facts.isEmpty { out += [""] + facts }
    return out
  }

  private var summary: String {
    guard let first = description.firstTime, let last = description.lastTime else { return "\(path): no UDP datagram in it" }
    let seconds = NumberText.fixed((last - first).seconds, 3)
    let types = description.streams.isEmpty ? "" : "; payload types from \(description.origin.rawValue)"
    return "\(path): \(NumberText.count(datagrams, "datagram")) in \(seconds) s from \(first.rfc3339)\(types)"
  }

  private func line(for participant: CaptureDescription.Participant) -> String {
    let tracks = description.tracks.filter { $0.participant == participant.id }
    var ways: [String] = []
    for track in tracks {
      var way = track.flow.description
      if let rtcp = track.rtcpDestination { way += rtcp == track.flow.destination ? " with RTCP" : " (RTCP to \(rtcp.port))" }
      if !ways.contains(way) { ways.append(way) }
    }
    let name = participant.cname.map { " (\(HarmlessText.of($0)))" } ?? ""
    return "\(participant.id)\(name): \(ways.joined(separator: ", "))"
  }

  private var streamTable: TextTable {
    var table = TextTable(heading: [
      "stream", "SSRC", "PT", "codec", "packets", "bytes", "seconds", "lost", "duplicate", "reordered", "padding", "jitter ms", "SRs",
    ])
    for stream in streams {
      table.add([
        name(of: stream.stream), stream.stream.ssrc.description, stream.stream.payloadType.description,
        HarmlessText.of(stream.stream.format.description) + (stream.stream.isReadable ? "" : " (encrypted)"), String(stream.packets),
        String(stream.bytes),
        NumberText.fixed(stream.duration.seconds, 3), String(stream.missing), String(stream.duplicates), String(stream.outOfOrder),
        stream.stream.isReadable ? String(stream.paddingOnly) : "-", NumberText.fixed(stream.jitterMilliseconds, 2),
        String(stream.senderReports),
      ])
    }
    return table
  }

  /// `p1 video`, `p1 rtx` …: whose stream it is and what it carries.
  private func name(of stream: CaptureDescription.Stream) -> String {
    switch stream.role {
    case .media(let index):
      let track = description.tracks[index]
      return "\(track.participant) \(track.codec?.kind.rawValue ?? "media")"
    case .retransmission(let index): return (index.map { description.tracks[$0].participant + " " } ?? "") + "rtx"
    case .padding: return "padding"
    case .auxiliary: return "auxiliary"
    }
  }

  private func line(for offset: Offset) -> String {
    let arrival = NumberText.signed(offset.byArrival.milliseconds, 1)
    let first = NumberText.signed(offset.byFirstArrival.milliseconds, 1)
    let pair = [offset.audio, offset.video].map { description.tracks[$0].ssrcs[0].description }.joined(separator: " and ")
    let text = "\(offset.participant): \(pair): video begins after audio by \(first) ms by first arrival, \(arrival) ms by all arrivals, "
    guard let reported = offset.bySenderReports?.milliseconds else { return text + "unknown by sender reports" }
    let apart = NumberText.signed(reported - offset.byArrival.milliseconds, 1)
    return text + "\(NumberText.signed(reported, 1)) ms by sender reports (\(apart) ms from all arrivals)"
  }
}

extension StreamInspection {
  fileprivate var videoLines: [String] {
    guard let video else { return [] }
    var text =
      "\(stream.ssrc): \(NumberText.count(video.completeFrames, "frame")) whole, \(video.incompleteFrames) not; \(NumberText.count(video.keyFrames, "key frame"))"
    if !video.sizes.isEmpty { text += " (\(video.sizes.map(\.description).joined(separator: ", ")))" }
    if video.framesBeforeFirstKeyFrame > 0 { text += "; \(NumberText.count(video.framesBeforeFirstKeyFrame, "frame")) before the first" }
    return [text]
  }
}
