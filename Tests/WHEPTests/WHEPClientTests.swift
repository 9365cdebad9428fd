import Foundation
import Ground
import Synchronization
import Testing
import WHEP

/// What goes over HTTP, and what is made of what comes back.
@Suite struct WHEPClientTests {
  private static let offer = "v=0\r\noffer\r\n"
  private static let sdp = ["Content-Type: application/sdp"]

  /// A client whose thread runs while `body` does.
  private func withClient(patience: TimeSpan = .seconds(20), _ body: (WHEPClient) throws -> Void) rethrows {
    let client = WHEPClient(
      authorities: .init(), now: { Instant(nanoseconds: UInt64(ProcessInfo.processInfo.systemUptime * 1e9)) })
    let ended = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      client.run()
      ended.signal()
    }
    defer {
      client.stop(patience: patience)
      ended.wait()
    }
    try body(client)
  }

  private func send(_ request: WHEPRequest) -> Result<WHEPResponse, WHEPFailure> {
    let box = Mutex<Result<WHEPResponse, WHEPFailure>?>(nil)
    withClient { client in
      let done = DispatchSemaphore(value: 0)
      client.send(request) { result in
        box.withLock { $0 = result }
        done.signal()
      }
      done.wait()
    }
    return box.withLock { $0 } ?? .failure(.stopped)
  }

  private func post(_ url: String, token: String? = "sesame") -> WHEPRequest {
    var request = WHEPRequest(.post, url, token: token.map { Redacted($0) }, tokenURL: url)
    request.body = WHEPClientTests.offer
    return request
  }

  @Test func anOfferIsPostedAndTheAnswerRead() throws {
    let server = ScriptedServer { _ in
      ScriptedServer.answer(
        201,
        [
          "Content-Type: Application/SDP; charset=utf-8", "Location: ../s/1?x=2", "ETag: \"e1\"",
          "Link: <turn:turn.example>; rel=\"ice-server\"; credential=\"c\"", "Retry-After: 7",
        ], "v=0\r\nanswer\r\n")
    }
    defer { server.stop() }
    let response = try send(post(server.url + "/whep/stage")).get()
    #expect(response.status == 201 && response.description == "v=0\r\nanswer\r\n")
    #expect(response.location == server.url + "/s/1?x=2")
    #expect(response.entityTag == "\"e1\"" && response.retryAfter == .seconds(7))
    let request = try #require(server.requests.first)
    #expect(request.method == "POST" && request.path == "/whep/stage" && request.body == WHEPClientTests.offer)
    #expect(request.headers["authorization"] == "Bearer sesame")
    #expect(request.headers["content-type"] == "application/sdp" && request.headers["accept"] == "application/sdp")
    #expect(request.headers["expect"] == nil)
  }

  @Test func withoutATokenThereIsNoAuthorization() throws {
    let server = ScriptedServer { _ in ScriptedServer.answer(200) }
    defer { server.stop() }
    _ = try send(post(server.url, token: nil)).get()
    #expect(server.requests.first?.headers["authorization"] == nil)
  }

  @Test(arguments: [307, 308])
  func redirectsAreFollowedWithTheOffer(status: Int) throws {
    let server = ScriptedServer { request in
      request.path == "/a" ? ScriptedServer.answer(status, ["Location: /b/c"]) : ScriptedServer.answer(201, ["Location: d"], "v=0")
    }
    defer { server.stop() }
    let response = try send(post(server.url + "/a")).get()
    #expect(response.location == server.url + "/b/d")
    #expect(!response.isElsewhere)
    #expect(server.requests.map(\.path) == ["/a", "/b/c"])
    #expect(server.requests.last?.body == WHEPClientTests.offer && server.requests.last?.method == "POST")
    #expect(server.requests.last?.headers["authorization"] == "Bearer sesame")
  }

  @Test func theTokenDoesNotFollowToAnotherOrigin() throws {
    let elsewhere = ScriptedServer { _ in ScriptedServer.answer(401) }
    let there = elsewhere.url
    let server = ScriptedServer { _ in ScriptedServer.answer(307, ["Location: \(there)/whep"]) }
    defer {
      server.stop()
      elsewhere.stop()
    }
    let response = try send(post(server.url)).get()
    #expect(response.isElsewhere && elsewhere.requests.count == 1)
    #expect(elsewhere.requests.first?.headers["authorization"] == nil)
    #expect(WHEPRefusal(response).reason.contains("the token is not sent"))
    // Nor does it when a session lies elsewhere.
    var delete = WHEPRequest(.delete, there + "/s/1", token: Redacted("sesame"), tokenURL: server.url)
    delete.ifMatch = "\"e\""
    _ = try send(delete).get()
    #expect(elsewhere.requests.last?.method == "DELETE" && elsewhere.requests.last?.headers["authorization"] == nil)
    #expect(elsewhere.requests.last?.headers["if-match"] == "\"e\"")
  }

  @Test func redirectsGoRoundFiveTimesAtMost() {
    let server = ScriptedServer { _ in ScriptedServer.answer(307, ["Location: /again"]) }
    defer { server.stop() }
    #expect(send(post(server.url)) == .failure(.redirect("there were 5 before it")))
    #expect(server.requests.count == 6)
  }

  @Test(arguments: [
    (302, "/b", "it is 302, and only 307 and 308 keep the offer"),
    (307, "file:///etc/passwd", "its Location is missing, or no address of http or https"),
    (308, nil, "its Location is missing, or no address of http or https"),
  ])
  func otherRedirectsAreNot(status: Int, location: String?, reason: String) {
    let server = ScriptedServer { _ in ScriptedServer.answer(status, location.map { ["Location: \($0)"] } ?? []) }
    defer { server.stop() }
    #expect(send(post(server.url)) == .failure(.redirect(reason)))
  }

  @Test func aLongAnswerIsCutOff() {
    let server = ScriptedServer { _ in
      ScriptedServer.answer(201, WHEPClientTests.sdp, "v=0" + String(repeating: "x", count: WHEPClient.largestBody))
    }
    defer { server.stop() }
    #expect(send(post(server.url)) == .failure(.tooLarge))
  }

  @Test func anAnswerOfTheLargestSizeIsTaken() throws {
    let body = "v=0" + String(repeating: "x", count: WHEPClient.largestBody - 3)
    let server = ScriptedServer { _ in ScriptedServer.answer(201, WHEPClientTests.sdp, body) }
    defer { server.stop() }
    #expect(try send(post(server.url)).get().description == body)
  }

  @Test func silenceIsATimeout() {
    let server = ScriptedServer { _ in .silence }
    defer { server.stop() }
    var request = post(server.url)
    request.timeout = .milliseconds(200)
    #expect(send(request) == .failure(.timedOut))
  }

  @Test func garbageAndNobodyAreUnreachable() {
    let server = ScriptedServer { _ in .raw("\u{1}\u{2}nonsense\r\n\r\n") }
    guard case .failure(.unreachable) = send(post(server.url)) else {
      Issue.record("garbage was taken for an answer")
      return
    }
    server.stop()
    guard case .failure(.unreachable) = send(post(server.url)) else {
      Issue.record("nobody was there to answer")
      return
    }
  }

  @Test func whatIsUnderWayIsGivenUpWhenPatienceIsOver() {
    let server = ScriptedServer { _ in .silence }
    defer { server.stop() }
    let box = Mutex<Result<WHEPResponse, WHEPFailure>?>(nil)
    withClient(patience: .milliseconds(100)) { client in
      client.send(post(server.url)) { result in box.withLock { $0 = result } }
    }
    #expect(box.withLock { $0 } == .failure(.stopped))
  }

  @Test func whatWasPostedBeforeTheEndIsStillSent() {
    let server = ScriptedServer { _ in ScriptedServer.answer(200) }
    defer { server.stop() }
    let url = server.url
    withClient { client in
      client.post { client.send(WHEPRequest(.delete, url, token: nil, tokenURL: url)) { _ in } }
    }
    #expect(server.requests.map(\.method) == ["DELETE"])
  }

  @Test func aCallOnAClientThatHasEndedIsRefused() {
    let box = Mutex<WHEPClient?>(nil)
    withClient { client in box.withLock { $0 = client } }
    let ended = box.withLock { $0 }
    let heard = Mutex<Result<WHEPResponse, WHEPFailure>?>(nil)
    ended?.send(post("http://127.0.0.1:1")) { result in heard.withLock { $0 = result } }
    #expect(heard.withLock { $0 } == .failure(.stopped))
  }
}
