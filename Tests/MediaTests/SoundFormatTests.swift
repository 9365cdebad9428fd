import Codecs
import Ground
import Testing

/// What sound says of itself, in session descriptions and in its packets.
@Suite struct SoundFormatTests {
  private func duration(_ bytes: [UInt8], _ sound: SoundFormat) throws -> TimeSpan { try sound.duration(of: bytes.span) }
  private func streams(_ count: Int, _ bytes: [UInt8]) throws -> OpusStreamsPacket {
    try OpusStreamsPacket(parsing: bytes.span, streams: count)
  }

  /// RFC 3551 §6, tables 4 and 5, as far as these codecs go.
  @Test(
    arguments: [
      (0, Codec.pcmu, 8_000, 8_000, 1), (8, .pcma, 8_000, 8_000, 1), (9, .g722, 8_000, 16_000, 1), (10, .l16, 44_100, 44_100, 2),
      (11, .l16, 44_100, 44_100, 1),
    ] as [(UInt8, Codec, Int, Int, Int)])
  func staticPayloadTypes(_ type: UInt8, _ codec: Codec, _ rate: Int, _ sampling: Int, _ channels: Int) throws {
    let sound = try #require(SoundFormat(staticType: PayloadType(type)))
    #expect(sound.codec == codec && Int(sound.clockRate.hertz) == rate && sound.samplingRate == sampling && sound.channels == channels)
    #expect(sound.staticType == PayloadType(type))
  }

