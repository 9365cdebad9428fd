import Codecs
import Ground
import JSON
import Recording
import Synchronization
import Testing
import Timeline
import Track

/// What a recording says of its own quality: its numbers, its holes and its verdict.
@Suite struct QualityTests {
  private func report(_ rig: Rig) -> QualityReport { QualityReport(rig.snapshot, files: rig.accounts.state.withLock { $0.files }) }

  /// A minute of sound without the packets of `missing`.
  private func sound(_ count: Int = 3000, missing: Range<Int>) throws -> Rig {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.isChecking = false
    for index in 0..<count {
      let packet = audio.sound(Double(index) * 20)
      if !missing.contains(index) { rig.deliver(packet, at: Rig.at(Double(index) * 20)) }
    }
    rig.run(seconds: Double(count) / 50 + 1)
    rig.stop()
    return rig
  }

  /// Of 3000 packets of sound, 30 are one percent: that is good still, and one more is degraded; five percent and one more is poor.
  @Test(arguments: [(0, "good"), (30, "good"), (31, "degraded"), (150, "degraded"), (151, "poor")])
  func theVerdictFollowsTheThresholds(lost: Int, verdict: String) throws {
    // In single holes, so that no hole is long.
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.isChecking = false
    let step = lost == 0 ? Int.max : 2998 / lost
    var left = lost
    for index in 0..<3000 {
      let packet = audio.sound(Double(index) * 20)
      if index > 0, index % step == 0, left > 0 {
        left -= 1
      } else {
        rig.deliver(packet, at: Rig.at(Double(index) * 20))
      }
    }
    rig.run(seconds: 61)
    rig.stop()
    let report = report(rig)
    let track = try #require(report.tracks.first)
    #expect(report.verdict.name == verdict, "\(track.missingPercent)")
    #expect(track.counters.packetsLost == UInt64(lost) && track.holes.count == lost)
    #expect(abs(track.missingPercent - Double(lost) / 30) < 1e-6)
    #expect(track.holes.omitted == max(0, lost - HoleBook.capacity))
    #expect(track.counters.packetsFilled == UInt64(lost))
    #expect(report.reasons.map(\.measure) == (verdict == "good" ? [] : [.soundMissing]))
    #expect(report.files.map(\.path) == ["recording.webm"] && report.files.first?.verdict.name == verdict)
  }

  /// One hole of two seconds in two hundred is within one percent, and long enough to be told from 2.02 s on.
  @Test(arguments: [(100, QualityVerdict.good), (101, .degraded)])
  func aLongHoleIsAReasonOfItsOwn(lost: Int, verdict: QualityVerdict) throws {
    let rig = try sound(10_200, missing: 5000..<5000 + lost)
    let report = report(rig)
    #expect(report.verdict == verdict)
    #expect(report.tracks[0].holes.holes.map(\.start.milliseconds) == [100_000])
    #expect(report.tracks[0].holes.holes.map(\.duration) == [.milliseconds(Int64(lost) * 20)])
    #expect(report.reasons.map(\.measure) == (verdict == .good ? [] : [.longestHole]))
    #expect(report.reasons.allSatisfy { $0.text.contains("ada's audio: a hole of 2.02 s (packetLoss) (over 2)") })
  }

  /// Pictures that wait for a key frame: how long, how many, and since when there was nothing.
  @Test func gatedPicturesAreAHole() throws {
    let rig = try Rig([Sender.video().specification])
    let camera = Camera(Sender.video(), on: rig, roundTrip: 600)
    camera.film(from: 0, to: 2000)
    _ = camera.sender.picture(2000)
    camera.film(from: 2033.4, to: 20_000, startsWithKey: false)
    rig.run(seconds: 1)
    rig.stop()
    let report = report(rig)
    let track = try #require(report.tracks.first)
    let told = try #require(rig.events("media.gap").first)
    #expect(track.holes.count == 1 && rig.events("media.gap").count == 1)
    #expect(told.fields.contains(EventField("durationSeconds", track.holes.total.seconds)))
    #expect(track.counters.framesDropped == rig.counters().framesDropped && track.counters.framesDropped > 10)
    #expect(track.missingPercent > 3 && track.missingPercent < 9, "\(track.missingPercent)")
    #expect(report.verdict == .degraded && report.reasons.map(\.measure) == [.pictureMissing])
    #expect(track.counters.pliSent >= 1)
  }

