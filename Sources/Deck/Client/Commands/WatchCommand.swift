import Ground
import JSON

/// `watch`: a recording's progress, or its events, until it ends or the person leaves.
enum WatchCommand {
  static func run(_ session: Session) throws(CommandFailure) -> Int32 {
    let named = session.parsed.positionals.first
    if session.parsed.isOn("events") {
      let id: String? = if let named { try session.resolve(named) } else { nil }
      return try events(of: id, session)
    }
    guard let named else { return try watch(theLiveOne(session), session) }
    return try watch(session.resolve(named), session)
  }

  /// Shows progress until the end. Answers 1 where the recording failed, else 0.
  static func watch(_ id: String, _ session: Session) throws(CommandFailure) -> Int32 {
    var loop = WatchLoop(id, session)
    let code: Int32
    do {
      code = try loop.run()
    } catch {
      loop.restoreTerminal()
      throw error
    }
    loop.restoreTerminal()
    return code
  }

  private static func theLiveOne(_ session: Session) throws(CommandFailure) -> String {
    let live = try session.liveRecordings()
    if live.count == 1 { return live[0].id }
    if live.isEmpty { throw .failed("nothing is being recorded") }
    throw .failed(
      "several recordings are live, say which: "
        + live.map { "\(RecordingIdentifier.short($0.id)) (\($0.room))" }.joined(separator: ", "))
  }

  /// Events as they come, until the daemon ends the stream or the person leaves.
  private static func events(of id: String?, _ session: Session) throws(CommandFailure) -> Int32 {
    let signals = session.console.openSignals()
    let stream = try session.events(of: id, after: nil)
    while true {
      let arrival: EventStream.Arrival
      do {
        arrival = try stream.wait(milliseconds: 60_000, wake: signals?.descriptor)
      } catch {
        throw .control(error)
      }
      if signals?.take().contains(.end) == true { return 0 }
      switch arrival {
      case .closed: return 0
      case .nothing: continue
      case .events(let events):
        for event in events {
          guard !session.isJSON else {
            try session.print(event.data)
            continue
          }
          guard let json = try? JSONValue(parsing: Array(event.data.utf8)) else { continue }
          try session.print(EventLine.text(json, namesRecording: id == nil, session))
        }
      }
    }
  }
}

/// The loop of one `watch`: looks at the recording every interval and at once when its status changes.
struct WatchLoop {
  private let id: String
  private let session: Session
  private let interval: TimeSpan
  private let signals: (any SignalSource)?
  private let redraws: Bool
  private var region = LiveRegion()
  private var isCursorHidden = false
  private var stream: EventStream?
  /// When the stream was opened last: one that keeps breaking is opened once an interval.
  private var opened: Instant?
  private var lastEventID: String?
  private var last: (recording: RecordingFacts, at: Instant)?
  private var picture: WatchPicture?
  /// Lines to leave standing over the next drawing.
  private var news: [String] = []

  init(_ id: String, _ session: Session) {
    self.id = id
    self.session = session
    redraws = session.console.isTerminal && !session.isJSON && session.console.environment["TERM"] != "dumb"
    // `start --watch` has no flag for it.
    let declared = session.parsed.command.flags.contains { $0.long == "interval" }
    let asked = declared ? session.parsed.seconds("interval") : nil
    interval = max(.milliseconds(10), .seconds(asked ?? (redraws ? 1 : 5)))
    signals = session.console.openSignals()
  }

  mutating func run() throws(CommandFailure) -> Int32 {
    var next = session.console.instant
    while true {
      let now = session.console.instant
      if now >= next {
        let recording = try look(at: now)
        if recording.hasEnded { return try finish(recording) }
        next = now + interval
        if stream == nil, opened.map({ now - $0 >= interval }) ?? true {
          opened = now
          stream = try session.events(of: id, after: lastEventID)
        }
      }
      let left = max(0, Int((next - session.console.instant).milliseconds.rounded(.up)))
      let mustLook = try wait(milliseconds: left)
      for signal in signals?.take() ?? [] {
        switch signal {
        case .end: return try leave()
        case .resized: if redraws { try draw() }
        case .suspend: try suspend()
        }
      }
      if mustLook { next = session.console.instant }
    }
  }

  /// The cursor as it was; what was drawn stays.
  mutating func restoreTerminal() {
    guard isCursorHidden else { return }
    isCursorHidden = false
    try? session.console.write(LiveRegion.showCursor)
  }

  private mutating func look(at now: Instant) throws(CommandFailure) -> RecordingFacts {
    let recording = try session.recording(id)
    picture = WatchPicture(current: recording, previous: last.map { ($0.recording, now - $0.at) })
    last = (recording, now)
    try draw()
    return recording
  }

  /// Answers whether the recording should be looked at before its time.
  private mutating func wait(milliseconds: Int) throws(CommandFailure) -> Bool {
    guard let stream else {
      Pause.wait(milliseconds: milliseconds, wake: signals?.descriptor)
      return false
    }
    let arrival: EventStream.Arrival
    do {
      arrival = try stream.wait(milliseconds: milliseconds, wake: signals?.descriptor)
    } catch {
      // Progress needs no events; a daemon that has gone shows at the next look.
      self.stream = nil
      return true
    }
    switch arrival {
    case .nothing: return false
    case .closed:
      self.stream = nil
      return true
    case .events(let events): return take(events)
    }
  }

  private mutating func take(_ events: [ServerEvent]) -> Bool {
    var changesStatus = false
    for event in events {
      lastEventID = event.id ?? lastEventID
      guard let json = try? JSONValue(parsing: Array(event.data.utf8)), let type = json["type"]?.stringValue else { continue }
      if type.hasPrefix("recording.") { changesStatus = true }
      // Segments come every few seconds and tell nothing that the picture does not.
      if type != "hls.segment" { news.append(EventLine.text(json, namesRecording: false, session)) }
    }
    return changesStatus
  }

  private mutating func draw() throws(CommandFailure) {
    guard let picture else { return }
    defer { news = [] }
    if session.isJSON { return try session.print(picture.current.json.text()) }
    guard redraws else { return try session.print(news + picture.plainLines()) }
    let size = session.console.terminalSize
    let lines = picture.terminalLines(style: session.style, columns: size.columns, rows: size.rows)
    let hide = isCursorHidden ? "" : LiveRegion.hideCursor
    isCursorHidden = true
    let text = hide + region.redraw(lines, above: news, columns: size.columns)
    do {
      try session.console.write(text)
    } catch {
      throw .output(error)
    }
  }

  private func finish(_ recording: RecordingFacts) throws(CommandFailure) -> Int32 {
    guard recording.status == "failed" else { return 0 }
    throw .failed("the recording failed: \(recording.failure ?? "no reason is given")")
  }

  /// Ctrl-Z: a shell must have its cursor back. What was drawn before is left alone after.
  private mutating func suspend() throws(CommandFailure) {
    restoreTerminal()
    region = LiveRegion()
    session.console.suspend()
    if redraws { try draw() }
  }

  private mutating func leave() throws(CommandFailure) -> Int32 {
    restoreTerminal()
    session.console.writeError("Left; the recording goes on.\n")
    return 0
  }
}
