import Client
import JSON
import Testing

@Suite struct RecordingCommandTests {
  private static let two = Fixtures.page([
    Fixtures.recording(), Fixtures.recording(Fixtures.second, room: #"日本語 the long room \u001b[2J"#, status: "failed", step: 2_000),
  ])

  /// A daemon with two recordings that does what it is asked.
  private static func answer(_ request: FakeDaemon.Request) -> FakeDaemon.Reply {
    if request.target.hasPrefix("/v1/recordings?") || request.target == "/v1/recordings" { return .json(200, two) }
    if request.target.hasSuffix("/pause") { return .json(200, Fixtures.recording(status: "paused")) }
    if request.target.hasSuffix("/stop?wait=true") { return .json(200, Fixtures.recording(status: "completed", step: 31)) }
    if request.target.hasSuffix("/stop") { return .json(200, Fixtures.recording(status: "processing")) }
    return .json(200, Fixtures.recording())
  }

  private static let table = """
    ID            ROOM                            STATUS     STARTED              DURATION  TRACKS    SIZE
    00000000aaaa  algebra-101                     recording  2026-11-21 13:07:00   0:00:02       2   508kB
    00000000bbbb  日本語 the long room \\u{1b}[2J  failed     2026-11-21 13:07:00   1:06:40       2  1.02GB

    """

  @Test func listIsATable() throws {
    try withDaemon(Self.answer) { daemon, console in
      #expect(run(["list", "--room", "x", "-n", "5", "--status", "failed"], console) == 0)
      #expect(console.output == Self.table)
      #expect(daemon.requests[0].target == "/v1/recordings?room=x&status=failed&limit=5")
    }
  }

  @Test func aNarrowTerminalCutsTheRoom() throws {
    try withDaemon(Self.answer) { _, console in
      console.isTerminal = true
      console.terminalSize = (86, 24)
      console.environment["NO_COLOR"] = "1"
      #expect(run(["list"], console) == 0)
      #expect(
        console.output == """
          ID            ROOM            STATUS     STARTED              DURATION  TRACKS    SIZE
          00000000aaaa  algebra-101     recording  2026-11-21 13:07:00   0:00:02       2   508kB
          00000000bbbb  日本語 the lo…  failed     2026-11-21 13:07:00   1:06:40       2  1.02GB

          """)
    }
  }

  @Test func coloursOnATerminalOnly() throws {
    try withDaemon(Self.answer) { _, console in
      console.isTerminal = true
      #expect(run(["list"], console) == 0)
      #expect(console.output.contains("\u{1b}[32mrecording\u{1b}[0m  "))
      #expect(console.output.contains("\u{1b}[31mfailed\u{1b}[0m     "))
    }
  }

  @Test(arguments: [
    (["-q"], Fixtures.first + "\n" + Fixtures.second + "\n"), (["--json"], two + "\n"),
    (["-q", "--all"], Fixtures.first + "\n" + Fixtures.second + "\n"),
  ])
  func listForPrograms(flags: [String], want: String) throws {
    try withDaemon(Self.answer) { _, console in
      #expect(run(["list"] + flags, console) == 0)
      #expect(console.output == want)
    }
  }

  @Test func listOfWholeIds() throws {
    try withDaemon(Self.answer) { _, console in
      #expect(run(["list", "--no-trunc"], console) == 0)
      #expect(console.output.contains("\n\(Fixtures.first)  algebra-101 "))
    }
  }

  @Test func allTurnsThePages() throws {
    try withDaemon({ request in
      let isFirst = request.target.hasSuffix("offset=0")
      return .json(200, Fixtures.page([Fixtures.recording(isFirst ? Fixtures.first : Fixtures.second)], hasMore: isFirst))
    }) { daemon, console in
      #expect(run(["list", "--all", "-q"], console) == 0)
      #expect(console.output == Fixtures.first + "\n" + Fixtures.second + "\n")
      #expect(daemon.requests.map(\.target) == ["/v1/recordings?limit=100&offset=0", "/v1/recordings?limit=100&offset=1"])
    }
  }

  @Test func moreThanShownIsSaidToPeople() throws {
    try withDaemon({ _ in .json(200, Fixtures.page([Fixtures.recording()], hasMore: true, total: 57)) }) { _, console in
      console.isTerminal = true
      #expect(run(["list"], console) == 0)
      #expect(console.errors == "1 of 57 shown; --all shows the rest.\n")
    }
  }

