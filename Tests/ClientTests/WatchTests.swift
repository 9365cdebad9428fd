import Client
import Foundation
import Ground
import JSON
import Synchronization
import Testing

@Suite struct WatchPictureTests {
  private func facts(step: Int, lost: Int = 0, room: String = "algebra-101") throws -> RecordingFacts {
    RecordingFacts(try JSONValue(parsing: Array(Fixtures.recording(room: room, step: step, lost: lost).utf8)))
  }

  private func picture(lost: Int = 0, room: String = "algebra-101") throws -> WatchPicture {
    WatchPicture(current: try facts(step: 3, lost: lost, room: room), previous: (try facts(step: 2), .seconds(2)))
  }

  private let plain = Style(isTerminal: false, environment: [:])

  @Test func linesOfALog() throws {
    #expect(
      try picture(lost: 6).plainLines() == [
        "0:00:06 recording bitrate=2.03Mb/s lost=6 loss=0.40% size=1.52MB",
        "0:00:06 track t1 ada opus bitrate=32kb/s lost=0 loss=0% frames=300 jitter=0.4ms",
        "0:00:06 track t2 ada VP8 1280x720 bitrate=2Mb/s lost=6 loss=0.50% frames=180 jitter=1.3ms",
      ])
  }

  @Test func theFirstLookKnowsNoBitrate() throws {
    let lines = WatchPicture(current: try facts(step: 1)).plainLines()
    #expect(lines[0] == "0:00:02 recording bitrate=- lost=0 loss=0% size=508kB")
    #expect(lines[1].contains(" bitrate=- "))
  }

  @Test func aTerminalsPicture() throws {
    #expect(
      try picture(lost: 6).terminalLines(style: plain, columns: 100, rows: 30) == [
        "algebra-101  recording  0:00:06  2.03Mb/s  lost 6 (0.40%)  1.52MB",
        "TRACK  PARTICIPANT  CODEC  PICTURE   BITRATE  LOST   LOSS  FRAMES  JITTER",
        "t1     ada          opus              32kb/s     0     0%     300   0.4ms",
        "t2     ada          VP8    1280x720    2Mb/s     6  0.50%     180   1.3ms",
      ])
  }

  @Test func coloursSayStatusAndLoss() throws {
    let lines = try picture(lost: 6).terminalLines(style: Style(isTerminal: true, environment: [:]), columns: 100, rows: 30)
    #expect(lines[0].hasPrefix("algebra-101  \u{1b}[32mrecording\u{1b}[0m  "))
    #expect(lines[3].contains("\u{1b}[33m6\u{1b}[0m  \u{1b}[33m0.50%\u{1b}[0m"))
    #expect(!lines[2].contains("\u{1b}"))
  }

  @Test(arguments: [2, 10, 20, 30, 40, 60, 74, 75, 80])
  func noLineReachesTheEdge(columns: Int) throws {
    for style in [plain, Style(isTerminal: true, environment: [:])] {
      let lines = try picture(lost: 6, room: #"日本語日本語日本語日本語日本語\u0007"#).terminalLines(style: style, columns: columns, rows: 30)
      #expect(lines.count == 4)
      for line in lines {
        let bare = line.replacing(try Regex("\u{1b}\\[[0-9]+m"), with: "")
        #expect(DisplayWidth.of(String(bare)) < columns, "\(line)")
        #expect(!bare.contains("\u{7}"))
      }
    }
  }

  @Test func aLowTerminalHidesTracks() throws {
    #expect(try picture().terminalLines(style: plain, columns: 100, rows: 4).last == "… and 2 more tracks")
    #expect(try picture().terminalLines(style: plain, columns: 100, rows: 5).count == 4)
  }
}

@Suite struct LiveRegionTests {
  @Test func whatWasDrawnIsReplaced() {
    var region = LiveRegion()
    #expect(region.redraw(["one", "two"], columns: 80) == "\rone\u{1b}[K\ntwo\u{1b}[K\n\u{1b}[J")
    #expect(region.redraw(["three"], above: ["news"], columns: 80) == "\r\u{1b}[2Anews\u{1b}[K\nthree\u{1b}[K\n\u{1b}[J")
    #expect(region.redraw([], columns: 80) == "\r\u{1b}[1A\u{1b}[J")
    #expect(region.redraw(["four"], columns: 80).hasPrefix("\rfour"))
  }

