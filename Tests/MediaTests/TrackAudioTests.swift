import Codecs
import Ground
import RTCP
import RTP
import Testing
import Track

/// Sound from packets: silence that is sent as nothing, clocks that wander, and what is a gap.
@Suite struct TrackAudioTests {
  /// A rig and a sender of Opus packets of 20 ms.
  private struct Scene {
    var rig = TrackRig(.opus)
    var sequence: UInt16 = 65_500
    var timestamp: UInt32 = 0xffff_8000
    var time = 0.0
    private(set) var sent: [[UInt8]] = []

    /// A packet of `step` ticks, sent `step` later than the last one.
    mutating func sound(_ step: UInt32 = 960, payload: [UInt8]? = nil, isLost: Bool = false) {
      let bytes = payload ?? [OpusPackets.toc(31, 0), UInt8(sent.count & 0xff), UInt8(sent.count >> 8)]
      if !isLost {
        rig.send(fields, bytes, at: time)
        sent.append(bytes)
      }
      sequence &+= 1
      timestamp &+= step
      time += Double(step) / 48
      rig.advance(to: time)
    }

    /// A packet of 20 ms that is sent so many milliseconds later than its time.
    mutating func sound(after late: Double) {
      let bytes: [UInt8] = [OpusPackets.toc(31, 0), UInt8(sent.count & 0xff), UInt8(sent.count >> 8)]
      rig.send(fields, bytes, at: time + late)
      sent.append(bytes)
      sequence &+= 1
      timestamp &+= 960
      time += 20
      rig.advance(to: time + late)
    }

    mutating func sounds(_ count: Int) { for _ in 0..<count { sound() } }

    mutating func padding() {
      rig.send(fields, [], padding: 20, at: time)
      sequence &+= 1
    }

    private var fields: RTPHeaderFields {
      RTPHeaderFields(
        payloadType: PayloadType(111), sequenceNumber: SequenceNumber(sequence), timestamp: RTPTimestamp(timestamp), ssrc: TrackRig.ssrc)
    }

    mutating func report(after milliseconds: Double = 0) -> ReportBlock? { rig.block(at: time + milliseconds) }

    /// Whether all that was sent came out, and nothing is told of it.
    func expectWhole(_ location: SourceLocation = #_sourceLocation) {
      #expect(rig.frames.map(\.bytes) == sent, sourceLocation: location)
      #expect(rig.gaps.isEmpty && rig.counters.packetsLost == 0 && rig.faults.isEmpty, sourceLocation: location)
    }
  }

