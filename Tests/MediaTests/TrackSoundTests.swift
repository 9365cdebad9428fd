import Codecs
import Ground
import RTP
import Testing
import Track

/// Sound that is not Opus, from packets: their lengths, their holes, and what comes between them.
@Suite struct TrackSoundTests {
  /// A sender of packets of so many bytes.
  private struct Scene {
    var rig: TrackRig
    let sound: SoundFormat
    let bytes: Int
    var sequence: UInt16 = 65_530
    var timestamp: UInt32 = 0xffff_ff00
    var time = 0.0

    init(_ sound: SoundFormat, milliseconds: Int) throws {
      self.sound = sound
      bytes = Int(sound.clockRate.hertz) * milliseconds / 1000 * (try #require(sound.bytesPerTick))
      rig = TrackRig(sound.codec, sound: sound, payloadType: 0)
    }

    mutating func packet(isLost: Bool = false, type: UInt8 = 0, payload: [UInt8]? = nil) {
      if !isLost {
        rig.send(
          RTPHeaderFields(
            payloadType: PayloadType(type), sequenceNumber: SequenceNumber(sequence), timestamp: RTPTimestamp(timestamp),
            ssrc: TrackRig.ssrc), payload ?? [UInt8](repeating: UInt8(sequence & 0x3f), count: bytes), at: time)
      }
      sequence &+= 1
      guard type == 0 else { return }
      let ticks = bytes / (sound.bytesPerTick ?? 1)
      timestamp &+= UInt32(ticks)
      time += Double(ticks) * 1000 / Double(sound.clockRate.hertz)
      rig.advance(to: time)
    }
  }

  private static let formats = [
    SoundFormat(codec: .pcmu, channels: 1), SoundFormat(codec: .pcma, channels: 2), SoundFormat(codec: .g722, channels: 1),
    SoundFormat(codec: .l16, clockRate: ClockRate(16_000), channels: 1), SoundFormat(codec: .l16, channels: 2),
  ]

  /// As many bytes of silence as are missing, to the tick: what is read on end keeps its time.
  @Test(arguments: formats, [1, 4, 23]) func holesAreFilledWithSilence(_ sound: SoundFormat, _ lost: Int) throws {
    var scene = try Scene(sound, milliseconds: 20)
    for _ in 0..<150 { scene.packet() }
    for _ in 0..<lost { scene.packet(isLost: true) }
    for _ in 0..<150 { scene.packet() }
    scene.rig.finish()
    #expect(scene.rig.faults.isEmpty)
    #expect(scene.rig.frames.count == 300)
    #expect(scene.rig.gaps.count == 1 && scene.rig.counters.packetsLost == UInt64(lost))
    let fills = scene.rig.everything.filter { $0.packets == 0 }
    #expect(fills.reduce(0) { $0 + $1.bytes.count } == lost * scene.bytes)
    #expect(fills.allSatisfy { $0.bytes.allSatisfy { $0 == sound.silence } })
    #expect(scene.rig.counters.packetsFilled == UInt64(fills.count))
    #expect(abs(scene.rig.counters.fillDuration.nanoseconds - Int64(lost) * 20_000_000) < 1_000)
    let all = scene.rig.everything
    for (before, after) in zip(all, all.dropFirst()) { #expect(abs(after.place - before.place - before.duration.nanoseconds) < 1_000_000) }
  }

  /// Five minutes, or as many bytes as may wait for the writer; what lies beyond stays open.
  @Test(arguments: [
    (SoundFormat(codec: .pcmu, channels: 1), 300.0), (SoundFormat(codec: .l16, clockRate: ClockRate(48_000), channels: 2), 21.845),
  ])
  func longHolesAreFilledForSoLong(_ sound: SoundFormat, _ seconds: Double) throws {
    var scene = try Scene(sound, milliseconds: 20)
    for _ in 0..<150 { scene.packet() }
    let lost = 18_000
    scene.time += Double(lost) * 20
    scene.sequence &+= UInt16(lost)
    scene.timestamp &+= UInt32(lost * scene.bytes / (sound.bytesPerTick ?? 1))
    for _ in 0..<150 { scene.packet() }
    scene.rig.finish()
    #expect(scene.rig.frames.count == 300)
    #expect(abs(scene.rig.counters.fillDuration.seconds - seconds) < 0.03)
    #expect(scene.rig.counters.gapDuration.seconds > 359)
  }

  /// Comfort noise and pressed keys use up the stream's numbers, and are neither sound nor loss.
  @Test func whatIsNoSoundIsNoLoss() throws {
    var scene = try Scene(SoundFormat(codec: .pcmu, channels: 1), milliseconds: 20)
    for _ in 0..<100 { scene.packet() }
    for index in 0..<30 {
      scene.packet(type: index % 3 == 0 ? 13 : 101, payload: [7, 0x0a, 0, 160])
      scene.packet()
    }
    scene.rig.finish()
    #expect(scene.rig.faults.isEmpty)
    #expect(scene.rig.frames.count == 130 && scene.rig.gaps.isEmpty && scene.rig.counters.packetsLost == 0)
    #expect(scene.rig.discards == [.otherPayload: 30])
    #expect(scene.rig.everything.count == 130)
  }

  @Test func whatIsNotAWholeNumberOfSamplesIsMalformed() throws {
    var scene = try Scene(SoundFormat(codec: .l16, clockRate: ClockRate(16_000), channels: 1), milliseconds: 20)
    for _ in 0..<100 { scene.packet() }
    scene.packet(payload: [1, 2, 3])
    for _ in 0..<100 { scene.packet() }
    scene.rig.finish()
    #expect(scene.rig.discards == [.malformedPayload: 1])
    // Its place is filled like a lost one's.
    #expect(scene.rig.everything.reduce(0) { $0 + $1.bytes.count } == 201 * scene.bytes)
  }

  @Test func severalStreamsOfOpusAreConcealedTogether() throws {
    var rig = TrackRig(.multiopus, sound: SoundFormat(codec: .multiopus, channels: 6), payloadType: 96)
    let toc = OpusPackets.toc(31, 0)
    for index in 0..<300 where !(150..<157).contains(index) {
      let payload = [toc, 1, UInt8(index & 0xff), toc, 1, 2, toc, 1, 3, toc, 4, 5]
      let fields = RTPHeaderFields(
        payloadType: PayloadType(96), sequenceNumber: SequenceNumber(UInt16(index)), timestamp: RTPTimestamp(UInt32(index * 960)),
        ssrc: TrackRig.ssrc)
      rig.send(fields, payload, at: Double(index) * 20)
      rig.advance(to: Double(index) * 20)
    }
    rig.finish()
    #expect(rig.faults.isEmpty && rig.frames.count == 293 && rig.gaps.count == 1)
    let fills = rig.everything.filter { $0.packets == 0 }
    var samples = 0
    for fill in fills { samples += try OpusStreamsPacket(parsing: fill.bytes.span, streams: 4).samples }
    #expect(samples == 7 * 960)
  }
}