  /// A camera that answers no request for a key frame at first: the beginning is missing, and that is told.
  @Test func aLateStartIsAReason() throws {
    var video = Sender.video()
    let rig = try Rig([video.specification])
    for index in 0..<300 {
      let time = Double(index) * 1000 / 30
      for packet in video.picture(time, isKey: index == 90) { rig.deliver(packet, at: Rig.at(time)) }
    }
    rig.run(seconds: 11)
    rig.stop()
    let report = report(rig)
    let delay = try #require(report.tracks.first?.startDelay)
    #expect(delay == .milliseconds(3_000), "\(delay)")
    #expect(report.verdict == .degraded && report.reasons.map(\.measure) == [.startDelay])
  }

  /// A tape of two parts: each file has its own part of the numbers, which together are the track's.
  @Test func eachFileHasItsOwn() throws {
    var audio = Sender.audio()
    var late = Sender.video(ssrc: 3333, payloadType: 97)
    let rig = try Rig([audio.specification])
    for index in 0..<1000 {
      let packet = audio.sound(Double(index) * 20)
      // 4 % of the first half, and one packet of the second.
      let isLost = index < 480 ? index % 25 == 7 : index == 800
      if !isLost { rig.deliver(packet, at: Rig.at(Double(index) * 20)) }
    }
    rig.run(until: Rig.at(10_000))
    rig.addTrack(late.specification)
    rig.play(&late, from: 10_000, to: 20_000, delay: 0)
    rig.run(until: Rig.at(21_000))
    rig.stop()
    let report = report(rig)
    #expect(report.files.count == 2)
    let whole = try #require(report.tracks.first { $0.kind == .audio })
    let parts = report.files.compactMap { $0.tracks.first { $0.kind == .audio } }
    #expect(parts.count == 2 && report.files[0].tracks.count == 1 && report.files[1].tracks.count == 2)
    #expect(parts.map(\.counters.packetsLost) == [19, 1])
    #expect(parts.map(\.holes.count) == [19, 1] && whole.holes.count == 20)
    #expect(parts.reduce(0) { $0 + $1.counters.packetsReceived } == whole.counters.packetsReceived)
    #expect(parts.reduce(0) { $0 + $1.counters.framesWritten } == whole.counters.framesWritten)
    #expect(report.files.map(\.verdict) == [.degraded, .good] && report.verdict == .degraded)
  }