  @Test func everyPacketIsAFrame() {
    var scene = Scene()
    scene.sounds(200)
    scene.rig.finish()
    scene.expectWhole()
    #expect(scene.rig.discards.isEmpty)
    #expect(scene.rig.frames.allSatisfy { $0.isKey && $0.packets == 1 && $0.duration == .milliseconds(20) && $0.size == nil })
    #expect(scene.rig.counters.keyFrames == 0 && scene.rig.counters.frames == 200)
    for (index, place) in scene.rig.places.enumerated() { #expect(abs(place - Double(index) * 20) < 0.1) }
    // Sound needs no key frame.
    scene.rig.needKeyFrame(at: scene.time)
    scene.rig.advance(to: scene.time)
    #expect(scene.rig.requests.isEmpty)
  }

  @Test func durationsAreThePackets() {
    var scene = Scene()
    for (toc, ticks) in [(OpusPackets.toc(16, 0), 120), (OpusPackets.toc(3, 0), 2880), (OpusPackets.toc(31, 0), 960)] as [(UInt8, UInt32)] {
      scene.sound(ticks, payload: [toc, 1])
    }
    scene.sound(5760, payload: OpusPackets.many(31, frames: [3, 3, 3, 3, 3, 3], isVBR: false))
    scene.rig.finish()
    scene.expectWhole()
    #expect(scene.rig.frames.map(\.duration) == [.microseconds(2500), .milliseconds(60), .milliseconds(20), .milliseconds(120)])
  }

  /// A machine that stood still sends what it has recorded meanwhile faster than it was spoken. However its clock is judged at each moment
  /// of that, sound never lies on sound by more than slewing needs.
  @Test(arguments: [12.0, 15, 17, 19]) func soundThatIsCaughtUpWithDoesNotOverlap(_ step: Double) {
    var scene = Scene()
    scene.sounds(250)
    var late = 1_300.0
    while late > 0 {
      scene.sound(after: late)
      late -= 20 - step
    }
    scene.sounds(500)
    scene.rig.finish()
    scene.expectWhole()
    let steps = zip(scene.rig.places, scene.rig.places.dropFirst()).map { $1 - $0 }
    #expect((steps.min() ?? 0) >= 13.9, "\(steps.min() ?? 0)")
    // In the end all is where it was.
    let error = (scene.rig.places.last ?? 0) - (scene.time - 20)
    #expect(abs(error) < 40, "\(error)")
  }

  /// Where packets are lost, packets without coded sound take their place, as many as are missing: what is read on end keeps its time.
  @Test(arguments: [(31, 1), (31, 2), (31, 7), (31, 40), (9, 3), (19, 5), (16, 11)] as [(Int, Int)])
  func lostSoundIsConcealed(_ configuration: Int, _ lost: Int) {
    var scene = Scene()
    let length = UInt32([120, 240, 480, 960, 480, 960, 1920, 2880][configuration < 12 ? (configuration & 3) + 4 : configuration & 3])
    func packet(_ index: Int) -> [UInt8] { [OpusPackets.toc(configuration, 0), UInt8(index & 0xff), 7] }
    for index in 0..<200 { scene.sound(length, payload: packet(index)) }
    for index in 0..<lost { scene.sound(length, payload: packet(index), isLost: true) }
    for index in 0..<200 { scene.sound(length, payload: packet(index)) }
    scene.rig.finish()
    #expect(scene.rig.faults.isEmpty)
    #expect(scene.rig.frames.map(\.bytes) == scene.sent)
    let fill = scene.rig.everything.filter { $0.packets == 0 }
    let missing = Double(lost) * Double(length) / 48
    #expect(abs(fill.reduce(0) { $0 + $1.duration.milliseconds } - missing) < 0.01)
    #expect(scene.rig.gaps.count == 1 && scene.rig.counters.packetsLost == UInt64(lost))
    #expect(scene.rig.counters.frames == 400 && scene.rig.counters.packetsFilled == UInt64(fill.count))
    #expect(scene.rig.counters.fillDuration == fill.reduce(.zero) { $0 + $1.duration })
    for frame in fill {
      let read = try? OpusPacket(parsing: frame.bytes.span)
      #expect(read?.duration == frame.duration && frame.bytes.count <= 2 && Int(frame.bytes[0] >> 3) == configuration)
    }
    // Each begins where the one before it ends.
    for (one, next) in zip(scene.rig.everything, scene.rig.everything.dropFirst()) {
      #expect(abs(Double(next.place - one.place) / 1e6 - one.duration.milliseconds) < 0.2)
    }
  }

  /// An hour is not filled up; what is left of it is a hole.
  @Test func aLongHoleIsFilledForFiveMinutes() {
    var scene = Scene()
    scene.sounds(200)
    for _ in 0..<60_000 { scene.sound(isLost: true) }
    scene.sounds(200)
    scene.rig.finish()
    #expect(scene.rig.counters.fillDuration <= .seconds(300) && scene.rig.counters.packetsFilled <= 2_500)
    #expect(scene.rig.frames.map(\.bytes) == scene.sent)
    #expect(scene.rig.gaps.count == 1 && scene.rig.faults.isEmpty)
  }

  /// DTX: consecutive numbers, 400 ms apart, one byte each (RFC 7587 §3.1.3).
  @Test func silenceIsNoGap() {
    var scene = Scene()
    scene.sounds(50)
    for _ in 0..<10 { scene.sound(19_200, payload: [OpusPackets.toc(31, 0)]) }
    scene.sounds(50)
    scene.rig.finish()
    scene.expectWhole()
    let steps = zip(scene.rig.places, scene.rig.places.dropFirst()).map { $1 - $0 }
    #expect(steps.filter { abs($0 - 400) < 1 }.count == 10 && steps.filter { abs($0 - 20) < 1 }.count == 99)
  }

  /// GStreamer's Opus timestamps wander around 960 ticks a packet.
  @Test func stepsThatWanderAreNoGap() {
    var scene = Scene()
    for index in 0..<500 {
      scene.sound([943, 992, 960, 977, 944, 991, 960, 953][index % 8])
      // Padding on the way, too.
      if index % 50 == 7 { scene.padding() }
    }
    scene.rig.finish()
    scene.expectWhole()
  }

  /// Nor where padding is lost on the way: less than a millisecond is no hole in sound.
  @Test func lostPaddingAmongStepsThatWander() {
    var scene = Scene()
    for index in 0..<500 {
      scene.sound([943, 992, 960, 977, 944, 991, 960, 953][index % 8])
      if index % 8 == 1 { scene.sequence &+= 1 }
    }
    scene.rig.finish()
    #expect(scene.rig.frames.map(\.bytes) == scene.sent && scene.rig.gaps.isEmpty)
    // The last one has nobody behind it who would tell.
    #expect(scene.rig.counters.packetsLost == 63 && scene.rig.faults.isEmpty)
  }

  @Test func paddingIsNoGap() {
    var scene = Scene()
    scene.padding()
    for index in 0..<100 {
      scene.sound()
      for _ in 0..<index % 3 { scene.padding() }
    }
    scene.rig.finish()
    scene.expectWhole()
    #expect(scene.rig.discards == [.paddingOnly: 1 + 99])
  }

  /// As many as are lost; the gap is where they would have sounded.
  @Test(arguments: [1, 2, 5, 50, 400]) func lossIsAGap(count: Int) {
    var scene = Scene()
    scene.sounds(60)
    for _ in 0..<count { scene.sound(isLost: true) }
    scene.sounds(60)
    scene.rig.finish()
    #expect(scene.rig.frames.map(\.bytes) == scene.sent)
    #expect(scene.rig.gaps.count == 1 && scene.rig.gaps[0].packetsLost == Int64(count))
    #expect(abs(scene.rig.gaps[0].from - 1200) < 1 && abs(scene.rig.gaps[0].to - 1200 - 20 * Double(count)) < 1)
    #expect(scene.rig.counters.packetsLost == UInt64(count) && scene.rig.counters.gaps == 1)
    #expect(abs(scene.rig.counters.gapDuration.milliseconds - 20 * Double(count)) < 2)
    #expect(scene.rig.discards.isEmpty && scene.rig.faults.isEmpty)
  }

  @Test func everyHoleIsToldOnItsOwn() {
    var scene = Scene()
    scene.sounds(60)
    for count in [1, 3, 2] {
      for _ in 0..<count { scene.sound(isLost: true) }
      scene.sounds(30)
    }
    scene.rig.finish()
    #expect(scene.rig.gaps.map(\.packetsLost) == [1, 3, 2])
    #expect(scene.rig.gaps.map { ($0.to - $0.from).rounded() } == [20, 60, 40])
    #expect(scene.rig.counters.packetsLost == 6 && scene.rig.faults.isEmpty)
  }

  /// A number without media (a lost packet of padding): the sound has no hole.
  @Test func lostPaddingIsNoGap() {
    var scene = Scene()
    scene.sounds(60)
    scene.sequence &+= 3
    scene.sounds(60)
    scene.rig.finish()
    #expect(scene.rig.frames.map(\.bytes) == scene.sent && scene.rig.gaps.isEmpty)
    #expect(scene.rig.counters.packetsLost == 3 && scene.rig.faults.isEmpty)
  }

  /// What is lost within silence is as long as the silence.
  @Test func lossInSilence() {
    var scene = Scene()
    scene.sounds(60)
    scene.sound(19_200, payload: [OpusPackets.toc(31, 0)])
    scene.sound(19_200, isLost: true)
    scene.sounds(60)
    scene.rig.finish()
    #expect(scene.rig.gaps.map(\.packetsLost) == [1])
    #expect(abs(scene.rig.gaps[0].to - scene.rig.gaps[0].from - 780) < 1)
  }

  @Test func aBrokenPacketIsAGapWithoutLoss() {
    var scene = Scene()
    scene.sounds(60)
    // Two frames of equal size in an odd number of bytes.
    scene.rig.send(
      RTPHeaderFields(
        payloadType: PayloadType(111), sequenceNumber: SequenceNumber(scene.sequence), timestamp: RTPTimestamp(scene.timestamp),
        ssrc: TrackRig.ssrc), [OpusPackets.toc(31, 1), 1, 2, 3], at: scene.time)
    scene.sequence &+= 1
    scene.timestamp &+= 960
    scene.time += 20
    scene.sounds(60)
    scene.rig.finish()
    #expect(scene.rig.frames.map(\.bytes) == scene.sent)
    #expect(scene.rig.discards == [.malformedPayload: 1] && scene.rig.counters.framesDropped == 1)
    #expect(scene.rig.gaps.map(\.packetsLost) == [0] && abs(scene.rig.gaps[0].to - scene.rig.gaps[0].from - 20) < 1)
  }

  // MARK: Other streams

  /// Another SSRC goes on where the first ended: no gap, no loss, books on.
  @Test func anotherSSRC() throws {
    var scene = Scene()
    scene.sounds(100)
    let before = scene.report()
    #expect(before?.extendedHighestSequenceNumber == 65_599)
    scene.rig.changeSSRC(to: SSRC(77), at: scene.time)
    let between = scene.report()
    #expect(scene.rig.receiver.ssrc == SSRC(77) && between == nil)
    scene.sequence = 7
    scene.timestamp = 1
    scene.sounds(100)
    scene.rig.finish()
    scene.expectWhole()
    #expect(scene.rig.counters.ssrcChanges == 1 && scene.rig.counters.packetsReceived == 200)
    let told = scene.report()
    let block = try #require(told)
    #expect(block.ssrc == SSRC(77) && block.extendedHighestSequenceNumber == 106 && block.cumulativeLost == 0)
    #expect(abs(scene.rig.places[100] - scene.rig.places[99] - 20) < 5)
    // Another clock, not one that jumped.
    #expect(scene.rig.corrections.isEmpty)
  }

  /// A sender that counts anew under its SSRC: numbers, timestamps, or both.
  @Test(arguments: [(20_000, 0), (0, 0x4000_0000), (20_000, 0x4000_0000), (45_000, 0xc000_0000)] as [(UInt16, UInt32)])
  func aSenderThatStartsAnew(numbers: UInt16, ticks: UInt32) {
    var scene = Scene()
    scene.sounds(100)
    scene.sequence &+= numbers
    scene.timestamp &+= ticks
    scene.sounds(100)
    scene.rig.finish()
    #expect(scene.rig.frames.map(\.bytes) == scene.sent)
    #expect(scene.rig.counters.packetsLost == 0 && scene.rig.discards.isEmpty && scene.rig.faults.isEmpty)
    #expect(abs(scene.rig.places[199] - 199 * 20) < 5)
    // Not thousands lost.
    let told = scene.report()
    #expect(told?.cumulativeLost == 0)
  }

  /// A far-off number that came twice is still one that nobody confirmed.
  @Test func aStrayDoesNotSpoilTheReport() throws {
    var scene = Scene()
    scene.sounds(100)
    let stray = RTPHeaderFields(
      payloadType: PayloadType(111), sequenceNumber: SequenceNumber(scene.sequence &+ 9000), timestamp: RTPTimestamp(5), ssrc: TrackRig.ssrc
    )
    scene.rig.send(stray, [OpusPackets.toc(31, 0)], at: scene.time)
    scene.rig.send(stray, [OpusPackets.toc(31, 0)], at: scene.time)
    scene.sounds(10)
    let told = scene.report()
    let block = try #require(told)
    #expect(block.cumulativeLost == 0 && block.fractionLost == 0 && block.extendedHighestSequenceNumber == 1 << 16 | 73)
    scene.rig.finish()
    #expect(scene.rig.discards == [.strayed: 1, .duplicate: 1])
    scene.expectWhole()
  }

  @Test func reportsTellWhatCame() throws {
    var scene = Scene()
    let nothing = scene.report()
    #expect(nothing == nil)
    scene.sounds(30)
    for _ in 0..<10 { scene.sound(isLost: true) }
    scene.sounds(60)
    let report = SenderReport(
      ssrc: TrackRig.ssrc, ntp: NTPTimestamp(0x1111_2222_3333_4444), rtp: RTPTimestamp(scene.timestamp), packetCount: 0, octetCount: 0)
    scene.rig.report(report, at: scene.time)
    let told = scene.report(after: 500)
    let block = try #require(told)
    #expect(block.cumulativeLost == 10 && Int(block.fractionLost) == 10 * 256 / 100)
    #expect(block.lastSR == 0x2222_3333 && block.delaySinceLastSR == 1 << 15)
    #expect(scene.rig.counters.senderReports == 1)
  }

  @Test func theOwnerRefusesAndTakesBack() {
    var rig = TrackRig(.opus)
    var receiver = rig.receiver
    receiver.refuse(.foreignSSRC, bytes: 100, packets: 3)
    #expect(receiver.counters.packetsReceived == 3 && receiver.counters.bytesReceived == 100)
    #expect(receiver.counters.discarded(.foreignSSRC) == 3)
    var counters = TrackCounters()
    (counters.packetsInFrames, counters.frames) = (5, 2)
    counters.retract(packets: 3, cause: .writeFailed)
    #expect(counters.packetsInFrames == 2 && counters.frames == 1 && counters.framesDropped == 1)
    #expect(counters.discarded(.writeFailed) == 3 && counters.packetsDiscarded == 3)
    rig.finish()
    #expect(rig.faults.isEmpty)
    #expect(Set(PacketDiscard.allCases.map(\.name)).count == PacketDiscard.allCases.count)
  }
}
