import Codecs
import Ground
import Peer
import RTP
import Recording
import Testing
import Track

/// A source that outlives its peers: another takes over, and the tape goes on with a hole.
@Suite struct TakeReplacingTests {
  /// A rig with an audio and a video track of a source that may be taken over.
  private func session() throws -> (Rig, SimulatedPeer) {
    let rig = Rig()
    let peer = try SimulatedPeer(rig)
    rig.take.outlivePeers(source: 0, leg: 0)
    _ = rig.addTrack(TrackSpecification(participant: "ada", codec: .opus, payloadType: PayloadType(111)))
    _ = rig.addTrack(TrackSpecification(participant: "ada", codec: .vp8, payloadType: PayloadType(96)))
    agree(rig, video: 96)
    peer.run(to: 500)
    #expect(peer.state == .connected)
    return (rig, peer)
  }

  private func agree(_ rig: Rig, video: UInt8, streams: Bool = false) {
    var told = SessionFeedback()
    told.extensions = SimulatedPeer.ids
    rig.take.forgetSections(source: 0, leg: 0)
    rig.take.setFeedback(told, source: 0, leg: 0)
    for (index, type) in [111, video].enumerated() {
      let own = streams ? [(SSRC(index == 0 ? 1111 : 2222), SSRC?.none)] : []
      rig.take.addSection(
        SessionSection(mid: "\(index)", payloadType: PayloadType(type), rtx: nil, rids: [], streams: own, tracks: [index]),
        source: 0, leg: 0)
    }
  }

  private func perform(_ peer: SimulatedPeer, _ audio: inout Sender, _ video: inout Sender, from first: Double, to last: Double) {
    var nextPicture = first
    var isFirst = true
    for time in stride(from: first, to: last, by: 20) {
      peer.send(audio.sound(time), time)
      while nextPicture < time + 20 {
        for packet in video.picture(nextPicture, isKey: isFirst, packets: 2, bytes: 300) { peer.send(packet, nextPicture) }
        isFirst = false
        nextPicture += 1000.0 / 30
      }
      peer.run(to: time + 20)
    }
  }

  private func states(_ rig: Rig) -> [String] {
    rig.events("source.state").compactMap { event in
      guard case .string(let text)? = event.fields.first(where: { $0.name == "state" })?.value else { return nil }
      return text
    }
  }

  @Test(arguments: [true, false])
  func anotherPeerContinuesTheTapeWithAHole(streamsAreSignalled: Bool) throws {
    let (rig, first) = try session()
    var (audio, video) = (Sender.audio(), Sender.video())
    perform(first, &audio, &video, from: 500, to: 2500)
    // It gives no sign: that is enough for a source that can be had anew.
    first.run(to: 14_000, isSilent: true)
    #expect(rig.take.takePeerChanges() == [.connected(source: 0), .lost(source: 0, reason: "the peer gives no sign")])
    #expect(rig.snapshot.sources[0].session?.state == "disconnected")
    #expect(rig.snapshot.sources[0].session?.reason == "the peer gives no sign")
    let second = try SimulatedPeer(rig, takesOver: true)
    // The same streams under another payload type, with numbers and times of their own.
    agree(rig, video: 120, streams: streamsAreSignalled)
    second.run(to: 14_500)
    #expect(second.state == .connected)
    (audio, video) = (Sender.audio(), Sender.video(payloadType: 120))
    audio.timestampBase &+= 0x8123_4567
    video.timestampBase &+= 0x1234_5678
    perform(second, &audio, &video, from: 14_500, to: 16_500)
    second.run(to: 17_500)
    #expect(rig.take.takePeerChanges() == [.connected(source: 0)])
    rig.stop()
    #expect(states(rig) == ["checking", "connected", "disconnected", "checking", "connected"])
    // One file, no track ended before the end, no frame lost.
    #expect(rig.opened.count == 1)
    #expect(rig.frames(0).count == 200 && rig.frames(1).count == 120)
    for track in 0..<2 {
      let times = rig.frames(track).map(\.time.seconds)
      let steps = zip(times, times.dropFirst()).map { $1 - $0 }
      #expect(steps.allSatisfy { $0 > 0 })
      // The hole is as long as it was: from 2.5 to 14.5 seconds.
      #expect(steps.filter { $0 > 0.1 }.count == 1)
      #expect(abs((steps.max() ?? 0) - 12) < 0.1)
      let gaps = rig.events("media.gap").filter { $0.fields.contains { $0.name == "track" && $0.value == .string("t\(track + 1)") } }
      #expect(gaps.count == 1)
      #expect(gaps.first?.fields.first { $0.name == "cause" }?.value == .string("disconnected"))
      if case .number(let span)? = gaps.first?.fields.first(where: { $0.name == "durationSeconds" })?.value {
        #expect(abs(span - 12) < 0.1)
      } else {
        Issue.record("the gap has no duration")
      }
    }
    #expect(rig.events("track.ended").count == 2 && rig.events("participant.left").count == 1)
  }

  @Test func aSourceThatFailsForGoodEndsItsTracks() throws {
    let (rig, peer) = try session()
    var (audio, video) = (Sender.audio(), Sender.video())
    perform(peer, &audio, &video, from: 500, to: 1500)
    rig.take.failSource(reason: "no more", source: 0, leg: 0, at: rig.now)
    peer.run(to: 2000)
    #expect(states(rig).last == "failed")
    #expect(rig.events("track.ended").count == 2 && rig.events("participant.left").count == 1)
    #expect(rig.snapshot.sources[0].session?.state == "failed")
    #expect(rig.snapshot.sources[0].session?.reason == "no more")
    #expect(rig.take.takePeerChanges() == [.connected(source: 0)])
    rig.stop()
    #expect(rig.frames(0).count == 50)
  }

  @Test func aSourceThatWaitsSaysWhy() throws {
    let rig = Rig()
    _ = try SimulatedPeer(rig)
    rig.take.outlivePeers(source: 0, leg: 0)
    rig.take.setLink(SourceLink(.new, reason: "busy"), source: 0, leg: 0, at: rig.now, [EventField("attempt", Int64(1))])
    rig.run(until: Rig.at(100))
    let told = rig.events("source.state").first { $0.fields.contains { $0.name == "reason" && $0.value == .string("busy") } }
    #expect(told?.fields.contains { $0.name == "attempt" && $0.value == .integer(1) } == true)
    #expect(rig.snapshot.sources[0].session?.reason == "busy")
  }
}
