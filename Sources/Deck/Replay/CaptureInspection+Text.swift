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
    for offset in offsets { facts += lines(for: offset) }
    for (name, counts) in [("RTCP from senders", senderRTCP), ("RTCP feedback", feedbackRTCP)] where counts.datagrams > 0 {
      facts.append("\(name): \(counts.text)")
    }
    for cause in Other.allCases { if let count = other[cause] { facts.append("\(count) datagrams: \(cause.rawValue)") } }
    for cause in NotUDP.allCases where skipped[cause] > 0 { facts.append("\(skipped[cause]) frames: \(cause.rawValue)") }
    if !facts.isEmpty { out += [""] + facts }
    return out
  }

  private var summary: String {
    guard let first = description.firstTime, let last = description.lastTime else { return "\(path): no UDP datagram in it" }
    let seconds = NumberText.fixed((last - first).seconds, 3)
    let types = description.streams.isEmpty ? "" : "; payload types from \(description.origin.rawValue)"
    return "\(path): \(datagrams) datagrams in \(seconds) s from \(first.rfc3339)\(types)"
  }

  private func line(for participant: CaptureDescription.Participant) -> String {
    let tracks = description.tracks.filter { $0.participant == participant.id }
    var ways: [String] = []
    for track in tracks {
      var way = track.flow.description
      if let rtcp = track.rtcpDestination { way += rtcp == track.flow.destination ? " with RTCP" : " (RTCP to \(rtcp.port))" }
      if !ways.contains(way) { ways.append(way) }
    }
    let name = participant.cname.map { " (\($0))" } ?? ""
    return "\(participant.id)\(name): \(ways.joined(separator: ", "))"
  }

  private var streamTable: TextTable {
    var table = TextTable(heading: [
      "stream", "SSRC", "PT", "codec", "packets", "bytes", "seconds", "lost", "duplicate", "reordered", "padding", "jitter ms", "SRs",
    ])
    for stream in streams {
      table.add([
        name(of: stream.stream), stream.stream.ssrc.description, stream.stream.payloadType.description,
        stream.stream.format.description + (stream.stream.isReadable ? "" : " (encrypted)"), String(stream.packets), String(stream.bytes),
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

  private func lines(for offset: Offset) -> [String] {
    let arrival = offset.byFirstArrival.milliseconds
    var text = "\(offset.participant): video begins \(NumberText.signed(arrival, 1)) ms after audio by first arrival"
    if let reported = offset.bySenderReports?.milliseconds {
      text += ", \(NumberText.signed(reported, 1)) ms by sender reports (\(NumberText.signed(reported - arrival, 1)) ms apart)"
    } else {
      text += "; no sender reports to tell the true offset"
    }
    return [text]
  }
}

extension StreamInspection {
  fileprivate var videoLines: [String] {
    guard let video else { return [] }
    var text = "\(stream.ssrc): \(video.completeFrames) frames whole, \(video.incompleteFrames) not; \(video.keyFrames) key frames"
    if !video.sizes.isEmpty { text += " (\(video.sizes.map(\.description).joined(separator: ", ")))" }
    if video.framesBeforeFirstKeyFrame > 0 { text += "; \(video.framesBeforeFirstKeyFrame) frames before the first" }
    return [text]
  }
}

extension CaptureInspection.RTCPCounts {
  fileprivate var text: String {
    var parts = packets.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) \($0.key)" }
    if unreadable > 0 { parts.append("\(unreadable) encrypted") }
    return "\(datagrams) datagrams: \(parts.joined(separator: ", "))"
  }
}