  @Test(arguments: [
    (["stop"], "POST /v1/recordings/\(Fixtures.first)/stop?wait=true", "\(Fixtures.first)  completed  0:01:02  15.7MB\n"),
    (["stop", "--no-wait"], "POST /v1/recordings/\(Fixtures.first)/stop", "\(Fixtures.first)  processing  0:00:02  508kB\n"),
    (["stop", "-q"], "POST /v1/recordings/\(Fixtures.first)/stop?wait=true", "\(Fixtures.first)\n"),
    (["pause"], "POST /v1/recordings/\(Fixtures.first)/pause", "\(Fixtures.first)  paused\n"),
    (["pause", "--json"], "POST /v1/recordings/\(Fixtures.first)/pause", Fixtures.recording(status: "paused") + "\n"),
    (["resume"], "POST /v1/recordings/\(Fixtures.first)/resume", "\(Fixtures.first)  recording\n"),
    (["cancel"], "POST /v1/recordings/\(Fixtures.first)/cancel", "\(Fixtures.first)  recording\n"),
    (["delete"], "DELETE /v1/recordings/\(Fixtures.first)", "\(Fixtures.first)\n"),
  ])
  func changes(line: [String], call: String, output: String) throws {
    try withDaemon(Self.answer) { daemon, console in
      #expect(run(line + [Fixtures.first], console) == 0)
      // A whole id needs no listing.
      #expect(daemon.requests.map(\.line) == [call])
      #expect(console.output == output)
    }
  }

  @Test func pauseSaysItsMode() throws {
    try withDaemon(Self.answer) { daemon, console in
      #expect(run(["pause", "--mode", "keep", Fixtures.first], console) == 0)
      #expect(daemon.requests[0].body == #"{"mode":"keep"}"#)
    }
  }

  @Test func severalIdsAndOneRefused() throws {
    try withDaemon({ request in
      request.target.contains(Fixtures.first)
        ? .json(409, #"{"error":{"code":"invalidState","message":"it is completed: resume needs paused"}}"#)
        : .json(200, Fixtures.recording(Fixtures.second))
    }) { _, console in
      #expect(run(["resume", Fixtures.first, Fixtures.second], console) == 1)
      #expect(console.errors == "tapedeck: it is completed: resume needs paused\n")
      #expect(console.output == "\(Fixtures.second)  recording\n")
    }
  }

  @Test func aStopThatFindsAFailure() throws {
    let failed = Fixtures.recording(status: "failed", error: #"{"code":"diskFull","message":"the disk is full"}"#)
    try withDaemon({ _ in .json(200, failed) }) { _, console in
      #expect(run(["stop", Fixtures.first], console) == 1)
      #expect(console.errors == "tapedeck: the recording failed: the disk is full\n")
    }
  }

  @Test(arguments: [
    ("00000000bbbb", "DELETE /v1/recordings/\(Fixtures.second)"), ("BBBB", "DELETE /v1/recordings/\(Fixtures.second)"),
    ("019a8f00-1", "DELETE /v1/recordings/\(Fixtures.first)"),
  ])
  func anAbbreviationIsResolved(text: String, call: String) throws {
    try withDaemon(Self.answer) { daemon, console in
      #expect(run(["delete", text], console) == 0)
      #expect(daemon.requests.map(\.line) == ["GET /v1/recordings?limit=100&offset=0", call])
    }
  }

  @Test(arguments: [
    ("019a", "tapedeck: 019a fits several recordings: \(Fixtures.first), \(Fixtures.second)\n"),
    ("bbb", "tapedeck: bbb is too short: give at least 4 characters of the id\n"), ("ffff", "tapedeck: there is no recording ffff\n"),
  ])
  func anAbbreviationThatIsNone(text: String, message: String) throws {
    try withDaemon(Self.answer) { daemon, console in
      #expect(run(["delete", text], console) == 1)
      #expect(console.errors == message)
      #expect(daemon.requests.allSatisfy { $0.method == "GET" })
    }
  }

  @Test func showIsABlock() throws {
    try withDaemon(Self.answer) { _, console in
      #expect(run(["show", Fixtures.first], console) == 0)
      #expect(
        console.output == """
          Recording    019a8f00-1111-7000-8000-00000000aaaa
          Room         algebra-101
          Title        Week 3
          Status       recording
          Started by   user-7
          Created      2026-11-21 13:07:00
          Started      2026-11-21 13:07:00
          Duration     0:00:02
          Size         508kB
          Limits       duration 2:00:00, idle 0:01:00
          Metadata     {"course":17}

          Source s1: rtp connected SRTP AES_CM_128_HMAC_SHA1_80 from 192.0.2.1:5004
            TRACK  PARTICIPANT  CODEC  PICTURE   SSRC  ADDRESS          PACKETS  LOST  DISCARDED  FRAMES
            t1     ada          opus   -         1111  127.0.0.1:40000      100     0          0     100
            t2     ada          VP8    1280x720  2222  127.0.0.1:40002      400     0          3      60

          Participants:
            ID   NAME    JOINED               LEFT
            ada  Ada L.  2026-11-21 13:07:01  -

          Files:
            PATH            PARTICIPANT  DURATION   SIZE  STATE
            recording.webm  ada           0:00:02  508kB  growing

          HLS:
            PLAYLIST         PARTICIPANT  SEGMENTS  STATE
            hls/master.m3u8  ada                 3  live

          """)
      #expect(!console.output.contains("c2VjcmV0"))
    }
  }

  private static let node =
    #"{"version":"1.2.3","codecs":["opus","VP8"],"capacity":{"maxRecordings":5,"ports":{"first":40000,"last":49999}},"#
    + #""load":{"recordings":1,"cpuPercent":12.345,"residentBytes":41000000},"uptimeSeconds":3725,"draining":false}"#

  @Test func statusIsTheNodeAndWhatRuns() throws {
    try withDaemon({ request in
      if request.target == "/v1/node" { return .json(200, Self.node) }
      return .json(200, request.target.contains("status=recording") ? Fixtures.page([Fixtures.recording()]) : Fixtures.page([]))
    }) { daemon, console in
      #expect(run(["status"], console) == 0)
      #expect(
        console.output == """
          Control socket:    \(daemon.path)
          Version:           1.2.3
          Uptime:            1:02:05
          Capacity:
            Max recordings:  5
            Ports:
              First:         40000
              Last:          49999
          Load:
            Recordings:      1
            Cpu:             12.3%
            Resident:        41MB
          Codecs:            opus, VP8
          Draining:          no

          Recording now: 1
          ID            ROOM         STATUS     STARTED              DURATION  TRACKS   SIZE
          00000000aaaa  algebra-101  recording  2026-11-21 13:07:00   0:00:02       2  508kB

          """)
    }
  }

