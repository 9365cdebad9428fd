import Codecs
import Ground
import Recording
import Synchronization
import Testing
import Track

/// Several participants on one timeline, and tracks that appear after a file was begun.
@Suite struct TakePartsTests {
  @Test func participantsHaveTheirTrueOffsets() throws {
    var ada = Sender.audio("ada", ssrc: 1)
    var bob = Sender.audio("bob", ssrc: 2)
    var eve = Sender.video("eve", ssrc: 3)
    let rig = try Rig([ada.specification, bob.specification, eve.specification])
    rig.play(&ada, from: 0, to: 8_000)
    rig.play(&bob, from: 2_345, to: 8_000)
    rig.play(&eve, from: 7_010, to: 8_000)
    rig.run(seconds: 9)
    rig.stop()
    #expect(rig.times(0).first == 0)
    #expect(rig.times(1).first == 2_345)
    #expect(rig.times(2).first == 7_010)
    let files = rig.accounts.state.withLock { $0.files }
    #expect(files.map(\.path) == ["recording-ada.webm", "recording-bob.webm", "recording-eve.webm"])
    #expect(files.map(\.startSeconds) == [0, 2.345, 7.01])
    #expect(files.allSatisfy { $0.isFinal })
    #expect(rig.events("participant.joined").count == 3)
    #expect(rig.opened.count == 3)
  }

  /// A camera that is switched on after the file was begun without it: the next part has both, and no sound is lost between the parts.
  @Test func aLateCameraOpensTheNextPart() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.play(&audio, from: 0, to: 10_000)
    rig.run(until: Rig.at(4_000))
    var video = Sender.video()
    rig.addTrack(video.specification)
    rig.play(&video, from: 5_000, to: 10_000)
    rig.run(seconds: 7)
    rig.stop()
    let files = rig.accounts.state.withLock { $0.files }
    #expect(files.map(\.path) == ["recording.webm", "recording.part2.webm"])
    #expect(files.map(\.part) == [1, 2])
    #expect(files.map(\.startSeconds) == [0, 5.0])
    #expect(files[0].durationSeconds == 5.02)
    #expect(rig.opened.map { $0.formats.map(\.codec) } == [[.opus], [.vp8, .opus]])
    #expect(rig.times(0) == (0..<500).map { $0 * 20 })
    #expect(rig.frames(1).count == 150)
    #expect(rig.written.map(\.frame.time) == rig.written.map(\.frame.time).sorted())
  }

  /// A microphone that comes late: the pictures go on in the new part at a key frame that was asked for, and none is lost.
  @Test func aLateMicrophoneLosesNoPicture() throws {
    let rig = try Rig([Sender.video().specification])
    let camera = Camera(Sender.video(), on: rig)
    camera.film(from: 0, to: 3_000)
    var audio = Sender.audio()
    rig.addTrack(audio.specification)
    rig.play(&audio, from: 3_100, to: 6_000)
    camera.film(from: 3_000, to: 6_000, startsWithKey: false)
    rig.run(seconds: 1)
    rig.stop()
    let files = rig.accounts.state.withLock { $0.files }
    #expect(files.count == 2)
    #expect(rig.frames(0).map { Sender.index($0) } == Array(1...180))
    #expect(rig.frames(1).count == 145)
    #expect(rig.counters(0).discarded(.awaitingKeyFrame) == 0)
    // The new part's first picture needs none before it.
    let pictures = rig.written.filter { $0.track == 0 }
    #expect(pictures.first { $0.part == 2 }?.frame.isKey == true)
    #expect(rig.events("media.gap").isEmpty)
    #expect(files[1].startSeconds == 3.1)
  }

  /// A camera that does not answer: what the new part cannot begin with is counted and told.
  @Test func withoutAKeyFrameTheHoleIsTold() throws {
    let rig = try Rig([Sender.video().specification])
    var video = Sender.video()
    rig.play(&video, from: 0, to: 6_000, keyEvery: 120)
    rig.run(until: Rig.at(3_000))
    var audio = Sender.audio()
    rig.addTrack(audio.specification)
    rig.play(&audio, from: 5_000, to: 6_000)
    rig.run(seconds: 4)
    rig.stop()
    #expect(rig.counters(0).discarded(.awaitingKeyFrame) > 0)
    let gap = try #require(rig.events("media.gap").first)
    #expect(gap.fields.contains(EventField("cause", "awaitingKeyFrame")))
    let kept = rig.frames(0).map { Int(Sender.index($0)) }
    #expect(kept == Array(1...kept.count))
    #expect(rig.frames(0).filter { $0.time.milliseconds >= 5_600 }.isEmpty)
  }

  /// A second microphone while both kinds are there already.
  @Test func aLateSecondMicrophone() throws {
    var audio = Sender.audio(ssrc: 1)
    let rig = try Rig([Sender.video().specification, audio.specification])
    let camera = Camera(Sender.video(), on: rig)
    rig.play(&audio, from: 0, to: 6_000)
    camera.film(from: 0, to: 3_000)
    var second = Sender.audio(ssrc: 2)
    rig.addTrack(second.specification)
    rig.play(&second, from: 3_000, to: 6_000)
    camera.film(from: 3_000, to: 6_000, startsWithKey: false)
    rig.run(seconds: 1)
    rig.stop()
    #expect(rig.frames(0).map { Sender.index($0) } == Array(1...180))
    #expect(rig.frames(1).map { Sender.index($0) } == Array(1...300))
    #expect(rig.frames(2).map { Sender.index($0) } == Array(1...150))
    #expect(rig.opened.map { $0.formats.count } == [2, 3])
    for part in 1...2 {
      let times = rig.written.filter { $0.part == part }.map(\.frame.time)
      #expect(times == times.sorted())
    }
  }

  /// A track that was declared, and one that has ended, need no part of their own.
  @Test func onlyWhatHasMediaOpensAPart() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification, Sender.video().specification])
    let source = rig.take.addSource(id: "s2", SourceSpecification(tracks: []))
    try rig.addLeg([Sender.video(ssrc: 9).specification], source: source)
    rig.play(&audio, from: 0, to: 3_000)
    rig.run(until: Rig.at(1_000))
    rig.take.removeSource(source, at: rig.now)
    rig.run(seconds: 3)
    rig.stop()
    #expect(rig.opened.count == 1)
    #expect(rig.events("track.ended").count == 1)
  }

  @Test func aRemovedSourcesFramesStayAndItsParticipantLeaves() throws {
    var ada = Sender.audio("ada", ssrc: 1)
    var bob = Sender.audio("bob", ssrc: 2)
    let rig = try Rig([ada.specification])
    let source = rig.take.addSource(id: "s2", SourceSpecification(tracks: []))
    try rig.addLeg([bob.specification], source: source)
    rig.play(&ada, from: 0, to: 6_000)
    for time in stride(from: 0.0, to: 6_000, by: 20) { rig.deliver(bob.sound(time), at: Rig.at(time + 30), source: source) }
    rig.run(until: Rig.at(3_020))
    rig.take.removeSource(source, at: rig.now)
    rig.run(until: Rig.at(6_100))
    #expect(rig.events("participant.left").count == 1)
    #expect(rig.events("track.ended").count == 1)
    rig.stop()
    // What was received up to the removal is on tape, nothing after.
    #expect(rig.frames(1).count == 150)
    #expect(rig.frames(0).count == 300)
    #expect(rig.snapshot.participants.first { $0.id == "bob" }?.sinceLeft != nil)
  }
}
