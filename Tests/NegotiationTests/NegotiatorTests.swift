import Codecs
import Foundation
import Ground
import Negotiation
import RTP
import SDP
import Testing

@Suite struct NegotiatorTests {
  static let local = LocalTransport(
    ufrag: "abcd", password: "0123456789abcdefghijkl", candidates: ["1 1 udp 2130706431 127.0.0.1 40000 typ host"],
    address: ConnectionData(family: .ip4, address: "127.0.0.1"), port: 40000, isLite: true,
    fingerprint: Fingerprint(algorithm: "sha-256", digest: Array(0..<32)))

  static func negotiator(_ change: (inout Negotiator.Configuration) -> Void = { _ in }) -> Negotiator {
    var configuration = Negotiator.Configuration()
    change(&configuration)
    return Negotiator(configuration, local: local)
  }

  /// Answers an offer, and reads the answer as its receiver would.
  private func answer(_ offer: String, _ negotiator: inout Negotiator) throws -> SessionDescription {
    try SessionDescription(parsing: try negotiator.answer(try Offers.parse(offer)))
  }

  /// The facts that every answer must have, by RFC 3264 §6, RFC 8829 §5.3 and RFC 8843 §7.3.
  private func check(_ answer: SessionDescription, to offer: SessionDescription) {
    #expect(answer.media.count == offer.media.count)
    #expect(answer.attributes.values(of: "ice-lite").count == 1)
    let bundled = answer.attributes.groups.first?.mids ?? []
    for (told, asked) in zip(answer.media, offer.media) {
      #expect(told.kind == asked.kind)
      #expect(told.transport == asked.transport)
      #expect(told.attributes.mid == asked.attributes.mid)
      guard told.port != 0 else {
        #expect(!bundled.contains(told.attributes.mid ?? ""))
        #expect(told.formats == asked.formats)
        continue
      }
      #expect(bundled.contains(told.attributes.mid ?? ""))
      #expect(told.attributes.direction == .receiveOnly || told.attributes.direction == .inactive)
      #expect(told.attributes.hasRTCPMux)
      #expect(Set(told.formats).isSubset(of: Set(asked.formats)))
      for name in ["ice-ufrag", "ice-pwd", "fingerprint", "setup"] { #expect(told.attributes.values(of: name).count == 1) }
      for map in told.attributes.extensionMaps {
        #expect(asked.attributes.extensionMaps.contains { $0.id == map.id && $0.uri == map.uri })
      }
      for case let value? in told.attributes.values(of: "rtcp-fb") {
        #expect(asked.attributes.values(of: "rtcp-fb").contains(value))
      }
    }
  }

  // MARK: Real peers

  @Test(arguments: [Offers.chromium, Offers.chromiumSimulcast, Offers.firefox, Offers.gstreamer, Offers.aiortc])
  func answersRealPeers(_ text: String) throws {
    var negotiator = NegotiatorTests.negotiator()
    let offer = try Offers.parse(text)
    let answer = try answer(text, &negotiator)
    check(answer, to: offer)
    #expect(negotiator.sections.map(\.kind) == ["audio", "video"])
    #expect(negotiator.sections.map { $0.codec?.codec } == [.opus, .vp8])
    #expect(negotiator.sections.allSatisfy { $0.isReceiving })
    #expect(negotiator.setup == .active)
    #expect(answer.media.allSatisfy { $0.attributes.values(of: "setup") == ["active"] })
    #expect(answer.media[0].attributes.values(of: "candidate") == ["1 1 udp 2130706431 127.0.0.1 40000 typ host"])
    #expect(answer.media[1].attributes.values(of: "candidate").isEmpty)
    #expect(negotiator.sections[1].codec?.rtx != nil)
    #expect(negotiator.sections[1].codec?.feedback.contains([.nack, .pli]) == true)
  }

  @Test func whatChromiumSends() throws {
    var negotiator = NegotiatorTests.negotiator()
    let answer = try answer(Offers.chromium, &negotiator)
    let audio = negotiator.sections[0]
    let video = negotiator.sections[1]
    #expect(audio.codec?.payloadType == PayloadType(111))
    #expect(audio.codec?.parameters == "minptime=10;useinbandfec=1")
    #expect(audio.codec?.feedback == [.transportCC])
    #expect(audio.extensions == [.audioLevel: 1, .absoluteSendTime: 2, .transportSequenceNumber: 3, .mid: 4])
    #expect(audio.streams == [SignalledStream(ssrc: SSRC(855_352_909))])
    #expect(audio.trackID == "df559888-fc22-4461-a7c8-6cfc210a4099")
    #expect(audio.streamID == nil)
    #expect(video.codec?.payloadType == PayloadType(96))
    #expect(video.codec?.rtx == PayloadType(97))
    #expect(video.codec?.feedback == [.nack, .pli, .fir, .transportCC])
    #expect(video.streams == [SignalledStream(ssrc: SSRC(2_580_735_959), rtx: SSRC(917_528_567))])
    // The sender turns the pictures itself where orientation is not agreed on.
    #expect(video.extensions[.videoOrientation] == nil)
    #expect(answer.media[1].formats == ["96", "97"])
    #expect(audio.codec?.red == PayloadType(63) && audio.codec?.prefersRED == false)
    #expect(answer.media[0].formats == ["111", "63"])
    #expect(answer.media[0].attributes.formatParameters.first { $0.format == "63" }?.text == "111/111")
    #expect(video.codec?.red == nil)
    #expect(negotiator.extensions[.mid] == 4)
    #expect(negotiator.extensions[.repairedStreamID] == 11)
    let remote = try #require(negotiator.remote)
    #expect(remote.ufrag == "zeMY")
    #expect(remote.password == "wHPvAiHFCjzwGIarZf9XH5RQ")
    #expect(!remote.isLite)
    #expect(remote.candidates.count == 2)
    #expect(remote.fingerprints.count == 1)
    #expect(remote.fingerprints[0].algorithm == "sha-256")
    #expect(remote.fingerprints[0].digest.prefix(3) == [0xd8, 0x8a, 0x69])
  }

  /// Redundancy is received in the place that its sender gives it, and only around the codec that is received.
  @Test func redundancyIsTakenAsItIsOffered() throws {
    var negotiator = NegotiatorTests.negotiator()
    let preferred = Offers.chromium.replacing("SAVPF 111 63", with: "SAVPF 63 111")
    let answer = try answer(preferred, &negotiator)
    #expect(answer.media[0].formats == ["63", "111"])
    #expect(answer.media[0].attributes.rtpMaps.first { $0.payloadType == PayloadType(63) }?.encoding == "red")
    #expect(negotiator.sections[0].codec?.payloadType == PayloadType(111))
    for other in ["fmtp:63 111/0", "fmtp:63 111", "fmtp:62 111/111"] {
      var plain = NegotiatorTests.negotiator()
      let told = try self.answer(Offers.chromium.replacing("fmtp:63 111/111", with: other), &plain)
      #expect(told.media[0].formats == ["111"])
      #expect(plain.sections[0].codec?.red == nil)
    }
  }

  @Test func simulcastIsTakenWithAllItsLayers() throws {
    var negotiator = NegotiatorTests.negotiator()
    let answer = try answer(Offers.chromiumSimulcast, &negotiator)
    #expect(negotiator.sections[1].rids == ["q", "h", "f"])
    #expect(answer.media[1].attributes.rids.map(\.id) == ["q", "h", "f"])
    #expect(answer.media[1].attributes.rids.allSatisfy { $0.direction == .receive })
    #expect(answer.media[1].attributes.values(of: "simulcast") == ["recv q;h;f"])
    var plain = NegotiatorTests.negotiator { $0.acceptsSimulcast = false }
    let other = try self.answer(Offers.chromiumSimulcast, &plain)
    #expect(plain.sections[1].rids.isEmpty)
    #expect(other.media[1].attributes.values(of: "simulcast").isEmpty)
  }

  @Test func firefoxNamesItsBundledSectionPortZero() throws {
    var negotiator = NegotiatorTests.negotiator()
    _ = try answer(Offers.firefox, &negotiator)
    #expect(negotiator.sections[1].codec?.payloadType == PayloadType(120))
    #expect(negotiator.sections[1].codec?.rtx == PayloadType(124))
    #expect(negotiator.sections[1].streams == [SignalledStream(ssrc: SSRC(3_707_955_325), rtx: SSRC(352_807_762))])
    // csrc-audio-level and playout-delay are what Firefox would receive, not send.
    #expect(negotiator.sections[1].extensions[.playoutDelay] == nil)
    #expect(negotiator.remote?.fingerprints.first?.digest.count == 32)
  }

  @Test func aiortcReceivesREMB() throws {
    var negotiator = NegotiatorTests.negotiator()
    _ = try answer(Offers.aiortc, &negotiator)
    #expect(negotiator.sections[1].codec?.feedback == [.nack, .pli, .remb])
    #expect(negotiator.sections[0].codec?.payloadType == PayloadType(96))
    #expect(negotiator.sections[0].streamID == "1234cd64-32b4-4926-9e2c-63eb3b5f8e28")
    #expect(negotiator.remote?.fingerprints.map(\.algorithm) == ["sha-256", "sha-384", "sha-512"])
    #expect(negotiator.remote?.hasEndedCandidates == true)
  }

  // MARK: What is rejected section by section

  private func offer(_ media: String..., bundle: String = "0 1") -> String {
    (["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE \(bundle)"] + NegotiatorTests.transport + media)
      .joined(separator: "\n")
  }
  private static let transport = [
    "a=ice-ufrag:abcd", "a=ice-pwd:0123456789abcdefghijkl",
    "a=fingerprint:sha-256 " + Array(repeating: "0A", count: 32).joined(separator: ":"), "a=setup:actpass",
  ]
  private let opus = "m=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:0\na=rtcp-mux\na=sendonly\na=rtpmap:111 opus/48000/2"
  private let vp8 = "m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:1\na=rtcp-mux\na=sendonly\na=rtpmap:96 VP8/90000"

  @Test(arguments: [
    "m=video 9 UDP/TLS/RTP/SAVPF 99\na=mid:1\na=rtcp-mux\na=rtpmap:99 H263/90000",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:1\na=sctp-port:5000",
    "m=video 9 RTP/AVP 96\na=mid:1\na=rtcp-mux\na=rtpmap:96 VP8/90000",
    "m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:1\na=rtpmap:96 VP8/90000",
    "m=video 0 UDP/TLS/RTP/SAVPF 96\na=mid:1\na=rtcp-mux\na=rtpmap:96 VP8/90000",
    "m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:1\na=rtcp-mux\na=rtpmap:96 VP8/48000",
  ])
  func whatCannotBeReceivedIsRejectedAlone(_ media: String) throws {
    var negotiator = NegotiatorTests.negotiator()
    let text = offer(opus, media)
    let answer = try answer(text, &negotiator)
    check(answer, to: try Offers.parse(text))
    #expect(answer.media[0].port == 40000)
    #expect(answer.media[1].port == 0)
    #expect(negotiator.sections.map(\.isRejected) == [false, true])
    #expect(answer.attributes.groups.first?.mids == ["0"])
  }

  @Test func whatLiesOutsideTheBundleIsRejected() throws {
    var negotiator = NegotiatorTests.negotiator()
    _ = try answer(offer(opus, vp8, bundle: "1"), &negotiator)
    #expect(negotiator.sections.map(\.isRejected) == [true, false])
    var without = NegotiatorTests.negotiator()
    let text = offer(opus, vp8).replacing("a=group:BUNDLE 0 1\n", with: "")
    let answer = try answer(text, &without)
    #expect(without.sections.map(\.isRejected) == [false, true])
    #expect(answer.attributes.groups.isEmpty)
  }

  @Test func directionsAreMirrored() throws {
    for (asked, isReceiving) in [("sendonly", true), ("sendrecv", true), ("recvonly", false), ("inactive", false)] {
      var negotiator = NegotiatorTests.negotiator()
      let answer = try answer(offer(opus.replacing("sendonly", with: asked), vp8), &negotiator)
      #expect(negotiator.sections[0].isReceiving == isReceiving)
      #expect(answer.media[0].attributes.direction == (isReceiving ? .receiveOnly : .inactive))
      #expect(!negotiator.sections[0].isRejected)
    }
  }

  @Test func rolesInTheHandshake() throws {
    for (asked, role) in [("actpass", Setup.active), ("active", .passive), ("passive", .active)] {
      var negotiator = NegotiatorTests.negotiator()
      let answer = try answer(offer(opus, vp8).replacing("actpass", with: asked), &negotiator)
      #expect(negotiator.setup == role)
      #expect(answer.media[0].attributes.values(of: "setup") == [role.rawValue])
    }
  }

  // MARK: What is refused as a whole

  private func refusal(_ text: String, _ negotiator: inout Negotiator) throws -> NegotiationError? {
    let before = negotiator.sections
    let offer = try Offers.parse(text)
    do {
      _ = try negotiator.answer(offer)
      return nil
    } catch {
      // A refused offer leaves the session as it was.
      #expect(negotiator.sections == before)
      return error
    }
  }

  @Test(
    arguments: [
      ("a=ice-ufrag:abcd\n", "", 0, "a=ice-ufrag is missing"), ("a=ice-ufrag:abcd", "a=ice-ufrag:ab", 0, "4 to 256"),
      ("a=ice-pwd:0123456789abcdefghijkl\n", "", 0, "a=ice-pwd is missing"),
      ("0123456789abcdefghijkl", "0123456789 abcdefghijkl", 0, "a=ice-pwd: expected"), ("a=fingerprint:", "a=finger:", 0, "is missing"),
      ("sha-256 0A:", "sha-256 0:", 0, "XX:XX"), ("actpass", "sometimes", 0, "not sometimes"),
      ("a=mid:1", "a=mid:0", 1, "another section's"), ("BUNDLE 0 1", "BUNDLE 0 7", nil, "names 7"),
    ] as [(String, String, Int?, String)])
  func saysWhatIsWrong(_ from: String, _ to: String, _ section: Int?, _ words: String) throws {
    var negotiator = NegotiatorTests.negotiator()
    let error = try refusal(offer(opus, vp8).replacing(from, with: to), &negotiator)
    guard case .invalid(let at, let reason) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(at == section)
    #expect(reason.contains(words))
  }

  /// A bundle has one list of header extensions (RFC 8843 §9.1), and aiortc 1.4 has one for each section: what is of more use keeps the id.
  @Test(
    arguments: [
      ("audioLevel 2", "absoluteSendTime 2", "", "absoluteSendTime 2"), ("absoluteSendTime 2", "audioLevel 2", "absoluteSendTime 2", ""),
      ("audioLevel 1", "mid 1", "", "mid 1"), ("mid 1", "mid 4", "mid 1", ""),
      ("mid 1, audioLevel 2", "mid 1, absoluteSendTime 3", "mid 1, audioLevel 2", "mid 1, absoluteSendTime 3"),
      ("mid 1, audioLevel 2", "mid 2", "mid 1, audioLevel 2", ""),
    ])
  func clashingExtensionsAreLeftOut(_ audio: String, _ video: String, _ wantAudio: String, _ wantVideo: String) throws {
    func extensions(_ text: String) throws -> [RTPHeaderExtension: UInt8] {
      var out: [RTPHeaderExtension: UInt8] = [:]
      for words in text.split(separator: ", ").map({ $0.split(separator: " ") }) {
        out[try #require(RTPHeaderExtension.allCases.first { "\($0)" == words[0] })] = UInt8(words[1]) ?? 0
      }
      return out
    }
    func lines(_ text: String) throws -> String { try extensions(text).map { "\na=extmap:\($0.value) \($0.key.rawValue)" }.joined() }
    var negotiator = NegotiatorTests.negotiator()
    let answer = try answer(offer(opus + lines(audio), vp8 + lines(video)), &negotiator)
    #expect(negotiator.sections.map(\.extensions) == [try extensions(wantAudio), try extensions(wantVideo)])
    for (media, want) in zip(answer.media, [wantAudio, wantVideo]) {
      #expect(Set(media.attributes.extensionMaps.map(\.uri)) == Set(try extensions(want).keys.map(\.rawValue)))
    }
  }

  @Test func anExtensionsIdIsAByte() throws {
    var negotiator = NegotiatorTests.negotiator()
    let mid = "\na=extmap:300 urn:ietf:params:rtp-hdrext:sdes:mid"
    #expect(try refusal(offer(opus, vp8 + mid), &negotiator)?.description.contains("1 to 255") == true)
  }

  @Test func nothingToReceiveIsAConflict() throws {
    var negotiator = NegotiatorTests.negotiator()
    let error = try refusal(offer(vp8.replacing("VP8", with: "VP7"), bundle: "1"), &negotiator)
    guard case .conflict(nil, let reason) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(reason.contains("opus, multiopus, G722, PCMU, PCMA, L16, VP8"))
    #expect(try refusal("v=0\ns=-\nt=0 0", &negotiator) == .invalid(section: nil, reason: "there is no m= line"))
  }

  // MARK: Renegotiation

  @Test func aCameraIsAddedMutedAndRemoved() throws {
    var negotiator = NegotiatorTests.negotiator()
    let first = try answer(offer(opus, bundle: "0"), &negotiator)
    #expect(negotiator.sections.count == 1)
    let second = try answer(offer(opus, vp8), &negotiator)
    #expect(negotiator.sections.map(\.isReceiving) == [true, true])
    #expect(second.origin.sessionID == first.origin.sessionID)
    #expect(second.origin.sessionVersion == "2")
    _ = try answer(offer(opus, vp8.replacing("sendonly", with: "inactive")), &negotiator)
    #expect(negotiator.sections.map(\.isReceiving) == [true, false])
    let gone = vp8.replacing("m=video 9", with: "m=video 0")
    _ = try answer(offer(opus, gone, bundle: "0"), &negotiator)
    #expect(negotiator.sections.map(\.isRejected) == [false, true])
    // A rejected section's place may be taken by another one.
    _ = try answer(offer(opus, vp8.replacing("mid:1", with: "mid:2"), bundle: "0 2"), &negotiator)
    #expect(negotiator.sections.map(\.mid) == ["0", "2"])
    #expect(try refusal(offer(opus, bundle: "0"), &negotiator)?.description.contains("added, not removed") == true)
    #expect(try refusal(offer(vp8, opus, bundle: "1 0"), &negotiator)?.description.contains("keep their order") == true)
    #expect(negotiator.setup == .active)
    #expect(
      try refusal(offer(opus, vp8.replacing("mid:1", with: "mid:2"), bundle: "0 2").replacing("actpass", with: "active"), &negotiator)
        != nil)
  }

  @Test func newCredentialsRestartICE() throws {
    var negotiator = NegotiatorTests.negotiator()
    let text = offer(opus, vp8)
    #expect(!negotiator.restartsICE(try Offers.parse(text)))
    _ = try answer(text, &negotiator)
    #expect(!negotiator.restartsICE(try Offers.parse(text)))
    let restarted = text.replacing("a=ice-ufrag:abcd", with: "a=ice-ufrag:efgh")
    #expect(negotiator.restartsICE(try Offers.parse(restarted)))
    var local = NegotiatorTests.local
    local.ufrag = "wxyz"
    let answer = try SessionDescription(parsing: try negotiator.answer(try Offers.parse(restarted), restarted: local))
    #expect(answer.media[0].attributes.values(of: "ice-ufrag") == ["wxyz"])
    #expect(negotiator.remote?.ufrag == "efgh")
  }

  // MARK: Our own offers

  private func theirAnswer(to offer: SessionDescription, setup: String = "active") -> String {
    var text = "v=0\no=- 9 1 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0 1\na=ice-lite\n"
    text += NegotiatorTests.transport.dropLast().joined(separator: "\n") + "\na=setup:\(setup)\n"
    for media in offer.media {
      let type = media.formats[0]
      text += "m=\(media.kind) 5000 UDP/TLS/RTP/SAVPF \(media.formats.joined(separator: " "))\na=mid:\(media.attributes.mid ?? "")\n"
      text += "a=rtcp-mux\na=sendonly\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\n"
      for map in media.attributes.rtpMaps where map.encoding != "rtx" {
        text += "a=rtpmap:\(map.payloadType) \(map.encoding)/\(map.clockRate)\(map.channels.map { "/\($0)" } ?? "")\n"
      }
      text += "a=rtcp-fb:\(type) nack\na=rtcp-fb:\(type) nack pli\na=ssrc:7\(type) cname:x\n"
    }
    return text
  }

  /// Dependency descriptors are agreed on where AV1 is received, the one codec that needs them.
  @Test(arguments: [Codec.av1, .vp9]) func dependenciesAreToldWithAV1Alone(_ wanted: Codec) throws {
    let uri = RTPHeaderExtension.dependencyDescriptor
    var negotiator = NegotiatorTests.negotiator { $0.codecs = [.opus, wanted] }
    var text = Offers.chromium.replacingOccurrences(
      of: "extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", with: "extmap:12 \(uri.rawValue)")
    text = text.replacingOccurrences(of: "rtpmap:96 VP8/90000", with: "rtpmap:96 \(wanted.rawValue)/90000")
    let answered = try answer(text, &negotiator)
    #expect(answered.media[1].attributes.rtpMaps.first?.encoding == wanted.rawValue)
    #expect(negotiator.extensions[uri] == (wanted == .av1 ? 12 : nil))
    #expect(answered.media[1].attributes.extensionMaps.contains { $0.uri == uri.rawValue } == (wanted == .av1))
  }

  @Test func ourOfferIsAnswered() throws {
    var negotiator = NegotiatorTests.negotiator()
    let offer = try SessionDescription(parsing: negotiator.offer([.audio, .video]))
    #expect(offer.media.map(\.kind) == ["audio", "video"])
    #expect(offer.media.allSatisfy { $0.attributes.values(of: "setup") == ["actpass"] && $0.attributes.direction == .receiveOnly })
    let encodings = offer.media[1].attributes.rtpMaps.map(\.encoding)
    #expect(encodings.prefix(2) == ["VP8", "rtx"])
    #expect(encodings.filter { $0 != "rtx" } == Codec.received.filter { $0.kind == .video }.map(\.rawValue))
    // Whole packets and fragments, constrained baseline: without that, H.264 would be of a size that nobody sends.
    #expect(offer.media[1].attributes.formatParameters.first { $0["packetization-mode"] != nil }?["packetization-mode"] == "1")
    #expect(negotiator.hasOffered)
    #expect(throws: NegotiationError.self) { try negotiator.answer(try Offers.parse(Offers.chromium)) }
    #expect(throws: NegotiationError.self) { try negotiator.accept(try Offers.parse(theirAnswer(to: offer, setup: "actpass"))) }
    try negotiator.accept(try Offers.parse(theirAnswer(to: offer)))
    #expect(!negotiator.hasOffered)
    #expect(negotiator.setup == .passive)
    #expect(negotiator.remote?.isLite == true)
    #expect(negotiator.sections.allSatisfy { $0.isReceiving })
    #expect(negotiator.sections[1].codec?.rtx == nil)
    #expect(negotiator.sections[1].codec?.feedback == [.nack, .pli])
    #expect(negotiator.sections[1].streams.map(\.ssrc) == [SSRC(796)])
    #expect(negotiator.extensions[.mid] == 1)
    #expect(negotiator.extensions[.transportSequenceNumber] == nil)
    #expect(throws: NegotiationError.self) { try negotiator.accept(try Offers.parse(theirAnswer(to: offer))) }
  }

  /// Redundancy around Opus is offered behind it, as browsers do, and taken where the answer has it, in the answer's order.
  @Test(arguments: [("111 63", "111/111"), ("63 111", "111/111"), ("111", "111/0"), ("111 63", "111/0")])
  func redundancyIsOffered(_ formats: String, _ blocks: String) throws {
    var negotiator = NegotiatorTests.negotiator()
    let offer = try SessionDescription(parsing: negotiator.offer([.audio, .video]))
    #expect(offer.media[0].formats.prefix(2) == ["111", "63"])
    let map = offer.media[0].attributes.rtpMaps.first { $0.encoding == "red" }
    #expect(map?.payloadType == PayloadType(63) && map?.clockRate == 48_000 && map?.channels == 2)
    #expect(offer.media[0].attributes.formatParameters.first { $0.format == "63" }?.text == "111/111")
    let whole = theirAnswer(to: offer).replacing(
      "m=audio 5000 UDP/TLS/RTP/SAVPF \(offer.media[0].formats.joined(separator: " "))",
      with: "m=audio 5000 UDP/TLS/RTP/SAVPF \(formats)"
    ).replacing("a=rtpmap:63 red/48000/2", with: "a=rtpmap:63 red/48000/2\na=fmtp:63 \(blocks)")
    try negotiator.accept(try Offers.parse(whole))
    let codec = try #require(negotiator.sections[0].codec)
    #expect(codec.codec == .opus && codec.payloadType == PayloadType(111))
    #expect(codec.red == (blocks == "111/111" ? PayloadType(63) : nil))
    #expect(codec.prefersRED == formats.hasPrefix("63"))
    #expect(negotiator.sections[1].codec?.red == nil)
  }

  /// Forward error correction is agreed on where it is wanted, and else not: Chromium offers it to everybody.
  @Test func correctionIsAgreedOnWhereItIsWanted() throws {
    var plain = NegotiatorTests.negotiator()
    let without = try answer(Offers.chromium, &plain)
    #expect(without.media[1].formats == ["96", "97"] && plain.sections[1].codec?.red == nil)
    var negotiator = NegotiatorTests.negotiator { $0.corrections = [.flexfec, .ulpfec] }
    let told = try answer(Offers.chromium, &negotiator)
    check(told, to: try Offers.parse(Offers.chromium))
    #expect(told.media[1].formats == ["96", "97", "118", "119", "120"])
    #expect(told.media[1].attributes.rtpMaps.map(\.encoding) == ["VP8", "rtx", "red", "rtx", "ulpfec"])
    #expect(told.media[1].attributes.formatParameters.first { $0.format == "119" }?["apt"] == "118")
    let codec = try #require(negotiator.sections[1].codec)
    #expect(codec.red == PayloadType(118) && codec.redRTX == PayloadType(119))
    #expect(codec.corrections == [.ulpfec: PayloadType(120)])
    // With a field trial Chromium offers the newer scheme too.
    let trial = Offers.chromium.replacing(
      "a=ssrc-group:FID 2580735959 917528567",
      with:
        "a=rtpmap:35 flexfec-03/90000\na=fmtp:35 repair-window=10000000\na=ssrc-group:FID 2580735959 917528567\na=ssrc-group:FEC-FR 2580735959 42"
    ).replacing("a=ssrc:917528567 cname", with: "a=ssrc:42 cname:6PCA4Fmhy0VunXuv\na=ssrc:917528567 cname").replacing(
      " 118 119 120", with: " 118 119 120 35")
    var other = NegotiatorTests.negotiator { $0.corrections = [.flexfec, .ulpfec] }
    let newer = try answer(trial, &other)
    #expect(newer.media[1].formats == ["96", "97", "35"])
    #expect(newer.media[1].attributes.formatParameters.first { $0.format == "35" }?["repair-window"] == "10000000")
    #expect(other.sections[1].codec?.corrections == [.flexfec: PayloadType(35)])
    #expect(other.sections[1].streams == [SignalledStream(ssrc: SSRC(2_580_735_959), rtx: SSRC(917_528_567))])
  }

  @Test func correctionIsOfferedWhereItIsWanted() throws {
    var negotiator = NegotiatorTests.negotiator {
      $0.corrections = [.ulpfec]
      $0.codecs = [.opus, .vp8, .vp9]
    }
    let offer = try SessionDescription(parsing: negotiator.offer([.audio, .video]))
    #expect(offer.media[1].formats == ["96", "97", "98", "99", "120", "121", "122"])
    #expect(offer.media[1].attributes.rtpMaps.map(\.encoding) == ["VP8", "rtx", "VP9", "rtx", "red", "rtx", "ulpfec"])
    try negotiator.accept(try Offers.parse(theirAnswer(to: offer)))
    let codec = try #require(negotiator.sections[1].codec)
    #expect(codec.red == PayloadType(120) && codec.corrections == [.ulpfec: PayloadType(122)])
  }

  /// All that may be agreed on is offered, the most wanted first, and what the answer names first is taken.
  @Test func theAnswerChoosesAmongOurCodecs() throws {
    var negotiator = NegotiatorTests.negotiator()
    let offer = try SessionDescription(parsing: negotiator.offer([.audio, .video]))
    let names = offer.media[1].attributes.rtpMaps.map(\.encoding)
    #expect(names.filter { $0 != "rtx" } == Codec.received.filter { $0.kind == .video }.map(\.rawValue))
    let vp9 = try #require(offer.media[1].attributes.rtpMaps.first { $0.encoding == "VP9" }?.payloadType)
    let vp8 = try #require(offer.media[1].attributes.rtpMaps.first { $0.encoding == "VP8" }?.payloadType)
    let head = String(theirAnswer(to: offer).split(separator: "m=video")[0])
    for (formats, chosen) in [("\(vp9) \(vp8)", Codec.vp9), ("\(vp8) \(vp9)", .vp8), ("\(vp9)", .vp9)] {
      var one = NegotiatorTests.negotiator()
      _ = one.offer([.audio, .video])
      let video = """
        m=video 5000 UDP/TLS/RTP/SAVPF \(formats)
        a=mid:1
        a=sendonly
        a=rtcp-mux
        a=rtpmap:\(vp8) VP8/90000
        a=rtpmap:\(vp9) VP9/90000
        a=rtcp-fb:\(vp9) nack pli

        """
      try one.accept(try Offers.parse(head + video))
      #expect(one.sections[1].codec?.codec == chosen && one.sections[1].codec?.payloadType == (chosen == .vp9 ? vp9 : vp8))
    }
  }

  @Test func anAnswerMayRejectTheCamera() throws {
    var negotiator = NegotiatorTests.negotiator()
    let offer = try SessionDescription(parsing: negotiator.offer([.audio, .video]))
    try negotiator.accept(try Offers.parse(theirAnswer(to: offer).replacing("m=video 5000", with: "m=video 0")))
    #expect(negotiator.sections.map(\.isRejected) == [false, true])
    var other = NegotiatorTests.negotiator()
    let again = try SessionDescription(parsing: other.offer([.audio, .video]))
    let all = theirAnswer(to: again).replacing("m=video 5000", with: "m=video 0").replacing("m=audio 5000", with: "m=audio 0")
    #expect(throws: NegotiationError.self) { try other.accept(try Offers.parse(all)) }
    #expect(other.hasOffered)
  }

  // MARK: Hostile offers

  /// Lines left out, doubled, swapped and cut: an answer or a refusal, and never anything else.
  @Test(arguments: [Offers.chromium, Offers.chromiumSimulcast, Offers.firefox, Offers.gstreamer, Offers.aiortc])
  func damagedOffersAreAnsweredOrRefused(_ text: String) {
    var state: UInt64 = 88172645463325252
    func random(_ bound: Int) -> Int {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(state % UInt64(bound))
    }
    var answered = 0
    for _ in 0..<400 {
      var lines = text.split(separator: "\n").map(String.init)
      for _ in 0...random(3) {
        let at = random(lines.count)
        switch random(4) {
        case 0: lines.remove(at: at)
        case 1: lines.insert(lines[at], at: random(lines.count))
        case 2: lines.swapAt(at, random(lines.count))
        default: lines[at] = String(lines[at].prefix(random(lines[at].count + 1)))
        }
      }
      guard let offer = try? Offers.parse(lines.joined(separator: "\n")) else { continue }
      var negotiator = NegotiatorTests.negotiator()
      guard let answer = try? negotiator.answer(offer) else {
        #expect(negotiator.sections.isEmpty)
        continue
      }
      answered += 1
      #expect((try? SessionDescription(parsing: answer))?.media.count == offer.media.count)
    }
    #expect(answered > 50)
  }
}
