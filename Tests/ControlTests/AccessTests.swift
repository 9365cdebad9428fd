import Control
import Foundation
import Ground
import JSON
import Recording
import Testing

let controlToken = "control-token-0123456789"
let publishToken = "publish-token-0123456789"
let roomToken = "room-token-0123456789abc"

/// A server that also listens on TCP at a loopback address, with a token of each kind.
func networked(
  _ ip: String = "127.0.0.1", configure: (inout ControlServerConfiguration) -> Void = { _ in }
) throws -> Served {
  try Served {
    if let address = SocketAddress(ip: ip, port: 0) { $0.network = .init(address: address) }
    $0.tokens = [
      AccessToken(secret: controlToken, scope: .control), AccessToken(secret: publishToken, scope: .publish),
      AccessToken(secret: roomToken, scope: .control, rooms: ["mine", "ours"]),
    ]
    configure(&$0)
  }
}

/// The API on TCP, and who may use it.
@Suite struct AccessTests {
  @Test(arguments: [
    (
      "0.0.0.0", false,
      "listen 0.0.0.0:0 needs tokens, or whoever reaches this address could give orders: name them in the configuration's tokens or in "
        + "--tokens-file (--listen-insecure is for loopback addresses only)"
    ),
    (
      "::", true,
      "listen [::]:0 needs tokens, or whoever reaches this address could give orders: name them in the configuration's tokens or in "
        + "--tokens-file (--listen-insecure is for loopback addresses only)"
    ),
    (
      "127.0.0.1", false,
      "listen 127.0.0.1:0 needs tokens, or every user of this machine could give orders: name them in the configuration's tokens or in "
        + "--tokens-file, or say --listen-insecure to serve without"
    ),
  ])
  func withoutTokensNothingIsOpened(ip: String, isInsecure: Bool, message: String) throws {
    let folder = try TemporaryFolder()
    var configuration = ControlServerConfiguration(path: folder.path + "/c.sock")
    configuration.network = .init(address: try #require(SocketAddress(ip: ip, port: 0)), isInsecure: isInsecure)
    let recorder = FakeRecorder(folder: folder.path)
    let error = #expect(throws: ControlServerError.self) { try ControlServer(configuration, recorder: recorder) }
    #expect(error?.description == message)
    #expect(!FileManager.default.fileExists(atPath: configuration.path))
  }

  @Test func anAddressInUseIsNamedAndTheSocketGivenBack() throws {
    let first = try networked()
    let taken = try #require(first.server.networkAddress)
    let folder = try TemporaryFolder()
    var configuration = ControlServerConfiguration(path: folder.path + "/c.sock")
    configuration.network = .init(address: taken)
    configuration.tokens = [AccessToken(secret: controlToken, scope: .control)]
    let recorder = FakeRecorder(folder: folder.path)
    let error = #expect(throws: ControlServerError.self) { try ControlServer(configuration, recorder: recorder) }
    #expect(error?.description == "cannot listen on \(taken): Address already in use")
    #expect(!FileManager.default.fileExists(atPath: configuration.path))
  }

  @Test(arguments: ["127.0.0.1", "::1"])
  func aTokenOpensTheAPI(ip: String) throws {
    let deck = try networked(ip)
    #expect(deck.server.networkAddress?.port != 0)
    let answer = try deck.askOverTCP("POST", "/v1/recordings", smallStart, token: controlToken)
    #expect(answer.status == 201)
    #expect(try deck.askOverTCP("GET", "/v1/recordings/r1", token: controlToken).json["room"] == "r")
    #expect(try deck.askOverTCP("GET", "/metrics", token: controlToken).status == 200)
    // The Unix socket asks for none.
    #expect(try deck.ask("GET", "/v1/recordings/r1").status == 200)
  }

  @Test(
    arguments: [
      ("GET", "/v1/node", nil, 401, "Bearer realm=\"tapedeck\""), ("GET", "/metrics", nil, 401, "Bearer realm=\"tapedeck\""),
      ("POST", "/whip/r", nil, 401, "Bearer realm=\"tapedeck\""),
      ("GET", "/v1/node", "Bearer control-token-012345678", 401, "Bearer realm=\"tapedeck\", error=\"invalid_token\""),
      ("GET", "/v1/node", "Bearer control-token-01234567890", 401, "Bearer realm=\"tapedeck\", error=\"invalid_token\""),
      ("GET", "/v1/node", "Bearer ", 401, "Bearer realm=\"tapedeck\", error=\"invalid_token\""),
      ("GET", "/v1/node", "Basic control-token-0123456789", 401, "Bearer realm=\"tapedeck\", error=\"invalid_token\""),
      ("GET", "/v1/node", "Bearer \(publishToken)", 403, "Bearer realm=\"tapedeck\", error=\"insufficient_scope\""),
      ("GET", "/v1/events", "bearer \(roomToken)", 403, "Bearer realm=\"tapedeck\", error=\"insufficient_scope\""),
      ("POST", "/whip/theirs", "Bearer \(roomToken)", 403, "Bearer realm=\"tapedeck\", error=\"insufficient_scope\""),
      ("GET", "/v1/node", "bearer \(controlToken)", 200, nil), ("GET", "/healthz", nil, 200, nil), ("GET", "/readyz", nil, 200, nil),
    ] as [(String, String, String?, Int, String?)])
  func whoMayNotIsToldWhatIsMissing(method: String, path: String, authorization: String?, status: Int, challenge: String?) throws {
    let deck = try networked()
    let answer = try deck.askOverTCP(method, path, headers: authorization.map { ["Authorization: \($0)"] } ?? [])
    #expect(answer.status == status)
    #expect(answer.headers["www-authenticate"] == challenge)
    #expect(deck.recorder.calls.isEmpty)
  }

  @Test func aStrangersBodyIsNotWaitedFor() throws {
    let deck = try networked()
    let client = try UnixClient(try #require(deck.server.networkAddress))
    client.send("POST /v1/recordings HTTP/1.1\r\nHost: d\r\nContent-Length: 1000000\r\n\r\n")
    #expect(try client.answer().status == 401)
    #expect(try client.isAtEnd())
  }

  @Test func aTokenIsHeldToItsRooms() throws {
    let deck = try networked()
    deck.recorder.filterLists()
    deck.recorder.add("r1", room: "mine")
    deck.recorder.add("r2", room: "theirs")
    func ask(_ method: String, _ path: String, _ body: String? = nil) throws -> Int {
      try deck.askOverTCP(method, path, body, token: roomToken).status
    }
    #expect(try ask("GET", "/v1/recordings/r1") == 200)
    #expect(try ask("GET", "/v1/recordings/r2") == 403)
    #expect(try ask("POST", "/v1/recordings/r2/stop") == 403)
    #expect(try ask("GET", "/v1/recordings/r2/files/x") == 403)
    #expect(try ask("GET", "/v1/recordings/r2/events") == 403)
    #expect(try ask("GET", "/v1/recordings/r9") == 404)
    #expect(try ask("GET", "/v1/recordings") == 403)
    #expect(try ask("GET", "/v1/recordings?room=theirs") == 403)
    #expect(try deck.askOverTCP("GET", "/v1/recordings?room=mine", token: roomToken).json["pagination"]?["total"] == 1)
    #expect(try ask("POST", "/v1/recordings", smallStart) == 403)
    #expect(try ask("POST", "/v1/recordings", smallStart.replacing("\"r\"", with: "\"mine\"")) == 201)
    #expect(!deck.recorder.calls.contains("stop wait=false r2"))
  }

  @Test func strangersDoNotShutTheControlPlaneOut() throws {
    let deck = try networked { $0.connectionLimit = 2 }
    let address = try #require(deck.server.networkAddress)
    let silent = try (0..<2).map { _ in try UnixClient(address) }
    for client in silent {
      client.request("GET", "/healthz")
      #expect(try client.answer().status == 200)
    }
    #expect(try deck.askOverTCP("GET", "/healthz").status == 429)
    #expect(try deck.ask("GET", "/healthz").status == 200)
    withExtendedLifetime(silent) {}
  }

  @Test func insecureMeansNoTokenButNoForeignPagesEither() throws {
    let deck = try Served {
      if let address = SocketAddress(ip: "127.0.0.1", port: 0) { $0.network = .init(address: address, isInsecure: true) }
    }
    #expect(try deck.askOverTCP("GET", "/v1/node").status == 200)
    let page = try deck.askOverTCP("POST", "/v1/recordings", smallStart, headers: ["Origin: https://elsewhere.example"])
    #expect(page.status == 403)
    #expect(deck.recorder.calls.isEmpty)
  }

  private func tokens(_ text: String, files: [String: String] = [:]) throws(ControlError) -> [AccessToken] {
    guard let json = try? JSONValue(parsing: Array(text.utf8)) else { return [] }
    return try AccessToken.list(json: json, at: "tokens") { path throws(ControlError) in
      guard let text = files[path] else { throw ControlError(.invalidField, "cannot open \(path)") }
      return Array(text.utf8)
    }
  }

  @Test func tokensAreRead() throws {
    let read = try tokens(
      #"[{"token":"abcdefgh-1234567","scope":"control"},{"tokenFile":"/t","scope":"publish","rooms":["a","b"]}]"#,
      files: ["/t": "from.a_file~+/12345=\n"])
    #expect(read.map { String(decoding: $0.secret.exposed, as: UTF8.self) } == ["abcdefgh-1234567", "from.a_file~+/12345="])
    #expect(read.map(\.scope) == [.control, .publish])
    #expect(read.map(\.rooms) == [nil, ["a", "b"]])
    var said = ""
    dump(read, to: &said)
    #expect(!said.contains("abcdefgh") && !"\(read)".contains("abcdefgh"))
  }

  @Test(arguments: [
    (#"{}"#, "tokens: an object was given, but an array is needed"),
    (#"[{"scope":"control"}]"#, "tokens[0].token: this field is required: the token, or tokenFile with a file that holds it"),
    (#"[{"token":"x","tokenFile":"/t","scope":"control"}]"#, "tokens[0].tokenFile: token is given too: give one of the two"),
    (
      #"[{"token":"SECRET","scope":"control"}]"#,
      "tokens[0].token: a token has 16 to 512 characters, each a letter, a digit or one of -._~+/="
    ),
    (
      #"[{"token":"SECRET 0123456789","scope":"control"}]"#,
      "tokens[0].token: a token has 16 to 512 characters, each a letter, a digit or one of -._~+/="
    ),
    (#"[{"tokenFile":"/none","scope":"control"}]"#, "cannot open /none"),
    (#"[{"token":"SECRET0123456789"}]"#, "tokens[0].scope: this field is required: allowed is control or publish"),
    (#"[{"token":"SECRET0123456789","scope":"all"}]"#, "tokens[0].scope: \"all\" is not known; allowed is control or publish"),
    (#"[{"token":"SECRET0123456789","scope":"publish","rooms":[]}]"#, "tokens[0].rooms: it has 0 items, but at least 1 is needed"),
    (
      #"[{"token":"SECRET0123456789","scope":"publish","rooms":[""]}]"#,
      "tokens[0].rooms[0]: \"\" is not a room, a string of 1 to 256 characters"
    ),
    (
      #"[{"token":"SECRET0123456789","scope":"publish"},{"token":"SECRET0123456789","scope":"control"}]"#,
      "tokens[1]: this is the same token as tokens[0]"
    ),
  ])
  func eachMistakeInTheTokensIsNamed(text: String, message: String) {
    let error = #expect(throws: ControlError.self) { try tokens(text) }
    #expect(error?.message == message)
  }
}
