import DeckRig
import Foundation
import JSON
import Synchronization
import Testing

/// A hundred thousand datagrams that authenticate nothing, to the port of a WebRTC recording that runs.
@Suite struct FloodTests {
  private static let total = 100_000

  /// Sends the flood in small bursts, so that a socket's buffer holds what comes between two looks into it.
  private final class Flood: Sendable {
    let stranger: Endpoint
    private let isOver = Atomic<Bool>(false)
    var hasEnded: Bool { isOver.load(ordering: .acquiring) }

    /// `peer` sends the part that comes from where the recording's own sender is.
    init(to port: UInt16, fragments: String, peer: Endpoint) throws {
      stranger = try Endpoint()
      let kinds = Flood.kinds(fragments)
      Thread { [self] in
        for sent in 0..<FloodTests.total {
          let kind = kinds[sent % kinds.count]
          var bytes = kind.bytes
          // What differs from datagram to datagram: transaction IDs, and all of SRTP's header but its first bytes.
          for i in kind.varied { bytes[i] = UInt8(truncatingIfNeeded: (sent &* 2_654_435_761) >> (i % 4 * 7)) }
          (kind.isPeers ? peer : stranger).send(bytes, to: port)
          if sent % 100 == 99 { Moment.rest(0.008) }
        }
        isOver.store(true, ordering: .releasing)
      }.start()
    }

    private struct Kind {
      var bytes: [UInt8]
      var varied: Range<Int>
      var isPeers = false
    }

    private static func check(_ username: String) -> [UInt8] {
      let name = Array(username.utf8)
      var attributes: [UInt8] = [0, 6, 0, UInt8(name.count)] + name + [UInt8](repeating: 0, count: (4 - name.count % 4) % 4)
      attributes += [0, 8, 0, 20] + [UInt8](repeating: 0x5a, count: 20)
      return [0, 1, 0, UInt8(attributes.count), 0x21, 0x12, 0xa4, 0x42] + [UInt8](repeating: 0, count: 12) + attributes
    }

    private static func kinds(_ fragments: String) -> [Kind] {
      let noise = (0..<60).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
      return [
        Kind(bytes: check(fragments), varied: 8..<20), Kind(bytes: check(fragments), varied: 8..<20, isPeers: true),
        Kind(bytes: check("nobody12:x"), varied: 8..<20), Kind(bytes: [22, 254, 253] + noise, varied: 3..<11),
        Kind(bytes: [0x80, 111] + noise, varied: 2..<12), Kind(bytes: [0x80, 111] + noise, varied: 2..<12, isPeers: true),
        Kind(bytes: [0x80, 200] + noise, varied: 2..<8, isPeers: true), Kind(bytes: [200] + noise, varied: 1..<9),
      ]
    }
  }

  private static func sum(_ json: JSONValue?) -> Int { (json?.fields ?? []).reduce(0) { $0 + Int($1.value.integerValue ?? 0) } }

  @Test(arguments: [false, true]) func theRecordingIsWhole(isShared: Bool) throws {
    let scratch = Ports.next(1).split(separator: "-")[0]
    let daemon = try Daemon(isShared ? ["--webrtc-port", String(scratch)] : [])
    let sockets = Proc(daemon.pid).sockets
    let peer = try LivePeer()
    let recording = try daemon.start(Specs.start(source: peer.source))
    try peer.take(try #require(recording.started.sources[0]["answer"]?.stringValue))
    try peer.connect()
    try peer.send(20)
    let before = Proc(daemon.pid).resident
    let flood = try Flood(to: peer.daemonPort, fragments: peer.checkName, peer: peer.endpoint)
    while !flood.hasEnded {
      try peer.send(25)
      #expect(try recording.now().addsUp)
    }
    try peer.send(10)
    // All that left has been counted, or the kernel had no room for it.
    var (counted, drops) = (0, 0)
    let isAll = try eventually {
      peer.step()
      let source = try recording.now().sources[0]
      let node = try daemon.call("GET", ["node"])["load"]?["webrtcPort"]
      drops = Proc(daemon.pid).drops(port: peer.daemonPort)
      counted = source.count("datagramsReceived") + Self.sum(node?["discarded"])
      return counted + drops == peer.endpoint.sent.load(ordering: .relaxed) + flood.stranger.sent.load(ordering: .relaxed)
    }
    #expect(isAll, "\(counted) counted, \(drops) dropped, \(peer.endpoint.sent.load(ordering: .relaxed)) sent")
    #expect(Proc(daemon.pid).resident - before < 4_000)
    let discarded = try recording.now().sources[0]["datagramsDiscarded"]
    let each = Self.total / 8
    if drops == 0 {
      #expect((discarded?.count("authenticationFailed") ?? 0) + (discarded?.count("replayed") ?? 0) == 2 * each)
      #expect(discarded?.count("rejectedSTUN") == (isShared ? 2 : 3) * each)
      #expect(Self.sum(discarded) == (isShared ? 4 : 8) * each)
    }
    let ended = try recording.stop()
    // What the kernel had no room for is all that may be missing.
    #expect(ended.addsUp && ended.tracks[0].count("framesWritten") >= peer.sent - drops, "\(drops) dropped: \(ended.text())")
    #expect(Proc(daemon.pid).sockets == sockets)
  }
}
