import DeckRig
import Foundation
import JSON
import Testing

/// Publishers who vanish without a word to the control plane.
@Suite struct DepartureTests {
  /// Publishes by WHIP on the control socket, as curl does.
  private static func publish(_ daemon: Daemon, _ peer: LivePeer, room: String) throws {
    let offer = try daemon.scratch.write(peer.offer, as: "offer-\(peer.endpoint.port)")
    let answer = try Tool.run(
      "curl",
      [
        "-sS", "--unix-socket", daemon.socket, "-H", "Content-Type: application/sdp", "--data-binary", "@" + offer,
        "http://tapedeck/whip/\(room)?participant=ada",
      ])
    try peer.take(answer)
    try peer.connect()
  }

  private static func only(_ daemon: Daemon) throws -> Recording {
    let known = try daemon.recordings()
    try #require(known.count == 1, "\(known.map { $0.text() })")
    return Recording(daemon, known[0])
  }

  private static func daemon(_ grace: Double) throws -> Daemon {
    let scratch = try Scratch()
    let config = try scratch.write("{whip: {outputs: {hls: null}, limits: {departureTimeoutSeconds: \(grace)}}}", as: "deck.json5")
    return try Daemon(["--config", config], in: scratch)
  }

  @Test func aPublisherThatClosesItsConnectionEndsTheRecording() throws {
    let daemon = try Self.daemon(0.5)
    let before = Proc(daemon.pid).sockets
    let peer = try LivePeer()
    try Self.publish(daemon, peer, room: "studio")
    try peer.send(25)
    peer.farewell()
    let recording = try Self.only(daemon)
    let ended = try recording.ended()
    #expect(ended.status == "completed" && ended["endedBy"]?.stringValue == "departureTimeoutSeconds", "\(ended.text())")
    #expect(ended.tracks[0].count("framesWritten") == 25)
    #expect(ended.sources[0]["state"]?.stringValue == "closed")
    #expect(recording.log.contains { $0.type == "limit.reached" && $0["limit"]?.stringValue == "departureTimeoutSeconds" })
    #expect(recording.log.contains { $0.type == "recording.stopped" && $0["reason"]?.stringValue == "departureTimeoutSeconds" })
    #expect(Proc(daemon.pid).sockets == before)
  }

  @Test func aPageThatIsLoadedAgainGoesOnInTheSameRecording() throws {
    let daemon = try Self.daemon(20)
    for _ in 0..<3 {
      let peer = try LivePeer()
      try Self.publish(daemon, peer, room: "studio")
      try peer.send(15)
      peer.farewell()
      let recording = try Self.only(daemon)
      #expect(try eventually { try recording.now().sources.last?["state"]?.stringValue == "closed" })
    }
    let recording = try Self.only(daemon)
    let ended = try recording.stop()
    // One person, one recording: whoever is back has the name again.
    #expect(ended["participants"]?.arrayValue?.map { $0["id"]?.stringValue } == ["ada"])
    #expect(ended.tracks.map { $0.count("framesWritten") } == [15, 15, 15], "\(ended.text())")
  }
}
