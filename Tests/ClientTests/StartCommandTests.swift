import Client
import JSON
import Testing

@Suite struct StartCommandTests {
  /// The body that these flags send.
  private func body(_ flags: [String], files: [String: String] = [:], input: String = "") throws -> String {
    var sent = ""
    try withDaemon({ _ in .json(201, Fixtures.recording()) }) { daemon, console in
      console.files = files.mapValues { Array($0.utf8) }
      console.input = Array(input.utf8)
      #expect(run(["start"] + flags, console) == 0, "\(console.errors)")
      #expect(daemon.requests.map(\.line) == ["POST /v1/recordings"])
      sent = daemon.requests.first?.body ?? ""
    }
    return sent
  }

  /// What is said on standard error, its first line, with the exit code.
  private func refusal(_ flags: [String], files: [String: String] = [:]) -> String {
    let console = ScriptedConsole()
    console.files = files.mapValues { Array($0.utf8) }
    let code = run(["start"] + flags, console)
    return "\(code) \(console.errors.prefix { $0 != "\n" })"
  }

  @Test(arguments: [
    (
      ["--room", "r", "--audio", "111", "--video", "96:2222"],
      #"{"room":"r","source":{"type":"rtp","tracks":[{"participant":"main","kind":"audio","codec":"opus","payloadType":111},"#
        + #"{"participant":"main","kind":"video","codec":"VP8","payloadType":96,"ssrc":2222}]}}"#
    ),
    (
      [
        "-r", "r", "-p", "ada=Ada L.", "-a", "111:0xff", "--no-hls", "--max-duration", "2h", "--max-bytes", "2GB", "--idle-timeout", "60",
        "--departure-timeout", "5", "--degraded-after", "20s",
      ],
      #"{"room":"r","source":{"type":"rtp","tracks":[{"participant":"ada","kind":"audio","codec":"opus","payloadType":111,"ssrc":255}]},"#
        + #""participants":[{"id":"ada","name":"Ada L."}],"outputs":{"hls":null},"#
        + #""limits":{"maxDurationSeconds":7200,"idleTimeoutSeconds":60,"departureTimeoutSeconds":5,"degradedAfterSeconds":20,"maxBytes":2000000000}}"#
    ),
    (
      [
        "-r", "r", "--no-bundle", "--no-rtcp-mux", "--listen-ip", "0.0.0.0", "--remote", "192.0.2.1:40100", "--remote-rtcp-port", "40101",
        "-t", "participant=ada,codec=opus,pt=111,ssrc=1,channels=1,clock-rate=48000,port=5004,remote=[::1]:9",
        "-t", "participant=bob,codec=VP8,pt=96,rtx-pt=97,rtx-ssrc=3", "-t", "participant=c,codec=H264,pt=98",
      ],
      #"{"room":"r","source":{"type":"rtp","listenIp":"0.0.0.0","bundle":false,"rtcpMux":false,"#
        + #""remote":{"ip":"192.0.2.1","port":40100,"rtcpPort":40101},"tracks":["#
        + #"{"participant":"ada","kind":"audio","codec":"opus","payloadType":111,"ssrc":1,"clockRate":48000,"channels":1,"port":5004,"#
        + #""remote":{"ip":"::1","port":9}},"#
        + #"{"participant":"bob","kind":"video","codec":"VP8","payloadType":96,"rtx":{"payloadType":97,"ssrc":3}},"#
        + #"{"participant":"c","kind":"video","codec":"H264","payloadType":98}]}}"#
    ),
    (
      [
        "-r", "r", "-a", "111", "--title", "Week 3", "--started-by", "u", "--metadata", #"{"course":17}"#, "--quality", "high",
        "--hls-audio", "opus", "--hls-video", "off", "--segment-seconds", "6", "--port", "5004", "--container", "mp4",
      ],
      #"{"room":"r","title":"Week 3","startedBy":"u","metadata":{"course":17},"source":{"type":"rtp","port":5004,"#
        + #""tracks":[{"participant":"main","kind":"audio","codec":"opus","payloadType":111}]},"outputs":{"file":{"container":"mp4"},"#
        + #""hls":{"segmentSeconds":6,"video":"off","audio":"opus","quality":"high"}}}"#
    ),
  ])
  func flagsMakeTheBody(flags: [String], want: String) throws { #expect(try body(flags) == want) }

  @Test func keysComeFromFilesOrStandardInput() throws {
    let want =
      #"{"room":"r","source":{"type":"rtp","srtp":{"cryptoSuite":"AEAD_AES_128_GCM","keyBase64":"c2VjcmV0","rtcp":"clear"},"#
      + #""tracks":[{"participant":"main","kind":"audio","codec":"opus","payloadType":111}]}}"#
    let flags = ["-r", "r", "-a", "111", "--srtp-suite", "AEAD_AES_128_GCM", "--srtp-rtcp", "clear", "--srtp-key-file"]
    #expect(try body(flags + ["/key"], files: ["/key": "c2VjcmV0\n"]) == want)
    #expect(try body(flags + ["-"], input: "inline:c2VjcmV0|2^20|1:4\n") == want)
  }

  @Test func aFileSaysEverything() throws {
    #expect(try body(["--file", "/spec", "-q"], files: ["/spec": #"{ "room": "r" }"#]) == #"{"room":"r"}"#)
    #expect(try body(["-f", "-", "--json"], input: #"{"room":"s"}"#) == #"{"room":"s"}"#)
  }

  @Test(arguments: [
    ([], "2 tapedeck start: --room is missing"), (["-r", "x"], "2 tapedeck start: there is no track: give --audio, --video or --track"),
    (["-r", "x", "-a", "128"], "2 tapedeck start: --audio: pt '128' is not a whole number (0 to 127)"),
    (["-r", "x", "-a", "1:2:3"], "2 tapedeck start: --audio: '1:2:3' is not PT or PT:SSRC"),
    (["-r", "x", "-t", "codec=opus"], "2 tapedeck start: --track: 'codec=opus' has no pt"),
    (["-r", "x", "-t", "pt=1"], "2 tapedeck start: --track: 'pt=1' has no codec"),
    (["-r", "x", "-t", "codec=opus,pt=1,pt=2"], "2 tapedeck start: --track: pt is said twice in 'codec=opus,pt=1,pt=2'"),
    (["-r", "x", "-t", "codec=opus,pt=1,ssrc=x"], "2 tapedeck start: --track: ssrc 'x' is not a whole number (0 to 4294967295)"),
    (["-r", "x", "-t", "codec=opus,pt=1,remote=h"], "2 tapedeck start: --track: remote 'h' is not IP:PORT"),
    (["-r", "x", "-t", "codec=opus,pt=1,rtx-ssrc=1"], "2 tapedeck start: --track: rtx-ssrc needs rtx-pt"),
    (
      ["-r", "x", "-p", "a", "-p", "b", "-a", "111"],
      "2 tapedeck start: --audio: with several participants say whose it is, as in --track participant=a,codec=opus,pt=111"
    ),
    (
      ["-r", "x", "-p", "a", "-p", "b", "-t", "codec=opus,pt=1"],
      "2 tapedeck start: --track: 'codec=opus,pt=1' does not say which participant's it is"
    ), (["-r", "x", "-a", "1", "--metadata", "[]"], "2 tapedeck start: --metadata: it must be a JSON object, not an array"),
    (["-r", "x", "-a", "1", "--srtp-suite", "AEAD_AES_128_GCM"], "2 tapedeck start: --srtp-suite needs --srtp-key-file"),
    (["-r", "x", "-a", "1", "--srtp-key-file", "/none"], "1 tapedeck: cannot open /none: No such file or directory"),
    (["-r", "x", "-a", "1", "--srtp-key-file", "/empty"], "1 tapedeck: there is no SRTP key in /empty"),
    (
      ["-r", "x", "-a", "1", "--no-hls", "--quality", "low"],
      "2 tapedeck start: --no-hls leaves nothing for the other flags of HLS to say"
    ), (["-r", "x", "-a", "1", "--remote-rtcp-port", "5"], "2 tapedeck start: --remote-rtcp-port needs --remote"),
    (["-f", "/empty", "-r", "x"], "2 tapedeck start: --room cannot be given beside --file, which says everything"),
    (["-f", "/none"], "1 tapedeck: cannot open /none: No such file or directory"),
  ])
  func refusals(flags: [String], message: String) { #expect(refusal(flags, files: ["/empty": "\n"]) == message) }

  @Test func aMistypedNameInATrackIsNamed() {
    let text = refusal(["-r", "x", "-t", "codec=opus,pt=1,ssrk=5"])
    #expect(text.hasPrefix("2 tapedeck start: --track: 'ssrk=5' is none of participant=…, codec=…, pt=…, "))
    #expect(text.hasSuffix(" (did you mean ssrc?)"))
  }

  @Test func aSpecificationThatIsNoJSON() {
    #expect(refusal(["-f", "/spec"], files: ["/spec": "{room"]).hasPrefix("1 tapedeck: /spec is no JSON: "))
  }

  @Test(arguments: [
    (
      [],
      """
      019a8f00-1111-7000-8000-00000000aaaa
      TRACK  PARTICIPANT  KIND   CODEC   PT  SSRC  SEND RTP TO      RTCP PORT
      t1     ada          audio  opus   111  1111  127.0.0.1:40000      40000
      t2     ada          video  VP8     96  2222  127.0.0.1:40002      40003

      """
    ), (["--quiet"], "019a8f00-1111-7000-8000-00000000aaaa\n"), (["--json"], Fixtures.recording() + "\n"),
  ])
  func output(flags: [String], want: String) throws {
    try withDaemon({ _ in .json(201, Fixtures.recording()) }) { _, console in
      #expect(run(["start", "-r", "algebra-101", "-a", "111"] + flags, console) == 0)
      #expect(console.output == want)
      #expect(console.errors == "")
    }
  }

  @Test func theDaemonsRefusal() throws {
    let body = #"{"error":{"code":"atCapacity","message":"this node takes 5 recordings (maxRecordings)"}}"#
    try withDaemon({ _ in .json(429, body) }) { _, console in
      #expect(run(["start", "-r", "r", "-a", "111"], console) == 1)
      #expect(console.output == "")
      #expect(console.errors == "tapedeck: this node takes 5 recordings (maxRecordings)\n")
    }
  }
}
