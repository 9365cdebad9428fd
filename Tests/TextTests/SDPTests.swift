import Foundation
import Ground
import JSON
import SDP
import Testing

/// What FFmpeg writes for `-f rtp`, with SDES keys as `-srtp_out_suite` adds them.
private let keyed = """
  v=0\r
  o=- 0 0 IN IP4 127.0.0.1\r
  s=No Name\r
  c=IN IP4 127.0.0.1\r
  t=0 0\r
  a=tool:libavformat\r
  m=audio 5002 RTP/SAVP 111\r
  b=AS:64\r
  a=rtpmap:111 opus/48000/2\r
  a=fmtp:111 sprop-stereo=1; useinbandfec=1\r
  a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:DWmGi9U2GSIdb5YHNCRZg7gsFgDHxjd8MUybL9UF|2^20|1:4 UNENCRYPTED_SRTCP\r
  m=video 5004/2 RTP/SAVP 96 97\r
  c=IN IP6 2001:db8::1\r
  a=rtpmap:96 VP8/90000\r
  a=rtpmap:97 rtx/90000\r
  a=fmtp:97 apt=96;rtx-time=200\r
  a=rtcp:6005 IN IP6 2001:db8::2\r
  a=recvonly\r
  a=ssrc-group:FID 2222 3333\r
  a=ssrc:2222 cname:some one\r
  a=ssrc:2222 msid:s t\r
  a=mid:v\r
  a=x-vendor:a:b c\r
  a=bundle-only\r

  """

@Suite struct SDPTests {
  @Test func readsWhatAReceiverOfRTPNeeds() throws {
    let description = try SessionDescription(parsing: keyed)
    #expect(description.name == "No Name")
    #expect(description.attributes == [.other(name: "tool", value: "libavformat")])
    #expect(description.media.map(\.kind) == ["audio", "video"])

    let audio = description.media[0]
    #expect(audio.attributes.rtpMaps == [RTPMap(payloadType: PayloadType(111), encoding: "opus", clockRate: 48000, channels: 2)])
    #expect(audio.attributes.formatParameters[0]["UseInbandFEC"] == "1")
    #expect(audio.attributes.formatParameters[0]["stereo"] == nil)
    #expect(audio.rtcpPort == 5003)
    #expect(description.connection(of: audio)?.address == "127.0.0.1")
    #expect(description.direction(of: audio) == .sendReceive)
    let crypto = try #require(audio.attributes.cryptos.first)
    #expect(crypto.suite == "AES_CM_128_HMAC_SHA1_80")
    #expect(crypto.keys[0].keyAndSalt.exposed.count == 30)
    #expect(crypto.keys[0].keyAndSalt.exposed.prefix(3) == [0x0d, 0x69, 0x86])
    #expect(crypto.keys[0].lifetime == "2^20")
    #expect(crypto.keys[0].mki == "1:4")
    #expect(crypto.sessionParameters == ["UNENCRYPTED_SRTCP"])

    let video = description.media[1]
    #expect(video.port == 5004 && video.portCount == 2)
    #expect(video.formats == ["96", "97"])
    #expect(video.attributes.formatParameters[0]["apt"] == "96")
    #expect(video.rtcpPort == 6005)
    #expect(description.connection(of: video)?.family == .ip6)
    #expect(description.direction(of: video) == .receiveOnly)
    #expect(video.attributes.ssrcGroups == [SSRCGroup(semantics: "FID", ssrcs: [SSRC(2222), SSRC(3333)])])
    #expect(video.attributes.ssrcs[0] == SSRCAttribute(ssrc: SSRC(2222), name: "cname", value: "some one"))
    #expect(video.attributes.mid == "v")
    #expect(video.attributes.values(of: "x-vendor") == ["a:b c"])
    #expect(video.attributes.values(of: "bundle-only") == [nil])
  }

  @Test func muxedRTCPIsOnTheSamePort() throws {
    let description = try SessionDescription(parsing: "v=0\nm=audio 9000 RTP/AVP 0\na=rtcp-mux\n")
    #expect(description.media[0].rtcpPort == 9000)
    #expect(description.media[0].attributes.hasRTCPMux)
  }

  @Test func anUnchangedDescriptionIsWrittenAsItCame() throws {
    #expect(try SessionDescription(parsing: keyed).text == keyed)
  }

  /// Offers and answers of Chromium, Janus and others, as the captures' facts keep them.
  @Test(arguments: ["chr-vp8-opus", "chr-vp8-l1t3", "jan-vp8-opus", "jan-reconnect"])
  func offersAndAnswersOfRealPeersSurvive(_ name: String) throws {
    let facts = try JSONValue(parsing: Array(Data(contentsOf: captures.appending(path: name + ".json"))))
    for role in ["offer", "answer"] {
      let text = try #require(facts["sdp"]?[role]?.stringValue)
      let description = try SessionDescription(parsing: text)
      #expect(try SessionDescription(parsing: description.text) == description)
      // Nothing is lost: the same lines, and none new.
      let lines = { (text: String) in text.utf8.split(whereSeparator: { $0 == 10 || $0 == 13 }).map { String($0)! } }
      #expect(lines(description.text) == lines(text))
      #expect(description.media.allSatisfy { $0.attributes.mid != nil && $0.attributes.hasRTCPMux })
    }
  }

