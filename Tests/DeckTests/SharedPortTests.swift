import DeckRig
import Foundation
import Ground
import JSON
import Testing

/// One UDP port for every WebRTC source of a node.
@Suite struct SharedPortLiveTests {
  private static func port() -> String { String(Ports.next(1).split(separator: "-")[0]) }

  private static func peers(_ daemon: Daemon) throws -> Int {
    try #require(try daemon.call("GET", ["node"])["load"]?["webrtcPort"]?.count("peers"))
  }

  private static func discarded(_ daemon: Daemon) throws -> JSONValue {
    try #require(try daemon.call("GET", ["node"])["load"]?["webrtcPort"]?["discarded"])
  }

  private static func start(_ daemon: Daemon, _ peer: LivePeer, room: String = "algebra-101") throws -> Recording {
    let recording = try daemon.start(Specs.start(source: peer.source, room: room))
    try peer.take(try #require(recording.started.sources[0]["answer"]?.stringValue))
    return recording
  }

  /// The ports of the candidates that the answer tells.
  private static func ports(_ recording: JSONValue) -> [Int] {
    (recording.sources.first?["answer"]?.stringValue ?? "").split(whereSeparator: \.isNewline).compactMap { line in
      line.hasPrefix("a=candidate:") ? Int(line.split(separator: " ")[5]) : nil
    }
  }

  @Test func publishersShareThePort() throws {
    let port = Self.port()
    let daemon = try Daemon(["--webrtc-port", port])
    let before = Proc(daemon.pid).sockets
    let peers = try (0..<3).map { _ in try LivePeer() }
    var recordings: [Recording] = []
    for (i, peer) in peers.enumerated() { recordings.append(try Self.start(daemon, peer, room: "room-\(i)")) }
    #expect(recordings.allSatisfy { Self.ports($0.started) == [Int(port)] })
    #expect(Proc(daemon.pid).sockets == before)
    #expect(try Self.peers(daemon) == 3)
    for peer in peers { try peer.connect() }
    for peer in peers { try peer.send(40) }
    for recording in recordings {
      #expect(try recording.received(40))
      let ended = try recording.stop()
      #expect(ended.tracks.count == 1 && ended.tracks[0].count("framesWritten") == 40 && ended.addsUp, "\(ended.text())")
      #expect(ended.sources[0]["discarded"]?.fields?.isEmpty ?? true)
    }
    #expect(try Self.peers(daemon) == 0)
    #expect(Proc(daemon.pid).sockets == before)
  }

  @Test func ourOwnChecksFindALitePeer() throws {
    let daemon = try Daemon(["--webrtc-port", Self.port()])
    let recording = try daemon.start(
      Specs.start(source: ["type": "webrtc", "makeOffer": ["audio": true, "video": false], "participant": "ada"]))
    let source = recording.started.sources[0]
    let peer = try LivePeer(isLite: true)
    let answer = try peer.answer(try #require(source["offer"]?.stringValue))
    try daemon.call("PUT", ["recordings", recording.id, "sources", "s1", "answer"], ["answer": .string(answer)])
    try peer.connect()
    try peer.send(30)
    #expect(try recording.received(30))
    let ended = try recording.stop()
    #expect(ended.tracks.count == 1 && ended.tracks[0].count("framesWritten") == 30, "\(ended.text())")
    #expect(try Self.discarded(daemon).fields?.allSatisfy { $0.value == 0 } == true)
  }

  @Test func aRestartOfICEKeepsThePortAndTheTrack() throws {
    let daemon = try Daemon(["--webrtc-port", Self.port()])
    let peer = try LivePeer()
    let recording = try Self.start(daemon, peer)
    try peer.connect()
    try peer.send(20)
    try peer.restart()
    let changed = try daemon.call("PUT", ["recordings", recording.id, "sources", "s1", "offer"], ["offer": .string(peer.offer)])
    try peer.take(try #require(changed["answer"]?.stringValue))
    try peer.connect()
    try peer.send(20)
    #expect(try recording.received(40))
    let ended = try recording.stop()
    #expect(ended.tracks.count == 1 && ended.tracks[0].count("framesWritten") == 40, "\(ended.text())")
    #expect(try Self.discarded(daemon).fields?.allSatisfy { $0.value == 0 } == true)
  }

  @Test func whatIsNobodysIsCounted() throws {
    let port = Self.port()
    let daemon = try Daemon(["--webrtc-port", port])
    let stranger = try Endpoint()
    let number = try #require(UInt16(port))
    let check: [UInt8] =
      [0, 1, 0, 16, 0x21, 0x12, 0xa4, 0x42] + [UInt8](repeating: 3, count: 12) + [0, 6, 0, 9] + Array("nobody:me".utf8) + [0, 0, 0]
    let answer: [UInt8] = [1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42] + [UInt8](repeating: 3, count: 12)
    let sent: [(bytes: [UInt8], times: Int, cause: String)] = [
      (check, 3, "unknownFragment"), (answer, 4, "unknownTransaction"), ([22, 254, 253, 0], 5, "unknownAddress"),
      ([0x80, 111] + [UInt8](repeating: 0, count: 20), 6, "unknownAddress"), ([200, 1, 2], 7, "unknownProtocol"),
      ([UInt8](repeating: 0x80, count: 3000), 2, "oversized"),
    ]
    for item in sent { for _ in 0..<item.times { stranger.send(item.bytes, to: number) } }
    let wanted = [
      "unknownFragment": 3, "unknownTransaction": 4, "unknownAddress": 11, "unknownProtocol": 7, "oversized": 2, "addressTaken": 0,
    ]
    var seen = JSONValue.null
    let isCounted = try eventually {
      seen = try Self.discarded(daemon)
      return seen.fields?.allSatisfy { $0.value.integerValue == wanted[$0.name].map { Int64($0) } } == true
    }
    #expect(isCounted, "\(seen.text())")
    let metrics = try daemon.text(["metrics"])
    #expect(metrics.contains("tapedeck_webrtc_port_discarded_total{cause=\"unknownAddress\"} 11\n"))
    #expect(metrics.contains("tapedeck_webrtc_port_peers 0\n"))
    // Nobody who cannot name a peer is told that there is one.
    #expect(stranger.receive(within: 0.2).isEmpty)
  }

  @Test func anAddressThatIsInUseMeansAPortOfItsOwn() throws {
    let port = Self.port()
    let daemon = try Daemon(["--webrtc-port", port])
    let peer = try LivePeer()
    let recording = try Self.start(daemon, peer)
    try peer.connect()
    try peer.send(5)
    // The same peer again, as an SFU offers a second subscription from its one port.
    let second = try daemon.start(Specs.start(source: peer.source, room: "geometry"))
    #expect(Self.ports(second.started).count == 1 && Self.ports(second.started) != [Int(port)])
    // One that says that it must not share, and one on an address that the port is not on.
    let alone = try daemon.start(Specs.start(source: try LivePeer().source.with("sharedPort", false), room: "trigonometry"))
    #expect(Self.ports(alone.started).count == 1 && Self.ports(alone.started) != [Int(port)])
    let elsewhere = try daemon.start(Specs.start(source: try LivePeer().source.with("listenIp", "127.0.0.2"), room: "calculus"))
    #expect(Self.ports(elsewhere.started).count == 1 && Self.ports(elsewhere.started) != [Int(port)])
    #expect(try Self.peers(daemon) == 1)
    try peer.send(5)
    #expect(try recording.received(10))
    // A source that is removed leaves nothing, and is told farewell.
    try daemon.call("DELETE", ["recordings", recording.id, "sources", "s1"])
    #expect(try Self.peers(daemon) == 0)
    #expect(peer.endpoint.receive(within: 10).contains { $0.first == 21 || $0.first == 23 })
  }

  @Test func aPeerThatFailsKeepsNothingOpen() throws {
    for flags in [[], ["--webrtc-port", Self.port()]] {
      let daemon = try Daemon(flags)
      let before = Proc(daemon.pid).sockets
      let peer = try LivePeer()
      let hash = peer.offer.split(whereSeparator: \.isNewline).first { $0.hasPrefix("a=fingerprint:sha-256 ") } ?? ""
      let wrong = peer.offer.replacingOccurrences(of: hash, with: String(hash.dropLast()) + (hash.last == "0" ? "1" : "0"))
      let recording = try daemon.start(Specs.start(source: ["type": "webrtc", "offer": .string(wrong)]))
      try peer.take(try #require(recording.started.sources[0]["answer"]?.stringValue))
      #expect(try peer.run { try recording.now().sources[0]["state"]?.stringValue == "failed" })
      #expect(eventually { Proc(daemon.pid).sockets == before })
      if !flags.isEmpty { #expect(try eventually { try Self.peers(daemon) == 0 }) }
    }
  }

  @Test func bothFamiliesOfAddresses() throws {
    let port = Self.port()
    let daemon = try Daemon(["--webrtc-port", port, "--webrtc-listen", "127.0.0.1,::1"])
    for ip in ["127.0.0.1", "::1"] {
      let peer = try LivePeer(ip: ip)
      let recording = try Self.start(daemon, peer)
      #expect(Self.ports(recording.started) == [Int(port), Int(port)])
      try peer.connect()
      try peer.send(10)
      #expect(try recording.received(10))
      #expect(try recording.stop().tracks[0].count("framesWritten") == 10)
    }
  }

  @Test func aRangeGivesEachLoopAPort() throws {
    let range = Ports.next(2)
    let daemon = try Daemon(["--webrtc-port", range, "--threads", "2"])
    let node = try daemon.call("GET", ["node"])
    #expect(node["capacity"]?["webrtcPort"]?.stringValue == range && node["capacity"]?.count("mediaLoops") == 2)
    let alone = try Daemon(["--webrtc-port", Self.port(), "--threads", "2"])
    #expect(try alone.call("GET", ["node"])["capacity"]?.count("mediaLoops") == 1)
  }

  @Test func aPortThatIsInUseIsRefusedAtTheStart() throws {
    let port = Self.port()
    let first = try Daemon(["--webrtc-port", port])
    let second = try Daemon(launching: ["--webrtc-port", port])
    #expect(second.exitCode() == 1)
    #expect(second.log.contains("webrtc-port: cannot listen on UDP 127.0.0.1 port \(port): Address already in use"))
    let nowhere = try Daemon(launching: ["--webrtc-port", port, "--webrtc-listen", "192.0.2.77"])
    #expect(nowhere.exitCode() == 1)
    #expect(nowhere.log.contains("webrtc-port: cannot listen on UDP 192.0.2.77"))
    let wrong = try Daemon(launching: ["--webrtc-port", port, "--webrtc-listen", "127.0.0.1,deck"])
    #expect(wrong.exitCode() == 1)
    #expect(wrong.log.contains("--webrtc-listen: deck is not an IP address"))
    #expect(first.isRunning)
  }

  @Test func theConfigurationFileSaysTheSame() throws {
    let scratch = try Scratch()
    let port = Self.port()
    let config = try scratch.write("{webrtcPort: \(port), webrtcListen: ['127.0.0.1', '::1']}", as: "deck.json5")
    let daemon = try Daemon(["--config", config], in: scratch)
    #expect(try daemon.call("GET", ["node"])["capacity"]?["webrtcPort"]?.stringValue == port)
    for (text, message) in [
      ("{webrtcPort: 0}", "webrtcPort: 0 is not a port"), ("{webrtcPort: '9-1'}", "is not a port"),
      ("{webrtcPort: \(port), webrtcListen: [1]}", "webrtcListen: [1] is not an IP address"),
      ("{webrtcPort: \(port), webrtcListen: []}", "at least one IP address"),
    ] {
      let wrong = try Daemon(launching: ["--config", try scratch.write(text, as: "wrong.json5")])
      #expect(wrong.exitCode() == 1)
      #expect(wrong.log.contains(message), "\(wrong.log)")
    }
  }
}
