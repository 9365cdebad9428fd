import Control
import Foundation
import Ground
import JSON
import Recording
import Testing

private let offer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\na=bundle-only\r\n"
private let answer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
private let sdp = "Content-Type: application/sdp"
private let fragment = "Content-Type: application/trickle-ice-sdpfrag"

/// Publishing by WHIP (RFC 9725), over real HTTP.
@Suite struct WHIPTests {
  private func deck(_ configure: (inout WHIPConfiguration) -> Void = { _ in }) throws -> Served {
    let deck = try networked { configure(&$0.whip) }
    deck.recorder.filterLists()
    return deck
  }
  private func publish(_ deck: Served, _ path: String = "/whip/studio", _ body: String = offer, headers: [String] = [sdp]) throws -> Answer
  {
    try deck.askOverTCP("POST", path, body, token: publishToken, headers: headers)
  }
  private func patch(_ deck: Served, _ place: String, _ body: String, match: String?, type: String = fragment) throws -> Answer {
    try deck.askOverTCP("PATCH", place, body, token: publishToken, headers: [type] + (match.map { ["If-Match: \($0)"] } ?? []))
  }

  @Test func aPublishStartsARecording() throws {
    let deck = try deck()
    let made = try publish(deck)
    #expect(made.status == 201)
    #expect(made.headers["content-type"] == "application/sdp")
    #expect(made.text == answer)
    let place = try #require(made.headers["location"])
    #expect(place.hasPrefix("/whip/studio/"))
    #expect(place.split(separator: "/").last?.count == 32)
    let tag = try #require(made.headers["etag"])
    #expect(tag.count == 18 && tag.first == "\"" && tag.last == "\"")
    #expect(made.headers["accept-patch"] == "application/trickle-ice-sdpfrag")
    #expect(made.headers["link"] == nil)
    let specification = try #require(deck.recorder.specification)
    #expect(specification.room == "studio")
    #expect(specification.startedBy == "whip")
    #expect(specification.source.webrtc?.participant == "publisher")
    #expect(specification.limits.idleTimeoutSeconds == 60 && specification.limits.departureTimeoutSeconds == 15)
    #expect(specification.outputs.hls == HLSOutput())
    guard case .offer(offer) = specification.source.webrtc?.beginning else {
      Issue.record("not the offer")
      return
    }
  }

