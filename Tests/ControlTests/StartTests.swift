import Codecs
import Control
import Codecs
import Ground
import JSON
import RTP
import Recording
import Testing

/// The track that the table below bends.
private let opus = #"{"participant":"a","codec":"opus","payloadType":111}"#
private let vp8 = #"{"participant":"a","codec":"VP8","payloadType":96,"ssrc":2}"#

private func start(_ fields: String) -> String { #"{"room":"r","source":{"type":"rtp","tracks":[\#(opus)]},\#(fields)}"# }
private func source(_ fields: String, tracks: String = opus) -> String {
  #"{"room":"r","source":{"type":"rtp",\#(fields.isEmpty ? "" : fields + ",")"tracks":[\#(tracks)]}}"#
}
private func track(_ fields: String, also: String = "") -> String {
  source("", tracks: #"{"participant":"a","codec":"opus","payloadType":111,\#(fields)}\#(also)"#)
}
private func key(_ bytes: Int) -> String { String(repeating: "AAAA", count: bytes / 3) + ["", "AA==", "AAA="][bytes % 3] }

@Suite struct StartTests {
  @Test func theContractsExampleIsRead() throws {
    let text = #"""
      { "room": "algebra-101", "title": "Week 3", "startedBy": "user-7", "metadata": {"z": 17, "course": [1.5]},
        "source": { "type": "rtp", "listenIp": "127.0.0.1", "rtcpMux": true, "bundle": true,
          "remote": {"ip": "127.0.0.1", "port": 40100, "rtcpPort": 40101},
          "srtp": {"cryptoSuite": "AES_CM_128_HMAC_SHA1_80", "keyBase64": "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e"},
          "tracks": [
            {"participant": "ada", "kind": "audio", "codec": "opus", "payloadType": 111, "ssrc": 1111, "clockRate": 48000, "channels": 2},
            {"participant": "ada", "kind": "video", "codec": "vp8",  "payloadType": 96,  "ssrc": 2222, "clockRate": 90000,
             "rtx": {"payloadType": 97, "ssrc": 3333}} ] },
        "participants": [{"id": "ada", "name": "Ada L.", "userId": "user-7", "role": "host"}],
        "outputs": { "file": {"container": "webm"},
                     "hls":  {"segmentSeconds": 6, "video": "h264", "audio": "opus", "quality": "high"} },
        "limits": {"maxDurationSeconds": 7200, "idleTimeoutSeconds": 60.5, "departureTimeoutSeconds": 2.5, "degradedAfterSeconds": 4.5, "maxBytes": 0} }
      """#
    let got = try RecordingSpecification(json: JSONValue(parsing: Array(text.utf8)))
    #expect(got.room == "algebra-101")
    #expect(got.title == "Week 3")
    #expect(got.startedBy == "user-7")
    #expect(got.metadata.text() == #"{"z":17,"course":[1.5]}"#)
    #expect(got.source.listenIP == "127.0.0.1")
    #expect(got.source.rtcpMux && got.source.bundle && got.source.port == nil)
    #expect(got.source.remote == RemoteSpecification(ip: "127.0.0.1", port: 40100, rtcpPort: 40101))
    let srtp = try #require(got.source.srtp)
    #expect(srtp.cryptoSuite == "AES_CM_128_HMAC_SHA1_80")
    #expect(srtp.key.exposed == Array(1...30))
    #expect(srtp.rtcp == .srtcp)
    #expect("\(srtp)".contains("AQID") == false && "\(srtp)".contains("1, 2, 3") == false)
    let (audio, video) = (got.source.tracks[0], got.source.tracks[1])
    #expect(
      "\(audio.codec) \(audio.payloadType) \(audio.ssrc?.description ?? "-") \(audio.channels) \(audio.clockRate.hertz)"
        == "opus 111 1111 2 48000")
    #expect("\(video.codec) \(video.payloadType) \(video.ssrc?.description ?? "-") \(video.clockRate.hertz)" == "vp8 96 2222 90000")
    #expect("\(video.rtx?.payloadType.description ?? "-") \(video.rtx?.ssrc?.description ?? "-")" == "97 3333")
    #expect(video.nack == nil && video.repeatsPackets)
    #expect(got.participants == [ParticipantSpecification(id: "ada", name: "Ada L.", userId: "user-7", role: "host")])
    #expect(got.outputs.hls?.segmentSeconds == 6)
    #expect(got.outputs.hls?.audio == .opus && got.outputs.hls?.video == .h264 && got.outputs.hls?.quality == .high)
    #expect(got.limits.maxDurationSeconds == 7200 && got.limits.idleTimeoutSeconds == 60.5 && got.limits.maxBytes == nil)
    #expect(got.limits.departureTimeoutSeconds == 2.5 && got.limits.degradedAfterSeconds == 4.5)
  }

  @Test func redundancyIsRead() throws {
    let text = track(#""ssrc":1,"red":{"payloadType":63,"rtx":{"payloadType":97},"ulpfec":{"payloadType":120}}"#)
    let got = try RecordingSpecification(json: JSONValue(parsing: Array(text.utf8))).source.tracks[0]
    #expect(got.nack == nil && !got.repeatsPackets)
    #expect(got.red == REDSpecification(payloadType: PayloadType(63), rtx: PayloadType(97), ulpfec: PayloadType(120)))
    #expect([63, 111, 120].allSatisfy { got.carries(PayloadType($0)) } && got.repairs(PayloadType(97)))
    #expect(!got.carries(PayloadType(97)) && !got.repairs(PayloadType(63)))
  }

  @Test func correctionIsRead() throws {
    func read(_ fec: String) throws -> TrackSpecification {
      let text = track(#""ssrc":1,"fec":"# + fec)
      return try RecordingSpecification(json: JSONValue(parsing: Array(text.utf8))).source.tracks[0]
    }
    let among = try read(#"{"mechanism":"ulpfec","payloadType":122}"#)
    #expect(among.fec == FECSpecification(mechanism: .ulpfec, payloadType: PayloadType(122)))
    #expect(among.carries(PayloadType(122)) && among.correctionType == PayloadType(122) && among.correction == .ulpfec)
    let beside = try read(#"{"mechanism":"flexfec-03","payloadType":35,"ssrc":555}"#)
    #expect(beside.fec == FECSpecification(mechanism: .flexfec, payloadType: PayloadType(35), ssrc: SSRC(555)))
    #expect(!beside.carries(PayloadType(35)) && beside.correctionType == nil && beside.correction == .flexfec)
  }

  /// Header extensions as mediasoup lists them; those that nothing here reads are passed over.
  @Test func headerExtensionsAreRead() throws {
    let text = source(
      #""headerExtensions":[{"uri":"urn:3gpp:video-orientation","id":11,"encrypt":false,"parameters":{}},{"uri":"urn:unknown","id":12}]"#)
    let got = try RecordingSpecification(json: JSONValue(parsing: Array(text.utf8)))
    #expect(got.source.extensions[.videoOrientation] == 11 && got.source.extensions[.mid] == nil)
    let canvas = try RecordingSpecification(json: JSONValue(parsing: Array(start(#""outputs":{"hls":{"canvas":"1280x720"}}"#).utf8)))
    #expect(canvas.outputs.hls?.canvas == PictureSize(width: 1280, height: 720))
    let alarms = try RecordingSpecification(json: JSONValue(parsing: Array(start(#""alarms":{"silenceSeconds":0}"#).utf8)))
    #expect(alarms.alarms.silenceSeconds == nil && got.alarms.silenceSeconds == 10)
  }

  @Test func theLeastHasDefaults() throws {
    let got = try RecordingSpecification(json: JSONValue(parsing: Array(smallStart.utf8)))
    #expect(got.metadata == [:])
    #expect(got.outputs.hls == HLSOutput())
    #expect(got.limits == Limits())
    #expect(got.source.rtcpMux && got.source.bundle)
    #expect(got.source.tracks[0].ssrc == nil && got.source.tracks[0].channels == 2)
  }

  @Test(arguments: [
    start(#""outputs":{"hls":null}"#), start(#""outputs":{"hls":{"video":null}}"#), start(#""outputs":{"hls":{"video":"off"},"file":{}}"#),
    start(#""limits":{"maxDurationSeconds":0,"idleTimeoutSeconds":null}"#), start(#""title":null,"metadata":null,"participants":[]"#),
    source(#""rtcpMux":false,"port":40000"#), source(#""listenIp":"::1","remote":{"ip":"::2","port":1}"#),
    source(
      #""bundle":false"#, tracks: #"{"participant":"a","codec":"opus","payloadType":111,"port":5000,"remote":{"ip":"10.0.0.1","port":9}}"#),
    source("", tracks: #"{"participant":"a","codec":"opus","payloadType":63},{"participant":"a","codec":"VP8","payloadType":96}"#),
    source(#""bundle":false"#, tracks: "\(opus),\(opus)"), source("", tracks: "\(vp8),\(opus)"),
    track(#""ssrc":1"#, also: #",{"participant":"b","codec":"opus","payloadType":111}"#),
    track(#""ssrc":0,"channels":1,"clockRate":48000.0"#),
    track(#""ssrc":4294967295"#), source(#""srtp":{"cryptoSuite":"AEAD_AES_128_GCM","keyBase64":"\#(key(28))","rtcp":"clear"}"#),
    source(#""srtp":{"cryptoSuite":"AEAD_AES_256_GCM","keyBase64":"\#(key(44))"}"#),
    source(#""srtp":{"cryptoSuite":"AEAD_AES_128_GCM","keyBase64":"\#(key(28).filter { $0 != "=" })"}"#),
    #"{"room":"\#(String(repeating: "\u{1F3BC}", count: 256))","source":{"type":"rtp","tracks":[\#(opus)]}}"#,
  ])
  func whatIsAllowedIsTaken(text: String) throws {
    #expect(throws: Never.self) { try RecordingSpecification(json: JSONValue(parsing: Array(text.utf8))) }
  }

  @Test func hlsAndItsVideoCanBeTurnedOff() throws {
    let off = try RecordingSpecification(json: JSONValue(parsing: Array(start(#""outputs":{"hls":null}"#).utf8)))
    #expect(off.outputs.hls == nil)
    let audio = try RecordingSpecification(json: JSONValue(parsing: Array(start(#""outputs":{"hls":{"video":null}}"#).utf8)))
    #expect(audio.outputs.hls?.video == .off)
  }

  @Test(arguments: badStarts)
  func eachMistakeIsNamed(text: String, field: String, problem: String) throws {
    let json = try JSONValue(parsing: Array(text.utf8))
    let error = #expect(throws: ControlError.self) { try RecordingSpecification(json: json) }
    #expect(error?.code == .invalidField)
    #expect(error?.field == field)
    #expect(error?.message == "\(field): \(problem)")
  }

  @Test(arguments: [
    #""cryptoSuite":"AES_CM_128_HMAC_SHA1_80","keyBase64":"SECRETsecret""#, #""cryptoSuite":"SECRETsecretSECRETsecretSECRETsecretSECRETx""#,
    #""cryptoSuite":"AES_CM_128_HMAC_SHA1_80","keyBase64":"SECRETsecret*""#,
    #""cryptoSuite":"AES_CM_128_HMAC_SHA1_80","keyBase64":["SECRET"]"#,
  ])
  func noMessageShowsAKey(srtp: String) throws {
    let json = try JSONValue(parsing: Array(source(#""srtp":{\#(srtp)}"#).utf8))
    let error = #expect(throws: ControlError.self) { try RecordingSpecification(json: json) }
    #expect(error?.message.contains("SECRET") == false)
  }

  /// Each track, and what is made of it: codec, payload type, clock rate, channels.
  @Test(arguments: [
    (#""codec":"PCMU""#, "pcmu 0 8000 1"), (#""codec":"pcma""#, "pcma 8 8000 1"), (#""codec":"G722","clockRate":8000"#, "g722 9 8000 1"),
    (#""codec":"PCMU","payloadType":100,"channels":2"#, "pcmu 100 8000 2"), (#""codec":"L16""#, "l16 11 44100 1"),
    (#""codec":"L16","channels":2"#, "l16 10 44100 2"), (#""codec":"L16","payloadType":10"#, "l16 10 44100 2"),
    (#""codec":"L16","payloadType":97,"clockRate":16000"#, "l16 97 16000 1"),
    (
      #""codec":"multiopus","payloadType":96,"channels":6,"#
        + #""parameters":{"channel_mapping":"0,4,1,2,3,5","num_streams":4,"coupled_streams":2}"#, "multiopus 96 48000 6"
    ),
  ]) func soundIsReadAsSessionDescriptionsHaveIt(_ fields: String, _ want: String) throws {
    let text = source("", tracks: #"{"participant":"a",\#(fields)}"#)
    let got = try RecordingSpecification(json: JSONValue(parsing: Array(text.utf8)))
    let track = got.source.tracks[0]
    #expect("\(track.codec) \(track.payloadType) \(track.clockRate.hertz) \(track.channels)" == want)
    #expect(got.container == (track.codec == .multiopus ? .webm : .mkv))
    #expect(track.streams == (track.codec == .multiopus ? OpusStreams(channels: 6) : nil))
  }

  @Test func addedSourcesAndTracksAreReadAlike() throws {
    func field(_ text: String, tracks: Bool) throws -> String? {
      let json = try JSONValue(parsing: Array(text.utf8))
      do throws(ControlError) {
        if tracks { _ = try TrackSpecification.list(json: json) } else { _ = try SourceSpecification(json: json) }
        return nil
      } catch { return error.field }
    }
    #expect(try field(#"{"type":"rtp","tracks":[\#(opus)]}"#, tracks: false) == nil)
    #expect(try field(#"{"type":"webrtc","offer":"v=0"}"#, tracks: false) == nil)
    #expect(
      try field(#"{"type":"rtp","tracks":[{"participant":"a","codec":"opus","payloadType":128}]}"#, tracks: false)
        == "tracks[0].payloadType")
    #expect(try field(#"{"tracks":[\#(opus),\#(vp8)]}"#, tracks: true) == nil)
    #expect(try field(#"{"tracks":[\#(vp8),\#(vp8)]}"#, tracks: true) == "tracks[1].ssrc")
    #expect(try field(#"{"tracks":[]}"#, tracks: true) == "tracks")
    #expect(try field(#"{"track":[]}"#, tracks: true) == "track")
  }
}

private func multiopus(_ parameters: String) -> String {
  source("", tracks: #"{"participant":"a","codec":"multiopus","payloadType":96,"channels":6,"parameters":{\#(parameters)}}"#)
}

/// Each body, the field that is named, and what is said of it.
private let badStarts: [(String, String, String)] = [
  (#"{"source":{}}"#, "room", "this field is required: the room's id, 1 to 256 characters"),
  (#"{"room":"r"}"#, "source", "this field is required: where the media comes from"),
  (#"{"room":"","source":{}}"#, "room", "it is empty, but 1 to 256 characters are needed"),
  (#"{"room":5,"source":{}}"#, "room", "a number was given, but a string is needed"),
  (#"{"room":"\#(String(repeating: "x", count: 257))","source":{}}"#, "room", "it has 257 characters, but at most 256 are allowed"),
  (#"{"room":"r","sources":[]}"#, "sources", "there is no such field; did you mean source?"),
  (
    start(#""colour":1"#), "colour",
    "there is no such field; known here are room, title, startedBy, metadata, source, participants, outputs, limits, alarms"
  ),
  (start(#""title":"\#(String(repeating: "x", count: 1025))""#), "title", "it has 1025 characters, but at most 1024 are allowed"),
  (start(#""metadata":[1]"#), "metadata", "an array was given, but an object is needed"),
  (
    start(#""metadata":{"a":"\#(String(repeating: "x", count: 65_536))"}"#), "metadata",
    "it takes 65544 bytes, but at most 65536 are allowed"
  ),
  (#"{"room":"r","source":[]}"#, "source", "an array was given, but an object is needed"),
  (#"{"room":"r","source":{"tracks":[]}}"#, "source.type", "this field is required: allowed is rtp, webrtc or whep"),
  (#"{"room":"r","source":{"type":"rtsp"}}"#, "source.type", "\"rtsp\" is not a known source type; allowed is rtp, webrtc or whep"),
  (#"{"room":"r","source":{"type":"rtp"}}"#, "source.tracks", "this field is required: the streams to expect, 1 to 64"),
  (#"{"room":"r","source":{"type":"rtp","tracks":[]}}"#, "source.tracks", "it has 0 items, but at least 1 is needed"),
  (
    source("", tracks: Array(repeating: opus, count: 65).joined(separator: ",")), "source.tracks",
    "it has 65 items, but at most 64 are allowed"
  ),
  (source(#""listenIP":"::1""#), "source.listenIP", "there is no such field; did you mean listenIp?"),
  (source(#""listenIp":"localhost""#), "source.listenIp", "\"localhost\" is not a literal IPv4 or IPv6 address"),
  (source(#""rtcpMux":"yes""#), "source.rtcpMux", "a string was given, but true or false is needed"),
  (source(#""port":80"#), "source.port", "80 is not a port that can be bound (1024 to 65535)"),
  (source(#""port":65536"#), "source.port", "65536 is not a port that can be bound (1024 to 65535)"),
  (source(#""port":4000.5"#), "source.port", "4000.5 is not a port that can be bound (1024 to 65535)"),
  (source(#""port":40001,"rtcpMux":false"#), "source.port", "40001 is odd; with rtcpMux false RTP takes an even port and RTCP the next"),
  (source(#""port":40000,"bundle":false"#), "source.port", "with bundle false each track names its own port"),
  (source(#""remote":{"port":1}"#), "source.remote.ip", "this field is required: the sender's address"),
  (source(#""remote":{"ip":"sfu.example","port":1}"#), "source.remote.ip", "\"sfu.example\" is not a literal IPv4 or IPv6 address"),
  (source(#""remote":{"ip":"0.0.0.0","port":1}"#), "source.remote.ip", "0.0.0.0 is no sender's address"),
  (
    source(#""remote":{"ip":"::1","port":1},"listenIp":"127.0.0.1""#), "source.remote.ip",
    "::1 is not of one address family with listenIp 127.0.0.1"
  ),
  (source(#""remote":{"ip":"::1"}"#), "source.remote.port", "this field is required: the sender's port"),
  (source(#""remote":{"ip":"::1","port":0}"#), "source.remote.port", "0 is not a port (1 to 65535)"),
  (source(#""remote":{"ip":"::1","port":1,"rtcpport":2}"#), "source.remote.rtcpport", "there is no such field; did you mean rtcpPort?"),
  (source(#""srtp":"AAAA""#), "source.srtp", "a string was given, but an object is needed"),
  (
    source(#""srtp":{"keyBase64":"AAAA"}"#), "source.srtp.cryptoSuite",
    "this field is required: allowed is AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32, AEAD_AES_128_GCM or AEAD_AES_256_GCM"
  ),
  (
    source(#""srtp":{"cryptoSuite":"F8_128","keyBase64":"AAAA"}"#), "source.srtp.cryptoSuite",
    "\"F8_128\" is not a known suite; allowed is AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32, AEAD_AES_128_GCM or AEAD_AES_256_GCM"
  ),
  (
    source(#""srtp":{"cryptoSuite":"AES_CM_128_HMAC_SHA1_32"}"#), "source.srtp.keyBase64",
    "this field is required: master key and salt, 30 bytes for AES_CM_128_HMAC_SHA1_32"
  ),
  (
    source(#""srtp":{"cryptoSuite":"AES_CM_128_HMAC_SHA1_80","keyBase64":"AA=A"}"#), "source.srtp.keyBase64",
    "it is not Base64 (RFC 4648 §4)"
  ),
  (
    source(#""srtp":{"cryptoSuite":"AES_CM_128_HMAC_SHA1_80","keyBase64":"AAAAA"}"#), "source.srtp.keyBase64",
    "it is not Base64 (RFC 4648 §4)"
  ),
  (
    source(#""srtp":{"cryptoSuite":"AES_CM_128_HMAC_SHA1_80","keyBase64":"AB"}"#), "source.srtp.keyBase64", "it is not Base64 (RFC 4648 §4)"
  ),
  (
    source(#""srtp":{"cryptoSuite":"AES_CM_128_HMAC_SHA1_80","keyBase64":"\#(key(28))"}"#), "source.srtp.keyBase64",
    "it holds 28 bytes, but master key and salt are 30 bytes for AES_CM_128_HMAC_SHA1_80"
  ),
  (
    source(#""srtp":{"cryptoSuite":"AEAD_AES_128_GCM","keyBase64":"\#(key(30))"}"#), "source.srtp.keyBase64",
    "it holds 30 bytes, but master key and salt are 28 bytes for AEAD_AES_128_GCM"
  ),
  (
    source(#""srtp":{"cryptoSuite":"AEAD_AES_256_GCM","keyBase64":"\#(key(46))"}"#), "source.srtp.keyBase64",
    "it holds 46 bytes, but master key and salt are 44 bytes for AEAD_AES_256_GCM"
  ),
  (
    source(#""srtp":{"cryptoSuite":"AEAD_AES_256_GCM","keyBase64":"\#(key(44))","rtcp":"plain"}"#), "source.srtp.rtcp",
    "\"plain\" is not known; allowed is srtcp or clear"
  ),
  (
    source("", tracks: #"{"codec":"opus","payloadType":1}"#), "source.tracks[0].participant",
    "this field is required: the id of the one who publishes it, 1 to 256 characters"
  ),
  (
    source("", tracks: #"{"participant":"a","payloadType":1}"#), "source.tracks[0].codec",
    "this field is required: allowed is opus, multiopus, G722, PCMU, PCMA, L16, VP8, VP9, H264, AV1 or H265"
  ),
  (
    source("", tracks: #"{"participant":"a","codec":"H263","payloadType":1}"#), "source.tracks[0].codec",
    "\"H263\" is not a codec that can be recorded; allowed is opus, multiopus, G722, PCMU, PCMA, L16, VP8, VP9, H264, AV1 or H265"
  ),
  (source("", tracks: #"{"participant":"a","codec":"opus"}"#), "source.tracks[0].payloadType", "this field is required: 0 to 127"),
  (
    source("", tracks: #"\#(vp8),{"participant":"a","codec":"opus","payloadType":200}"#), "source.tracks[1].payloadType",
    "200 is not a payload type (0 to 127)"
  ),
  (
    source("", tracks: #"{"participant":"a","codec":"opus","payloadType":"111"}"#), "source.tracks[0].payloadType",
    "a string was given, but a whole number is needed"
  ),
  (
    source("", tracks: #"{"participant":"a","codec":"opus","payloadType":64}"#), "source.tracks[0].payloadType",
    "64 cannot be told from RTCP (RFC 5761); allowed are 0 to 63 and 96 to 127"
  ),
  (
    source("", tracks: #"{"participant":"a","codec":"opus","payloadType":72}"#), "source.tracks[0].payloadType",
    "72 cannot be told from RTCP (RFC 5761); allowed are 0 to 63 and 96 to 127"
  ),
  (
    source("", tracks: #"{"participant":"a","codec":"opus","payloadType":95}"#), "source.tracks[0].payloadType",
    "95 cannot be told from RTCP (RFC 5761); allowed are 0 to 63 and 96 to 127"
  ),
  (track(#""kind":"video""#), "source.tracks[0].kind", "\"video\" was given, but opus is audio"),
  (track(#""kind":"text""#), "source.tracks[0].kind", "\"text\" is not known; allowed is audio or video"),
  (track(#""ssrc":-1"#), "source.tracks[0].ssrc", "-1 is not an SSRC (0 to 4294967295)"),
  (track(#""ssrc":4294967296"#), "source.tracks[0].ssrc", "4294967296 is not an SSRC (0 to 4294967295)"),
  (track(#""clockRate":8000"#), "source.tracks[0].clockRate", "8000 was given, but opus runs at 48000"),
  (track(#""channels":3"#), "source.tracks[0].channels", "3 is not a number of channels (1 to 2)"),
  (
    source("", tracks: #"{"participant":"a","codec":"VP8","payloadType":96,"channels":2}"#), "source.tracks[0].channels",
    "only audio has channels, and VP8 is video"
  ),
  (track(#""port":5000"#), "source.tracks[0].port", "with bundle true all tracks share the source's port"),
  (track(#""remote":{"ip":"::1","port":1}"#), "source.tracks[0].remote", "with bundle true all tracks share the source's remote"),
  (track(#""payloadtype":1"#), "source.tracks[0].payloadtype", "there is no such field; did you mean payloadType?"),
  (track(#""rtx":{"ssrc":1}"#), "source.tracks[0].rtx.payloadType", "this field is required: 0 to 127"),
  (track(#""red":{}"#), "source.tracks[0].red.payloadType", "this field is required: 0 to 127"),
  (track(#""red":{"payloadType":111}"#), "source.tracks[0].red.payloadType", "111 is already the track's payloadType"),
  (
    track(#""rtx":{"payloadType":97},"red":{"payloadType":63,"rtx":{"payloadType":97}}"#), "source.tracks[0].red.rtx.payloadType",
    "97 is already the track's rtx.payloadType"
  ),
  (
    track(#""red":{"payloadType":96}"#, also: #",{"participant":"b","codec":"VP8","payloadType":96}"#), "source.tracks[0].red.payloadType",
    "96 is also a payload type of source.tracks[1], on the same port; give both an ssrc to tell them apart"
  ),
  (track(#""rtx":{"payloadType":111}"#), "source.tracks[0].rtx.payloadType", "111 is already the payload type of the media it repeats"),
  (track(#""ssrc":2"#, also: ",\(vp8)"), "source.tracks[1].ssrc", "2 is already given as source.tracks[0].ssrc"),
  (
    track(#""rtx":{"payloadType":97,"ssrc":2}"#, also: ",\(vp8)"), "source.tracks[1].ssrc",
    "2 is already given as source.tracks[0].rtx.ssrc"
  ),
  (
    track(#""fec":{"mechanism":"ulpfec","payloadType":111}"#), "source.tracks[0].fec.payloadType",
    "111 is already the track's payloadType"
  ),
  (
    track(#""fec":{"mechanism":"ulpfec","payloadType":112,"ssrc":5}"#), "source.tracks[0].fec.ssrc",
    "ulpfec comes on the track's own SSRC; flexfec-03 has one of its own"
  ),
  (
    track(#""ssrc":5,"fec":{"mechanism":"flexfec-03","payloadType":112,"ssrc":5}"#), "source.tracks[0].fec.ssrc",
    "5 is already given as source.tracks[0].ssrc"
  ),
  (track(#""fec":{"payloadType":112}"#), "source.tracks[0].fec.mechanism", "this field is required: allowed is ulpfec or flexfec-03"),
  (
    track(#""fec":{"mechanism":"flexfec-03","payloadType":96}"#, also: ",\(vp8)"), "source.tracks[0].fec.payloadType",
    "96 is also a payload type of source.tracks[1], on the same port; give both an ssrc to tell them apart"
  ),
  (
    source("", tracks: "\(opus),\(opus)"), "source.tracks[1].payloadType",
    "111 is also source.tracks[0].payloadType, on the same port; give both an ssrc to tell them apart"
  ),
  (
    source("", tracks: #"\#(opus),{"participant":"a","codec":"VP8","payloadType":96,"rtx":{"payloadType":111}}"#),
    "source.tracks[1].rtx.payloadType", "111 is also source.tracks[0].payloadType, on the same port; give both an ssrc to tell them apart"
  ),
  (
    source(
      #""bundle":false"#,
      tracks: Array(repeating: #"{"participant":"a","codec":"opus","payloadType":1,"port":5000}"#, count: 2).joined(separator: ",")),
    "source.tracks[1].port", "5000 is already the port of source.tracks[0]"
  ),
  (start(#""participants":{}"#), "participants", "an object was given, but an array is needed"),
  (start(#""participants":[{"name":"x"}]"#), "participants[0].id", "this field is required: the participant's id, 1 to 256 characters"),
  (start(#""participants":[{"id":"a"},{"id":"a"}]"#), "participants[1].id", "\"a\" is already the id of participants[0]"),
  (start(#""participants":[{"id":"a","userid":"b"}]"#), "participants[0].userid", "there is no such field; did you mean userId?"),
  (start(#""outputs":{"file":null}"#), "outputs.file", "the file cannot be turned off in this version"),
  (start(#""outputs":{"file":{"container":"avi"}}"#), "outputs.file.container", "\"avi\" is not known; allowed is webm, mkv or mp4"),
  (
    #"{"room":"r","source":{"type":"rtp","tracks":[{"participant":"a","codec":"h264","payloadType":96}]},"#
      + #""outputs":{"file":{"container":"webm"}}}"#,
    "outputs.file.container", "webm cannot hold H264; mkv, mp4 can"
  ),
  (
    source("", tracks: #"{"participant":"a","codec":"h264","payloadType":96,"parameters":{"sprop-parameter-sets":"Zw==,eA=="}}"#),
    "source.tracks[0].parameters.sprop-parameter-sets", "\"eA==\" is not a parameter set in base64"
  ),
  (
    source("", tracks: #"{"participant":"a","codec":"VP8","payloadType":96,"parameters":{}}"#), "source.tracks[0].parameters",
    "only H264, H265 and multiopus have parameters to know beforehand, and this is VP8"
  ),
  (
    #"{"room":"r","source":{"type":"rtp","tracks":[{"participant":"a","codec":"PCMU"}]},"outputs":{"file":{"container":"webm"}}}"#,
    "outputs.file.container", "webm cannot hold PCMU; mkv can"
  ),
  (
    #"{"room":"r","source":{"type":"rtp","tracks":[{"participant":"a","codec":"VP8","payloadType":96}]},"outputs":{"file":{"container":"mp4"}}}"#,
    "outputs.file.container", "mp4 cannot hold VP8; webm, mkv can"
  ),
  (
    #"{"room":"r","source":{"type":"rtp","tracks":[{"participant":"a","codec":"L16","payloadType":11}]},"outputs":{"file":{"container":"mp4"}}}"#,
    "outputs.file.container", "mp4 cannot hold L16; mkv can"
  ),
  (
    source("", tracks: #"{"participant":"a","codec":"PCMU","clockRate":16000}"#), "source.tracks[0].clockRate",
    "16000 was given, but PCMU runs at 8000"
  ),
  (
    source("", tracks: #"{"participant":"a","codec":"G722","clockRate":16000}"#), "source.tracks[0].clockRate",
    "16000 was given, but G722 runs at 8000"
  ),
  (
    source("", tracks: #"{"participant":"a","codec":"G722","channels":2}"#), "source.tracks[0].channels",
    "2 is not a number of channels (1 to 1)"
  ),
  (
    source("", tracks: #"{"participant":"a","codec":"L16","payloadType":97}"#), "source.tracks[0].clockRate",
    "L16 runs at any, and only payload types 10 and 11 say which; in hertz"
  ),
  (
    source("", tracks: #"{"participant":"a","codec":"L16","clockRate":16000}"#), "source.tracks[0].payloadType",
    "this field is required: 0 to 127"
  ),
  (
    source("", tracks: #"{"participant":"a","codec":"multiopus","payloadType":96}"#), "source.tracks[0].channels",
    "is required for multiopus: 1 to 8"
  ),
  (
    source("", tracks: #"{"participant":"a","codec":"multiopus","payloadType":96,"channels":6}"#), "source.tracks[0].parameters",
    "this field is required: what a=fmtp says of multiopus: channel_mapping, num_streams, coupled_streams"
  ),
  (
    multiopus(#""channel_mapping":"0,1,2,3,4,5","num_streams":4"#), "source.tracks[0].parameters.coupled_streams",
    "this field is required: 0 to 8"
  ),
  (
    multiopus(#""channel_mapping":"0,1","num_streams":1,"coupled_streams":1"#), "source.tracks[0].parameters.channel_mapping",
    "it is of 2 channels, and channels is 6"
  ),
  (
    multiopus(#""channel_mapping":"0,4,1,2,3,6","num_streams":4,"coupled_streams":2"#), "source.tracks[0].parameters.channel_mapping",
    "it names channel 6, but 4 streams, 2 of them coupled, have 6"
  ),
  (start(#""outputs":{"hsl":null}"#), "outputs.hsl", "there is no such field; did you mean hls?"),
  (start(#""outputs":{"hls":{"segmentSeconds":31}}"#), "outputs.hls.segmentSeconds", "31 is not a number of whole seconds (1 to 30)"),
  (
    start(#""outputs":{"hls":{"canvas":"1280*720"}}"#), "outputs.hls.canvas",
    #""1280*720" is no size such as 1280x720, of even sides from 16 to 4096"#
  ),
  (
    start(#""outputs":{"hls":{"canvas":"1281x720"}}"#), "outputs.hls.canvas",
    #""1281x720" is no size such as 1280x720, of even sides from 16 to 4096"#
  ),
  (start(#""alarms":{"silenceSeconds":-1}"#), "alarms.silenceSeconds", "-1 is not a number of seconds (0 to 86400, 0 for no alarm)"),
  (
    source(#""headerExtensions":[{"uri":"urn:3gpp:video-orientation","id":4},{"uri":"urn:x","id":4}]"#),
    "source.headerExtensions[1].id", "4 is already the id of source.headerExtensions[0]"
  ),
  (source(#""headerExtensions":[{"uri":"urn:x","id":0}]"#), "source.headerExtensions[0].id", "0 is not an id (1 to 255)"),
  (start(#""outputs":{"hls":{"segmentSeconds":1.5}}"#), "outputs.hls.segmentSeconds", "1.5 is not a number of whole seconds (1 to 30)"),
  (start(#""outputs":{"hls":{"video":"hevc"}}"#), "outputs.hls.video", "\"hevc\" is not known; allowed is h264 or off"),
  (start(#""outputs":{"hls":{"audio":1}}"#), "outputs.hls.audio", "a number was given, but aac or opus is needed"),
  (start(#""outputs":{"hls":{"quality":"best"}}"#), "outputs.hls.quality", "\"best\" is not known; allowed is low, medium, high or ultra"),
  (
    start(#""limits":{"maxDurationSeconds":-1}"#), "limits.maxDurationSeconds",
    "-1 is not a number of seconds (0 to 604800, 0 for no limit)"
  ),
  (
    start(#""limits":{"idleTimeoutSeconds":604801}"#), "limits.idleTimeoutSeconds",
    "604801 is not a number of seconds (0 to 604800, 0 for no limit)"
  ),
  (start(#""limits":{"maxBytes":1.5}"#), "limits.maxBytes", "1.5 is not a number of bytes, 0 for no limit (0 to 9223372036854775807)"),
  (start(#""limits":{"maxByte":1}"#), "limits.maxByte", "there is no such field; did you mean maxBytes?"),
]
