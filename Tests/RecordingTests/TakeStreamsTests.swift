import Codecs
import Ground
import Peer
import Recording
import Synchronization
import Testing
import Track

/// Which packets belong to which track, and what becomes of those that belong to none.
@Suite struct TakeStreamsTests {
  private func discarded(_ rig: Rig, _ name: String) -> UInt64 {
    rig.snapshot.sources[0].discarded.first { $0.name == name }?.count ?? 0
  }

  @Test func tracksWithoutSSRCAreLatchedByPayloadType() throws {
    var audio = Sender.audio(isDeclared: false)
    var video = Sender.video(isDeclared: false)
    let rig = try Rig([video.specification, audio.specification])
    rig.play(&audio, from: 0, to: 2000)
    rig.play(&video, from: 0, to: 2000)
    rig.run(seconds: 3)
    rig.stop()
    #expect(rig.snapshot.tracks.map { $0.ssrc?.value } == [2222, 1111])
    #expect(rig.frames(0).count == 60)
    #expect(rig.frames(1).count == 100)
  }

  /// Two participants' microphones with one payload type on one port: the first SSRC is the first track's, the second the second's.
  @Test func twoTracksOfOnePayloadTypeTakeTurns() throws {
    var ada = Sender.audio("ada", ssrc: 1, isDeclared: false)
    var bob = Sender.audio("bob", ssrc: 2, isDeclared: false)
    let rig = try Rig([ada.specification, bob.specification])
    rig.play(&ada, from: 0, to: 2000)
    rig.play(&bob, from: 5, to: 2000)
    rig.run(seconds: 3)
    rig.stop()
    #expect(rig.frames(0).count == 100)
    #expect(rig.frames(1).count == 100)
  }

  /// A publisher leaves and comes back under new SSRCs on the same port: both tracks follow, although their packets alternate.
  @Test func aPublisherComesBackUnderNewSSRCs() throws {
    var audio = Sender.audio(ssrc: 1, isDeclared: false)
    var video = Sender.video(ssrc: 2, isDeclared: false)
    let rig = try Rig([audio.specification, video.specification])
    rig.play(&audio, from: 0, to: 3000)
    rig.play(&video, from: 0, to: 3000)
    var newAudio = Sender.audio(ssrc: 3, isDeclared: false)
    var newVideo = Sender.video(ssrc: 4, isDeclared: false)
    newAudio.timestampBase = 77
    newVideo.timestampBase = 4_000_000_000
    rig.play(&newAudio, from: 5000, to: 8000)
    rig.play(&newVideo, from: 5000, to: 8000)
    rig.run(seconds: 9)
    rig.stop()
    #expect(rig.snapshot.tracks.map { $0.ssrc?.value } == [3, 4])
    #expect(rig.frames(0).count == 300)
    #expect(rig.frames(1).count == 180)
    #expect(rig.snapshot.tracks.map(\.counters.ssrcChanges) == [1, 1])
    // The hole is as long as it was, in both.
    #expect(rig.times(0).dropFirst(150).first == 5000)
    #expect(rig.times(1).dropFirst(90).first == 5000)
    #expect(rig.opened.count == 1)
    #expect(rig.written.map(\.frame.time) == rig.written.map(\.frame.time).sorted())
  }

  @Test func anotherSSRCBesideTheTracksOwnIsForeign() throws {
    var audio = Sender.audio(ssrc: 1, isDeclared: false)
    var other = Sender.audio(ssrc: 2, isDeclared: false)
    let rig = try Rig([audio.specification])
    rig.play(&audio, from: 0, to: 3000)
    rig.play(&other, from: 1010, to: 3000)
    rig.run(seconds: 4)
    rig.stop()
    #expect(rig.frames(0).count == 150)
    #expect(rig.snapshot.tracks[0].ssrc?.value == 1)
    #expect(rig.counters().discarded(.foreignSSRC) == 100)
    #expect(rig.snapshot.sources[0].candidatePackets == 0)
  }

