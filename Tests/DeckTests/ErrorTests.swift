import DeckRig
import Foundation
import JSON
import Testing

/// What cannot be done is refused by name, and leaves nothing behind.
@Suite struct ErrorTests {
  /// What a refused start must not change.
  private func traces(_ daemon: Daemon) throws -> [String] {
    let process = Proc(daemon.pid)
    return Disk.tree(daemon.root) + ["\(process.sockets) sockets"] + [try daemon.call("GET", ["node"])["load"]?["recordings"]?.text() ?? ""]
  }

  @Test func aPortRangeThatIsUsedUp() throws {
    let ports = Ports.next(4)
    let first = try #require(Int(ports.prefix { $0 != "-" }))
    let daemon = try Daemon(["--port-range", "\(first)-\(first + 2)"], portRange: false)
    let fresh = try traces(daemon)
    // Four tracks want a port each: three are bound, and given back.
    let four = Specs.source((1...4).map { Specs.opus("p\($0)") }).with("bundle", false)
    let refusal = try #require(daemon.refusal("POST", ["recordings"], Specs.start(source: four)))
    #expect(refusal.status == 429)
    #expect(refusal.message.contains("\(first)-\(first + 2)"))
    #expect(try traces(daemon) == fresh)
    let three = try daemon.start(Specs.start(source: Specs.source((1...3).map { Specs.opus("p\($0)") }).with("bundle", false)))
    #expect(daemon.refusal("POST", ["recordings"], Specs.start())?.code == "atCapacity")
    #expect(daemon.refusal("POST", ["recordings", three.id, "sources"], Specs.source([Specs.opus("q")]))?.code == "atCapacity")
    #expect(try three.now().sources.count == 1)
    try three.stop()
    // A pair needs an even port with its neighbour: there is one such pair among any three.
    let pair = try daemon.start(Specs.start(source: Specs.source([Specs.opus()]).with("rtcpMux", false)))
    #expect(try pair.port() % 2 == 0)
    #expect(daemon.refusal("POST", ["recordings"], Specs.start(source: Specs.source([Specs.opus()]).with("rtcpMux", false)))?.status == 429)
  }

  @Test(arguments: ["/proc/nowhere/rec", "file/rec", "file"]) func aRootThatCannotBeWritten(root: String) throws {
    let scratch = try Scratch()
    _ = try scratch.write("no folder", as: "file")
    let path = root.hasPrefix("/") ? root : scratch.path + "/" + root
    let daemon = try Daemon(launching: [], in: scratch, root: path)
    #expect(daemon.exitCode() == 1)
    #expect(daemon.log.contains(path))
    #expect(daemon.log.split(separator: "\n").count == 1)
    #expect(!Disk.exists(daemon.socket))
  }

  @Test func aRoomThatCannotHaveItsFolder() throws {
    let daemon = try Daemon()
    #expect(FileManager.default.createFile(atPath: daemon.root + "/taken", contents: nil))
    let fresh = try traces(daemon)
    let refusal = try #require(daemon.refusal("POST", ["recordings"], Specs.start(room: "taken")))
    #expect(refusal.status == 500)
    #expect(refusal.message.contains("taken"))
    #expect(try traces(daemon) == fresh)
  }

  @Test func anSSRCThatIsTaken() throws {
    let daemon = try Daemon()
    let taken = Specs.vp8(ssrc: 12).with("rtx", ["payloadType": 97, "ssrc": 13])
    let recording = try daemon.start(Specs.start([Specs.opus(ssrc: 11), taken]))
    let path = ["recordings", recording.id, "sources"]
    for ssrc in [11, 12, 13] as [UInt32] {
      let refusal = try #require(daemon.refusal("POST", path, Specs.source([Specs.opus("bob", ssrc: ssrc)])))
      #expect(refusal.status == 400)
      #expect(refusal.field == "tracks[0].ssrc")
      #expect(refusal.message.contains("\(ssrc)"))
      #expect(daemon.refusal("POST", path + ["s1", "tracks"], ["tracks": [Specs.opus("bob", ssrc: ssrc)]])?.field == "tracks[0].ssrc")
    }
    #expect(try recording.now().sources.count == 1)
    // What was refused has claimed nothing.
    let mixed = Specs.source([Specs.opus("bob", ssrc: 21), Specs.opus("cy", ssrc: 11)])
    #expect(daemon.refusal("POST", path, mixed)?.field == "tracks[1].ssrc")
    try daemon.call("POST", path, Specs.source([Specs.opus("bob", ssrc: 21)]))
    #expect(try recording.now().sources.count == 2)
  }

