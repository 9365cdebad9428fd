package import Ground

/// One look at a running recording, with the look before it for what happens per second.
package struct WatchPicture {
  let current: RecordingFacts
  /// The look before, and how long before that was.
  let previous: (recording: RecordingFacts, span: TimeSpan)?

  package init(current: RecordingFacts, previous: (recording: RecordingFacts, span: TimeSpan)? = nil) {
    self.current = current
    self.previous = previous
  }

  /// Two lines of headings and one for each track, all narrower than `columns` and fewer than `rows`.
  package func terminalLines(style: Style, columns: Int, rows: Int) -> [String] {
    let width = max(1, columns - 1)
    var table = TextTable([
      .init("TRACK"), .init("PARTICIPANT", flexible: true), .init("CODEC"), .init("PICTURE"), .init("BITRATE", right: true),
      .init("LOST", right: true), .init("LOSS", right: true), .init("FRAMES", right: true), .init("JITTER", right: true),
    ])
    for track in current.tracks {
      let colour: Style.Colour? = track.packetsLost > 0 ? .yellow : nil
      table.add([
        .init(track.id), .init(track.participant), .init(track.codec), .init(track.picture ?? ""), .init(bitrate(of: track)),
        .init("\(track.packetsLost)", colour), .init(WatchPicture.loss([track]), colour), .init("\(track.framesWritten)"),
        .init(WatchPicture.jitter(track)),
      ])
    }
    var lines = [headline(style: style, width: width)]
    // A terminal that is too narrow even for the cut table gets its beginning, without colours: a cut must not fall into one.
    let plain = Style(isTerminal: false, environment: [:])
    let widest = table.lines(style: plain, width: width).map { DisplayWidth.of($0) }.max() ?? 0
    lines += table.lines(style: widest > width ? plain : style, width: width).map {
      widest > width ? DisplayWidth.clipped($0, to: width) : $0
    }
    let room = max(3, rows - 1)
    if lines.count > room {
      let hidden = lines.count - (room - 1)
      lines = lines.prefix(room - 1) + [DisplayWidth.clipped("… and \(hidden) more tracks", to: width)]
    }
    return lines
  }

  /// The same for a log: a line for the whole, then one for each track, each beginning with the recording's time.
  package func plainLines() -> [String] {
    let time = Quantity.duration(current.durationSeconds)
    let total = [
      "bitrate=\(totalBitrate)", "lost=\(lost)", "loss=\(WatchPicture.loss(current.tracks))", "size=\(Quantity.bytes(current.bytes))",
    ]
    var lines = ["\(time) \(current.status) \(total.joined(separator: " "))"]
    for track in current.tracks {
      var words = [time, "track", track.id, track.participant, track.codec] + (track.picture.map { [$0] } ?? [])
      words += ["bitrate=\(bitrate(of: track))", "lost=\(track.packetsLost)", "loss=\(WatchPicture.loss([track]))"]
      words += ["frames=\(track.framesWritten)", "jitter=\(WatchPicture.jitter(track))"]
      lines.append(words.joined(separator: " "))
    }
    return lines.map { DisplayWidth.harmless($0) }
  }

  /// Room, status, time, bitrate, loss and size; the room is cut first.
  private func headline(style: Style, width: Int) -> String {
    let figures =
      "\(Quantity.duration(current.durationSeconds))  \(totalBitrate)  lost \(lost) (\(WatchPicture.loss(current.tracks)))  \(Quantity.bytes(current.bytes))"
    let status = DisplayWidth.harmless(current.status)
    let left = width - DisplayWidth.of(status) - DisplayWidth.of(figures) - 4
    let room = DisplayWidth.clipped(DisplayWidth.harmless(current.room), to: max(8, left))
    let line = "\(room)  \(status)  \(figures)"
    if DisplayWidth.of(line) > width { return DisplayWidth.clipped(line, to: width) }
    return "\(room)  \(style.paint(status, Style.colour(ofStatus: current.status)))  \(figures)"
  }

  private var lost: Int64 { current.tracks.reduce(0) { $0 + $1.packetsLost } }

  private var totalBitrate: String {
    let rates = current.tracks.map { bitsPerSecond(of: $0) }
    if rates.contains(where: { $0 == nil }) || rates.isEmpty { return "-" }
    return Quantity.bitrate(rates.reduce(0) { $0 + ($1 ?? 0) })
  }

  private func bitrate(of track: RecordingFacts.Track) -> String { bitsPerSecond(of: track).map { Quantity.bitrate($0) } ?? "-" }

  /// Nil at the first look. A track that was not there at the look before counts from nothing.
  private func bitsPerSecond(of track: RecordingFacts.Track) -> Double? {
    guard let previous, previous.span > .zero else { return nil }
    let before = previous.recording.tracks.first { $0.key == track.key }?.bytesReceived ?? 0
    return Double(max(0, track.bytesReceived - before)) * 8 / previous.span.seconds
  }

  private static func loss(_ tracks: [RecordingFacts.Track]) -> String {
    let lost = tracks.reduce(0) { $0 + $1.packetsLost }
    return Quantity.percent(lost, of: tracks.reduce(lost) { $0 + $1.packetsReceived })
  }

  private static func jitter(_ track: RecordingFacts.Track) -> String {
    track.jitterMilliseconds.map { Decimal.fixed($0, 1) + "ms" } ?? "-"
  }
}
