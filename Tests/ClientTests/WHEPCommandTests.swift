import Client
import JSON
import Testing

private let id = Fixtures.first
private func recording(_ state: String, status: String = "recording") -> String {
  #"{"id":"\#(id)","room":"r","status":"\#(status)","durationSeconds":1,"sources":[{"id":"s1","type":"whep",\#(state),"tracks":[]}]}"#
}

/// What the command line says and sends of WHEP sources.
@Suite struct WHEPCommandTests {
  /// Runs a start; the daemon says these states one after another, and the last for ever.
  private func start(
    _ flags: [String], states: [String] = [#""state":"connected""#], environment: [String: String] = [:]
  ) throws -> (code: Int32, requests: [FakeDaemon.Request], console: ScriptedConsole) {
    var result: (Int32, [FakeDaemon.Request], ScriptedConsole)?
    try withDaemon({ request in
      if request.method == "POST" { return .json(request.target.hasSuffix("cancel") ? 200 : 201, recording(#""state":"new""#)) }
      return .json(200, recording(states[0]))
    }) { daemon, console in
      console.files = ["/token": Array("sesame\n".utf8), "/none": Array(" \n".utf8), "/two": Array("se same".utf8)]
      console.environment.merge(environment) { $1 }
      let code = run(["start", "-r", "r", "--whep", "https://sfu.example/whep"] + flags, console)
      result = (code, daemon.requests, console)
    }
    return try #require(result)
  }

  @Test func aServerIsPulledFrom() throws {
    let (code, requests, console) = try start([
      "--token-file", "/token", "--grace", "30s", "--receive", "audio", "-p", "ada=Ada", "--map", "0=bob", "--listen-ip", "::1",
    ])
    #expect(code == 0 && console.output == id + "\n" && console.errors == "")
    #expect(
      requests.first?.body
        == #"{"room":"r","source":{"type":"whep","url":"https://sfu.example/whep","token":"sesame","graceSeconds":30,"#
        + #""makeOffer":{"audio":true,"video":false},"participant":"ada","participants":{"0":"bob"},"listenIp":"::1"},"#
        + #""participants":[{"id":"ada","name":"Ada"}]}"#)
  }

  @Test func theTokenMayComeFromTheEnvironment() throws {
    let variable = ["TAPEDECK_WHEP_TOKEN": "sesame"]
    #expect(try start([], environment: variable).requests.first?.body.contains(#""token":"sesame""#) == true)
    #expect(try start([]).requests.first?.body.contains("token") == false)
  }

  @Test func aRefusalIsTheCommandsFailure() throws {
    let (code, requests, console) = try start(
      [], states: [#""state":"failed","stateReason":"the server answered 401: the token is missing or not accepted""#])
    #expect(code == 1 && console.output == "")
    #expect(
      console.errors == "tapedeck: the server answered 401: the token is missing or not accepted; nothing is recorded\n")
    #expect(requests.last?.line == "POST /v1/recordings/\(id)/cancel")
  }

  @Test func aServerThatCannotBeReachedYetIsSaid() throws {
    let (code, requests, console) = try start(["-q"], states: [#""state":"new","stateReason":"the server cannot be reached""#])
    #expect(code == 0 && console.output == id + "\n")
    #expect(console.errors == "tapedeck: the server cannot be reached; it is asked again\n")
    #expect(!requests.contains { $0.target.hasSuffix("cancel") })
  }

  @Test(arguments: [
    (["--whep", "u", "--offer", "/offer"], "2 tapedeck start: --offer cannot be given beside --whep"),
    (["--whep", "u", "-a", "111"], "2 tapedeck start: --audio cannot be given beside --whep"),
    (["--whep", "u", "--ice", "lite"], "2 tapedeck start: --ice cannot be given beside --whep"),
    (["--make-offer", "--grace", "1m"], "2 tapedeck start: --grace needs --whep"),
    (["-a", "111", "--token-file", "/token"], "2 tapedeck start: --token-file needs --whep"),
    (["--whep", "u", "--token-file", "/none"], "1 tapedeck: there is no token in /none"),
    (["--whep", "u", "--token-file", "/two"], "1 tapedeck: there is more than a token in /two"),
  ])
  func refusals(flags: [String], message: String) {
    let console = ScriptedConsole()
    console.files = ["/token": Array("sesame".utf8), "/none": Array(" \n".utf8), "/two": Array("se same".utf8)]
    let code = run(["start", "-r", "r"] + flags, console)
    #expect("\(code) \(console.errors.prefix { $0 != "\n" })" == message)
  }

  @Test func statusTellsOfTheConnection() throws {
    let page = Fixtures.page([recording(#""state":"disconnected","stateReason":"the peer gives no sign""#)])
    let none = Fixtures.page([])
    try withDaemon({ request in
      .json(200, request.target.hasPrefix("/v1/node") ? "{}" : request.target.contains("status=recording") ? page : none)
    }) { _, console in
      #expect(run(["status"], console) == 0)
      #expect(console.output.contains("s1 disconnected: Reason the peer gives no sign"))
    }
  }
}
