import Codecs
import Ground
import Peer
import RTP
import Recording
import Synchronization
import Testing
import Timeline
import Track

/// People come and go: who is back in time goes on in the same file, on the same timeline, with the hole told.
@Suite struct TakeReturnTests {
  private func text(_ event: TakeEvent, _ name: String) -> String? {
    guard case .string(let text)? = event.fields.first(where: { $0.name == name })?.value else { return nil }
    return text
  }
  private func number(_ event: TakeEvent, _ name: String) -> Double? {
    switch event.fields.first(where: { $0.name == name })?.value {
    case .number(let number)?: number
    case .integer(let number)?: Double(number)
    default: nil
    }
  }

  /// Ada's source plays from 0 to 4 s and is removed; another of hers comes at `back`.
  private func rig(back: Double, grace: Double? = nil, video: Bool = true, camera: UInt8 = 96) throws -> Rig {
    var limits = Limits()
    if let grace { limits.reconnectGraceSeconds = grace }
    var (audio, pictures) = (Sender.audio(ssrc: 1), Sender.video(ssrc: 2))
    let rig = try Rig([audio.specification] + (video ? [pictures.specification] : []), limits: limits)
    rig.play(&audio, from: 0, to: 4_000)
    if video { rig.play(&pictures, from: 0, to: 4_000) }
    rig.run(until: Rig.at(4_100))
    rig.take.removeSource(0, at: rig.now)
    rig.run(until: Rig.at(back - 100))
    let source = rig.take.addSource(id: "s2", SourceSpecification(tracks: []))
    var (again, anew) = (Sender.audio(ssrc: 11), Sender.video(ssrc: 12, payloadType: camera))
    try rig.addLeg([again.specification] + (video ? [anew.specification] : []), source: source)
    for time in stride(from: back, to: back + 3_000, by: 20) {
      rig.deliver(again.sound(time), at: Rig.at(time + 30), source: source)
    }
    if video {
      for index in 0..<90 {
        let time = back + Double(index) * 1000 / 30
        for packet in anew.picture(time, isKey: index == 0) { rig.deliver(packet, at: Rig.at(time + 30), source: source) }
      }
    }
    rig.run(until: Rig.at(back + 4_000))
    rig.stop()
    return rig
  }

  @Test(arguments: [4_200.0, 20_000, 123_000]) func whoIsBackInTimeGoesOnInTheFile(_ back: Double) throws {
    let rig = try rig(back: back)
    #expect(rig.opened.count == 1)
    let files = rig.accounts.state.withLock { $0.files }
    #expect(files.map(\.path) == ["recording.webm"])
    for (before, after) in [(0, 2), (1, 3)] {
      #expect(rig.frames(before).count > 0 && rig.frames(after).count > 0)
      // One track of the file takes both.
      #expect(Set(rig.frames(before).map(\.track) + rig.frames(after).map(\.track)).count == 1)
      #expect(abs((rig.times(after).first ?? 0) - Int64(back)) <= 1)
    }
    #expect(rig.times(0).last == 3_980)
    let times = rig.written.map(\.frame.time)
    #expect(times == times.sorted())
    // The hole is told for both, as long as it was.
    let gaps = rig.events("media.gap")
    #expect(gaps.count == 2)
    for gap in gaps {
      #expect(text(gap, "cause") == "disconnected")
      #expect(abs((number(gap, "startSeconds") ?? 0) - 4) < 0.05)
      #expect(abs((number(gap, "durationSeconds") ?? 0) - (back - 4_000) / 1000) < 0.05)
    }
    #expect(rig.fills(2).isEmpty)
    #expect(rig.events("participant.left").count == 2 && rig.events("participant.joined").count == 2)
    #expect(rig.events("track.started").compactMap { text($0, "continues") } == ["t1", "t2"])
    #expect(rig.events("clock.corrected").isEmpty)
  }

  @Test(arguments: [(20_000.0, 10.0), (125_000, nil), (6_000, 0)] as [(Double, Double?)])
  func whoComesLaterBeginsThePartThatFollows(_ back: Double, _ grace: Double?) throws {
    let rig = try rig(back: back, grace: grace)
    #expect(rig.opened.count == 2)
    #expect(rig.accounts.state.withLock { $0.files.map(\.path) } == ["recording.webm", "recording.part2.webm"])
    #expect(rig.times(2).first.map { abs($0 - Int64(back)) <= 1 } == true)
  }