  @Test func otherPayloadTypesMeanNothingByThemselves() {
    let known: Set<UInt8> = [0, 8, 9, 10, 11]
    for type in 0..<UInt8(128) where !known.contains(type) { #expect(SoundFormat(staticType: PayloadType(type)) == nil) }
    #expect(SoundFormat(codec: .l16, clockRate: ClockRate(16_000), channels: 1).staticType == nil)
    #expect(SoundFormat(codec: .opus, channels: 2).staticType == nil)
  }

  @Test(arguments: [
    (SoundFormat(codec: .pcmu, channels: 1), 160, 20_000), (SoundFormat(codec: .pcma, channels: 2), 160, 10_000),
    (SoundFormat(codec: .g722, channels: 1), 240, 30_000),
    (SoundFormat(codec: .l16, clockRate: ClockRate(16_000), channels: 1), 640, 20_000),
    (SoundFormat(codec: .l16, channels: 2), 1764, 10_000),
  ])
  func durationsFollowFromBytes(_ sound: SoundFormat, _ bytes: Int, _ microseconds: Int64) throws {
    let payload = [UInt8](repeating: 1, count: bytes)
    #expect(try duration(payload, sound) == .microseconds(microseconds))
    #expect(throws: WireError.self) { try duration([], sound) }
    guard try #require(sound.bytesPerTick) > 1 else { return }
    #expect(throws: WireError.self) { try duration(payload.dropLast(), sound) }
  }

  // MARK: Several streams of Opus

  @Test func theUsualStreamsAreThoseOfTheRFC() throws {
    // RFC 7845 §5.1.1.2: every decoded channel is used once, and nothing contradicts itself.
    for channels in 1...8 {
      let usual = OpusStreams(channels: channels)
      #expect(usual.channels == channels && usual.count + usual.coupled == channels)
      #expect(usual.mapping.sorted() == (0..<channels).map { UInt8($0) })
      #expect(try OpusStreams(parameters: usual.parameters, channels: channels) == usual)
      #expect(OpusHead.streams(in: OpusHead.bytes(usual)) == usual)
    }
    #expect(OpusStreams(channels: 6).parameters == "channel_mapping=0,4,1,2,3,5;coupled_streams=2;num_streams=4")
    #expect(OpusHead.streams(in: OpusHead.bytes(channels: 2)) == nil)
  }

  @Test func whatSessionDescriptionsSayIsReadInAnyOrder() throws {
    let text = " minptime=10; NUM_STREAMS = 4;useinbandfec=1;coupled_streams=2; channel_mapping=0,4,1,2,3,255"
    let streams = try OpusStreams(parameters: text, channels: 6)
    #expect(streams.count == 4 && streams.coupled == 2 && streams.mapping == [0, 4, 1, 2, 3, 255])
  }

  @Test(
    arguments: [
      ("num_streams=4;coupled_streams=2", 6, OpusStreams.Fault.missing("channel_mapping")),
      ("channel_mapping=0,1;coupled_streams=1", 2, .missing("num_streams")),
      ("channel_mapping=0,1;num_streams=1", 2, .missing("coupled_streams")),
      (
        "channel_mapping=0,1;num_streams=1;coupled_streams=1", 6,
        .invalid("channel_mapping", reason: "it is of 2 channels, and there are 6")
      ),
      ("channel_mapping=0,1;num_streams=1;coupled_streams=2", 2, .invalid("coupled_streams", reason: "2 of 1 streams cannot be coupled")),
      ("channel_mapping=0,1;num_streams=0;coupled_streams=0", 2, .invalid("num_streams", reason: "0 streams; allowed are 1 to 8")),
      ("channel_mapping=0,1;num_streams=x;coupled_streams=0", 2, .invalid("num_streams", reason: "\"x\" is no number of streams")),
      (
        "channel_mapping=0,2;num_streams=1;coupled_streams=1", 2,
        .invalid("channel_mapping", reason: "it names channel 2, but 1 streams, 1 of them coupled, have 2")
      ),
      (
        "channel_mapping=0,;num_streams=1;coupled_streams=1", 2,
        .invalid("channel_mapping", reason: "\"0,\" is no list of channel numbers with commas between them")
      ),
      (
        "channel_mapping=0,1,2,3,4,5,6,7,8;num_streams=8;coupled_streams=1", 9,
        .invalid("channel_mapping", reason: "9 channels; allowed are 1 to 8")
      ),
    ] as [(String, Int, OpusStreams.Fault)])
  func contradictionsAreNamed(_ text: String, _ channels: Int, _ fault: OpusStreams.Fault) {
    #expect(throws: fault) { try OpusStreams(parameters: text, channels: channels) }
  }

  /// Packets of each form with their own lengths (RFC 6716 appendix B), then one without.
  private static let delimited: [[UInt8]] = [
    [OpusPackets.toc(31, 0), 3, 1, 2, 3], [OpusPackets.toc(30, 1), 2, 1, 2, 3, 4], [OpusPackets.toc(30, 2), 1, 2, 1, 2, 3],
    [OpusPackets.toc(30, 3), 2, 2, 1, 2, 3, 4], [OpusPackets.toc(30, 3), 0x82, 1, 2, 1, 2, 3],
    [OpusPackets.toc(30, 3), 0xc2, 2, 1, 2, 1, 2, 3, 0, 0], [OpusPackets.toc(31, 0), 0],
  ]

  @Test(arguments: delimited) func streamsAreTakenApart(_ first: [UInt8]) throws {
    let last: [UInt8] = [OpusPackets.toc(31, 0), 7, 7]
    let packet = try streams(3, first + first + last)
    #expect(packet.samples == 960)
    #expect(packet.contents[0] == first[0] && packet.contents[1] == first[0] && packet.contents[2] == last[0])
    // One byte less of any but the last frame's is too little.
    for count in 0..<first.count { #expect(throws: WireError.self) { try streams(2, Array(first[..<count])) } }
  }

  @Test func streamsLastEquallyLong() {
    let packet: [UInt8] = [OpusPackets.toc(31, 0), 1, 9, OpusPackets.toc(30, 0), 9]
    #expect(throws: WireError.badValue) { try streams(2, packet) }
  }

  /// What conceals in several streams is such a packet itself, and lasts as long as in one.
  @Test func concealmentOfSeveralStreamsIsWhole() throws {
    var contents = SIMD8<UInt8>(repeating: OpusPackets.toc(31, 2))
    contents[1] = OpusPackets.toc(15, 1)
    contents[2] = OpusPackets.toc(30, 0)
    for samples in [960, 1920, 5760, 9600] as [Int64] {
      var total = 0
      OpusPacket.concealing(samples: samples, after: contents[0]) { packet, _ in
        var bytes: [UInt8] = []
        packet.write(contents: contents, streams: 4, to: &bytes)
        let parsed = try? streams(4, bytes)
        #expect(parsed.map { Int64($0.samples) } == packet.samples)
        total += parsed?.samples ?? 0
      }
      #expect(total == Int(samples))
    }
  }
}