  @Test func anSSRCThatACorrectionHas() throws {
    let daemon = try Daemon()
    func corrected(_ participant: String, ssrc: UInt32, by fec: Int) -> JSONValue {
      Specs.vp8(participant, ssrc: ssrc).with("fec", ["mechanism": "flexfec-03", "payloadType": 120, "ssrc": JSONValue(fec)])
    }
    let recording = try daemon.start(Specs.start([Specs.opus(ssrc: 11), corrected("alice", ssrc: 12, by: 13)]))
    let path = ["recordings", recording.id, "sources"]
    func refusals(_ track: JSONValue) -> [Refusal?] {
      [
        daemon.refusal("POST", path, Specs.source([track])),
        daemon.refusal("POST", path + ["s1", "tracks"], ["tracks": [track]]),
      ]
    }
    for refusal in refusals(Specs.opus("bob", ssrc: 13)) {
      #expect(refusal?.status == 400)
      #expect(refusal?.field == "tracks[0].ssrc")
    }
    for ssrc in 11...13 {
      for refusal in refusals(corrected("bob", ssrc: 22, by: ssrc)) {
        #expect(refusal?.status == 400)
        #expect(refusal?.field == "tracks[0].fec.ssrc")
        #expect(refusal?.message.contains("\(ssrc)") == true)
      }
    }
    #expect(try recording.now().sources.count == 1)
    // What was refused has claimed nothing, and what a removed source had is free again.
    try daemon.call("POST", path, Specs.source([corrected("bob", ssrc: 22, by: 23)]))
    try daemon.call("DELETE", path + ["s2"])
    try daemon.call("POST", path, Specs.source([corrected("bob", ssrc: 23, by: 22)]))
  }

  @Test func tracksThatDoNotFitTheirSource() throws {
    let daemon = try Daemon()
    let bundled = try daemon.start(Specs.start([Specs.opus(), Specs.vp8(ssrc: 12)]))
    let apart = try daemon.start(
      Specs.start(source: Specs.source([Specs.opus()]).with("bundle", false).with("rtcpMux", false)))
    func field(_ recording: Recording, _ track: JSONValue) -> String? {
      daemon.refusal("POST", ["recordings", recording.id, "sources", "s1", "tracks"], ["tracks": [track]])?.field
    }
    #expect(field(bundled, Specs.opus("bob", payloadType: 100).with("port", 40_100)) == "tracks[0].port")
    #expect(field(bundled, Specs.opus("bob", payloadType: 100).with("remote", ["ip": "127.0.0.1", "port": 9])) == "tracks[0].remote")
    #expect(field(bundled, Specs.opus("bob", payloadType: 111)) == "tracks[0].payloadType")
    #expect(field(bundled, Specs.vp8("bob", payloadType: 98).with("rtx", ["payloadType": 111])) == "tracks[0].rtx.payloadType")
    #expect(field(apart, Specs.vp8("bob").with("port", 40_101)) == "tracks[0].port")
    #expect(field(apart, Specs.vp8("bob").with("remote", ["ip": "::1", "port": 9])) == "tracks[0].remote.ip")
    #expect(try bundled.now().tracks.count == 2)
    #expect(try apart.now().tracks.count == 1)
    // The same payload type with an SSRC of its own is another stream.
    try daemon.call("POST", ["recordings", bundled.id, "sources", "s1", "tracks"], ["tracks": [Specs.vp8("bob", ssrc: 22)]])
  }