  /// What the writer could not take is no loss of the network's, and told as what it is.
  @Test func framesThatWereNotWrittenAreCounted() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.play(&audio, from: 0, to: 4000, bytes: 1200)
    rig.run(seconds: 5)
    rig.take.writeFailed(track: 0, packets: 1)
    rig.stop()
    let track = try #require(report(rig).tracks.first)
    #expect(track.counters.framesNotWritten == 1)
    #expect(report(rig).reasons.map(\.measure) == [.notWritten])
    #expect(track.verdict == .degraded)
  }

  /// Sound and picture of a sender that tells its clocks, which run fast by 150 millionths: what is known of them is in the report.
  @Test func whatIsKnownOfTheClocks() throws {
    var audio = Sender.audio()
    var video = Sender.video()
    audio.partsPerMillion = 150
    video.partsPerMillion = 150
    let rig = try Rig([audio.specification, video.specification])
    rig.isChecking = false
    rig.keepsFrames = false
    rig.play(&audio, from: 0, to: 40_000)
    rig.play(&video, from: 0, to: 40_000, keyEvery: 90)
    for second in stride(from: 500.0, to: 40_000, by: 1000) {
      rig.deliver(audio.report(second, ntpMilliseconds: second), at: Rig.at(second + 30))
      rig.deliver(video.report(second, ntpMilliseconds: second), at: Rig.at(second + 30))
    }
    rig.run(seconds: 41)
    rig.stop()
    let report = report(rig)
    #expect(report.verdict == .good, "\(report.reasons)")
    for track in report.tracks { #expect(abs((track.clock?.driftPPM ?? 0) - 150) < 30, "\(String(describing: track.clock))") }
    let offset = try #require(report.tracks.first { $0.kind == .video }?.clock?.offset)
    #expect(abs(offset.amount.milliseconds) < 10 && offset.uncertainty < .milliseconds(30) && offset.basis == .senderReport, "\(offset)")
    #expect(report.tracks.allSatisfy { $0.clock?.corrections == 0 })
    let json = report.json(at: Rig.wall)["tracks"]?.arrayValue?.first { $0["kind"] == "video" }?["clock"]
    #expect(json?["avOffset"]?["basis"] == "senderReport" && json?["driftPPM"]?.doubleValue != nil)
  }

  @Test func theReportIsInTheManifest() throws {
    let rig = try sound(500, missing: 100..<120)
    var manifest = Manifest(
      id: "r", specification: RecordingSpecification(room: "r", source: SourceSpecification(tracks: [])), createdAt: Rig.wall)
    manifest.snapshot = rig.snapshot
    manifest.files = rig.accounts.state.withLock { $0.files }
    let json = try #require(manifest.json(withSecrets: false)["quality"])
    #expect(json["verdict"] == "degraded" && json["at"] == .string(Rig.wall.rfc3339))
    #expect(json["reasons"]?.arrayValue?.first?["measure"] == "soundMissing")
    #expect(json["totals"]?["packetsLost"] == 20 && json["totals"]?["packetsRecovered"]?["nack"] == 0)
    let track = try #require(json["tracks"]?.arrayValue?.first)
    #expect(track["missingMilliseconds"]?.doubleValue == 400 && track["longestHoleSeconds"] == 0.4)
    let hole: JSONValue = [
      "startSeconds": 2, "durationSeconds": 0.4, "cause": "packetLoss", "packetsLost": 20, "framesDropped": 0, "degraded": false,
    ]
    #expect(track["holes"]?.arrayValue?.count == 1 && track["holes"]?.arrayValue?.first?.text() == hole.text())
    #expect(json["files"]?.arrayValue?.first?["verdict"] == "degraded")
    let thresholds = json["thresholds"]?["soundMissing"]
    #expect(thresholds?["degradedOver"]?.doubleValue == 1 && thresholds?["poorOver"]?.doubleValue == 5)
  }
}

/// Alarms: a track that sends, and of which nothing is seen or heard on tape.
@Suite struct TakeAlarmTests {
  private func alarms(_ rig: Rig, _ kind: AlarmKind) -> [(type: String, at: Double)] {
    rig.events.filter { $0.type.hasPrefix("track.alarm") && $0.fields.contains(EventField("alarm", kind.rawValue)) }.map {
      ($0.type, ($0.at - Rig.start).milliseconds)
    }
  }

  /// Pictures without a key frame: told within two seconds, and over with the first that goes to tape.
  @Test func packetsOfWhichNothingIsWritten() throws {
    var video = Sender.video()
    let rig = try Rig([video.specification])
    for index in 0..<300 {
      let time = Double(index) * 1000 / 30
      for packet in video.picture(time, isKey: index == 150) { rig.deliver(packet, at: Rig.at(time)) }
    }
    rig.run(until: Rig.at(3_000))
    #expect(rig.snapshot.tracks[0].alarms == [.nothingWritten])
    rig.run(seconds: 9)
    rig.stop()
    let told = alarms(rig, .nothingWritten)
    #expect(told.map(\.type) == ["track.alarm", "track.alarmCleared"])
    #expect(told.first.map { $0.at <= 2_000 } == true && told.last.map { $0.at > 5_000 && $0.at < 6_000 } == true, "\(told)")
    #expect(rig.events("track.alarm").first?.fields.contains(EventField("cause", "awaitingKeyFrame")) == true)
    #expect(rig.snapshot.tracks[0].alarms.isEmpty)
  }