  @Test func soundAloneIsBack() throws {
    let rig = try rig(back: 30_000, video: false)
    #expect(rig.opened.count == 1)
    #expect(rig.frames(1).count == 150)
    #expect(rig.events("media.gap").count == 1)
  }

  /// Two who were there before and are back: the one in her file, the other in his.
  @Test func twoAreBack() throws {
    var senders = [Sender.audio("ada", ssrc: 1), .audio("bob", ssrc: 2)]
    let rig = try Rig(senders.map(\.specification))
    for i in senders.indices { rig.play(&senders[i], from: 0, to: 2_000) }
    rig.run(until: Rig.at(2_100))
    rig.take.removeSource(0, at: rig.now)
    let source = rig.take.addSource(id: "s2", SourceSpecification(tracks: []))
    var again = [Sender.audio("bob", ssrc: 12), .audio("ada", ssrc: 11)]
    try rig.addLeg(again.map(\.specification), source: source)
    for time in stride(from: 5_000.0, to: 7_000, by: 20) {
      for i in again.indices { rig.deliver(again[i].sound(time), at: Rig.at(time + 30), source: source) }
    }
    rig.run(until: Rig.at(8_000))
    rig.stop()
    #expect(rig.opened.count == 2)
    #expect(rig.written.filter { $0.track == 2 }.allSatisfy { $0.participant == 1 })
    #expect(rig.written.filter { $0.track == 3 }.allSatisfy { $0.participant == 0 })
    #expect(rig.accounts.state.withLock { $0.files.count } == 2)
  }

  /// The sender's reports put sound and picture together after the return as before, although another sound went before.
  @Test func reportsCountAfterTheReturn() throws {
    var (audio, video) = (Sender.audio(ssrc: 1), Sender.video(ssrc: 2))
    let rig = try Rig([audio.specification, video.specification])
    rig.play(&audio, from: 0, to: 2_000)
    rig.play(&video, from: 0, to: 2_000)
    rig.run(until: Rig.at(2_100))
    rig.take.removeSource(0, at: rig.now)
    let source = rig.take.addSource(id: "s2", SourceSpecification(tracks: []))
    var (again, anew) = (Sender.audio(ssrc: 11), Sender.video(ssrc: 12))
    try rig.addLeg([again.specification, anew.specification], source: source)
    for time in stride(from: 5_000.0, to: 25_000, by: 20) { rig.deliver(again.sound(time), at: Rig.at(time + 30), source: source) }
    for index in 0..<600 {
      let time = 5_000 + Double(index) * 1000 / 30
      // Pictures take 80 ms longer, which only the reports tell.
      for packet in anew.picture(time, isKey: index == 0) { rig.deliver(packet, at: Rig.at(time + 110), source: source) }
    }
    for time in stride(from: 5_500.0, to: 25_000, by: 1_000) {
      rig.deliver(again.report(time, ntpMilliseconds: time), at: Rig.at(time + 30), source: source)
      rig.deliver(anew.report(time, ntpMilliseconds: time), at: Rig.at(time + 110), source: source)
    }
    rig.run(until: Rig.at(26_000))
    let facts = rig.snapshot.tracks[3].clock.offset
    #expect(facts?.basis == .senderReport)
    rig.stop()
    // 19.9 seconds after the return; the timeline's zero is sound 0.
    let last = try #require(rig.times(3).last)
    #expect(abs(last - (5_000 + 599 * 1000 / 30)) <= 5)
  }

  /// A publisher on one port goes away and comes back under another SSRC: the hole is told, and none is filled.
  @Test func anotherStreamOnThePortAfterAPause() throws {
    var first = Sender.audio(ssrc: 1, isDeclared: false)
    let rig = try Rig([first.specification])
    rig.play(&first, from: 0, to: 3_000)
    var second = Sender.audio(ssrc: 2, isDeclared: false)
    rig.play(&second, from: 9_000, to: 12_000)
    rig.run(until: Rig.at(13_000))
    rig.stop()
    #expect(rig.frames(0).count == 300)
    #expect(rig.fills(0).isEmpty)
    let gap = try #require(rig.events("media.gap").first)
    #expect(text(gap, "cause") == "disconnected")
    #expect(abs((number(gap, "durationSeconds") ?? 0) - 6) < 0.05)
    #expect(rig.opened.count == 1)
  }