  /// Two packets of a new SSRC wait when the recording ends: they are counted.
  @Test func whatWaitsAtTheEndIsCounted() throws {
    var audio = Sender.audio(ssrc: 1, isDeclared: false)
    var other = Sender.audio(ssrc: 2, isDeclared: false)
    let rig = try Rig([audio.specification])
    rig.play(&audio, from: 0, to: 1000)
    rig.play(&other, from: 2000, to: 2040)
    rig.run(seconds: 3)
    #expect(rig.snapshot.sources[0].candidatePackets == 2)
    rig.stop()
    #expect(rig.counters().discarded(.foreignSSRC) == 2)
    #expect(rig.snapshot.sources[0].candidatePackets == 0)
  }

  @Test func aDeclaredSSRCIsNotReplaced() throws {
    var audio = Sender.audio(ssrc: 1)
    var other = Sender.audio(ssrc: 2)
    let rig = try Rig([audio.specification])
    rig.play(&audio, from: 0, to: 1000)
    rig.play(&other, from: 1000, to: 2000)
    rig.run(seconds: 3)
    rig.stop()
    #expect(rig.frames(0).count == 50)
    #expect(discarded(rig, "unknownSSRC") == 50)
  }

  @Test func retransmissionsAndUnknownPayloadTypesMakeNoTrack() throws {
    var declared = Sender.video(isDeclared: false)
    var specification = declared.specification
    specification.rtx = RTXSpecification(payloadType: PayloadType(97), ssrc: SSRC(3333))
    let rig = try Rig([specification])
    var rtx = Sender.video(ssrc: 3333, payloadType: 97)
    var stray = Sender.video(ssrc: 3333, payloadType: 96)
    var unknown = Sender.audio(ssrc: 5, payloadType: 13)
    // Probing on the RTX stream comes before the first packet of media.
    for _ in 0..<8 { rig.deliver(rtx.padding(0), at: Rig.at(0)) }
    for packet in rtx.picture(0) { rig.deliver(packet, at: Rig.at(1)) }
    for packet in stray.picture(0) { rig.deliver(packet, at: Rig.at(2)) }
    rig.deliver(unknown.sound(0), at: Rig.at(3))
    rig.play(&declared, from: 0, to: 1000)
    rig.run(seconds: 2)
    rig.stop()
    #expect(rig.snapshot.tracks[0].ssrc?.value == 2222)
    #expect(rig.frames(0).count == 30)
    #expect(discarded(rig, "rtx") == 10)
    #expect(discarded(rig, "unknownPayloadType") == 1)
    #expect(rig.events("media.gap").isEmpty)
  }

