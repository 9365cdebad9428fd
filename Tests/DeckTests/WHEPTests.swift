import DeckRig
import Foundation
import JSON
import Testing

/// Pulling from a WHEP server that somebody else wrote.
@Suite(.serialized) struct WHEPTests {
  private func state(_ recording: Recording) throws -> String { try recording.now().sources.first?["state"]?.stringValue ?? "" }
  private func reason(_ recording: Recording) throws -> String { try recording.now().sources.first?["stateReason"]?.stringValue ?? "" }

  private func becomes(_ recording: Recording, _ wanted: String) throws -> Bool {
    // A server that was away is asked again after half a minute at the latest.
    let isSo = try eventually(within: 90) { try state(recording) == wanted }
    if !isSo { Issue.record("it is \(try state(recording)): \(try reason(recording)), not \(wanted)") }
    return isSo
  }

  /// Neither the token nor what a URL's query holds is anywhere on disk.
  private func expectNoSecrets(_ daemon: Daemon) throws {
    for secret in [WHEPServer.token, "query-secret"] {
      let found = try Tool.outcome("grep", ["-rlF", secret, daemon.root, daemon.logPath])
      #expect(found.code == 1, "\(secret) is in \(found.output)")
    }
  }

  @Test func whatAServerSendsIsOnTapeAndTheSessionIsEnded() throws {
    let daemon = try Daemon(["--log-level", "debug"])
    let server = try WHEPServer(daemon.scratch)
    let recording = try daemon.start(Specs.start(source: server.source("/moved?key=query-secret")))
    #expect(recording.started.sources.first?["type"] == "whep")
    #expect(try daemon.call("GET", ["node"])["sources"]?.arrayValue?.contains("whep") == true)
    #expect(recording.started.sources.first?["offer"]?.isNull == true)
    #expect(try becomes(recording, "connected"))
    #expect(try recording.received(200))
    let source = try recording.now().sources[0]
    #expect(source["srtpSuite"]?.stringValue != nil && source["stateReason"]?.isNull == true)
    #expect(daemon.refusal("PUT", ["recordings", recording.id, "sources", "s1", "answer"], ["answer": "v=0\r\n"])?.code == "invalidState")
    let ended = try recording.stop()
    #expect(ended.status == "completed" && ended.addsUp)
    try expectClean(recording.file())
    #expect(try Judge.streams(recording.file()) == ["vp8", "opus"])
    #expect(try Judge.packets(recording.file(), "opus").count > 100)
    #expect(try Judge.packets(recording.file(), "vp8").count > 50)
    #expect(eventually { server.requests.last == "DELETE /s/1 200" })
    #expect(server.requests == ["POST /moved?key=query-secret 307", "POST /whep 201", "DELETE /s/1 200"])
    try expectNoSecrets(daemon)
  }