  @Test func theControlSocketTakesPublishersToo() throws {
    let deck = try deck()
    #expect(
      try deck.ask("POST", "/whip/a%20b%2Fc?participant=ada", offer, headers: [sdp]).headers["location"]?.hasPrefix("/whip/a%20b%2Fc/")
        == true)
    #expect(deck.recorder.specification?.room == "a b/c")
    #expect(deck.recorder.specification?.source.webrtc?.participant == "ada")
  }

  @Test func laterPublishersJoinUnderNamesOfTheirOwn() throws {
    let deck = try deck()
    #expect(try publish(deck).status == 201)
    let second = try publish(deck)
    #expect(second.status == 201)
    #expect(try publish(deck, "/whip/studio?participant=ada").status == 201)
    #expect(try publish(deck, "/whip/studio?participant=ada").status == 201)
    #expect(try publish(deck, "/whip/elsewhere").status == 201)
    let added = deck.recorder.calls.filter { $0.hasPrefix("addSource") }
    #expect(
      added == [
        "addSource webrtc participant=publisher-2 r1", "addSource webrtc participant=ada r1", "addSource webrtc participant=ada-2 r1",
      ])
    #expect(deck.recorder.calls.filter { $0 == "start" }.count == 2)
    // Who has left may come back under the name.
    #expect(try deck.askOverTCP("DELETE", try #require(second.headers["location"]), token: publishToken).status == 200)
    #expect(try publish(deck).status == 201)
    #expect(deck.recorder.calls.last { $0.hasPrefix("addSource") } == "addSource webrtc participant=publisher-2 r1")
    // So may who vanished without a word, however many others there are.
    for _ in 0..<6 { #expect(try publish(deck, "/whip/elsewhere").status == 201) }
    deck.recorder.setState("closed", ofSource: "s3", in: "r1")
    #expect(try publish(deck, "/whip/studio?participant=ada").status == 201)
    #expect(deck.recorder.calls.last { $0.hasPrefix("addSource") } == "addSource webrtc participant=ada r1")
  }

  @Test func aRecordingByTheAPIIsJoinedAndOutlivesThePublisher() throws {
    let deck = try deck()
    deck.recorder.add("r1", room: "studio")
    deck.recorder.setStatus("recording", of: "r1")
    let place = try #require(try publish(deck).headers["location"])
    #expect(deck.recorder.calls.contains("addSource webrtc participant=publisher r1"))
    deck.recorder.setState("closed", ofSource: "s1", in: "r1")
    let ended = try deck.askOverTCP("DELETE", place, token: publishToken, headers: ["If-Match: \"whatever\""])
    #expect(ended.status == 200)
    #expect(deck.recorder.calls.last == "removeSource s2 r1")
    #expect(try deck.askOverTCP("DELETE", place, token: publishToken).status == 404)
  }

  @Test func theLastPublisherEndsWhatPublishingStarted() throws {
    let deck = try deck()
    let first = try #require(try publish(deck).headers["location"])
    let second = try #require(try publish(deck).headers["location"])
    #expect(try deck.askOverTCP("DELETE", first, token: publishToken).status == 200)
    #expect(deck.recorder.calls.last == "removeSource s1 r1")
    #expect(try deck.askOverTCP("DELETE", second, token: publishToken).status == 200)
    #expect(deck.recorder.calls.last == "stop wait=false r1")
    // The next one begins anew.
    #expect(try publish(deck).status == 201)
    #expect(deck.recorder.calls.filter { $0 == "start" }.count == 2)
  }

  @Test func publishersWhoComeAtOnceMeetInOneRecording() throws {
    let deck = try deck()
    deck.recorder.closeGate()
    let address = try #require(deck.server.networkAddress)
    let clients = try (0..<4).map { _ in try UnixClient(address) }
    for client in clients {
      client.request("POST", "/whip/studio", offer, headers: [sdp, "Authorization: Bearer \(publishToken)"])
    }
    #expect(deck.recorder.waitUntilEntered(1))
    deck.recorder.openGate()
    for client in clients { #expect(try client.answer().status == 201) }
    #expect(deck.recorder.calls.filter { $0 == "start" }.count == 1)
    #expect(deck.recorder.calls.filter { $0.hasPrefix("addSource") }.count == 3)
  }

  @Test func candidatesTrickle() throws {
    let deck = try deck()
    let made = try publish(deck)
    let (place, tag) = (try #require(made.headers["location"]), try #require(made.headers["etag"]))
    let taken = try patch(deck, place, "a=candidate:1\r\n", match: tag)
    #expect(taken.status == 204)
    #expect(taken.headers["etag"] == nil && taken.body.isEmpty)
    #expect(try patch(deck, place, "a=candidate:1\r\n", match: "\"other\", \(tag)").status == 204)
    #expect(deck.recorder.calls.last == "trickle s1 r1")
    let count = deck.recorder.calls.count { $0.hasPrefix("trickle") }
    for (match, type, body, status) in [
      (nil, fragment, "a=b", 428), ("\"stale\"", fragment, "a=b", 412), ("W/\(tag)", fragment, "a=b", 412),
      (tag, "Content-Type: application/sdp", "a=b", 415), (tag, fragment, "", 400),
    ] as [(String?, String, String, Int)] {
      #expect(try patch(deck, place, body, match: match, type: type).status == status, "\(match ?? "-") \(type)")
    }
    #expect(deck.recorder.calls.count { $0.hasPrefix("trickle") } == count)
    #expect(try patch(deck, place, "nonsense", match: tag).errorMessage == "candidates: line 1: no attribute")
  }

  @Test func iceRestartsGiveANewTag() throws {
    let deck = try deck()
    let made = try publish(deck)
    let (place, first) = (try #require(made.headers["location"]), try #require(made.headers["etag"]))
    let restarted = try patch(deck, place, "a=ice-ufrag:new\r\n", match: "*")
    #expect(restarted.status == 200)
    #expect(restarted.headers["content-type"] == "application/trickle-ice-sdpfrag")
    #expect(restarted.text == "a=ice-ufrag:deck1\r\n")
    let second = try #require(restarted.headers["etag"])
    #expect(second != first)
    #expect(try patch(deck, place, "a=candidate:1\r\n", match: first).status == 412)
    #expect(try patch(deck, place, "a=candidate:1\r\n", match: second).status == 204)
    #expect(try patch(deck, place, "a=candidate:1\r\n", match: "*").status == 204)
    let third = try patch(deck, place, "a=ice-ufrag:newer\r\n", match: "\"*\"")
    #expect(third.status == 200 && third.headers["etag"] != second)
    // A restart that cannot be leaves everything as it was.
    deck.recorder.refuse(with: ControlError(.invalidState, "candidates: not now", field: "candidates"))
    #expect(try patch(deck, place, "a=ice-ufrag:new\r\n", match: "*").status == 409)
    deck.recorder.refuse(with: nil)
    #expect(try patch(deck, place, "a=candidate:1\r\n", match: third.headers["etag"]).status == 204)
  }

  @Test func aSessionEndsWithItsSource() throws {
    let deck = try deck()
    let made = try publish(deck)
    let (place, tag) = (try #require(made.headers["location"]), try #require(made.headers["etag"]))
    #expect(try patch(deck, place.replacing("studio", with: "other"), "a=b", match: tag).status == 404)
    #expect(try patch(deck, "/whip/studio/none", "a=b", match: tag).status == 404)
    deck.recorder.setState("failed", ofSource: "s1", in: "r1")
    #expect(try patch(deck, place, "a=b", match: tag).status == 404)
    let next = try #require(try publish(deck, "/whip/two").headers["location"])
    deck.recorder.setStatus("completed", of: "r2")
    #expect(try deck.askOverTCP("DELETE", next, token: publishToken).status == 404)
    #expect(deck.recorder.calls.allSatisfy { !$0.hasPrefix("stop") && !$0.hasPrefix("removeSource") })
  }

  @Test func whatCannotBeTakenIsRefused() throws {
    let deck = try deck()
    for (path, body, headers, status, message) in [
      ("/whip/r", offer, ["Content-Type: text/plain"], 415, "Content-Type: text/plain is not application/sdp"),
      ("/whip/r", offer, ["Content-Type: application/json"], 415, "Content-Type: application/json is not application/sdp"),
      ("/whip/r", "", [sdp], 400, "offer: the body is empty"), ("/whip/r", "hello", [sdp], 400, "offer: line 1: no session description"),
      (
        "/whip/r", offer, [sdp, "Accept: text/html, application/json;q=0.5"], 406,
        "Accept: text/html, application/json;q=0.5 leaves out application/sdp, which is the answer"
      ),
      ("/whip/r?participant=", offer, [sdp], 400, "participant: a participant's id has 1 to 256 characters"),
      ("/whip/r?name=a", offer, [sdp], 400, "name: there is no such query parameter; known here are participant"),
      ("/whip/", offer, [sdp], 404, "there is no such path: /whip/"), ("/whip/r/", offer, [sdp], 404, "there is no such path: /whip/r/"),
      (
        "/whip/\(String(repeating: "r", count: 257))", offer, [sdp], 400, "room: it has more than the 256 characters that are allowed"
      ),
    ] as [(String, String, [String], Int, String)] {
      let refused = try publish(deck, path, body, headers: headers)
      #expect(refused.status == status)
      #expect(refused.errorMessage == message)
    }
    for accepted in ["Accept: */*", "Accept: application/*", "Accept: text/html, application/sdp;q=0.1"] {
      #expect(try publish(deck, headers: [sdp, accepted]).status == 201)
    }
  }

  @Test(arguments: [
    ("GET", "/whip/r"), ("HEAD", "/whip/r"), ("PUT", "/whip/r"), ("DELETE", "/whip/r"), ("GET", "/whip/r/s"), ("POST", "/whip/r/s"),
    ("PUT", "/whip/r/s"),
  ])
  func otherMethodsAreKeptForLater(method: String, path: String) throws {
    let deck = try deck()
    let refused = try deck.askOverTCP(method, path, token: publishToken)
    #expect(refused.status == 405)
    #expect(refused.headers["allow"] == (path == "/whip/r" ? "POST, OPTIONS" : "PATCH, DELETE, OPTIONS"))
  }

  @Test func whatSendsNothingIsNoPublisher() throws {
    let deck = try deck()
    for direction in ["a=recvonly", "a=inactive"] {
      let own = try publish(deck, "/whip/r", "v=0\r\nm=audio 9 X 1\r\n\(direction)\r\nm=video 0 X 2\r\n")
      #expect(own.status == 422)
      #expect(own.errorMessage == "offer: no section of sound or picture is sendonly or sendrecv")
      #expect(try publish(deck, "/whip/r", "v=0\r\n\(direction)\r\nm=audio 9 X 1\r\n").status == 422)
    }
    #expect(deck.recorder.calls.isEmpty)
    #expect(try publish(deck, "/whip/r", "v=0\na=recvonly\nm=audio 9 X 1\na=sendonly\nm=video 9 X 2\n").status == 201)
  }

  @Test func anOfferThatWouldBeTakenInPartIsNotTaken() throws {
    let deck = try deck()
    deck.recorder.reject(["video"])
    let first = try publish(deck)
    #expect(first.status == 406)
    #expect(first.errorMessage == "offer: m-line 1 (video) offers nothing that can be recorded")
    #expect(deck.recorder.calls.last == "cancel r1")
    // A section that its offerer has turned off is no loss.
    let off = offer.replacing("a=bundle-only\r\n", with: "")
    #expect(try publish(deck, "/whip/studio", off).status == 201)
    let joining = try publish(deck)
    #expect(joining.status == 406)
    #expect(deck.recorder.calls.last == "removeSource s2 r2")
    deck.recorder.disagree()
    #expect(try publish(deck).status == 406)
    #expect(try publish(deck, "/whip/elsewhere").errorMessage == "offer: nothing in it can be received")
  }

  @Test(arguments: [
    (ControlError(.atCapacity, "maxRecordings: 4"), 503), (ControlError(.diskFull, "no space"), 503),
    (ControlError(.shuttingDown, "it ends"), 503), (ControlError(.internal, "it broke"), 500),
  ])
  func aNodeThatIsFullSaysWhenToComeBack(error: ControlError, status: Int) throws {
    let deck = try deck()
    deck.recorder.refuse(with: error)
    let refused = try publish(deck)
    #expect(refused.status == status)
    #expect(refused.headers["retry-after"] == (status == 503 ? "10" : nil))
    #expect(refused.errorCode == error.code.rawValue)
  }

  @Test func whatPublishersGetIsConfigured() throws {
    let text = #"""
      {"outputs":{"hls":null},"limits":{"maxDurationSeconds":7200},
       "iceServers":[{"url":"stun:stun.example:3478"},{"url":"turn:turn.example","username":"u","credential":"SECRET"}]}
      """#
    let configuration = try WHIPConfiguration(json: JSONValue(parsing: Array(text.utf8)), at: "whip")
    #expect(!"\(configuration)".contains("SECRET"))
    let deck = try deck { $0 = configuration }
    let client = try UnixClient(try #require(deck.server.networkAddress))
    client.request("POST", "/whip/studio", offer, headers: [sdp, "Authorization: Bearer \(publishToken)"])
    var links: [String] = []
    while case let line = try client.line(), !line.isEmpty { if line.hasPrefix("Link: ") { links.append(line) } }
    #expect(
      links == [
        #"Link: <stun:stun.example:3478>; rel="ice-server""#,
        #"Link: <turn:turn.example>; rel="ice-server"; username="u"; credential="SECRET"; credential-type="password""#,
      ])
    let specification = try #require(deck.recorder.specification)
    #expect(specification.outputs.hls == nil)
    #expect(specification.limits.maxDurationSeconds == 7200 && specification.limits.idleTimeoutSeconds == 60)
    #expect(specification.limits.departureTimeoutSeconds == 15)
  }

  @Test(arguments: [
    (#"{"limit":{}}"#, "whip.limit"), (#"{"outputs":{"hls":{"quality":"best"}}}"#, "whip.outputs.hls.quality"),
    (#"{"outputs":{"file":null}}"#, "whip.outputs.file"), (#"{"limits":{"maxBytes":-1}}"#, "whip.limits.maxBytes"),
    (#"{"iceServers":[{"url":"http://x"}]}"#, "whip.iceServers[0].url"),
    (#"{"iceServers":[{"url":"turn:x","credential":"a\"b"}]}"#, "whip.iceServers[0].credential"),
  ])
  func eachMistakeInTheConfigurationIsNamed(text: String, field: String) throws {
    let json = try JSONValue(parsing: Array(text.utf8))
    let error = #expect(throws: ControlError.self) { try WHIPConfiguration(json: json, at: "whip") }
    #expect(error?.field == field)
  }

  @Test func curlAloneIsAPublisher() throws {
    let deck = try deck()
    let file = deck.folder + "/offer.sdp"
    try Data(offer.utf8).write(to: URL(fileURLWithPath: file))
    let port = try #require(deck.server.networkAddress).port
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
    process.arguments = [
      "-s", "-o", "/dev/null", "-w", "%{http_code} %{content_type}", "-H", sdp, "-H", "Authorization: Bearer \(publishToken)",
      "--data-binary", "@" + file, "http://127.0.0.1:\(port)/whip/studio",
    ]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let said = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(String(decoding: said, as: UTF8.self) == "201 application/sdp")
  }
}
