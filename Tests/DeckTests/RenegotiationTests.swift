import DeckRig
import JSON
import Testing

/// Offers that an SFU makes one after the other, as Janus's VideoRoom does for a subscriber.
@Suite struct RenegotiationTests {
  /// An offer of a section of pictures for each of `senders`, whose media stream is the sender's; inactive, and nobody's, where it is nil.
  private func offer(_ senders: [String?]) -> String {
    var lines = [
      "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE " + senders.indices.map(String.init).joined(separator: " "),
    ]
    for (mid, sender) in senders.enumerated() {
      lines += [
        "m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 127.0.0.1", "a=mid:\(mid)", "a=rtcp-mux", "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdefghijklmnopqrstuv", "a=setup:actpass",
        "a=fingerprint:sha-256 " + Array(repeating: "AB", count: 32).joined(separator: ":"), "a=rtpmap:96 VP8/90000",
      ]
      lines += sender.map { ["a=sendonly", "a=msid:\($0) v"] } ?? ["a=inactive"]
    }
    return lines.joined(separator: "\r\n") + "\r\n"
  }

  /// Janus keeps the sections of those who have left, and gives them to the next who come.
  @Test func aSectionThatComesToAnotherSenderIsAnotherTrack() throws {
    let daemon = try Daemon()
    let recording = try daemon.start(["room": "shared", "source": ["type": "webrtc", "offer": .string(offer(["ada"]))]])
    func tracks(after senders: [String?]) throws -> [String] {
      let source = try daemon.call(
        "PUT", ["recordings", recording.id, "sources", "s1", "offer"], ["offer": .string(offer(senders))])
      return (source["tracks"]?.arrayValue ?? []).map { "\($0["id"]?.stringValue ?? "") \($0["participant"]?.stringValue ?? "")" }
    }
    #expect(try tracks(after: ["ada", "ben"]) == ["t1 ada", "t2 ben"])
    #expect(try tracks(after: ["ada", nil]) == ["t1 ada", "t2 ben"])
    #expect(try tracks(after: ["ada", "ben"]) == ["t1 ada", "t2 ben"], "who pauses goes on as the same track")
    #expect(try tracks(after: ["ada", nil]) == ["t1 ada", "t2 ben"])
    #expect(try tracks(after: ["ada", "eve"]) == ["t1 ada", "t2 ben", "t3 eve"])
    _ = try recording.stop()
  }
}
