import Control
import Foundation
import Ground
import JSON
import Recording
import Testing

/// What HTTP itself can do to the server: sizes, pieces, nonsense, silence and crowds.
@Suite struct HTTPTests {
  @Test func aLargeBodyIsRefusedByItsAnnouncedLength() throws {
    let deck = try Served()
    let client = try deck.connect()
    client.send("POST /v1/recordings HTTP/1.1\r\nHost: d\r\nContent-Length: 1048577\r\n\r\n")
    let answer = try client.answer()
    #expect(answer.status == 413)
    #expect(answer.errorCode == "bodyTooLarge")
    #expect(answer.errorMessage == "the body is larger than the 1048576 bytes that are allowed")
    #expect(try client.isAtEnd())
  }

  @Test func aLargeBodyOfUnknownLengthIsRefusedWhileItComes() throws {
    let deck = try Served()
    let client = try deck.connect()
    client.send("POST /v1/recordings HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n")
    let chunk = Array("10000\r\n".utf8) + Array(repeating: 32, count: 65_536) + Array("\r\n".utf8)
    var taken = 0
    while taken < 10_000, client.send(chunk) { taken += 1 }
    // The server closed in the middle of a body that has no end.
    #expect(taken < 10_000)
    let answer = try client.answer()
    #expect(answer.status == 413)
    #expect(answer.errorCode == "bodyTooLarge")
    #expect(try client.isAtEnd())
    deck.server.stop()
    #expect(deck.log.map { $0.status } == [413])
  }

  @Test func aBodyOfExactlyTheLimitIsTaken() throws {
    let deck = try Served { $0.bodyLimitBytes = 1000 }
    let padded = smallStart + String(repeating: " ", count: 1000 - smallStart.utf8.count)
    #expect(try deck.ask("POST", "/v1/recordings", padded).status == 201)
    #expect(try deck.ask("POST", "/v1/recordings", padded + " ").status == 413)
  }

  @Test func aBodyMayComeInChunksAndPieces() throws {
    let deck = try Served()
    let client = try deck.connect()
    let request = "POST /v1/recordings HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    for byte in request.utf8 { client.send([byte]) }
    for byte in smallStart.utf8 { client.send(Array("1\r\n".utf8) + [byte] + Array("\r\n".utf8)) }
    client.send("0\r\n\r\n")
    #expect(try client.answer().status == 201)
    // The connection lives on.
    client.request("GET", "/healthz")
    #expect(try client.answer().status == 200)
  }

