import Codecs
import Ground
import Recording
import Testing
import Track

/// How a recording begins: the first packet is on tape, and the timeline's zero is the earliest of what came first.
@Suite struct TakeStartTests {
  @Test func theFirstPacketIsOnTapeAtZero() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.play(&audio, from: 0, to: 2000)
    rig.run(seconds: 3)
    rig.stop()
    #expect(rig.frames(0).count == 100)
    #expect(rig.times(0).first == 0)
    #expect(rig.times(0) == (0..<100).map { $0 * 20 })
    #expect(rig.events.map(\.type).prefix(2) == ["participant.joined", "track.started"])
  }

  @Test func theLaterTrackHasItsTrueOffset() throws {
    var audio = Sender.audio()
    var video = Sender.video()
    let rig = try Rig([audio.specification, video.specification])
    rig.play(&video, from: 0, to: 3000)
    rig.play(&audio, from: 130, to: 3000)
    rig.run(seconds: 4)
    rig.stop()
    #expect(rig.times(1).first == 0)
    #expect(rig.times(0).first == 130)
    #expect(rig.written.map(\.frame.time) == rig.written.map(\.frame.time).sorted())
  }

  /// A sender that has queued its first half second delivers it at once; what comes later is less late, and tells when it was made.
  @Test(arguments: [false, true])
  func aStartBurstLiesWhereItWasMade(_ isAudioBurst: Bool) throws {
    var audio = Sender.audio()
    var video = Sender.video()
    let rig = try Rig([audio.specification, video.specification])
    func arrival(_ time: Double, _ isBurst: Bool) -> Instant { Rig.at(isBurst ? max(time + 30, 530) : time + 30) }
    for time in stride(from: 0.0, to: 3000, by: 20) { rig.deliver(audio.sound(time), at: arrival(time, isAudioBurst)) }
    for index in 0..<90 {
      let time = Double(index) * 1000 / 30
      for packet in video.picture(time, isKey: index == 0) { rig.deliver(packet, at: arrival(time, !isAudioBurst)) }
    }
    rig.run(seconds: 4)
    rig.stop()
    #expect(rig.times(0).count == 150)
    #expect(rig.times(1).count == 90)
    #expect(abs((rig.times(0).first ?? -1) - (rig.times(1).first ?? -1)) <= 1)
    #expect(rig.snapshot.tracks.allSatisfy { $0.timesAdjusted == 0 })
    #expect(rig.written.map(\.frame.time) == rig.written.map(\.frame.time).sorted())
  }

  /// One track's clock is known after half a second, the other's queue drains for two: nothing is put on tape before both are known,
  /// nothing lies before zero, and the presentation's fill waits too.
  @Test func aSlowlyDrainingQueueIsWaitedFor() throws {
    var audio = Sender.audio()
    var video = Sender.video()
    let rig = try Rig([audio.specification, video.specification])
    for time in stride(from: 0.0, to: 5000, by: 20) { rig.deliver(audio.sound(time), at: Rig.at(time + 30)) }
    for index in 0..<150 {
      let time = Double(index) * 1000 / 30
      let queue = max(0, 400 - time * 0.2)
      for packet in video.picture(time, isKey: index == 0) { rig.deliver(packet, at: Rig.at(time + 30 + queue)) }
    }
    rig.run(seconds: 6)
    rig.stop()
    #expect(rig.times(1).first == rig.times(0).first)
    #expect(rig.snapshot.tracks.allSatisfy { $0.timesAdjusted == 0 })
    #expect(rig.written.map(\.frame.time) == rig.written.map(\.frame.time).sorted())
    #expect(rig.advanced == rig.advanced.sorted())
  }

  @Test func whatWaitsForTheStartIsBounded() throws {
    var audio = Sender.audio()
    var video = Sender.video()
    let rig = try Rig([audio.specification, video.specification])
    rig.isChecking = false
    rig.deliver(audio.sound(0), at: Rig.at(0))
    rig.run(seconds: 0.2)
    // 20 MB in a quarter of a second.
    for index in 0..<20_000 {
      for packet in video.picture(200 + Double(index) / 80, isKey: index % 1000 == 0, bytes: 1000) {
        rig.deliver(packet, at: Rig.at(200 + Double(index) / 80))
      }
    }
    rig.run(seconds: 0.3)
    rig.checkAccounts()
    #expect(rig.counters(1).packetsReceived == 20_000)
    // All but what may wait is ordered or was refused.
    let waiting = rig.snapshot.tracks[1].packetsPending
    #expect(waiting * 1000 <= 17 << 20)
    rig.run(seconds: 2)
    #expect(rig.snapshot.tracks[1].packetsPending == 0)
  }

  @Test func aPauseBeforeTheFirstFrameIsNotRecorded() throws {
    for mode in PauseMode.allCases {
      var audio = Sender.audio()
      let rig = try Rig([audio.specification])
      rig.pause(mode)
      rig.play(&audio, from: 100, to: 5000)
      rig.run(until: Rig.at(3000))
      #expect(!rig.take.hasMedia)
      rig.resume()
      rig.run(seconds: 3)
      rig.stop()
      #expect(rig.times(0).first == 0)
      #expect(rig.snapshot.tracks[0].counters.discarded(.paused) == UInt64(245 - rig.frames(0).count))
      // What was captured from the resume on: the clock, which knows no delay but what varies, places frames on their arrival.
      #expect(rig.frames(0).count == (5000 - 3000 + 30) / 20)
    }
  }
}
