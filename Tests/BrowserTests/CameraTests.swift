import Foundation
import Testing

extension BrowserTests {
  /// What a real browser sends straight to tape, held against what it says it sent, coded picture by coded picture.
  @Suite struct CameraTests {
    private static let token = "0123456789abcdef0123456789abcdef"
    private static let flags = ["--allow-loopback-in-peer-connection"]

    /// A publisher's run: what the browser told, its tape, its video track as the API shows it, and the recording's folder.
    private struct Run {
      var published: Published.Publisher
      var tape: PatternTape
      var video: [String: Any]
      var seconds: Double
    }

    /// Publishes by WHIP, or `corrected` by the control API, to a daemon that has one UDP port for all; through a path that loses `loss` of
    /// the datagrams where it is above zero.
    private func run(
      _ publisher: (_ exchange: String) -> PatternPage.Publisher, loss: Double = 0, corrected: Bool = false
    ) throws -> Run {
      let media = try LossyPath.freePort()
      let api = try freePort()
      let tokens = FileManager.default.temporaryDirectory.appendingPathComponent("tapedeck-tokens-\(UUID().uuidString)")
      defer { try? FileManager.default.removeItem(at: tokens) }
      try Data(#"[{token: "\#(Self.token)", scope: "publish", rooms: ["studio"]}]"#.utf8).write(to: tokens)
      let daemon = try Daemon(["--listen", "127.0.0.1:\(api)", "--tokens-file", tokens.path, "--webrtc-port", "\(media)"])
      let path = loss > 0 ? try LossyPath(to: media, loss: loss, seed: 5) : nil
      defer { path?.close() }
      var exchange = PatternPage.whip("http://127.0.0.1:\(api)/whip/studio?participant=ada", token: Self.token)
      if corrected { exchange = PatternPage.correctedSource(room: "studio") }
      if let path { exchange = PatternPage.readdressed(exchange, port: path.port) }
      let server = PageServer(page: PatternPage.page([publisher(exchange)]), control: daemon.control)
      defer { server.close() }
      let window = try Browser.open(server, flags: Self.flags)
      let report = withExtendedLifetime(window) { server.waitForResult(seconds: 120) }
      let published = try JSONDecoder().decode(Published.self, from: Data(try #require(report, "the browser did not report").utf8))
      #expect(published.error == nil)
      let listed = try daemon.call("GET", "/v1/recordings")
      let id = try #require((listed["recordings"] as? [[String: Any]])?.first?["id"] as? String)
      var recording: [String: Any] = [:]
      for _ in 0..<400 {
        recording = try daemon.call("GET", "/v1/recordings/\(id)")
        if recording["status"] as? String == "completed" { break }
        usleep(50_000)
      }
      #expect(recording["status"] as? String == "completed")
      let file = try #require((recording["files"] as? [[String: Any]])?.first { $0["kind"] as? String == "media" })
      let tracks = (recording["sources"] as? [[String: Any]])?.first?["tracks"] as? [[String: Any]] ?? []
      let name = try #require(file["path"] as? String)
      let tape = try PatternTape("\(daemon.folder.path)/recordings/studio/\(id)/\(name)")
      if let path { #expect(path.counts.lost * 25 > path.counts.carried) }
      print(
        "browser: \(try Self.milliseconds("\(daemon.folder.path)/recordings/studio/\(id)/timeline.jsonl")) ms from connected to a picture")
      // Decoded while the folder is there.
      #expect(tape.complaints() == "")
      let offsets = try tape.offsets()
      let publisher = try #require(published.publishers.first)
      let (median, late) = (PatternTape.median(offsets), PatternTape.median(publisher.late))
      #expect(offsets.count >= 5)
      #expect(abs(median - late) < 0.04, "\(offsets), drawn \(publisher.late)")
      print("browser: \(offsets.count) beeps, flashes later by \(median) s, drawn later by \(late) s")
      return Run(
        published: publisher, tape: tape,
        video: try #require(tracks.first { $0["kind"] as? String == "video" }), seconds: (file["durationSeconds"] as? Double) ?? 0)
    }

    /// From the peer's connection to the first picture that went to tape, as the recording's events have it.
    private static func milliseconds(_ timeline: String) throws -> Int {
      struct Event: Decodable {
        var type: String
        var at: Date
        var state: String?
      }
      let decoder = JSONDecoder()
      decoder.dateDecodingStrategy = .custom { decoder in
        let text = try decoder.singleValueContainer().decode(String.self)
        return try Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
      }
      let events = try String(contentsOfFile: timeline, encoding: .utf8).split(separator: "\n").map {
        try decoder.decode(Event.self, from: Data($0.utf8))
      }
      let connected = try #require(events.first { $0.state == "connected" })
      let picture = try #require(events.first { $0.type == "track.resized" })
      return Int((picture.at.timeIntervalSince(connected.at) * 1000).rounded())
    }

    @Test func everyPictureInHighDefinitionIsOnTapeAtTheFullBitrate() throws {
      let kilobits = 2_500
      let run = try run({
        PatternPage.Publisher(name: "ada", seconds: 20, width: 1280, height: 720, kilobitsPerSecond: kilobits, exchange: $0)
      })
      let sent = run.published.frames
      let start = try #require(run.tape.place(in: sent), "\(run.tape.frames.count) of \(sent.count)")
      #expect(start + run.tape.frames.count == sent.count)
      // What is on tape begins within a second of the browser's first picture.
      #expect(Double(sent[start].rtpTime &- sent[0].rtpTime) / 90_000 < 1)
      #expect(run.video["packetsLost"] as? Int == 0)
      // Told of what arrives, the browser gives its encoder all that it may have.
      #expect((run.published.targetBitrate ?? 0) >= 0.95 * Double(kilobits) * 1000)
      #expect(run.published.limitedBy != "bandwidth")
      print(
        """
        browser, 720p: \(run.tape.frames.count) of \(sent.count) pictures from the \(start)th on, \(run.seconds) s; encoder's rate \
        \(run.published.targetBitrate ?? 0) bit/s, limited by \(run.published.limitedBy ?? "?"), \
        \(run.published.width ?? 0)x\(run.published.height ?? 0), \(sent.reduce(0) { $0 + $1.bytes }) bytes
        """)
    }

    /// With forward error correction agreed on the browser wraps its pictures in redundancy, and repeats that.
    @Test(arguments: [false, true]) func whatThePathLosesIsRepeated(corrected: Bool) throws {
      let run = try run(
        { PatternPage.Publisher(name: "ada", seconds: 15, isCorrected: corrected, exchange: $0) }, loss: 0.05, corrected: corrected)
      let sent = run.published.frames
      // In their order, each as the encoder made it, none but those.
      var at = 0
      for frame in run.tape.frames {
        while at < sent.count, sent[at].checksum != frame.checksum || sent[at].bytes != frame.bytes { at += 1 }
        try #require(at < sent.count, "a picture that was not sent, or not then")
        at += 1
      }
      let first = try #require(run.tape.frames.first)
      let start = try #require(sent.firstIndex { $0.checksum == first.checksum })
      #expect(sent[start].isKey)
      #expect(run.tape.frames.count * 100 > (sent.count - start) * 99, "\(run.tape.frames.count) of \(sent.count - start)")
      #expect(run.video["packetsRecovered"] as? Int ?? 0 > 0)
      print(
        """
        browser, 5 % lost\(corrected ? ", correction agreed on" : ""): \(run.tape.frames.count) of \(sent.count - start) pictures \
        from the \(start)th on; \(run.video["packetsRecovered"] as? Int ?? 0) packets of \(run.video["packetsReceived"] as? Int ?? 0) \
        came back, \(run.video["packetsFromFEC"] as? Int ?? 0) of them by correction, \(run.video["packetsLost"] as? Int ?? 0) lost, \
        \(run.video["nackSent"] as? Int ?? 0) asked for
        """)
    }
  }
}

extension PatternPage {
  /// The same exchange, whose answer names another port than the daemon's.
  static func readdressed(_ exchange: String, port: UInt16) -> String {
    """
    name => async offer => {
      const made = await (\(exchange))(name)(offer);
      const answer = made.answer.replace(/(a=candidate:\\S+ 1 udp \\d+) \\S+ \\d+/gi, '$1 127.0.0.1 \(port)');
      if (answer == made.answer) throw new Error('the answer has no candidate');
      return {answer, end: made.end};
    }
    """
  }
}
