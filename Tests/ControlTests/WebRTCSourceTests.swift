import Codecs
import Control
import Ground
import JSON
import RTP
import Recording
import Testing

private func read(_ fields: String) throws -> SourceSpecification {
  let text = #"{"room":"r","source":{"type":"webrtc"\#(fields)}}"#
  return try RecordingSpecification(json: JSONValue(parsing: Array(text.utf8))).source
}

/// What a client says of a `webrtc` source, and the calls that negotiate it.
@Suite struct WebRTCSourceTests {
  @Test func anOfferIsRead() throws {
    let source = try read(
      #","offer":"v=0\r\n","participant":"ada","participants":{"0":"ada","stream-7":"bob"},"simulcast":"all","codecs":["vp8","OPUS"],"fec":["ulpfec"],"ice":"full","sharedPort":false,"listenIp":"::1""#
    )
    let webrtc = try #require(source.webrtc)
    guard case .offer(let text) = webrtc.beginning else {
      Issue.record("no offer")
      return
    }
    #expect(text == "v=0\r\n")
    #expect(webrtc.participant == "ada")
    #expect(webrtc.participants.map { "\($0.key)=\($0.participant)" } == ["0=ada", "stream-7=bob"])
    #expect(webrtc.simulcast == .all)
    #expect(webrtc.codecs == [.vp8, .opus] && webrtc.fec == [.ulpfec])
    #expect(webrtc.ice == .full && !webrtc.sharesPort)
    #expect(source.listenIP == "::1")
    #expect(source.tracks.isEmpty)
  }