  @Test func codecsPortsAndAddressesThatAreNotThere() throws {
    let daemon = try Daemon()
    let fresh = try traces(daemon)
    func refusal(_ source: JSONValue) -> Refusal? { daemon.refusal("POST", ["recordings"], Specs.start(source: source)) }
    let codec = try #require(refusal(Specs.source([Specs.opus().with("codec", "speex")])))
    #expect(codec.field == "source.tracks[0].codec")
    #expect(codec.message.contains("speex"))
    let holder = try Endpoint()
    let port = try #require(refusal(Specs.source([Specs.opus()]).with("port", JSONValue(Int(holder.port)))))
    #expect(port.status == 400)
    #expect(port.field == "source.port")
    #expect(port.message.contains("\(holder.port)"))
    let track = try #require(
      refusal(Specs.source([Specs.opus(), Specs.vp8().with("port", JSONValue(Int(holder.port)))]).with("bundle", false)))
    #expect(track.field == "source.tracks[1].port")
    let address = try #require(refusal(Specs.source([Specs.opus()]).with("listenIp", "192.0.2.77")))
    #expect(address.status == 400)
    #expect(address.field == "source.listenIp")
    #expect(refusal(Specs.source([Specs.opus()]).with("remote", ["ip": "::1", "port": 9]))?.field == "source.remote.ip")
    #expect(try traces(daemon) == fresh)
    let recording = try daemon.start(Specs.start())
    let later = Specs.source([Specs.opus("bob")]).with("listenIp", "192.0.2.77")
    #expect(daemon.refusal("POST", ["recordings", recording.id, "sources"], later)?.field == "listenIp")
    #expect(try recording.now().sources.count == 1)
  }

  // MARK: Disks

  @Test func aDiskThatIsFullAtTheStart() throws {
    let scratch = try Scratch()
    guard let disk = try SmallDisk(bytes: 96 << 20, in: scratch) else { return }
    let daemon = try Daemon(in: scratch, root: disk.path + "/rec")
    try disk.fill(leaving: 1 << 20)
    let refusal = try #require(daemon.refusal("POST", ["recordings"], Specs.start()))
    #expect(refusal.status == 503)
    #expect(refusal.code == "diskFull")
    #expect(Disk.names(daemon.root) == [])
    #expect(Proc(daemon.pid).sockets == 0)
    try disk.empty()
    try daemon.start(Specs.start()).stop()
  }

  @Test func aDiskThatFillsUpInTheMiddle() throws {
    let scratch = try Scratch()
    guard let disk = try SmallDisk(bytes: 96 << 20, in: scratch) else { return }
    let daemon = try Daemon(in: scratch, root: disk.path + "/rec")
    let capture = try Capture("jan-vp8-opus")
    let hit = try daemon.start(Specs.start(room: "hit"))
    let spared = try daemon.start(Specs.start(room: "spared"))
    let port = try hit.port()
    let media = Endless(capture, payloadTypes: [111, 96])
    let feed = Feed(media.items(from: 0, to: 30, ports: [111: port, 96: port]), from: [try Endpoint()])
    #expect(try eventually { try hit.now().file("recording.webm").count("bytes") > 20_000 })
    try disk.fill(leaving: 0)
    let done = try hit.ended()
    #expect(done.status == "failed")
    #expect(done["error"]?["code"] == "diskFull")
    #expect(done.addsUp)
    #expect(done.track("t1")["discarded"]?.count("writeFailed") ?? 0 > 0)
    // What there was is kept, listed, and can be played and sought.
    let file = done.file("recording.webm")
    #expect(file["final"] == true)
    #expect(file.count("bytes") == Disk.bytes(hit.file()).count)
    #expect(file.number("durationSeconds") > 0)
    #expect(abs(try Judge.duration(hit.file()) - file.number("durationSeconds")) < 0.1)
    try expectClean(hit.file())
    // The other one had nothing to write, and goes on when there is room again.
    try disk.empty()
    feed.stop()
    let other = try spared.port()
    Feed(capture.items([111: other, 96: other], to: 1), from: [try Endpoint()]).finish()
    let well = try spared.stop()
    #expect(well.status == "completed")
    #expect(well.addsUp)
    try expectClean(spared.file())
    // Once there is room the books are complete too, also for the next daemon.
    try spared.daemon.call("DELETE", ["recordings", spared.id])
    daemon.crash()
    let next = try daemon.restarted()
    let found = try next.call("GET", ["recordings", hit.id])
    #expect(found.status == "failed")
    #expect(found["error"]?["code"] == "diskFull")
  }
}
