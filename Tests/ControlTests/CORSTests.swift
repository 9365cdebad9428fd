import Control
import JSON
import Recording
import Testing

/// What browsers are told, which let a page send and read only what the answer allows.
@Suite struct CORSTests {
  private let page = "Origin: https://studio.example"

  private func deck(_ cors: String? = nil) throws -> Served {
    let configuration = try cors.map { try CORSConfiguration(json: JSONValue(parsing: Array($0.utf8)), at: "cors") }
    return try networked { $0.cors = configuration ?? $0.cors }
  }

  @Test func anyPageMayPublish() throws {
    let deck = try deck()
    let preflight = try deck.askOverTCP(
      "OPTIONS", "/whip/r", headers: [page, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization"])
    #expect(preflight.status == 200)
    #expect(preflight.headers["access-control-allow-origin"] == "*")
    #expect(preflight.headers["access-control-allow-methods"] == "POST")
    #expect(preflight.headers["access-control-allow-headers"]?.contains("Authorization, Content-Type, If-Match") == true)
    #expect(preflight.headers["accept-post"] == "application/sdp")
    #expect(preflight.headers["allow"] == "POST, OPTIONS")
    let session = try deck.askOverTCP("OPTIONS", "/whip/r/s", headers: [page, "Access-Control-Request-Method: PATCH"])
    #expect(session.headers["access-control-allow-methods"] == "PATCH, DELETE")
    #expect(session.headers["accept-patch"] == "application/trickle-ice-sdpfrag")
    // A refusal is readable too, or the page could not say what is wrong.
    let refused = try deck.askOverTCP("POST", "/whip/r", "v=0", headers: [page, "Content-Type: application/sdp"])
    #expect(refused.status == 401)
    #expect(refused.headers["access-control-allow-origin"] == "*")
    #expect(refused.headers["access-control-expose-headers"]?.contains("Location, ETag, Link") == true)
    #expect(refused.headers["vary"] == nil)
  }

  @Test func noPageMayControl() throws {
    let deck = try deck()
    let preflight = try deck.askOverTCP("OPTIONS", "/v1/recordings", headers: [page, "Access-Control-Request-Method: POST"])
    #expect(preflight.status == 200)
    #expect(preflight.headers["allow"] == "GET, HEAD, POST, OPTIONS")
    #expect(preflight.headers.keys.allSatisfy { !$0.hasPrefix("access-control") })
    let answer = try deck.askOverTCP("GET", "/v1/node", token: controlToken, headers: [page])
    #expect(answer.status == 200)
    #expect(answer.headers["access-control-allow-origin"] == nil)
    #expect(try deck.askOverTCP("OPTIONS", "/elsewhere").status == 404)
  }

  @Test func namedOriginsMayDoBoth() throws {
    let deck = try deck(#"["https://studio.example","http://localhost:5173"]"#)
    for path in ["/v1/recordings", "/whip/r"] {
      let answer = try deck.askOverTCP("OPTIONS", path, headers: [page, "Access-Control-Request-Method: POST"])
      #expect(answer.headers["access-control-allow-origin"] == "https://studio.example")
      #expect(answer.headers["access-control-allow-methods"]?.contains("POST") == true)
      #expect(answer.headers["vary"] == "Origin")
      let other = try deck.askOverTCP("OPTIONS", path, headers: ["Origin: https://evil.example", "Access-Control-Request-Method: POST"])
      #expect(other.headers["access-control-allow-origin"] == nil)
      #expect(other.headers["access-control-allow-methods"] == nil)
      #expect(other.headers["vary"] == "Origin")
    }
  }

  @Test func aStarIsForEverything() throws {
    let deck = try deck(#""*""#)
    let answer = try deck.askOverTCP("GET", "/v1/node", token: controlToken, headers: [page])
    #expect(answer.headers["access-control-allow-origin"] == "*")
  }

  @Test(arguments: [#""studio.example""#, #"["https://studio.example/"]"#, #"["https://"]"#, #"[7]"#, "7", "null", #""https://a b""#])
  func whatIsNoOriginIsNamed(text: String) throws {
    let json = try JSONValue(parsing: Array(text.utf8))
    let error = #expect(throws: ControlError.self) { try CORSConfiguration(json: json, at: "cors") }
    #expect(error?.field == "cors")
  }
}