  /// A laptop that sleeps for 18 seconds: the hole is on tape where it was, and told as what it was.
  @Test func aSenderThatSleeps() throws {
    var (audio, video) = (Sender.audio(), Sender.video())
    let rig = try Rig([audio.specification, video.specification])
    rig.play(&audio, from: 0, to: 5_000)
    rig.play(&video, from: 0, to: 5_000)
    audio.timestampBase &-= 18 * 48_000
    video.timestampBase &-= 18 * 90_000
    rig.play(&audio, from: 23_000, to: 28_000)
    rig.play(&video, from: 23_000, to: 28_000)
    rig.run(until: Rig.at(30_000))
    rig.stop()
    for track in 0...1 {
      let times = rig.times(track)
      let wake = try #require(times.first { $0 > 10_000 })
      #expect(abs(wake - 23_000) <= 40)
      #expect(abs((times.last ?? 0) - (track == 0 ? 27_980 : 27_966)) <= 40)
    }
    #expect(rig.fills(0).isEmpty)
    #expect(rig.events("media.gap").compactMap { text($0, "cause") } == ["senderStall", "senderStall"])
    for gap in rig.events("media.gap") { #expect(abs((number(gap, "durationSeconds") ?? 0) - 18) < 0.05) }
    let corrections = rig.events("clock.corrected")
    #expect(corrections.compactMap { text($0, "cause") } == ["senderStall", "senderStall"])
    #expect(Set(corrections.compactMap { text($0, "track") }) == ["t1", "t2"])
    for correction in corrections {
      #expect(abs((number(correction, "beforeMilliseconds") ?? 99)) < 20)
      #expect(abs((number(correction, "afterMilliseconds") ?? 0) - 18_000) < 40)
      #expect(abs((number(correction, "amountMilliseconds") ?? 0) - 18_000) < 40)
    }
  }

  /// Our own wall clock is set: told once, and no place moves.
  @Test(arguments: [3600.0, -0.5]) func ourWallClockIsSet(_ by: Double) throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.play(&audio, from: 0, to: 10_000)
    for second in 0...11 {
      rig.run(until: Rig.at(Double(second) * 1000))
      let wall = Rig.wall + (rig.now - Rig.start) + .seconds(second < 5 ? 0 : by)
      rig.take.observe(wall: wall, at: rig.now)
    }
    rig.stop()
    #expect(rig.times(0) == (0..<500).map { $0 * 20 })
    let told = rig.events("clock.corrected")
    #expect(told.count == 1)
    #expect(told.first.flatMap { text($0, "cause") } == "ourWallClock")
    #expect(told.first.flatMap { number($0, "amountMilliseconds") } == by * 1000)
    #expect(Set(rig.wallClocks).count == 1)
  }

  // MARK: Times of capture

  /// Packets that bear their time of capture: sound and picture together, without any report.
  @Test func timesOfCaptureInPackets() throws {
    var (audio, video) = (Sender.audio(), Sender.video())
    let rig = Rig()
    var source = SourceSpecification(tracks: [audio.specification, video.specification])
    source.extensions[.absoluteCaptureTime] = 5
    _ = rig.take.addSource(id: "s1", source)
    try rig.addLeg(source.tracks)
    for time in stride(from: 0.0, to: 20_000, by: 20) {
      rig.deliver(bearing(time, in: audio.sound(time)), at: Rig.at(time + 30))
    }
    for index in 0..<600 {
      let time = Double(index) * 1000 / 30
      for packet in video.picture(time, isKey: index == 0) { rig.deliver(bearing(time, in: packet), at: Rig.at(time + 110)) }
    }
    rig.run(until: Rig.at(21_000))
    #expect(rig.snapshot.tracks[1].clock.offset?.basis == .captureTime)
    rig.stop()
    #expect(abs((rig.times(1).last ?? 0) - 599 * 1000 / 30) <= 3)
    #expect(rig.frames(0).count == 1000 && rig.frames(1).count == 600)
  }

  /// The packet with an extension that says when it was captured (one-byte header, id 5, eight bytes).
  private func bearing(_ milliseconds: Double, in packet: [UInt8]) -> [UInt8] {
    var out = Array(packet[..<12])
    out[0] |= 0x10
    out += [0xbe, 0xde, 0, 3, 5 << 4 | 7]
    let ntp = UInt64(4_000_000_000 + milliseconds / 1000) << 32
    let fraction = (milliseconds / 1000).truncatingRemainder(dividingBy: 1) * 4_294_967_296
    out.append(contentsOf: (0..<8).map { UInt8(truncatingIfNeeded: (ntp | UInt64(fraction)) >> UInt64(56 - 8 * $0)) })
    out += [0, 0, 0]
    return out + packet[12...]
  }
}
