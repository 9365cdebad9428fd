import Codecs
import Ground
import JSON
import Recording
import Testing
import Track

/// Pauses: what is captured in one is left out, and wall time maps to media time exactly.
@Suite struct TakePauseTests {
  /// The media time of a wall-clock time, as a client works it out from the manifest.
  private func mediaTime(of wall: WallTime, _ snapshot: TakeSnapshot) throws -> TimeSpan {
    let zero = try #require(snapshot.zeroAt)
    var media = wall - zero
    for pause in snapshot.pauses where pause.mode == .cut && pause.pausedAt < wall {
      media -= min(pause.resumedAt ?? wall, wall) - max(pause.pausedAt, zero)
    }
    return media
  }

  @Test(arguments: PauseMode.allCases)
  func mapsWallTimeToMediaTime(_ mode: PauseMode) throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.play(&audio, from: 0, to: 12_000, delay: 0)
    rig.run(until: Rig.at(3_010))
    rig.pause(mode)
    rig.run(until: Rig.at(5_030))
    rig.resume()
    rig.run(until: Rig.at(8_010))
    rig.pause(mode)
    rig.run(until: Rig.at(8_510))
    rig.resume()
    rig.run(until: Rig.at(12_020))
    rig.stop()
    let snapshot = rig.snapshot
    #expect(snapshot.pauses.count == 2)
    // Packet n was captured 20 (n - 1) ms after the start.
    for frame in rig.frames(0) {
      let captured = Rig.wall + .milliseconds(Int64(Sender.index(frame) - 1) * 20)
      #expect(abs((try mediaTime(of: captured, snapshot) - (frame.time - .zero)).nanoseconds) <= 1_000_000)
    }
    let indices = rig.frames(0).map { Int(Sender.index($0)) - 1 }
    #expect(indices == (0..<600).filter { ($0 * 20 < 3_010 || $0 * 20 >= 5_030) && ($0 * 20 < 8_010 || $0 * 20 >= 8_510) })
    #expect(rig.counters().discarded(.paused) == UInt64(600 - indices.count))
    #expect(rig.counters().gaps == 0)
    #expect(rig.events("media.gap").isEmpty)
    let last = rig.times(0).last ?? 0
    #expect(last == (mode == .cut ? 11_980 - 2_020 - 500 : 11_980))
    // The pauses as the snapshot tells them.
    #expect(snapshot.pauses.map(\.mediaStart.milliseconds) == (mode == .cut ? [3_010, 5_990] : [3_010, 8_010]))
    #expect(snapshot.pauses.map { $0.mediaEnd?.milliseconds } == (mode == .cut ? [3_010, 5_990] : [5_030, 8_510]))
    // For the presentation, zero is later on the wall clock by what was cut.
    let cut: [Int64] = mode == .cut ? [0, 2_020, 2_520] : [0, 0, 0]
    #expect(rig.wallClocks.map { ($0 - Rig.wall).nanoseconds / 1_000_000 } == cut)
    #expect(rig.advanced == rig.advanced.sorted())
  }

  @Test func theManifestTellsTheSame() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.play(&audio, from: 1000, to: 8_000, delay: 0)
    rig.run(until: Rig.at(3_000))
    rig.pause()
    rig.run(until: Rig.at(5_000))
    rig.resume()
    rig.run(until: Rig.at(8_020))
    var manifest = Manifest(
      id: "x", specification: RecordingSpecification(room: "r", source: SourceSpecification(tracks: [])), createdAt: Rig.wall)
    manifest.startedAt = Rig.wall + .milliseconds(1_900)
    manifest.snapshot = rig.snapshot
    manifest.snapshotAt = Rig.wall + .milliseconds(9_000)
    let json = manifest.json(withSecrets: false)
    #expect(json["startedAt"]?.stringValue == "2026-11-21T12:00:01.000Z")
    let pause = json["pauses"]?.arrayValue?.first
    #expect(pause?["pausedAt"]?.stringValue == "2026-11-21T12:00:03.000Z")
    #expect(pause?["resumedAt"]?.stringValue == "2026-11-21T12:00:05.000Z")
    #expect(pause?["mediaStartSeconds"]?.doubleValue == 2)
    #expect(pause?["mediaEndSeconds"]?.doubleValue == 2)
  }

  /// What was captured before the pause and is still on its way when it begins, or ends, is kept.
  @Test func whatWasCapturedBeforeThePauseIsKept() throws {
    var audio = Sender.audio()
    var video = Sender.video()
    let rig = try Rig([audio.specification, video.specification])
    rig.play(&audio, from: 0, to: 1_800)
    rig.play(&video, from: 0, to: 1_800)
    // The last fifth of a second before the pause is held up until after the resume.
    for time in stride(from: 1_800.0, to: 2_000, by: 20) { rig.deliver(audio.sound(time), at: Rig.at(2_160)) }
    for index in 54..<60 {
      for packet in video.picture(Double(index) * 1000 / 30) { rig.deliver(packet, at: Rig.at(2_160)) }
    }
    rig.run(until: Rig.at(2_040))
    rig.pause()
    rig.run(until: Rig.at(2_100))
    rig.resume()
    rig.run(until: Rig.at(4_000))
    rig.stop()
    #expect(rig.frames(0).count == 100)
    #expect(rig.frames(1).count == 60)
    #expect(rig.times(0).last == 1_980)
  }

  @Test func resumesAtAKeyFrameAskedForAtOnce() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification, Sender.video().specification])
    let camera = Camera(Sender.video(), on: rig)
    rig.play(&audio, from: 0, to: 6_000)
    camera.film(from: 0, to: 2_000)
    rig.pause()
    let before = camera.asked.count
    camera.film(from: 2_000, to: 4_000, startsWithKey: false)
    #expect(camera.asked.count == before, "nothing is asked for while nothing is recorded")
    rig.resume()
    #expect(camera.asked.count == before + 1)
    #expect(camera.asked.last == rig.milliseconds)
    camera.film(from: 4_033, to: 6_000, startsWithKey: false)
    rig.stop()
    #expect(camera.asked.count == before + 1)
    let frames = rig.frames(1)
    let first = try #require(frames.firstIndex { $0.time.milliseconds > 2_010 })
    #expect(frames[first].isKey)
    #expect(rig.counters(1).discarded(.awaitingKeyFrame) > 0)
    // The key frame came within the round trip and a picture's time; from there on nothing is missing.
    #expect(frames[first].time.milliseconds < 2_030 + 40 + 70)
    let indices = frames[first...].map { Sender.index($0) }
    #expect(indices == Array(indices[0]..<indices[0] + UInt32(indices.count)))
    #expect(rig.times(0).last == 3_980)
  }

  @Test func pausingTwiceAndResumingTwiceIsOnce() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.resume()
    rig.play(&audio, from: 0, to: 4_000, delay: 0)
    rig.run(until: Rig.at(1_000))
    rig.pause()
    rig.run(until: Rig.at(1_500))
    rig.pause(.keep)
    rig.run(until: Rig.at(2_000))
    rig.resume()
    rig.run(until: Rig.at(2_500))
    rig.resume()
    rig.run(until: Rig.at(4_020))
    rig.stop()
    #expect(rig.snapshot.pauses.count == 1)
    #expect(rig.frames(0).count == 150)
    #expect(rig.times(0).last == 2_980)
  }

  @Test func stoppingInAPauseEndsWhereItBegan() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.play(&audio, from: 0, to: 4_000, delay: 0)
    rig.run(until: Rig.at(1_990))
    rig.pause()
    rig.run(until: Rig.at(3_000))
    rig.stop()
    #expect(rig.frames(0).count == 100)
    #expect(rig.snapshot.duration.milliseconds == 2_000)
    #expect(rig.snapshot.tracks[0].packetsPending == 0)
    #expect(rig.advanced.allSatisfy { $0.milliseconds <= 2_000 })
  }

  /// Loss inside a pause is no gap of the recording; a gap that reaches into one counts what lies outside.
  @Test func lossInAPauseIsNoGap() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    for time in stride(from: 0.0, to: 6_000, by: 20) {
      let packet = audio.sound(time)
      // Lost: half a second in the pause, and from 2.9 s to 3.1 s, where it ends.
      if (2_200..<2_700).contains(time) || (2_900..<3_100).contains(time) { continue }
      rig.deliver(packet, at: Rig.at(time))
    }
    rig.run(until: Rig.at(2_000))
    rig.pause()
    rig.run(until: Rig.at(3_000))
    rig.resume()
    rig.run(until: Rig.at(6_600))
    rig.stop()
    let gaps = rig.events("media.gap")
    #expect(gaps.count == 1)
    #expect(gaps.first?.fields.first { $0.name == "startSeconds" }?.value == .number(2))
    #expect(gaps.first?.fields.first { $0.name == "durationSeconds" }?.value == .number(0.1))
    #expect(rig.counters().gaps == 1)
    #expect(rig.counters().gapDuration == .milliseconds(100))
  }
}