  /// A terminal that was made narrower has broken the lines anew: 10, 9 and no columns take 3, 3 and 1 rows of 4.
  @Test func aNarrowerTerminal() {
    var region = LiveRegion()
    _ = region.redraw(["\u{1b}[32m0123456789\u{1b}[0m", "日本語日x", ""], columns: 80)
    #expect(region.redraw(["x"], columns: 4).hasPrefix("\r\u{1b}[7A"))
  }
}

@Suite(.serialized) struct WatchCommandTests {
  /// A daemon whose recording is one step further at each look and has ended at the fourth, or once `end` is called where it is endless.
  private final class Growing: Sendable {
    private let looks = Mutex(0)
    private let isOver = Mutex(false)
    private let isEndless: Bool
    private let events: FakeDaemon.Reply
    private let last: String
    private let signals: ScriptedSignals?
    init(
      events: FakeDaemon.Reply = .events([], held: true), last: String = "completed", signals: ScriptedSignals? = nil, endless: Bool = false
    ) {
      isEndless = endless
      self.events = events
      self.last = last
      self.signals = signals
    }
    func end() { isOver.withLock { $0 = true } }
    func answer(_ request: FakeDaemon.Request) -> FakeDaemon.Reply {
      if request.target.hasSuffix("/events") { return events }
      let look = looks.withLock {
        $0 += 1
        return $0
      }
      if look == 2, let signals { signals.send(.end) }
      let ended = isEndless ? isOver.withLock { $0 } : look == 4 && signals == nil
      return .json(
        200,
        Fixtures.recording(
          status: ended ? last : "recording", step: look, error: last == "failed" && ended ? #""the disk is full""# : "null"))
    }
  }

  private let watch = ["watch", "--interval", "0.01", Fixtures.first]

  @Test func plainLinesUntilTheEnd() throws {
    let growing = Growing()
    try withDaemon(growing.answer) { _, console in
      #expect(run(watch, console) == 0)
      let lines = console.output.split(separator: "\n")
      #expect(lines.count == 12)
      #expect(lines.first == "0:00:02 recording bitrate=- lost=0 loss=0% size=508kB")
      #expect(lines[9].hasPrefix("0:00:08 completed "))
      #expect(!console.output.contains("\u{1b}"))
      #expect(console.errors == "")
    }
  }

  @Test func redrawnInPlaceOnATerminal() throws {
    let growing = Growing()
    try withDaemon(growing.answer) { _, console in
      console.isTerminal = true
      #expect(run(watch, console) == 0)
      #expect(console.output.hasPrefix("\u{1b}[?25l\ralgebra-101  "))
      #expect(console.output.hasSuffix("\u{1b}[J\u{1b}[?25h"))
      #expect(console.output.components(separatedBy: "\r\u{1b}[4A").count == 4)
      #expect(console.output.components(separatedBy: "\u{1b}[?25l").count == 2)
    }
  }

  @Test func leavingRestoresTheCursorAndTheRecordingGoesOn() throws {
    let signals = ScriptedSignals()
    let growing = Growing(signals: signals)
    try withDaemon(growing.answer) { daemon, console in
      console.isTerminal = true
      console.signals = signals
      #expect(run(watch, console) == 0)
      #expect(console.output.hasSuffix("\u{1b}[?25h"))
      #expect(console.errors == "Left; the recording goes on.\n")
      #expect(daemon.requests.allSatisfy { $0.method == "GET" })
    }
  }

  @Test func aTerminalOfAnotherSizeIsDrawnAnew() throws {
    let signals = ScriptedSignals()
    signals.send(.resized)
    let growing = Growing()
    try withDaemon(growing.answer) { _, console in
      console.isTerminal = true
      console.signals = signals
      #expect(run(watch, console) == 0)
      // Four looks and one drawing more.
      #expect(console.output.components(separatedBy: "algebra-101").count == 6)
    }
  }

  @Test func aSuspendedWatchGivesTheCursorBackAndDrawsAfresh() throws {
    let signals = ScriptedSignals()
    signals.send(.suspend)
    let growing = Growing()
    try withDaemon(growing.answer) { _, console in
      console.isTerminal = true
      console.signals = signals
      #expect(run(watch, console) == 0)
      #expect(console.suspensions == 1)
      // What comes after does not reach back over what the shell has written.
      #expect(console.output.contains("\u{1b}[J\u{1b}[?25h\u{1b}[?25l\ralgebra-101"))
    }
  }

  /// By the signal that does nothing to a process that has no handler: the others would end the tests where it fails.
  @Test func aSignalArrivesAsAByte() throws {
    let source = try #require(SystemConsole(environment: [:]).openSignals())
    kill(getpid(), SIGWINCH)
    // Another thread takes the signal: the byte may be a moment later.
    var entry = pollfd(fd: source.descriptor, events: Int16(POLLIN), revents: 0)
    #expect(unsafe poll(&entry, 1, 10_000) == 1)
    #expect(source.take() == [.resized])
    #expect(source.take() == [])
  }

  @Test func aFailedRecordingIsAFailure() throws {
    let growing = Growing(last: "failed")
    try withDaemon(growing.answer) { _, console in
      console.isTerminal = true
      #expect(run(watch, console) == 1)
      #expect(console.output.hasSuffix("\u{1b}[?25h"))
      #expect(console.errors == "tapedeck: the recording failed: the disk is full\n")
    }
  }

  @Test func eventsStandOverThePicture() throws {
    let event =
      #"{"id":17,"type":"media.gap","at":"2026-11-21T12:07:09.000Z","recording":"\#(Fixtures.first)","room":"r","track":"t2","seconds":0.25}"#
    let segment = #"{"id":18,"type":"hls.segment","at":"2026-11-21T12:07:09.000Z"}"#
    let growing = Growing(events: .events(["id: 17\ndata: \(event)\n\nid: 18\ndata: \(segment)\n\n"], held: false), endless: true)
    try withDaemon(growing.answer) { daemon, console in
      console.onWrite = { if $0.contains("media.gap") { growing.end() } }
      #expect(run(watch, console) == 0)
      #expect(console.output.contains("\n13:07:09 media.gap track=t2 seconds=0.250\n"))
      #expect(!console.output.contains("hls.segment"))
      let streams = daemon.requests.filter { $0.target.hasSuffix("/events") }
      // A stream that ends before the recording does is taken up behind its last event.
      #expect(streams.first?.headers["last-event-id"] == nil)
      #expect(streams.dropFirst().allSatisfy { $0.headers["last-event-id"] == "18" })
    }
  }

  @Test func lookingNeedsNoEvents() throws {
    let growing = Growing(events: .json(503, #"{"error":{"code":"shuttingDown","message":"no"}}"#))
    try withDaemon(growing.answer) { _, console in
      #expect(run(watch, console) == 0)
      #expect(console.output.contains("0:00:08 completed "))
    }
  }

  @Test func forPrograms() throws {
    let growing = Growing()
    try withDaemon(growing.answer) { _, console in
      #expect(run(watch + ["--json"], console) == 0)
      let states = try console.output.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8))["status"] }
      #expect(states == ["recording", "recording", "recording", "completed"])
    }
  }

