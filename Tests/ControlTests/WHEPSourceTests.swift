import Control
import Ground
import JSON
import Recording
import Testing

private func read(_ fields: String) throws -> SourceSpecification {
  let text = #"{"room":"r","source":{"type":"whep"\#(fields)}}"#
  return try RecordingSpecification(json: JSONValue(parsing: Array(text.utf8))).source
}

/// What a client says of a `whep` source.
@Suite struct WHEPSourceTests {
  @Test func everythingIsRead() throws {
    let source = try read(
      #","url":"https://sfu.example/whep/a?x=1","token":"sesame","graceSeconds":7.5,"makeOffer":{"video":false},"participant":"ada","#
        + #""participants":{"0":"bob"},"listenIp":"::1""#)
    let webrtc = try #require(source.webrtc)
    #expect(webrtc.whep?.url == "https://sfu.example/whep/a?x=1")
    #expect(webrtc.whep?.token?.exposed == "sesame" && webrtc.whep?.graceSeconds == 7.5)
    #expect(webrtc.participant == "ada" && webrtc.participants.map(\.participant) == ["bob"] && source.listenIP == "::1")
    #expect(source.type == "whep" && webrtc.simulcast == .off)
    guard case .makeOffer(true, false) = webrtc.beginning else {
      Issue.record("\(webrtc.beginning)")
      return
    }
  }

  @Test func aURLIsEnough() throws {
    let webrtc = try #require(try read(#","url":"http://127.0.0.1/whep""#).webrtc)
    #expect(webrtc.whep?.token == nil && webrtc.whep?.graceSeconds == nil)
    guard case .makeOffer(true, true) = webrtc.beginning else {
      Issue.record("\(webrtc.beginning)")
      return
    }
  }

  @Test(
    arguments: [
      ("", "source.url", "this field is required: the WHEP endpoint, such as https://sfu.example/whep/stage"),
      (#","url":"sfu.example""#, "source.url", "this is no URL of http or https"),
      (#","url":"https://a:sesame@b/""#, "source.url", "no user or password may stand in it; a bearer token goes into token"),
      (#","url":"http://a","token":"se same""#, "source.token", "only visible ASCII characters can be sent in a header"),
      (#","url":"http://a","token":"""#, "source.token", "it is empty, but 1 to 4096 characters are needed"),
      (#","url":"http://a","graceSeconds":-1"#, "source.graceSeconds", "-1 is not a number of seconds from 0 to 86400"),
      (
        #","url":"http://a","makeOffer":{"audio":false,"video":false}"#, "source.makeOffer",
        "audio and video are both false, but at least one must be true"
      ), (#","url":"http://a","offer":"v=0""#, "source.offer", "only a webrtc source has this field, and this one is of type whep"),
      (#","url":"http://a","tracks":[]"#, "source.tracks", "only an rtp source has this field, and this one is of type whep"),
    ] as [(String, String, String)])
  func eachMistakeIsNamed(fields: String, field: String, problem: String) {
    let error = #expect(throws: ControlError.self) { try read(fields) }
    #expect(error?.code == .invalidField && error?.field == field)
    #expect(error?.message == "\(field): \(problem)")
    #expect(error?.message.contains("sesame") == false && error?.message.contains("se same") == false)
  }

  @Test(arguments: ["url", "token", "graceSeconds"])
  func whatOnlyWHEPHasIsRefusedByName(field: String) throws {
    let json = try JSONValue(parsing: Array(#"{"type":"webrtc","offer":"v=0","\#(field)":null}"#.utf8))
    let error = #expect(throws: ControlError.self) { try SourceSpecification(json: json) }
    #expect(error?.message == "\(field): only a whep source has this field, and this one is of type webrtc")
  }

  @Test func theNodesDefaultsAreRead() throws {
    let read = try WHEPConfiguration(json: ["graceSeconds": 30, "caFile": "/ca.pem"], at: "whep")
    #expect(read.graceSeconds == 30 && read.caFile == "/ca.pem")
    let error = #expect(throws: ControlError.self) { try WHEPConfiguration(json: ["graceSeconds": 1e9], at: "whep") }
    #expect(error?.message == "whep.graceSeconds: 1000000000 is not a number of seconds from 0 to 86400")
  }
}
