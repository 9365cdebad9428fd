import Codecs
import Ground
import Negotiation
import RTP
import SDP
import Testing

/// Sound that is not plain Opus, in offers and answers.
@Suite struct SoundNegotiationTests {
  private static let transport = [
    "a=ice-ufrag:abcd", "a=ice-pwd:0123456789abcdefghijkl",
    "a=fingerprint:sha-256 " + Array(repeating: "0A", count: 32).joined(separator: ":"), "a=setup:actpass",
  ]

  private func offer(_ formats: String, _ attributes: String...) -> String {
    (["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0"] + SoundNegotiationTests.transport
      + ["m=audio 9 UDP/TLS/RTP/SAVPF \(formats)", "a=mid:0", "a=rtcp-mux", "a=sendonly"] + attributes)
      .joined(separator: "\n")
  }

  /// What is agreed on, and our section; nil where the section is rejected.
  private func agree(_ offer: String, _ codecs: [Codec] = Codec.received) throws -> (codec: AgreedCodec, section: MediaDescription)? {
    var negotiator = NegotiatorTests.negotiator { $0.codecs = codecs }
    guard let text = try? negotiator.answer(try Offers.parse(offer)) else { return nil }
    guard let codec = try #require(negotiator.sections.first).codec else { return nil }
    return (codec, try #require(try SessionDescription(parsing: text).media.first))
  }

  /// As Chromium orders them, with what Opus leaves when it is not wanted.
  private let chromium = [
    "a=rtpmap:111 opus/48000/2", "a=rtpmap:9 G722/8000", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:13 CN/8000",
    "a=rtpmap:110 telephone-event/48000", "a=rtpmap:126 telephone-event/8000",
  ].joined(separator: "\n")

  @Test(
    arguments: [
      (Codec.received, Codec.opus, "111", "opus/48000/2"), ([.pcmu, .opus], .pcmu, "0", "PCMU/8000"), ([.pcma], .pcma, "8", "PCMA/8000"),
      ([.g722, .pcmu], .g722, "9", "G722/8000"),
    ] as [([Codec], Codec, String, String)])
  func theMostWantedIsTaken(_ codecs: [Codec], _ want: Codec, _ type: String, _ map: String) throws {
    let (codec, section) = try #require(try agree(offer("111 9 0 8 13 110 126", chromium), codecs))
    #expect(codec.codec == want && codec.channels == want.usualChannels && codec.clockRate == want.clockRate)
    // What is no sound of the codec's is not asked for.
    #expect(section.formats == [type])
    let maps = section.attributes.rtpMaps.map { "\($0.encoding)/\($0.clockRate)" + ($0.channels.map { "/\($0)" } ?? "") }
    #expect(maps == [map])
  }

  @Test(arguments: [
    ("0", Codec.pcmu, 1, 8_000), ("8", .pcma, 1, 8_000), ("9", .g722, 1, 8_000), ("10", .l16, 2, 44_100), ("11", .l16, 1, 44_100),
  ])
  func staticTypesNeedNoMap(_ type: String, _ want: Codec, _ channels: Int, _ rate: UInt32) throws {
    let (codec, _) = try #require(try agree(offer(type)))
    #expect(codec.codec == want && codec.channels == channels && codec.clockRate == ClockRate(rate))
    // An own word goes before the table's.
    #expect(try agree(offer(type, "a=rtpmap:\(type) speex/8000")) == nil)
  }

  @Test(arguments: [
    ("PCMU/16000", false), ("G722/16000", false), ("G722/8000/2", false), ("L16/16000", true), ("L16/48000/2", true),
    ("L16/48000/6", false),
    ("PCMA/8000/2", true), ("pcmu/8000", true),
  ])
  func ratesAndChannelsMustBeThoseThatAreRead(_ map: String, _ isTaken: Bool) throws {
    #expect(try (agree(offer("100", "a=rtpmap:100 \(map)")) != nil) == isTaken)
  }

  @Test func surroundIsTakenWithItsStreams() throws {
    let parameters = "channel_mapping=0,4,1,2,3,5;coupled_streams=2;minptime=10;num_streams=4;useinbandfec=1"
    let (codec, section) = try #require(try agree(offer("96", "a=rtpmap:96 multiopus/48000/6", "a=fmtp:96 \(parameters)")))
    #expect(codec.codec == .multiopus && codec.channels == 6 && codec.parameters == parameters)
    #expect(section.attributes.formatParameters.map(\.text) == [parameters])
    #expect(section.attributes.rtpMaps.first?.channels == 6)
  }

  @Test(arguments: [
    "", "a=fmtp:96 num_streams=4;coupled_streams=2", "a=fmtp:96 channel_mapping=0,1;num_streams=1;coupled_streams=1",
    "a=fmtp:96 channel_mapping=0,4,1,2,3,6;num_streams=4;coupled_streams=2",
  ])
  func surroundThatContradictsItselfIsNot(_ line: String) throws {
    #expect(try agree(offer("96", "a=rtpmap:96 multiopus/48000/6", line)) == nil)
    let (codec, _) = try #require(try agree(offer("96 0", "a=rtpmap:96 multiopus/48000/6", line)))
    #expect(codec.codec == .pcmu)
  }

  @Test func weOfferOpusFirst() throws {
    var negotiator = NegotiatorTests.negotiator()
    let section = try #require(try SessionDescription(parsing: negotiator.offer([.audio])).media.first)
    let maps = section.attributes.rtpMaps.map { "\($0.payloadType) \($0.encoding)/\($0.clockRate)" + ($0.channels.map { "/\($0)" } ?? "") }
    #expect(
      maps == [
        "111 opus/48000/2", "63 red/48000/2", "112 multiopus/48000/6", "9 G722/8000", "0 PCMU/8000", "8 PCMA/8000", "10 L16/44100/2",
      ])
    #expect(section.formats == ["111", "63", "112", "9", "0", "8", "10"])
    let told = section.attributes.formatParameters.first { $0.format == "112" }?.text
    #expect(told == "channel_mapping=0,4,1,2,3,5;coupled_streams=2;num_streams=4")
  }
}