  @Test func nodeAsJSON() throws {
    try withDaemon({ _ in .json(200, Self.node) }) { _, console in
      #expect(run(["node", "--json"], console) == 0)
      #expect(console.output == Self.node + "\n")
    }
  }

  @Test func nobodyListens() {
    let console = ScriptedConsole()
    #expect(run(["--control", "/nonexistent/s", "list"], console) == 1)
    #expect(console.errors == "tapedeck: no tapedeck is listening on /nonexistent/s (is `tapedeck serve` running?)\n")
  }

  @Test func aReaderThatHasGoneIsNoFailure() throws {
    try withDaemon(Self.answer) { _, console in
      console.writesBeforeEnd = 0
      #expect(run(["list"], console) == 0)
      #expect(console.errors == "")
      console.end = .failed("cannot write to standard output: No space left on device")
      #expect(run(["list"], console) == 1)
      #expect(console.errors == "tapedeck: cannot write to standard output: No space left on device\n")
    }
  }
}

@Suite struct QuantityTests {
  @Test(arguments: [
    (0, "0B"), (512, "512B"), (999, "999B"), (1_000, "1kB"), (1_234, "1.23kB"), (9_999, "10kB"), (99_949, "99.9kB"), (99_950, "100kB"),
    (999_499, "999kB"), (999_500, "1MB"), (1_500_000_000, "1.5GB"), (Int64.max, "9223PB"),
  ])
  func bytes(count: Int64, text: String) { #expect(Quantity.bytes(count) == text) }

  @Test(arguments: [
    (0, "0:00:00"), (0.999, "0:00:00"), (59.9, "0:00:59"), (3_725, "1:02:05"), (360_000, "100:00:00"), (-1, "0:00:00"),
    (.infinity, "0:00:00"),
  ])
  func durations(seconds: Double, text: String) { #expect(Quantity.duration(seconds) == text) }

  @Test(arguments: [
    (0, 0, "0%"), (0, 10, "0%"), (1, 1_000_000, "<0.01%"), (1, 1_000, "0.10%"), (1, 3, "33.3%"), (5, 5, "100.0%"),
  ])
  func percents(part: Int64, whole: Int64, text: String) { #expect(Quantity.percent(part, of: whole) == text) }

  @Test(arguments: [("abc", 3), ("日本", 4), ("é", 1), ("e\u{301}", 1), ("👩‍🚀", 2), ("🇸🇪", 2), ("❤️", 2), ("\u{200b}", 0), ("한", 2)])
  func widths(text: String, width: Int) { #expect(DisplayWidth.of(text) == width) }

  @Test(arguments: [("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("日本語", 5, "日本…"), ("日本語", 4, "日…"), ("ab", 1, "…"), ("ab", 0, "")])
  func clipping(text: String, columns: Int, clipped: String) { #expect(DisplayWidth.clipped(text, to: columns) == clipped) }
}
