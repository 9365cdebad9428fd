import DeckRig
import JSON
import Testing

/// What does not belong on a media port is counted by cause and harms nothing.
@Suite struct HostileTests {
  private let capture: Capture
  init() throws { capture = try Capture("jan-vp8-opus") }

  /// Datagrams that are wrong in every way that comes to mind, from a generator that gives the same ones every time.
  static func nonsense(_ count: Int, like media: [Capture.Datagram], seed: UInt64 = 7) -> [[UInt8]] {
    var state = seed
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    return (0..<count).map { index in
      let real = media[next(media.count)].bytes
      switch index % 10 {
      case 0: return (0..<next(1400)).map { _ in UInt8(next(256)) }
      case 1: return Array(real.prefix(next(min(real.count, 40))))
      case 2: return [0x80, UInt8(200 + next(8))] + (0..<next(200)).map { _ in UInt8(next(256)) }
      // Lengths that point outside: CSRC count, extension, padding.
      case 3: return [0x8f] + real[1..<min(real.count, 20)]
      case 4: return [0x90] + real[1..<12] + [0xbe, 0xde, 0xff, 0xff]
      case 5: return [0xa0] + real[1..<12] + [0xff]
      // STUN, DTLS, version 1.
      case 6: return [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42] + (0..<12).map { _ in UInt8(next(256)) }
      case 7: return [22, 254, 253] + (0..<next(100)).map { _ in UInt8(next(256)) }
      // Payload types and SSRCs that nobody declared.
      case 8: return [0x80, UInt8(next(64))] + (0..<40).map { _ in UInt8(next(256)) }
      default: return [0x80, 96 | UInt8(next(2) * 128)] + (0..<40).map { _ in UInt8(next(256)) }
      }
    }
  }

  @Test func aFloodOfNonsenseFromStrangersAndFromTheSenderItself() throws {
    let daemon = try Daemon()
    let recording = try daemon.start(Specs.start([Specs.opus(ssrc: 841_496_559), Specs.vp8(ssrc: 4_241_137_713)]))
    let port = try recording.port()
    let (sender, stranger) = (try Endpoint(), try Endpoint())
    let media = capture.items([111: port, 96: port], to: 4)
    let first = try #require(media.first)
    // The sender is known before the flood: what a stranger could do before that is another test.
    sender.send(first.bytes, to: port)
    #expect(try recording.received(1))
    var items = Array(media.dropFirst())
    let real = capture.datagrams.filter(\.isRTP)
    let wrong = HostileTests.nonsense(12_000, like: real)
    for (index, bytes) in wrong.enumerated() {
      let time = 4 * Double(index) / Double(wrong.count)
      items.append(Feed.Item(time: time, bytes: bytes, port: port, endpoint: 1))
      // The sender itself sends what is broken, never what could be a packet of its streams.
      if index % 10 != 9, index % 10 != 1 { items.append(Feed.Item(time: time, bytes: bytes, port: port)) }
    }
    let copies = real.prefix(200).map { Feed.Item(time: 2, bytes: $0.bytes, port: port, endpoint: 1) }
    let huge = (0..<20).map { Feed.Item(time: 3, bytes: [UInt8](repeating: 0x80, count: 9000 + $0), port: port, endpoint: 1) }
    let feed = Feed(items + copies + huge, from: [sender, stranger], speed: 2)
    #expect(eventually { feed.sent > items.count / 4 })
    let before = Proc(daemon.pid).resident
    while !feed.isOver {
      let now = try recording.now()
      #expect(now.addsUp)
    }
    let after = Proc(daemon.pid).resident
    #expect(after - before < 4_000, "resident memory grew from \(before) to \(after) kB")
    let done = try recording.stop()
    #expect(done.addsUp)
    #expect(try Judge.packets(recording.file(), "opus").map(\.crc) == Oracle.opus(capture.rtp(111).filter { $0.time <= 4 }).map(\.crc))
    #expect(try Judge.packets(recording.file(), "vp8").map(\.crc) == Oracle.vp8(capture.rtp(96).filter { $0.time <= 4 }).map(\.crc))
    try expectClean(recording.file())
    // Each datagram is in one account.
    let source = done.sources[0]
    let discards = source["datagramsDiscarded"]?.fields ?? []
    let discarded = discards.reduce(0) { $0 + Int($1.value.integerValue ?? 0) }
    for cause in ["stranger", "malformed", "notRTP", "malformedRTCP", "oversized", "unknownPayloadType"] {
      #expect(source["datagramsDiscarded"]?.count(cause) ?? 0 > 0, "nothing was counted as \(cause)")
    }
    #expect(source.count("datagramsReceived") == 1 + items.count + copies.count + huge.count)
    #expect(discarded >= wrong.count + copies.count + huge.count)
    #expect(done.tracks.reduce(0) { $0 + $1.count("packetsReceived") } == media.count)
  }

  @Test func aStrangerWhoComesFirstGainsNothingWithNonsense() throws {
    let daemon = try Daemon()
    let recording = try daemon.start(Specs.start([Specs.opus(ssrc: 841_496_559)]))
    let port = try recording.port()
    let stranger = try Endpoint()
    let wrong = HostileTests.nonsense(500, like: capture.rtp(111)).enumerated().filter { $0.offset % 10 != 1 }.map(\.element)
    for (index, bytes) in wrong.enumerated() {
      stranger.send(bytes, to: port)
      if index % 100 == 99 { #expect(try eventually { try recording.now().sources[0].count("datagramsReceived") > index }) }
    }
    let media = capture.items([111: port], to: 1)
    Feed(media, from: [try Endpoint()], speed: 4).finish()
    let done = try recording.stop()
    #expect(done.track("t1").count("packetsWritten") == media.count)
    #expect(done.addsUp)
    // Nobody who is no sender is told anything.
    #expect(stranger.receive().isEmpty)
    try expectClean(recording.file())
  }

  @Test func aStreamThatTearsWithEveryPacketFillsNoLog() throws {
    let daemon = try Daemon()
    let recording = try daemon.start(Specs.start((0..<8).map { Specs.opus("p\($0)", ssrc: 900 + UInt32($0)) }))
    let port = try recording.port()
    // Every second packet of 5 ms is missing, on eight tracks: 800 holes a second.
    let items = (0..<4000).map { count -> Feed.Item in
      let index = count / 8
      var bytes: [UInt8] = [0x80, 111, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xe8, 0xff, 0xfe]
      bytes[2] = UInt8(truncatingIfNeeded: (index * 2) >> 8)
      bytes[3] = UInt8(truncatingIfNeeded: index * 2)
      Bits.put(UInt32(index * 480), &bytes, 4)
      Bits.put(900 + UInt32(count % 8), &bytes, 8)
      return Feed.Item(time: Double(index) / 100, bytes: bytes, port: port)
    }
    Feed(items, from: [try Endpoint()]).finish()
    let done = try recording.stop()
    #expect(done.addsUp)
    let gaps = recording.log.filter { $0.type == "media.gap" }
    #expect(gaps.count > 10)
    #expect(gaps.count < 400, "\(gaps.count) gaps were told")
    #expect(done.tracks.reduce(0) { $0 + $1.count("gaps") } > gaps.count)
    #expect(recording.log.contains { $0.count("eventsOmittedBefore") > 0 })
  }
}