  @Test func startMayStayToWatch() throws {
    let growing = Growing()
    try withDaemon({ $0.method == "POST" ? .json(201, Fixtures.recording()) : growing.answer($0) }) { _, console in
      // The fourth look is the end, and looks follow each other by the scripted clock.
      console.isTerminal = true
      #expect(run(["start", "-r", "x", "-a", "111", "-q", "--watch"], console) == 0)
      #expect(console.output.hasPrefix(Fixtures.first + "\n\u{1b}[?25l"))
      #expect(console.output.hasSuffix("\u{1b}[?25h"))
    }
  }

  @Test(arguments: [
    ([], 1, "tapedeck: nothing is being recorded\n"),
    (
      [Fixtures.recording(), Fixtures.recording(Fixtures.second, room: "b")], 1,
      "tapedeck: several recordings are live, say which: 00000000aaaa (algebra-101), 00000000bbbb (b)\n"
    ),
  ])
  func withoutAnId(live: [String], code: Int32, message: String) throws {
    try withDaemon({ _ in .json(200, Fixtures.page(live)) }) { _, console in
      #expect(run(["watch"], console) == code)
      #expect(console.errors == message)
    }
  }

  @Test(arguments: [
    ([], "13:07:09 participant.joined 00000000aaaa participant=ada\n"),
    (
      ["--json"],
      #"{"at":"2026-11-21T12:07:09.000Z","type":"participant.joined","recording":"\#(Fixtures.first)","participant":"ada"}"# + "\n"
    ),
  ])
  func theNodesEvents(flags: [String], want: String) throws {
    let event = #"{"at":"2026-11-21T12:07:09.000Z","type":"participant.joined","recording":"\#(Fixtures.first)","participant":"ada"}"#
    try withDaemon({ _ in .events(["data: \(event)\n\n"], held: false) }) { daemon, console in
      #expect(run(["watch", "--events"] + flags, console) == 0)
      #expect(daemon.requests.map(\.line) == ["GET /v1/events"])
      #expect(console.output == want)
    }
  }
}