  @Test(arguments: [
    ("", 1, SDPError.Reason.notVersionZero),
    ("o=- 0 0 IN IP4 1.2.3.4\n", 1, .notVersionZero),
    ("v=1\n", 1, .notVersionZero),
    ("v=0\nhello\n", 2, .notAField),
    ("v=0\n\n=x\n", 3, .notAField),
    ("v=0\ns=a\ns=b\n", 3, .misplaced(type: "s")),
    ("v=0\nm=audio 1 RTP/AVP 0\ns=a\n", 3, .misplaced(type: "s")),
    ("v=0\nx=1\n", 2, .misplaced(type: "x")),
    ("v=0\nc=ATM NSAP 1\n", 2, .malformed(field: "c=", expected: "IN IP4|IP6 ADDRESS")),
    ("v=0\no=- 0 zero IN IP4 a\n", 2, .malformed(field: "o=", expected: "USER ID VERSION IN IP4|IP6 ADDRESS")),
    ("v=0\nm=audio 65536 RTP/AVP 0\n", 2, .malformed(field: "m=", expected: "KIND PORT TRANSPORT FORMAT …")),
    ("v=0\nm=audio +1 RTP/AVP 0\n", 2, .malformed(field: "m=", expected: "KIND PORT TRANSPORT FORMAT …")),
    ("v=0\nm=audio 1 RTP/AVP\n", 2, .malformed(field: "m=", expected: "KIND PORT TRANSPORT FORMAT …")),
    ("v=0\na=rtpmap:128 opus/48000\n", 2, .malformed(field: "a=rtpmap", expected: "PAYLOAD-TYPE NAME/RATE[/CHANNELS]")),
    ("v=0\na=rtpmap:96 VP8/0\n", 2, .malformed(field: "a=rtpmap", expected: "PAYLOAD-TYPE NAME/RATE[/CHANNELS]")),
    ("v=0\na=fmtp:96\n", 2, .malformed(field: "a=fmtp", expected: "FORMAT PARAMETERS")),
    ("v=0\na=ssrc:4294967296 cname:x\n", 2, .malformed(field: "a=ssrc", expected: "SSRC NAME[:VALUE]")),
    ("v=0\na=crypto:1 X inline:*\n", 2, .malformed(field: "a=crypto", expected: "TAG SUITE inline:KEY")),
    ("v=0\na=crypto:1 X inline:AAAA|2^20|3^20\n", 2, .malformed(field: "a=crypto", expected: "TAG SUITE inline:KEY")),
    ("v=0\na=rtcp:5003 IN IP9 x\n", 2, .malformed(field: "a=rtcp", expected: "PORT [IN IP4|IP6 ADDRESS]")),
    ("v=0\na=:x\n", 2, .malformed(field: "a=", expected: "a name")),
  ])
  func refusesByLineAndReason(_ text: String, _ line: Int, _ reason: SDPError.Reason) {
    #expect(throws: SDPError(line: line, reason: reason)) { try SessionDescription(parsing: text) }
  }

  @Test func boundsWhatItReads() {
    let long = "v=0\na=x:" + String(repeating: "y", count: SessionDescription.maximumLineBytes)
    #expect(throws: SDPError(line: 2, reason: .lineTooLong(bytes: long.utf8.count - 4))) { try SessionDescription(parsing: long) }
    let many = "v=0\n" + String(repeating: "a=x\n", count: SessionDescription.maximumLines)
    #expect(throws: SDPError(line: SessionDescription.maximumLines + 1, reason: .tooManyLines)) { try SessionDescription(parsing: many) }
    let huge = [UInt8](repeating: 10, count: SessionDescription.maximumBytes + 1)
    #expect(throws: SDPError(line: 0, reason: .tooLong(bytes: huge.count))) { try SessionDescription(parsing: huge) }
    #expect(throws: SDPError(line: 2, reason: .notText)) { try SessionDescription(parsing: Array("v=0\ns=".utf8) + [0xff]) }
  }

  @Test func anErrorReadsAsOneLine() {
    let error = #expect(throws: SDPError.self) { try SessionDescription(parsing: "v=0\na=rtpmap:x") }
    #expect(error?.description == "line 2: a=rtpmap: expected PAYLOAD-TYPE NAME/RATE[/CHANNELS]")
  }

  /// Every prefix, and many damaged copies, are read or refused; what is read is written and read to the same value.
  @Test func damageNeverTraps() throws {
    let bytes = Array(keyed.utf8)
    for count in 0...bytes.count { check(Array(bytes[..<count])) }
    var seed: UInt64 = 1
    func random(_ below: Int) -> Int {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(seed >> 33) % below
    }
    var read = 0
    for _ in 0..<2000 {
      var damaged = bytes
      for _ in 0...random(3) {
        let at = random(damaged.count)
        switch random(3) {
        case 0: damaged[at] = UInt8(random(256))
        case 1: damaged.remove(at: at)
        default: damaged.insert(UInt8(random(128)), at: at)
        }
      }
      if check(damaged) { read += 1 }
    }
    #expect(read > 100)
  }

  @discardableResult private func check(_ bytes: [UInt8]) -> Bool {
    guard let description = try? SessionDescription(parsing: bytes) else { return false }
    #expect((try? SessionDescription(parsing: description.text)) == description)
    return true
  }

  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
  ])
  func base64OfRFC4648(_ plain: String, _ coded: String) {
    #expect(Base64.encode(Array(plain.utf8)) == coded)
    #expect(Base64.decode(coded.utf8) == Array(plain.utf8))
    #expect(Base64.decode(coded.utf8.filter { $0 != 61 }) == Array(plain.utf8))
  }

  @Test(arguments: ["Z", "Zg=", "Zg===", "Z=g=", "Zm9vY", "Zm 9v", "Zm9v="])
  func base64RefusesWhatNoEncoderMakes(_ text: String) {
    #expect(Base64.decode(text.utf8) == nil)
  }

  private var captures: URL {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appending(path: "captures")
  }
}