  @Test func theLeastHasDefaults() throws {
    let source = try read(#","offer":"v=0""#)
    let webrtc = try #require(source.webrtc)
    #expect(webrtc.participant == nil && webrtc.participants.isEmpty && webrtc.ice == nil && webrtc.sharesPort && source.listenIP == nil)
    #expect(webrtc.simulcast == .highest && webrtc.codecs == nil && webrtc.fec.isEmpty)
  }

  @Test(arguments: [
    ("{}", true, true), (#"{"audio":false}"#, false, true), (#"{"video":false}"#, true, false),
    (#"{"audio":true,"video":true}"#, true, true),
  ])
  func weCanMakeTheOffer(wanted: String, audio: Bool, video: Bool) throws {
    guard case .makeOffer(audio, video) = try read(#","makeOffer":\#(wanted)"#).webrtc?.beginning else {
      Issue.record("\(wanted)")
      return
    }
  }

  @Test(
    arguments: [
      ("", "source.offer", "this field is required: the peer's session description, or makeOffer in its place"),
      (#","offer":null"#, "source.offer", "this field is required: the peer's session description, or makeOffer in its place"),
      (#","offer":"v=0","makeOffer":{}"#, "source.makeOffer", "offer is given too, but only one side makes the offer: give one of the two"),
      (#","offer":7"#, "source.offer", "a number was given, but a string is needed"),
      (#","offer":"""#, "source.offer", "it is empty, but 1 to 262144 characters are needed"),
      (
        #","offer":"\#(String(repeating: "x", count: 262_145))""#, "source.offer",
        "it has 262145 characters, but at most 262144 are allowed"
      ),
      (#","makeOffer":true"#, "source.makeOffer", "a boolean was given, but an object is needed"),
      (#","makeOffer":{"audio":1}"#, "source.makeOffer.audio", "a number was given, but true or false is needed"),
      (
        #","makeOffer":{"audio":false,"video":false}"#, "source.makeOffer",
        "audio and video are both false, but at least one must be true"
      ),
      (#","makeOffer":{"screen":true}"#, "source.makeOffer.screen", "there is no such field; known here are audio, video"),
      (#","offer":"v=0","participant":"""#, "source.participant", "it is empty, but 1 to 256 characters are needed"),
      (
        #","offer":"v=0","participants":[]"#, "source.participants",
        "an array was given, but an object of participants by MID or media stream id is needed"
      ),
      (#","offer":"v=0","participants":{"0":7}"#, "source.participants.0", "a number was given, but a string is needed"),
      (#","offer":"v=0","participants":{"0":""}"#, "source.participants.0", "a participant's id has 1 to 256 characters, not 0"),
      (#","offer":"v=0","participants":{"":"a"}"#, "source.participants", "a MID or media stream id has 1 to 256 characters, not 0"),
      (#","offer":"v=0","codecs":[]"#, "source.codecs", "it has 0 items, but at least 1 is needed"),
      (#","offer":"v=0","codecs":["opus","Opus"]"#, "source.codecs[1]", "opus is named twice"),
      (#","offer":"v=0","fec":["red"]"#, "source.fec[0]", "\"red\" is not known; allowed is ulpfec or flexfec-03"),
      (#","offer":"v=0","fec":["ulpfec","ulpfec"]"#, "source.fec[1]", "ulpfec is named twice"),
      (#","offer":"v=0","codecs":[8]"#, "source.codecs[0]", "a number was given, but a string is needed"),
      (#","makeOffer":{"video":true},"codecs":["opus"]"#, "source.codecs", "none of them is for video, which makeOffer asks for"),
      (#","offer":"v=0","simulcast":"best""#, "source.simulcast", "\"best\" is not known; allowed is highest, all or off"),
      (#","offer":"v=0","ice":"none""#, "source.ice", "\"none\" is not known; allowed is lite or full"),
      (#","offer":"v=0","listenIp":"here""#, "source.listenIp", "\"here\" is not a literal IPv4 or IPv6 address"),
      (#","offer":"v=0","ofer":"v=0""#, "source.ofer", "there is no such field; did you mean offer?"),
    ] as [(String, String, String)])
  func eachMistakeIsNamed(fields: String, field: String, problem: String) {
    let error = #expect(throws: ControlError.self) { try read(fields) }
    #expect(error?.code == .invalidField)
    #expect(error?.field == field)
    #expect(error?.message == "\(field): \(problem)")
  }

  @Test(arguments: ["rtcpMux", "bundle", "port", "remote", "srtp", "tracks"])
  func whatOnlyPlainRTPHasIsRefusedByName(field: String) {
    let error = #expect(throws: ControlError.self) { try read(#","offer":"v=0","\#(field)":null"#) }
    #expect(error?.message == "source.\(field): only an rtp source has this field, and this one is of type webrtc")
  }

  @Test(arguments: ["offer", "makeOffer", "participant", "participants", "simulcast", "codecs", "fec", "ice", "sharedPort"])
  func whatOnlyWebRTCHasIsRefusedByName(field: String) throws {
    let text = #"{"type":"rtp","tracks":[{"participant":"a","codec":"opus","payloadType":111}],"\#(field)":null}"#
    let json = try JSONValue(parsing: Array(text.utf8))
    let error = #expect(throws: ControlError.self) { try SourceSpecification(json: json) }
    let owners = ["makeOffer", "participant", "participants", "codecs", "fec"].contains(field) ? "webrtc or whep" : "webrtc"
    #expect(error?.message == "\(field): only a \(owners) source has this field, and this one is of type rtp")
  }

  private static let sdp = ["Content-Type: application/sdp; charset=utf-8"]
  private static let fragment = ["Content-Type: application/trickle-ice-sdpfrag"]

  /// A server with the recording `r1` of one webrtc source `s1`.
  private func deck() throws -> Served {
    let deck = try Served()
    let started = try deck.ask("POST", "/v1/recordings", #"{"room":"r","source":{"type":"webrtc","offer":"v=0\r\nm=audio 9 X 1\r\n"}}"#)
    #expect(started.status == 201)
    #expect(started.json["sources"]?.arrayValue?.first?["answer"] == "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\n")
    return deck
  }

  @Test func anOfferRenegotiates() throws {
    let deck = try deck()
    let place = "/v1/recordings/r1/sources/s1/offer"
    let json = try deck.ask("PUT", place, #"{"offer":"v=0\r\nm=video 9 X 1\r\n"}"#)
    #expect(json.status == 200)
    #expect(json.json["id"] == "s1")
    #expect(json.json["answer"] == "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n")
    let bare = try deck.ask("PUT", place, "v=0\r\nm=video 9 X 1\r\n", headers: Self.sdp)
    #expect(bare.status == 200)
    #expect(bare.headers["content-type"] == "application/sdp")
    #expect(bare.text == "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n")
    let broken = try deck.ask("PUT", place, "o=x", headers: Self.sdp)
    #expect(broken.status == 400)
    #expect(broken.errorMessage == "offer: line 1: no session description")
    #expect(deck.recorder.calls == ["start", "renegotiate 20 s1 r1", "renegotiate 20 s1 r1", "renegotiate 3 s1 r1"])
  }

  @Test func anAnswerIsTakenBothWays() throws {
    let deck = try deck()
    let place = "/v1/recordings/r1/sources/s1/answer"
    #expect(try deck.ask("PUT", place, #"{"answer":"v=0"}"#).json["id"] == "s1")
    #expect(try deck.ask("PUT", place, "v=0\r\n", headers: Self.sdp).status == 200)
    #expect(try deck.ask("PUT", place, #"{"offer":"v=0"}"#).errorMessage == "offer: there is no such field; known here are answer")
    #expect(try deck.ask("PUT", place, "{}").errorMessage == "answer: this field is required: a session description (RFC 8866)")
    #expect(try deck.ask("PUT", place, "", headers: Self.sdp).errorMessage == "answer: the body is empty")
    let client = try deck.connect()
    client.send("PUT \(place) HTTP/1.1\r\nHost: d\r\nContent-Type: application/sdp\r\nContent-Length: 2\r\n\r\n")
    client.send([0xff, 0xfe])
    #expect(try client.answer().errorMessage == "answer: the body is not UTF-8 text")
    #expect(try deck.ask("PUT", place, "v=0", headers: ["Content-Type: text/plain"]).status == 415)
    #expect(try deck.ask("PUT", place, String(repeating: "x", count: 262_145), headers: Self.sdp).status == 400)
    #expect(deck.recorder.calls == ["start", "takeAnswer 3 s1 r1", "takeAnswer 5 s1 r1"])
  }

  @Test func candidatesTrickle() throws {
    let deck = try deck()
    let place = "/v1/recordings/r1/sources/s1/candidates"
    let taken = try deck.ask("PATCH", place, "a=candidate:1\r\n", headers: Self.fragment)
    #expect(taken.status == 204)
    #expect(taken.body.isEmpty)
    let restarted = try deck.ask("PATCH", place, "a=ice-ufrag:new\r\n", headers: Self.fragment)
    #expect(restarted.status == 200)
    #expect(restarted.headers["content-type"] == "application/trickle-ice-sdpfrag")
    #expect(restarted.text == "a=ice-ufrag:deck1\r\n")
    let typed = try deck.ask("PATCH", place, "a=candidate:1\r\n")
    #expect(typed.status == 415)
    #expect(typed.errorMessage == "Content-Type: application/json is not application/trickle-ice-sdpfrag")
    #expect(try deck.ask("PATCH", place.replacing("s1", with: "s7"), "a=b", headers: Self.fragment).status == 404)
    #expect(try deck.ask("PUT", place, "a=b", headers: Self.fragment).headers["allow"] == "PATCH, OPTIONS")
  }
}
