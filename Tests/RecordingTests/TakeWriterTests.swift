import Codecs
import Ground
import RTP
import Recording
import Synchronization
import Testing
import Track

/// The tape's end: a writer that is slow, a disk that is full, and files that are finished apart.
@Suite struct TakeWriterTests {
  /// A writer that puts nothing away for three seconds: the queue is bounded, what it cannot take is counted and told as a hole, and
  /// afterwards no picture is on tape whose reference is not.
  @Test func aStalledWritersQueueIsBounded() throws {
    let rig = try Rig([Sender.video().specification, Sender.audio().specification])
    rig.isChecking = false
    var video = Sender.video()
    var audio = Sender.audio()
    // 240 Mbit/s: the queue is full after half a second.
    rig.play(&video, from: 0, to: 8000, keyEvery: 45, bytes: 1_000_000)
    rig.play(&audio, from: 0, to: 8000)
    rig.files.keepsBytes = false
    rig.run(until: Rig.at(2000))
    rig.isWriting = false
    rig.keepsFrames = true
    let before = rig.written.count
    rig.run(until: Rig.at(5000))
    let queued = rig.written[before...].reduce(0) { $0 + $1.frame.storedBytes }
    #expect(queued > 15_000_000 && queued <= Take.maximumQueuedBytes)
    #expect(rig.counters(0).discarded(.writerOverflow) > 0)
    rig.take.written(bytes: queued)
    rig.isWriting = true
    rig.run(until: Rig.at(9000))
    rig.stop()
    rig.checkAccounts()
    let gap = try #require(rig.events("media.gap").first { $0.fields.contains(EventField("kind", "video")) })
    #expect(gap.fields.contains(EventField("cause", "writerOverflow")))
    #expect(rig.counters(0).gaps >= 1)
    // Every picture follows the one before it, or needs none.
    let frames = rig.frames(0)
    for (last, next) in zip(frames, frames.dropFirst()) where Sender.index(next) != Sender.index(last) + 1 {
      #expect(next.isKey)
    }
    let dropped = rig.counters(0).discarded(.writerOverflow) + rig.counters(0).discarded(.awaitingKeyFrame)
    #expect(Int(dropped) == 240 - frames.count)
    #expect(frames.last.map { Sender.index($0) } == 240)
  }

  /// The smallest frames there are, of one byte each, are kept in more than that: their number is bounded too.
  @Test func aStalledWritersQueueOfTinyFramesIsBounded() throws {
    let audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.isChecking = false
    // 2.5 ms of sound (RFC 6716 §3.1) in a frame without bytes, for three minutes.
    let count = 72_000
    for n in 0..<count {
      let fields = RTPHeaderFields(
        payloadType: audio.specification.payloadType, marker: false, sequenceNumber: SequenceNumber(UInt16(truncatingIfNeeded: n)),
        timestamp: RTPTimestamp(UInt32(n) * 120), ssrc: SSRC(audio.ssrc))
      rig.deliver(fields.packet(payload: [0x80]), at: Rig.at(Double(n) * 2.5 + 30))
    }
    rig.isWriting = false
    rig.run(seconds: 185)
    #expect(rig.written.count < Take.maximumQueuedBytes / 256)
    #expect(rig.written.count > Take.maximumQueuedBytes / 300)
    #expect(rig.counters(0).discarded(.writerOverflow) == UInt64(count - rig.written.count))
    rig.take.written(bytes: rig.written.reduce(0) { $0 + $1.frame.storedBytes })
    rig.stop()
    rig.checkAccounts()
  }

  /// Pictures that are in the interleaver already when the queue overflows must not go to tape because a key frame behind them is there.
  @Test func noPictureOutlivesItsReference() throws {
    let rig = try Rig([Sender.video().specification, Sender.audio().specification])
    rig.isChecking = false
    var video = Sender.video()
    var audio = Sender.audio()
    rig.play(&video, from: 0, to: 2000, keyEvery: 30, bytes: 1000)
    // The sound goes on until just after picture 65, and stalls for a quarter of a second.
    rig.play(&audio, from: 0, to: 2180)
    rig.play(&audio, from: 2180, to: 2400, delay: 300)
    rig.run(until: Rig.at(2030))
    rig.isWriting = false
    // Five pictures fill the queue, the sixth does not fit; those after it would, and a key frame comes while they wait for the sound.
    for index in 60..<70 {
      let bytes = index < 66 ? 3_000_000 : 1000
      for packet in video.picture(Double(index) * 1000 / 30, isKey: index == 68, packets: bytes / 50_000 + 1, bytes: bytes) {
        rig.deliver(packet, at: Rig.at(Double(index) * 1000 / 30 + 30))
      }
    }
    rig.run(seconds: 2)
    rig.stop()
    #expect(rig.counters(0).discarded(.writerOverflow) == 61)
    #expect(rig.counters(0).discarded(.awaitingKeyFrame) == 2)
    let frames = rig.frames(0)
    for (last, next) in zip(frames, frames.dropFirst()) where Sender.index(next) != Sender.index(last) + 1 {
      #expect(next.isKey)
    }
    rig.checkAccounts()
  }

  /// One file's disk is full: it fails, the frames that it did not get are told, and the other is finished.
  @Test func oneFilesFailureDoesNotSpoilTheOthers() throws {
    var ada = Sender.audio("ada", ssrc: 1)
    var bob = Sender.audio("bob", ssrc: 2)
    let rig = try Rig([ada.specification, bob.specification])
    rig.play(&ada, from: 0, to: 4000)
    rig.play(&bob, from: 0, to: 4000)
    rig.run(until: Rig.at(2000))
    rig.files.failing["recording-ada.webm"] = .noSpace(path: "recording-ada.webm")
    rig.run(until: Rig.at(4100))
    rig.stop()
    let state = rig.accounts.state.withLock { ($0.failure, $0.files, $0.lost.count) }
    #expect(state.0?.isDiskFull == true)
    let hasFailed = rig.accounts.hasFailed.load(ordering: .relaxed)
    #expect(hasFailed)
    #expect(state.1.map(\.isFinal) == [false, true])
    let framesWritten = rig.accounts.framesWritten.load(ordering: .relaxed)
    #expect(framesWritten + state.2 == rig.written.count)
    var snapshot = rig.snapshot
    snapshot.retract(rig.accounts.state.withLock { $0.lost })
    for track in snapshot.tracks {
      #expect(track.counters.packetsReceived == track.counters.packetsInFrames + track.counters.packetsDiscarded)
    }
    #expect(snapshot.tracks.contains { $0.counters.discarded(.writeFailed) > 0 })
  }

  /// One participant falls silent while another goes on: what the silent one had in its open cluster is on disk half a second later.
  @Test func aSilentParticipantsClusterIsClosed() throws {
    var ada = Sender.audio("ada", ssrc: 1)
    var bob = Sender.audio("bob", ssrc: 2)
    let rig = try Rig([ada.specification, bob.specification])
    rig.play(&ada, from: 0, to: 6000)
    rig.play(&bob, from: 0, to: 2600)
    rig.run(until: Rig.at(4500))
    let bytes = try #require(rig.files.files["recording-bob.webm"])
    let frames = rig.frames(1)
    #expect(frames.count == 130)
    let last = try #require(frames.last).bytes
    #expect(bytes.indices.contains { $0 + last.count <= bytes.count && Array(bytes[$0..<$0 + last.count]) == last })
    rig.stop()
  }
}
