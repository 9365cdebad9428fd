import Client
import JSON
import Testing

private let id = Fixtures.first
private func recording(_ source: String) -> String {
  #"{"id":"\#(id)","room":"r","status":"recording","durationSeconds":1,"sources":[{"id":"s1","type":"webrtc",\#(source),"tracks":[]}]}"#
}
private let connected =
  #""state":"disconnected","stateReason":"consent expired","iceState":"disconnected","dtlsCipher":"ECDHE-ECDSA-AES128-GCM-SHA256","#
  + #""srtpSuite":"AEAD_AES_128_GCM","roundTripMilliseconds":12.345,"selectedPair":{"local":"192.0.2.1:40000","remote":"192.0.2.9:5000","#
  + #""localType":"host","remoteType":"prflx"},"answer":"v=0\r\n""#

/// What the command line says and sends of WebRTC sources.
@Suite struct WebRTCCommandTests {
  private func start(_ flags: [String], answer: String = #""answer":"v=0\r\nours\r\n""#) throws -> (sent: String, ScriptedConsole) {
    var result: (sent: String, ScriptedConsole)?
    let answered = recording(#""state":"new",\#(answer)"#)
    try withDaemon({ _ in .json(201, answered) }) { daemon, console in
      console.files = ["/offer": Array("v=0\r\ntheirs\r\n".utf8)]
      console.input = Array("v=0\nstdin\n".utf8)
      #expect(run(["start"] + flags, console) == 0, "\(console.errors)")
      result = (daemon.requests.first?.body ?? "", console)
    }
    return try #require(result)
  }

  @Test func anOfferIsSentAndTheAnswerPrinted() throws {
    let (sent, console) = try start([
      "-r", "r", "-p", "ada=Ada", "--offer", "/offer", "--map", "0=ada", "--map", "a=b=bob", "--simulcast", "all", "--codecs", "VP8,opus",
      "--ice", "full",
      "--listen-ip", "::1",
    ])
    #expect(
      sent
        == #"{"room":"r","source":{"type":"webrtc","offer":"v=0\r\ntheirs\r\n","participant":"ada","participants":{"0":"ada","a=b":"bob"},"#
        + #""simulcast":"all","codecs":["VP8","opus"],"ice":"full","listenIp":"::1"},"participants":[{"id":"ada","name":"Ada"}]}"#)
    #expect(console.output == "v=0\r\nours\r\n")
    #expect(console.errors == "recording \(id), source s1\n")
  }

  @Test func anOfferMayComeFromStandardInput() throws {
    let (sent, console) = try start(["-r", "r", "--offer", "-", "--no-hls"], answer: #""answer":"v=0""#)
    #expect(sent.contains(#""offer":"v=0\nstdin\n","participant":"main"}"#))
    #expect(console.output == "v=0\n")
    #expect(try start(["-r", "r", "--offer", "-", "--quiet"]).1.output == id + "\n")
    #expect(try start(["-r", "r", "--offer", "-", "--json"]).1.output.contains(#""answer":"v=0\r\nours\r\n""#))
  }

  @Test(arguments: [
    ([], #"{"audio":true,"video":true}"#), (["--receive", "audio"], #"{"audio":true,"video":false}"#),
    (["--receive", "video"], #"{"audio":false,"video":true}"#),
  ])
  func weMakeTheOffer(flags: [String], wanted: String) throws {
    let (sent, console) = try start(["-r", "r", "--make-offer"] + flags, answer: #""answer":null,"offer":"v=0\r\nours\r\n""#)
    #expect(sent == #"{"room":"r","source":{"type":"webrtc","makeOffer":\#(wanted),"participant":"main"}}"#)
    #expect(console.output == "v=0\r\nours\r\n")
  }

  @Test func anAnswerIsGiven() throws {
    try withDaemon({ _ in .json(200, #"{"id":"s1"}"#) }) { daemon, console in
      console.files = ["/answer": Array("v=0\r\n".utf8)]
      #expect(run(["answer", id, "s1", "/answer"], console) == 0)
      #expect(console.output == "" && console.errors == "")
      #expect(run(["answer", "--json", id, "s 1", "/answer"], console) == 0)
      #expect(console.output == #"{"id":"s1"}"# + "\n")
      #expect(
        daemon.requests.map(\.line) == [
          "PUT /v1/recordings/\(id)/sources/s1/answer", "PUT /v1/recordings/\(id)/sources/s%201/answer",
        ])
      #expect(daemon.requests.first?.body == #"{"answer":"v=0\r\n"}"#)
    }
  }

  @Test(arguments: [
    (
      ["start", "-r", "r", "--offer", "/offer", "-a", "111"],
      "2 tapedeck start: --audio is for plain RTP, and cannot be given beside --offer or --make-offer"
    ),
    (
      ["start", "-r", "r", "--make-offer", "--no-bundle"],
      "2 tapedeck start: --bundle is for plain RTP, and cannot be given beside --offer or --make-offer"
    ),
    (
      ["start", "-r", "r", "--offer", "/offer", "--make-offer"],
      "2 tapedeck start: --make-offer cannot be given beside --offer: only one side makes the offer"
    ), (["start", "-r", "r", "--offer", "/offer", "--receive", "audio"], "2 tapedeck start: --receive needs --make-offer"),
    (["start", "-r", "r", "-a", "111", "--ice", "lite"], "2 tapedeck start: --ice needs --offer or --make-offer"),
    (["start", "-r", "r", "--make-offer", "--map", "x="], "2 tapedeck start: --map: 'x=' is not KEY=ID"),
    (
      ["start", "-r", "r", "--make-offer", "-p", "a", "-p", "b"],
      "2 tapedeck start: --participant: a WebRTC peer has one; say whose its other streams are with --map KEY=ID"
    ), (["start", "-r", "r", "--offer", "/none"], "1 tapedeck: cannot open /none: No such file or directory"),
    (["start", "-r", "r", "--offer", "/text"], "1 tapedeck: /text is no session description: it does not begin with v=0"),
    (["answer", id, "s1", "/text"], "1 tapedeck: /text is no session description: it does not begin with v=0"),
    (["answer", id, "s1", "/bytes"], "1 tapedeck: /bytes is not UTF-8 text"),
  ])
  func refusals(line: [String], message: String) {
    let console = ScriptedConsole()
    console.files = ["/offer": Array("v=0\r\n".utf8), "/text": Array("hello".utf8), "/bytes": [0xff]]
    let code = run(line, console)
    #expect("\(code) \(console.errors.prefix { $0 != "\n" })" == message)
  }

  @Test func showTellsOfTheConnection() throws {
    try withDaemon({ _ in .json(200, recording(connected)) }) { _, console in
      #expect(run(["show", id], console) == 0)
      let lines = console.output.split(separator: "\n", omittingEmptySubsequences: false)
      let first = try #require(lines.firstIndex { $0.hasPrefix("Source s1:") })
      #expect(
        lines[first...].prefix(7) == [
          "Source s1: webrtc disconnected", "  Reason     consent expired", "  ICE        disconnected",
          "  Pair       192.0.2.1:40000 (host) from 192.0.2.9:5000 (prflx)", "  DTLS       ECDHE-ECDSA-AES128-GCM-SHA256",
          "  SRTP       AEAD_AES_128_GCM", "  Round trip 12.3 ms",
        ])
    }
  }

  @Test func statusTellsOfTheConnections() throws {
    let page = Fixtures.page([recording(connected)])
    let new = Fixtures.page([recording(#""state":"new","answer":null"#)])
    let none = Fixtures.page([])
    try withDaemon({ request in
      if request.target.contains("status=recording") { return .json(200, page) }
      if request.target.contains("status=starting") { return .json(200, new.replacing(id, with: Fixtures.second)) }
      return .json(200, request.target.hasPrefix("/v1/node") ? "{}" : none)
    }) { _, console in
      #expect(run(["status"], console) == 0)
      let lines = console.output.split(separator: "\n").map(String.init)
      let first = try #require(lines.firstIndex(of: "WebRTC sources:"))
      #expect(
        lines[(first + 1)...] == [
          "  00000000bbbb s1 new",
          "  00000000aaaa s1 disconnected: Reason consent expired, ICE disconnected, Pair 192.0.2.1:40000 (host) from 192.0.2.9:5000 (prflx), "
            + "DTLS ECDHE-ECDSA-AES128-GCM-SHA256, SRTP AEAD_AES_128_GCM, Round trip 12.3 ms",
        ])
    }
  }
}