  @Test func aServerThatIsStartedAnewContinuesTheTape() throws {
    let daemon = try Daemon()
    var server = try WHEPServer(daemon.scratch)
    let recording = try daemon.start(Specs.start(source: server.source()))
    #expect(try becomes(recording, "connected"))
    #expect(try recording.received(150))
    server.end(SIGTERM)
    #expect(try becomes(recording, "disconnected"))
    // Some attempts find nobody.
    #expect(
      eventually { recording.log.filter { $0["state"] == "disconnected" && $0["attempt"] != nil }.count >= 2 })
    let before = try recording.now().tracks.map { $0.count("packetsReceived") }
    server = try WHEPServer(daemon.scratch, port: server.port)
    #expect(try becomes(recording, "connected"))
    #expect(try recording.received(before.reduce(0, +) + 200))
    let ended = try recording.stop()
    #expect(ended.status == "completed" && ended.addsUp)
    #expect(ended.files.count == 1 && ended.tracks.count == 2)
    try expectClean(recording.file())
    let lost = try #require(recording.log.first { $0["state"] == "disconnected" })
    let found = try #require(recording.log.last { $0["state"] == "connected" })
    let hole = try seconds(found) - seconds(lost)
    for (track, codec) in [("t1", "opus"), ("t2", "vp8")] {
      let packets = try Judge.packets(recording.file(), codec)
      #expect(Judge.risesStrictly(packets))
      let steps = zip(packets, packets.dropFirst()).map { $1.time - $0.time }
      #expect(steps.filter { $0 > 1 }.count == 1)
      // From the last packet before the loss to the first picture or sound after the connection, which a busy machine puts off.
      let widest = steps.max() ?? 0
      #expect(widest > hole - 1 && widest < hole + 10, "\(codec): \(widest) for \(hole)")
      let gaps = recording.log.filter { $0.type == "media.gap" && $0["track"]?.stringValue == track && $0["cause"] == "disconnected" }
      #expect(gaps.count == 1 && abs((gaps.first?.number("durationSeconds") ?? 0) - widest) < 0.1)
    }
    #expect(recording.log.filter { $0.type == "track.ended" }.count == 2)
  }

  private func seconds(_ event: JSONValue) throws -> Double {
    let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    return try format.parse(event["at"]?.stringValue ?? "").timeIntervalSince1970
  }

  @Test func aServerThatVanishesIsMissed() throws {
    let daemon = try Daemon()
    let server = try WHEPServer(daemon.scratch)
    let recording = try daemon.start(Specs.start(source: server.source().with("graceSeconds", 1)))
    #expect(try becomes(recording, "connected"))
    #expect(try recording.received(100))
    server.end(SIGKILL)
    #expect(try becomes(recording, "failed"))
    #expect(try reason(recording) == "the server cannot be reached: Couldn't connect to server")
    // The recording itself goes on, until a limit or a client ends it.
    #expect(try recording.now().status == "recording")
    #expect(recording.log.filter { $0.type == "track.ended" }.count == 2)
    #expect(try recording.stop().status == "completed")
    try expectClean(recording.file())
  }

  @Test func aTokenThatIsNotAcceptedIsSaidAndNotTriedAgain() throws {
    let daemon = try Daemon(["--log-level", "debug"])
    let server = try WHEPServer(daemon.scratch)
    let recording = try daemon.start(Specs.start(source: server.source(token: "wrong-" + WHEPServer.token)))
    #expect(try becomes(recording, "failed"))
    #expect(try reason(recording) == "the server answered 401: the token is missing or not accepted")
    #expect(recording.log.last { $0.type == "source.state" }?["reason"]?.stringValue == (try reason(recording)))
    try recording.stop()
    #expect(server.requests == ["POST /whep 401"])
    #expect(daemon.log.contains("a WHEP source has failed"))
    try expectNoSecrets(daemon)
  }

  @Test func aServerMayMakeTheOffer() throws {
    let daemon = try Daemon()
    let server = try WHEPServer(daemon.scratch)
    let recording = try daemon.start(Specs.start(source: server.source("/counter")))
    #expect(try becomes(recording, "connected"))
    #expect(try recording.received(150))
    let ended = try recording.stop()
    #expect(ended.tracks.map { $0["kind"]?.stringValue } == ["audio", "video"] && ended.addsUp)
    #expect(ended.tracks.allSatisfy { $0.count("framesWritten") > 0 })
    try expectClean(recording.file())
    #expect(eventually { server.requests == ["POST /counter 406", "PATCH /s/1 204", "DELETE /s/1 200"] })
  }

  @Test func aKindThatComesOnlyLaterOpensTheNextPart() throws {
    let daemon = try Daemon()
    let server = try WHEPServer(daemon.scratch)
    let recording = try daemon.start(Specs.start(source: server.source("/late")))
    #expect(try eventually { try recording.now().tracks.count == 3 })
    #expect(try becomes(recording, "connected"))
    #expect(try eventually { try recording.now().track("t3").count("framesWritten") > 20 })
    let ended = try recording.stop()
    #expect(ended.status == "completed" && ended.addsUp)
    #expect(ended.files.count == 2)
    #expect(try Judge.streams(recording.file()) == ["opus"])
    #expect(try Judge.streams(recording.file("recording.part2.webm")) == ["vp8", "opus"])
    for file in ["recording.webm", "recording.part2.webm"] { try expectClean(recording.file(file)) }
    // The sound is one track from the first part on.
    #expect(recording.log.filter { $0.type == "track.ended" && $0["track"] == "t1" }.count == 1)
    #expect(server.requests.prefix(2) == ["POST /late 201", "DELETE /s/1 200"])
  }

  @Test(arguments: [
    ("/garbage", "the server's answer cannot be used: answer: "), ("/long", "the server's answer is longer than 65536 bytes"),
    ("/nothing", "the server answered 404: there is no such stream"),
  ])
  func answersThatAreNoneAreNamed(path: String, cause: String) throws {
    let daemon = try Daemon()
    let server = try WHEPServer(daemon.scratch)
    let recording = try daemon.start(Specs.start(source: server.source(path)))
    #expect(try becomes(recording, "failed"))
    let told = try reason(recording)
    #expect(told.hasPrefix(cause), "\(told)")
    #expect(server.requests.filter { $0.hasPrefix("POST") }.count == 1)
    try recording.stop()
  }

  @Test func nobodyThereIsAskedUntilTheGraceTimeIsOver() throws {
    let daemon = try Daemon()
    let url = "http://127.0.0.1:\(try Endpoint().port)/whep"
    let recording = try daemon.start(Specs.start(source: ["type": "whep", "url": .string(url), "graceSeconds": 2]))
    #expect(try eventually { try reason(recording) == "the server cannot be reached: Couldn't connect to server" })
    #expect(try becomes(recording, "failed"))
    #expect(recording.log.filter { $0["attempt"] != nil }.count >= 2)
    try recording.stop()
  }

  @Test func aSourceThatIsRemovedLeavesItsServer() throws {
    let daemon = try Daemon()
    let server = try WHEPServer(daemon.scratch)
    let recording = try daemon.start(Specs.start())
    let source = try daemon.call("POST", ["recordings", recording.id, "sources"], server.source())
    let id = try #require(source["id"]?.stringValue)
    #expect(try eventually { try recording.now().sources.last?["state"] == "connected" })
    try daemon.call("DELETE", ["recordings", recording.id, "sources", id])
    #expect(eventually { server.requests == ["POST /whep 201", "DELETE /s/1 200"] })
    try recording.stop()
  }

  @Test func aNodeThatStopsLeavesItsServers() throws {
    let daemon = try Daemon()
    let server = try WHEPServer(daemon.scratch)
    let recording = try daemon.start(Specs.start(source: server.source()))
    #expect(try becomes(recording, "connected"))
    daemon.signal(SIGTERM)
    #expect(daemon.exitCode() == 0)
    #expect(server.requests == ["POST /whep 201", "DELETE /s/1 200"])
  }

  @Test func certificatesOfOnesOwnAreTrustedByTheConfiguration() throws {
    let scratch = try Scratch()
    let (file, key) = (scratch.path + "/cert.pem", scratch.path + "/key.pem")
    _ = try Tool.run(
      "openssl",
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
        "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", file,
      ])
    let server = try WHEPServer(scratch, certificate: (file, key))
    for isTrusted in [false, true] {
      try #"{whep: {graceSeconds: 5\#(isTrusted ? #", caFile: "\#(file)""# : "")}}"#.write(
        toFile: scratch.path + "/config", atomically: true, encoding: .utf8)
      let daemon = try Daemon(["--config", scratch.path + "/config"], in: scratch)
      let recording = try daemon.start(Specs.start(source: server.source()))
      #expect(try becomes(recording, isTrusted ? "connected" : "failed"))
      if !isTrusted { #expect(try reason(recording).hasPrefix("the server's certificate is not trusted: ")) }
      try recording.stop()
      daemon.signal(SIGTERM)
      #expect(daemon.exitCode() == 0)
    }
    try #"{whep: {caFile: "/nowhere.pem"}}"#.write(toFile: scratch.path + "/config", atomically: true, encoding: .utf8)
    let daemon = try Daemon(launching: ["--config", scratch.path + "/config"], in: scratch)
    #expect(daemon.exitCode() == 1)
    #expect(daemon.log.contains("whep.caFile: cannot open /nowhere.pem"))
  }
}