  /// A gate that closes in the middle of a recording is told as well.
  @Test func aLossThatIsNotHealed() throws {
    var video = Sender.video()
    let rig = try Rig([video.specification])
    for index in 0..<240 {
      let time = Double(index) * 1000 / 30
      for packet in video.picture(time, isKey: index == 0) where index != 90 { rig.deliver(packet, at: Rig.at(time)) }
    }
    rig.run(seconds: 6)
    let told = alarms(rig, .nothingWritten)
    #expect(told.map(\.type) == ["track.alarm"] && (4_500...5_300).contains(told[0].at), "\(told)")
    #expect(rig.events("track.alarm").first?.fields.contains(EventField("cause", "awaitingKeyFrame")) == true)
  }

  /// No alarm: a stream that is well, one that pauses, a camera that is off, one picture every ten seconds, a paused recording, and
  /// padding that probes the line.
  @Test func whatIsWellRaisesNone() throws {
    var audio = Sender.audio()
    var video = Sender.video()
    var slides = Sender.video("bob", ssrc: 4444, payloadType: 98)
    let rig = try Rig([audio.specification, video.specification, slides.specification])
    rig.play(&audio, from: 0, to: 30_000)
    rig.play(&video, from: 0, to: 8_000)
    for second in stride(from: 0.0, to: 30, by: 10) {
      for packet in slides.picture(second * 1000, isKey: true) { rig.deliver(packet, at: Rig.at(second * 1000)) }
    }
    for time in stride(from: 8_000.0, to: 20_000, by: 50) { rig.deliver(video.padding(8_000), at: Rig.at(time)) }
    rig.run(until: Rig.at(20_000))
    rig.pause()
    rig.run(until: Rig.at(25_000))
    rig.resume()
    rig.run(until: Rig.at(31_000))
    rig.stop()
    #expect(rig.events("track.alarm").isEmpty, "\(rig.events("track.alarm"))")
  }

  /// Sound that is digital silence: by what an encoder makes of it, for longer than was asked for, unless the client says that it is muted.
  @Test func silenceIsTold() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.take.silenceAlarm = .seconds(5)
    rig.play(&audio, from: 0, to: 2_000, delay: 0)
    for time in stride(from: 2_000.0, to: 12_000, by: 20) { rig.deliver(audio.silence(time), at: Rig.at(time)) }
    rig.play(&audio, from: 12_000, to: 13_000, delay: 0)
    for time in stride(from: 13_000.0, to: 30_000, by: 20) { rig.deliver(audio.silence(time), at: Rig.at(time)) }
    rig.run(until: Rig.at(13_500))
    let told = alarms(rig, .noSound)
    #expect(told.map(\.type) == ["track.alarm", "track.alarmCleared"])
    #expect(
      told.first.map { (6_980...9_000).contains($0.at) } == true && told.last.map { (12_000...12_200).contains($0.at) } == true, "\(told)")
    #expect(rig.take.setMuted(true, track: "t1", source: 0, at: Rig.at(13_500)))
    rig.run(until: Rig.at(22_000))
    #expect(alarms(rig, .noSound).count == 2 && rig.snapshot.tracks[0].isMuted)
    #expect(rig.take.setMuted(false, track: "t1", source: 0, at: Rig.at(22_000)))
    rig.run(until: Rig.at(28_500))
    #expect(alarms(rig, .noSound).count == 3)
    #expect(alarms(rig, .noSound).last.map { $0.type == "track.alarm" && $0.at >= 27_000 } == true)
    #expect(rig.events.filter { $0.type == "track.muted" || $0.type == "track.unmuted" }.map(\.type) == ["track.muted", "track.unmuted"])
    #expect(!rig.take.setMuted(true, track: "t9", source: 0, at: Rig.at(28_500)))
  }
}