  @Test func aClientThatAsksFirstIsToldToContinue() throws {
    let deck = try Served()
    let client = try deck.connect()
    client.send("POST /v1/recordings HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Length: \(smallStart.utf8.count)\r\n\r\n")
    #expect(try client.head().status == 100)
    client.send(smallStart)
    #expect(try client.answer().status == 201)
    let large = try deck.connect()
    large.send("POST /v1/recordings HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
    #expect(try large.answer().status == 413)
  }

  @Test(arguments: [
    "GARBAGE\r\n\r\n", "GET\r\n\r\n", "GET /healthz\r\n\r\n", "GET /healthz HTTP/1.1\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n",
    "GET /healthz HTTP/9.9\r\n\r\n",
    "POST /v1/recordings HTTP/1.1\r\nHost: d\r\nContent-Length: nine\r\n\r\n",
    "POST /v1/recordings HTTP/1.1\r\nHost: d\r\nContent-Length: -1\r\n\r\n",
    "POST /v1/recordings HTTP/1.1\r\nHost: d\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
    "POST /v1/recordings HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "GET /\(String(repeating: "x", count: 100_000)) HTTP/1.1\r\nHost: d\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: d\r\nX: \(String(repeating: "x", count: 100_000))\r\n\r\n",
    "GET / HTTP/1.1\r\n\(String(repeating: "X: y\r\n", count: 20_000))\r\n",
  ])
  func nonsenseHarmsNobody(text: String) throws {
    let deck = try Served()
    let client = try deck.connect()
    client.send(text)
    shutdown(client.descriptor, Int32(SHUT_WR))
    // Refused or closed, whichever HTTP prescribes; never taken for a call.
    if let answer = try? client.head() { #expect(answer.status >= 400 || text.hasPrefix("GET /healthz"), "\(text.prefix(60))") }
    #expect(deck.recorder.calls.isEmpty)
    #expect(try deck.ask("GET", "/healthz").status == 200)
  }

  @Test func manyRequestsShareAConnection() throws {
    let deck = try Served()
    let client = try deck.connect()
    for _ in 0..<200 { client.request("GET", "/healthz") }
    for _ in 0..<200 { #expect(try client.answer().status == 200) }
  }

  @Test func twoHundredClientsAreServedAtOnce() throws {
    let deck = try Served()
    deck.recorder.closeGate()
    let clients = try (0..<200).map { _ in try deck.connect() }
    for client in clients { client.request("POST", "/v1/recordings", smallStart) }
    // All are inside the recorder before the first is answered.
    #expect(deck.recorder.waitUntilEntered(200))
    deck.recorder.openGate()
    for client in clients { #expect(try client.answer().status == 201) }
    #expect(try deck.ask("GET", "/v1/recordings").json["pagination"]?["total"] == 200)
  }

  @Test func theConnectionsAreBounded() throws {
    let deck = try Served { $0.connectionLimit = 4 }
    var clients: [UnixClient] = []
    for _ in 0..<4 {
      let client = try deck.connect()
      client.request("GET", "/healthz")
      #expect(try client.answer().status == 200)
      clients.append(client)
    }
    let refused = try deck.ask("GET", "/healthz")
    #expect(refused.status == 429)
    #expect(refused.errorMessage == "all 4 connections of this node are taken")
    // Silent ones are closed unheard once the places for refusals are taken too.
    let silent = try (0..<200).map { _ in try deck.connect() }
    #expect(try silent[199].isAtEnd())
    // The four are served on, and a place that becomes free is given again.
    clients[0].request("GET", "/healthz")
    #expect(try clients[0].answer().status == 200)
    clients.removeAll()
    #expect(eventually { (try? deck.ask("GET", "/healthz"))?.status == 200 })
    withExtendedLifetime(silent) {}
  }

  @Test func silenceEndsAConnectionButAWaitingAnswerDoesNot() throws {
    let deck = try Served { $0.idleTimeoutSeconds = 1 }
    deck.recorder.add("r1")
    deck.recorder.closeGate()
    let waiting = try deck.connect()
    waiting.request("POST", "/v1/recordings/r1/stop?wait=true")
    #expect(deck.recorder.waitUntilEntered(1))
    // A connection that begins later is closed for its silence; by then the waiting one has been silent for longer.
    let silent = try deck.connect()
    silent.send("GET /healthz HTTP/1.1\r\nHo")
    while try !silent.isAtEnd() { _ = try silent.line() }
    deck.recorder.openGate()
    #expect(try waiting.answer().status == 200)
    waiting.request("GET", "/healthz")
    #expect(try waiting.answer().status == 200)
  }

  @Test func curlAloneIsAClient() throws {
    let deck = try Served()
    #expect(try curl(deck, ["-d", smallStart, "-H", "Content-Type: application/json", "http://d/v1/recordings"]) == "201 application/json")
    #expect(try curl(deck, ["-d", smallStart, "http://d/v1/recordings"]) == "201 application/json")
    #expect(try curl(deck, ["-X", "POST", "http://d/v1/recordings/r1/stop"]) == "200 application/json")
    #expect(try curl(deck, ["-I", "http://d/v1/node"]) == "200 application/json")
    let large = deck.folder + "/large"
    try Data(repeating: 32, count: 3_000_000).write(to: URL(fileURLWithPath: large))
    for encoding in ["Expect: 100-continue", "Transfer-Encoding: chunked"] {
      #expect(try curl(deck, ["-H", encoding, "--data-binary", "@" + large, "http://d/v1/recordings"]) == "413 application/json")
    }
  }

  /// The status and the type that curl reports.
  private func curl(_ deck: Served, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
    process.arguments = ["-s", "-o", "/dev/null", "-w", "%{http_code} %{content_type}", "--unix-socket", deck.socket] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: output, as: UTF8.self)
  }
}

/// Asks again until it is so; false if it never becomes so. What is asked takes its own time.
func eventually(_ isSo: () throws -> Bool) rethrows -> Bool {
  for _ in 0..<5000 { if try isSo() { return true } }
  return false
}
