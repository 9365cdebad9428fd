import DeckRig
import Foundation
import JSON
import Testing

/// WebRTC endpoints that other people wrote send to a real daemon, and all that they sent is on tape.
@Suite(.serialized) struct PeerTests {
  /// What a source tells of a peer that is connected. `isFull`: our agent makes checks of its own, and so knows the round trip.
  private func expectConnected(_ source: JSONValue, isFull: Bool, suite: String, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(source["stateReason"] == .null, sourceLocation: sourceLocation)
    #expect(["connected", "completed"].contains(source["iceState"]?.stringValue), sourceLocation: sourceLocation)
    #expect(source["dtlsCipher"]?.stringValue?.hasPrefix("TLS_ECDHE_") == true, sourceLocation: sourceLocation)
    #expect(source["srtpSuite"]?.stringValue == suite, sourceLocation: sourceLocation)
    let pair = source["selectedPair"] ?? .null
    // Ours is loopback; aiortc offers the machine's other addresses alone.
    #expect(pair["local"]?.stringValue?.hasPrefix("127.0.0.1:") == true, "\(pair.text())", sourceLocation: sourceLocation)
    #expect(pair["remote"]?.stringValue?.contains(":") == true, "\(pair.text())", sourceLocation: sourceLocation)
    #expect(pair["localType"]?.stringValue == "host", sourceLocation: sourceLocation)
    let ours = (source["answer"]?.stringValue ?? "") + (source["offer"]?.stringValue ?? "")
    #expect(ours.contains("a=ice-lite") == !isFull, sourceLocation: sourceLocation)
    if isFull {
      #expect(source.number("roundTripMilliseconds") > 0, "\(source.text())", sourceLocation: sourceLocation)
    } else {
      #expect(source["roundTripMilliseconds"] == .null, sourceLocation: sourceLocation)
    }
  }

  @Test(.enabled(if: PeerPrograms.hasGStreamer, "GStreamer's webrtcbin, libnice's plugin or their Python bindings are not installed"))
  func gstreamerPublishes() throws {
    let studio = try Studio()
    let peer = try Peer(
      PeerPrograms.python, [PeerPrograms.folder + "/gstreamer/publish.py", studio.whip("gstreamer"), "5"], token: Studio.publishToken)
    expectConnected(try studio.connected("gstreamer"), isFull: false, suite: "AES_CM_128_HMAC_SHA1_80")
    try studio.expectTaped("gstreamer", try peer.report(), seconds: 5, early: 60)
  }

  @Test(.enabled(if: PeerPrograms.hasAiortc, "Debian's python3-aiortc is not installed"))
  func aiortcPublishesAndAnswers() throws {
    let studio = try Studio()
    let program = PeerPrograms.folder + "/aiortc/publish.py"
    let whip = try Peer(PeerPrograms.python, [program, "whip", studio.whip("whip"), "5"], token: Studio.publishToken)
    let answering = try Peer(PeerPrograms.python, [program, "answer", studio.api, "offered", "5"], token: Studio.controlToken)
    expectConnected(try studio.connected("whip"), isFull: false, suite: "AES_CM_128_HMAC_SHA1_80")
    expectConnected(try studio.connected("offered"), isFull: true, suite: "AES_CM_128_HMAC_SHA1_80")
    try studio.expectTaped("whip", try whip.report(), seconds: 5)
    try studio.expectTaped("offered", try answering.report(), seconds: 5)
  }

  /// A peer of telephones: its sound is what our offer names, and the tape is Matroska without a word about it.
  @Test(.enabled(if: PeerPrograms.hasAiortc, "Debian's python3-aiortc is not installed"))
  func aiortcSendsTelephoneSound() throws {
    let studio = try Studio()
    let program = PeerPrograms.folder + "/aiortc/publish.py"
    let rooms = [("PCMU", "pcm_mulaw"), ("PCMA", "pcm_alaw")]
    let peers = try rooms.map { codec, _ in
      try Peer(PeerPrograms.python, [program, "answer", studio.api, codec, "4", codec + ",VP8"], token: Studio.controlToken)
    }
    for (codec, _) in rooms { _ = try studio.connected(codec) }
    for ((codec, name), peer) in zip(rooms, peers) {
      try studio.expectTaped(codec, try peer.report(), seconds: 4, sound: name)
      let recording = try studio.recording(codec)
      #expect(recording["outputs"]?["file"]?["container"]?.stringValue == "mkv")
      #expect(recording.tracks.contains { $0["codec"]?.stringValue == codec && $0["clockRate"]?.integerValue == 8_000 })
    }
  }

  /// With and without ICE-lite on its side: facing a lite peer our agent finds the path, whoever offered.
  @Test(.enabled(if: PeerPrograms.hasPion, "Go or Pion's packages are not installed"))
  func pionPublishesAndAnswersFullAndLite() throws {
    let program = try PeerPrograms.pion.get()
    let studio = try Studio()
    let media = try Scratch()
    let files = ["pictures.ivf", "tone.ogg"].map { media.path + "/" + $0 }
    _ = try Tool.run(
      "ffmpeg",
      ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=30:duration=5", "-c:v", "libvpx", "-deadline", "realtime"]
        + ["-cpu-used", "8", "-g", "60", "-b:v", "400k", files[0]])
    _ = try Tool.run(
      "ffmpeg",
      ["-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=5", "-af", "volume=6dB", "-ac", "2"]
        + ["-c:a", "libopus", "-page_duration", "20000", files[1]])
    let sources = ["-ivf", files[0], "-ogg", files[1]]
    let peers = try [(false, false), (false, true), (true, false), (true, true)].map { (isOffered, isLite) in
      let room = (isOffered ? "offered" : "whip") + (isLite ? "-lite" : "")
      let way = isOffered ? ["-way", "answer", "-room", room, "-to", studio.api] : ["-way", "whip", "-to", studio.whip(room)]
      let token = isOffered ? Studio.controlToken : Studio.publishToken
      return (room, isFull: isOffered || isLite, peer: try Peer(program, way + sources + (isLite ? ["-lite"] : []), token: token))
    }
    for (room, isFull, _) in peers { expectConnected(try studio.connected(room), isFull: isFull, suite: "AEAD_AES_128_GCM") }
    for (room, _, peer) in peers {
      let report = try peer.report()
      try studio.expectTaped(room, report, seconds: 5)
      #expect(report.feedback?["TransportLayerCC"] ?? 0 > 0 && report.feedback?["ReceiverReport"] ?? 0 > 0)
    }
  }
}
