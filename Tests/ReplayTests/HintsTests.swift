import Ground
import Recording
import Replay
import SDP
import Testing

/// What is said about a capture, and where it is found.
@Suite struct HintsTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private static let key = "DWmGi9U2GSIdb5YHNCRZg7gsFgDHxjd8MUybL9UF"

  @Test func aDescriptionSaysWhatPayloadTypesMeanOnEachPort() throws {
    let path = try folder.write(
      """
      v=0
      m=audio 5002 RTP/AVP 96
      a=rtpmap:96 opus/48000/2
      m=video 5004 RTP/AVP 96 97
      a=rtpmap:96 VP8/90000
      a=rtpmap:97 rtx/90000
      a=fmtp:97 apt=96
      a=ssrc:7 cname:x
      a=ssrc-group:FID 7 8
      """, as: "s.sdp")
    let hints = try CaptureHints(capture: folder.path("c.pcap"), sessionDescription: path)
    #expect(hints.origin == .sessionDescription)
    #expect(hints.format(of: PayloadType(96), to: 5002) == PayloadFormat("opus/48000/2"))
    #expect(hints.format(of: PayloadType(96), to: 5004) == PayloadFormat("VP8/90000"))
    #expect(hints.format(of: PayloadType(97), to: 5004)?.repaired == PayloadType(96))
    #expect(hints.format(of: PayloadType(97), to: 5002) == nil)
    // A port that no section names: the first section that uses the payload type.
    #expect(hints.format(of: PayloadType(96), to: 6000) == PayloadFormat("opus/48000/2"))
    #expect(hints.sources[SSRC(7)]?.cname == "x")
    #expect(hints.retransmissions == [SSRC(8): SSRC(7)])
  }

  @Test func theDescriptionGoesBeforeTheFacts() throws {
    _ = try folder.write(
      #"{"payload_map": {"96": "opus/48000/2"}, "srtp_sdes": {"suite": "AES_CM_128_HMAC_SHA1_80", "inline": "\#(Self.key)"}}"#, as: "c.json"
    )
    let path = try folder.write("v=0\nm=video 9 RTP/AVP 96\na=rtpmap:96 VP8/90000\n", as: "s.sdp")
    let told = try CaptureHints(capture: folder.path("c.pcap"), sessionDescription: path)
    #expect(told.format(of: PayloadType(96), to: 1) == PayloadFormat("VP8/90000"))
    #expect(told.keys.map(\.cryptoSuite) == ["AES_CM_128_HMAC_SHA1_80"])
    let facts = try CaptureHints(capture: folder.path("c.pcap"))
    #expect(facts.origin == .facts)
    #expect(facts.format(of: PayloadType(96), to: 1) == PayloadFormat("opus/48000/2"))
  }

  @Test func withoutFactsThereAreNone() throws {
    let hints = try CaptureHints(capture: folder.path("c.pcap"))
    #expect(hints.origin == .recognised)
    #expect(!hints.hasFormats)
    #expect(hints.keys.isEmpty)
  }

  @Test func whatWasNamedMustBeThereAndRight() throws {
    let missing = folder.path("no.sdp")
    #expect(throws: CaptureError.badDescription(path: missing, reason: "No such file or directory")) {
      try CaptureHints(capture: "c.pcap", sessionDescription: missing)
    }
    let broken = try folder.write("v=0\nhello\n", as: "broken.sdp")
    #expect(throws: CaptureError.badSessionDescription(path: broken, error: SDPError(line: 2, reason: .notAField))) {
      try CaptureHints(capture: "c.pcap", sessionDescription: broken)
    }
    _ = try folder.write("{", as: "c.json")
    let error = #expect(throws: CaptureError.self) { try CaptureHints(capture: folder.path("c.pcap")) }
    #expect(error?.description.hasPrefix(folder.path("c.json")) == true)
  }

  @Test(arguments: [
    "AES_CM_128_HMAC_SHA1_80 KEY\n", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20\n",
    #"{"cryptoSuite": "AES_CM_128_HMAC_SHA1_80", "keyBase64": "KEY"}"#,
    #"{"srtp_sdes": {"suite": "AES_CM_128_HMAC_SHA1_80", "inline": "KEY"}}"#,
  ])
  func keysAreReadInFourForms(_ text: String) throws {
    let path = try folder.write(text.replacing("KEY", with: Self.key), as: "key")
    let hints = try CaptureHints(capture: folder.path("c.pcap"), key: path)
    let key = try #require(hints.keys.first)
    #expect(key.cryptoSuite == "AES_CM_128_HMAC_SHA1_80")
    #expect(key.key.exposed.count == 30)
  }

  @Test(arguments: [
    ("", "no key in it: expected SUITE BASE64, an a=crypto line or JSON"),
    ("AES_CM_128_HMAC_SHA1_80 AAAA", "AES_CM_128_HMAC_SHA1_80 needs 30 bytes of key and salt, not 3"),
    (
      "ROT13 AAAA",
      "unknown suite ROT13 (known: AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32, AEAD_AES_128_GCM, AEAD_AES_256_GCM)"
    ),
  ])
  func badKeysAreRefused(_ text: String, _ reason: String) throws {
    let path = try folder.write(text, as: "key")
    #expect(throws: CaptureError.badDescription(path: path, reason: reason)) { try CaptureHints.key(at: path) }
  }

  @Test(arguments: [
    ("opus/48000/2", "opus/48000/2"), ("VP8/90000", "VP8/90000"), ("rtx/96", "rtx/96"), ("rtx/90000", "rtx/90000"), ("x", nil),
    ("x/0", nil), ("x/8000/0", nil), ("/1", nil), ("x/1/1/1", nil),
  ])
  func formatsAreReadAndWritten(_ text: String, _ want: String?) {
    #expect(PayloadFormat(text)?.description == want)
  }
}