  /// Padding without payload on a track's own SSRC is no frame and no gap, and begins no track.
  @Test func paddingUsesUpNumbersOnly() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    for _ in 0..<3 { rig.deliver(audio.padding(0), at: Rig.at(1)) }
    rig.run(seconds: 1)
    #expect(rig.events.isEmpty)
    for index in 0..<100 {
      rig.deliver(audio.sound(1000 + Double(index) * 20), at: Rig.at(1000 + Double(index) * 20))
      if index % 10 == 0 { rig.deliver(audio.padding(1000 + Double(index) * 20), at: Rig.at(1001 + Double(index) * 20)) }
    }
    rig.run(seconds: 4)
    rig.stop()
    #expect(rig.frames(0).count == 100)
    #expect(rig.counters().discarded(.paddingOnly) == 13)
    #expect(rig.counters().packetsLost == 0)
    #expect(rig.times(0) == (0..<100).map { $0 * 20 })
  }

  @Test func strangersAreCountedAndDropped() throws {
    var audio = Sender.audio()
    var forged = Sender.audio()
    let rig = try Rig([audio.specification])
    let stranger = SocketAddress(ip: "203.0.113.9", port: 4000)!
    rig.play(&audio, from: 0, to: 2000, delay: 0)
    for time in stride(from: 10.0, to: 2000, by: 20) { rig.deliver(forged.sound(time), at: Rig.at(time), from: stranger) }
    rig.run(seconds: 3)
    rig.stop()
    #expect(rig.frames(0).count == 100)
    #expect(discarded(rig, "stranger") == 100)
    #expect(rig.snapshot.sources[0].remote == Rig.sender)
  }

  @Test func whatIsNoPacketIsCountedByCause() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.deliver(audio.sound(0), at: Rig.at(0))
    rig.deliver([0x80, 1, 2], at: Rig.at(1))
    rig.deliver([0x00, 1, 0, 0, 1, 2, 3, 4], at: Rig.at(2))
    rig.deliver([0x80, 0x6f, 0, 1, 0, 0], at: Rig.at(3))
    rig.deliver([0x81, 200, 0, 40, 0, 0, 0, 0], at: Rig.at(4))
    rig.run(seconds: 1)
    rig.take.receiveOversized(source: 0)
    rig.stop()
    #expect(discarded(rig, "malformed") == 2)
    #expect(discarded(rig, "notRTP") == 1)
    #expect(discarded(rig, "malformedRTCP") == 1)
    #expect(discarded(rig, "oversized") == 1)
    #expect(rig.frames(0).count == 1)
  }

  /// Loss, reordering, duplicates, damage and strangers by the dice, with the books checked after each datagram and each tick.
  @Test(arguments: 1...6)
  func theBooksAlwaysBalance(_ seed: UInt64) throws {
    var chance = Chance(seed: seed)
    var streams = [
      Sender.audio("ada", ssrc: 1, isDeclared: false), Sender.video("ada", ssrc: 2, isDeclared: false),
      Sender.audio("bob", ssrc: 3), Sender.video("bob", ssrc: 4, payloadType: 98),
    ]
    let rig = try Rig(streams.map(\.specification))
    var at = [0.0, 0, 0, 0]
    for round in 0..<4 {
      let end = Double(round + 1) * 3000
      for i in streams.indices {
        if round == 2, i < 2 {
          // The publisher begins anew.
          streams[i].ssrc += 100
          streams[i].number = 65_500
          streams[i].timestampBase = UInt32.random(in: 0...(.max), using: &chance)
        }
        while at[i] < end {
          let isKey = chance.isHit(0.05)
          let packets =
            streams[i].isVideo
            ? streams[i].picture(at[i], isKey: isKey, packets: Int.random(in: 1...4, using: &chance)) : [streams[i].sound(at[i])]
          for packet in packets where !chance.isHit(0.05) {
            let delay = chance.isHit(0.05) ? Double.random(in: 0...900, using: &chance) : Double.random(in: 20...40, using: &chance)
            var bytes = packet
            if chance.isHit(0.02) { bytes[Int.random(in: 0..<bytes.count, using: &chance)] ^= UInt8.random(in: 1...255, using: &chance) }
            if chance.isHit(0.01) { bytes.removeLast(Int.random(in: 1..<bytes.count, using: &chance)) }
            rig.deliver(bytes, at: Rig.at(at[i] + delay))
            if chance.isHit(0.03) { rig.deliver(bytes, at: Rig.at(at[i] + delay + Double.random(in: 0...300, using: &chance))) }
          }
          if chance.isHit(0.01) { rig.deliver(streams[i].padding(at[i]), at: Rig.at(at[i] + 30)) }
          if chance.isHit(0.02) { rig.deliver(streams[i].report(at[i], ntpMilliseconds: at[i]), at: Rig.at(at[i] + 30)) }
          at[i] += streams[i].isVideo ? 1000.0 / 30 : 20
        }
      }
      rig.run(until: Rig.at(end))
      if round == 1 {
        rig.pause(.keep)
        rig.run(seconds: 0.7)
        rig.resume()
      }
    }
    rig.run(seconds: 2)
    rig.stop()
    let snapshot = rig.snapshot
    #expect(snapshot.tracks.allSatisfy { $0.packetsPending == 0 })
    for index in snapshot.tracks.indices {
      let times = rig.times(index)
      #expect(!times.isEmpty)
      #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
      #expect(times.first.map { $0 >= 0 } == true)
      #expect(UInt64(times.count) == snapshot.tracks[index].counters.frames)
    }
    let framesWritten = rig.accounts.framesWritten.load(ordering: .relaxed)
    #expect(framesWritten == rig.written.count)
    let failure = rig.accounts.state.withLock { $0.failure }
    #expect(failure == nil)
  }
}
