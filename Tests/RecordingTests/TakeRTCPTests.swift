import Codecs
import Ground
import Peer
import Recording
import Testing
import Track

/// What goes back to the sender, when, and where.
@Suite struct TakeRTCPTests {
  @Test func asksForAKeyFrameAtTheFirstPacketAndBacksOff() throws {
    var video = Sender.video()
    let rig = try Rig([video.specification])
    rig.run(seconds: 2)
    #expect(rig.sent.isEmpty)
    // A forwarder that joined in the middle: no key frame comes.
    for index in 0..<300 {
      let time = 2000 + Double(index) * 1000 / 30
      for packet in video.picture(time) { rig.deliver(packet, at: Rig.at(time)) }
    }
    rig.run(until: Rig.at(12_000))
    let asked = rig.requests(of: 2222).map { ($0 - Rig.start).milliseconds }
    // 0, 200, 600, 1400, 3000 ms after the first packet, and on with at most 5 s between.
    #expect(asked.count == 6)
    #expect(asked.first.map { $0 <= 2020 } == true)
    for (step, want) in zip(zip(asked.dropFirst(), asked).map { $0 - $1 }, [200.0, 400, 800, 1600, 3200]) {
      #expect(step >= want && step <= want + 80)
    }
    #expect(rig.counters().pliSent == 6)
    let first = try #require(rig.sent.first).datagram
    #expect(first.destination == Rig.sender)
    #expect(first.port == .rtp)
    let facts = RTCPFacts(first.bytes)
    #expect(facts.reporters == [Rig.ssrc.value])
    #expect(facts.cnames == ["rig@tapedeck"])
    #expect(facts.keyFrameRequests == [2222])
    // Janus drops what stands behind a report of no stream, and takes the first one for the stream that is meant.
    #expect(facts.reported == 2222)
    #expect(rig.frames(0).isEmpty)
    #expect(rig.counters().discarded(.awaitingKeyFrame) == 300)
  }

  /// Who resumes does not wait for what an unanswered request has left to back off.
  @Test func asksAtOnceOnResume() throws {
    var video = Sender.video()
    let rig = try Rig([video.specification])
    for index in 0..<300 {
      let time = Double(index) * 1000 / 30
      for packet in video.picture(time) { rig.deliver(packet, at: Rig.at(time)) }
    }
    // Asked at about 6.2 s, and next at 11.2.
    rig.run(until: Rig.at(7_000))
    rig.pause(.cut)
    rig.run(until: Rig.at(8_000))
    rig.resume()
    rig.run(until: Rig.at(8_900))
    let asked = rig.requests(of: 2222).map { ($0 - Rig.start).milliseconds }.filter { $0 > 7_000 }
    #expect(asked.count == 3)
    #expect(asked.first.map { $0 <= 8_020 } == true)
  }

  @Test func asksNobodyWithoutNeed() throws {
    let rig = try Rig([Sender.video().specification, Sender.audio().specification])
    rig.isChecking = false
    var audio = Sender.audio()
    var video = Sender.video()
    rig.play(&audio, from: 0, to: 60_000)
    rig.play(&video, from: 0, to: 60_000)
    rig.run(seconds: 61)
    rig.stop()
    #expect(rig.requests(of: 2222).isEmpty)
    #expect(rig.requests(of: 1111).isEmpty)
  }

  @Test func asksOnceAfterLossThatBreaksDecoding() throws {
    let rig = try Rig([Sender.video().specification])
    let camera = Camera(Sender.video(), on: rig, roundTrip: 60)
    camera.film(from: 0, to: 3000)
    #expect(camera.asked.isEmpty)
    _ = camera.sender.picture(3000)
    camera.film(from: 3033.4, to: 6000, startsWithKey: false)
    #expect(camera.asked.count == 1)
    // Once the hole is given up: this sender repeats nothing, so that is soon.
    #expect(camera.asked[0] >= 3200 && camera.asked[0] <= 3400)
    #expect(rig.counters().discarded(.brokenReference) > 0)
  }

  /// Janus opens with datagrams on the RTCP port that are no RTCP; what we send goes back there, from our RTCP port.
  @Test func theRTCPPortIsLearnt() throws {
    var video = Sender.video()
    let rig = Rig()
    _ = rig.take.addSource(id: "s1", SourceSpecification(tracks: [video.specification]))
    try rig.addLeg([video.specification], hasRTCPPort: true)
    let rtcp = SocketAddress(ip: "192.0.2.7", port: 40_101)!
    rig.deliver([0x80] + [UInt8](repeating: 0, count: 11), at: Rig.at(0), from: rtcp, port: .rtcp)
    for index in 0..<60 {
      for packet in video.picture(Double(index) * 33) { rig.deliver(packet, at: Rig.at(Double(index) * 33)) }
    }
    rig.run(seconds: 2)
    #expect(rig.sent.count >= 3)
    #expect(rig.sent.allSatisfy { $0.datagram.destination == rtcp && $0.datagram.port == .rtcp })
    #expect(rig.snapshot.sources[0].discarded.map(\.name) == ["notRTCP"])
  }

  @Test func aConfiguredRTCPAddressIsUsed() throws {
    var video = Sender.video()
    let rig = Rig()
    _ = rig.take.addSource(id: "s1", SourceSpecification(tracks: [video.specification]))
    var configuration = RTPPeer.Configuration()
    configuration.remoteRTCP = SocketAddress(ip: "192.0.2.8", port: 7)
    try rig.addLeg([video.specification], configuration: configuration, hasRTCPPort: true)
    for packet in video.picture(0) { rig.deliver(packet, at: Rig.at(0)) }
    rig.run(seconds: 0.1)
    #expect(rig.requests(of: 2222).count == 1)
    #expect(rig.sent.allSatisfy { $0.datagram.destination == SocketAddress(ip: "192.0.2.8", port: 7) })
  }

  @Test func reportsOnceASecondOnWhatCame() throws {
    var audio = Sender.audio()
    var video = Sender.video()
    let rig = try Rig([audio.specification, video.specification, Sender.audio(ssrc: 9).specification])
    rig.play(&audio, from: 0, to: 10_000)
    rig.play(&video, from: 0, to: 10_000)
    rig.run(seconds: 10)
    let reports = rig.sent.map { RTCPFacts($0.datagram.bytes) }.filter { $0.blocks > 0 }
    #expect((9...11).contains(reports.count))
    #expect(reports.allSatisfy { $0.blocks == 2 && $0.reporters == [Rig.ssrc.value] && $0.cnames == ["rig@tapedeck"] })
  }

  @Test func aReportOfManyTracksIsSplit() throws {
    var senders = (0..<40).map { Sender.audio("p\($0)", ssrc: UInt32(1000 + $0)) }
    let rig = try Rig(senders.map(\.specification))
    for i in senders.indices { rig.deliver(senders[i].sound(0), at: Rig.at(0)) }
    rig.run(seconds: 0.9)
    #expect(rig.sent.map { RTCPFacts($0.datagram.bytes).blocks } == [31, 9])
  }
}
