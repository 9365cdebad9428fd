import Codecs
import Ground
import Testing
import Transcode

/// 100 ms of 1 kHz at half volume in each second.
private let beeps = "0.5*sin(2*PI*1000*t)*lt(mod(t\\,1)\\,0.1)"
private let tone = "0.5*sin(2*PI*440*t)"
/// What Opus delays sound by; it is part of what a packet decodes to.
private let delay = 312

@Suite struct AudioTranscoderTests {
  @Test(arguments: [1, 2]) func framesLieOnTheGridWithoutHole(channels: Int) throws {
    let packets = try Content.audio(tone, seconds: 2, channels: channels)
    let run = try transcodeAudio(Array(packets.prefix(100)), channels: channels, end: .seconds(2))
    #expect(run.frames.count == 94)  // 2 s are 93.75 frames
    for (index, frame) in run.frames.enumerated() {
      #expect(frame.time == MediaTime(nanoseconds: (Int64(index) * 1024 * 125_000 + 3) / 6))
      #expect(frame.duration == TimeSpan(nanoseconds: 21_333_333))
      #expect(frame.isKey)
    }
    let sound = try Judge.sound(run.frames, channels: channels)
    #expect(sound.count == 94 * 1024)
    // AAC-LC (2), 48 kHz (3), the channels: ISO/IEC 14496-3 §1.6.2.1.
    let configuration = try AudioTranscoder(channels: channels).format.configuration
    #expect(configuration.prefix(2) == [0x11, UInt8(0x80 | channels << 3)])
  }

  /// Noise tells positions apart to the sample: what ffmpeg decodes from the packets must lie where it lies in our AAC.
  @Test func soundStaysWhereItIsToTheSample() throws {
    let packets = try Content.audio("0.4*(random(0)*2-1)*lt(mod(t\\,0.5)\\,0.2)", seconds: 3)
    let sound = try Judge.sound(transcodeAudio(packets, end: .seconds(3)).frames, channels: 1)
    // The reference decoder's line begins with the first packet; the transcoder mutes its delay as players do.
    let reference = try referenceSound(packets)
    func match(_ lag: Int) -> Float {
      (24_000..<96_000).reduce(0) { $0 + sound[$1] * reference[$1 + lag] }
    }
    let best = (-40...40).max { match($0) < match($1) }
    #expect(best == 0)
  }

  @Test func beepsStayInPlaceAroundHoles() throws {
    let packets = try Content.audio(beeps, seconds: 8)
    // A late start of 500 ms and holes of 1 s, 200 ms and 400 ms beside the beeps.
    let kept = packets.filter { packet in
      let at = packet.time.milliseconds
      return at >= 500 && !(1200..<2200).contains(at) && !(3400..<3600).contains(at) && !(4500..<4900).contains(at)
    }
    let run = try transcodeAudio(kept, end: .seconds(8))
    let sound = try Judge.sound(run.frames, channels: 1)
    // The beep of second 2 lies within a hole, and is over at the hole's end.
    let expected = [1, 3, 4, 5, 6, 7].map { $0 * 48_000 + delay }
    let found = Judge.onsets(sound)
    #expect(found.count == expected.count)
    for (onset, want) in zip(found, expected) { #expect(abs(onset - want) <= 96, "\(onset) instead of \(want)") }
    #expect(run.counters.silentSamples >= (500 + 1000 + 200 + 400) * 48)
    #expect(run.counters.trimmedSamples == 0)
    #expect(run.counters.insertedSamples == 0 && run.counters.removedSamples == 0)
    for hole in [1250..<2190, 4550..<4890] {
      let loudest = sound[(hole.lowerBound * 48)..<(hole.upperBound * 48)].reduce(0) { max($0, abs($1)) }
      #expect(loudest < 0.001)
    }
  }

  @Test func soundThatBeginsAfterAHoleBeginsInPlace() throws {
    let packets = try Content.audio(tone, seconds: 3)
    // At an odd time, so that no grid helps.
    let moved = packets.filter { $0.time >= .seconds(1) }.map { $0.moved(by: TimeSpan(nanoseconds: 777_777_777)) }
    let sound = try Judge.sound(transcodeAudio(moved, end: .seconds(4)).frames, channels: 1)
    let onset = try #require(Judge.onsets(sound).first)
    #expect(abs(onset - (85_333 + delay)) <= 96)
  }

  @Test func singleLossesAreConcealed() throws {
    let packets = try Content.audio(tone, seconds: 3)
    let kept = packets.enumerated().filter { ![40, 70, 71, 100, 101, 102].contains($0.offset) }.map(\.element)
    let run = try transcodeAudio(kept, end: .seconds(3))
    #expect(run.counters.concealedSamples == 6 * 960)
    #expect(run.counters.silentSamples < 2048)
    let sound = try Judge.sound(run.frames, channels: 1)
    // What is made up goes on with the tone: no silence longer than a wave.
    let heard = sound[4800..<139_200]
    var quiet = 0
    var longest = 0
    for sample in heard {
      quiet = abs(sample) < 0.02 ? quiet + 1 : 0
      longest = max(longest, quiet)
    }
    #expect(longest < 200)
  }

  /// What fills a hole on tape does not stand in the way of the copy that the next packet carries: sound comes out as if the hole were open.
  @Test(arguments: [[40], [40, 41], [40, 41, 42], [40, 44]] as [[Int]]) func redundancyInTheNextPacketIsUsed(_ lost: [Int]) throws {
    let packets = try Content.audio(
      "0.3*sin(2*PI*(150+80*sin(2*PI*3*t))*t)*(0.6+0.4*sin(2*PI*5*t))", seconds: 2, bitRate: "24k",
      options: ["-application", "voip", "-fec", "1", "-packet_loss", "30"])
    let open = packets.enumerated().filter { !lost.contains($0.offset) }.map(\.element)
    var filled: [EncodedFrame] = []
    for (index, packet) in packets.enumerated() where !lost.contains(index) {
      let before = filled.last.map { $0.time + $0.duration } ?? .zero
      let missing = (packet.time - before).nanoseconds * 6 / 125_000
      OpusPacket.concealing(samples: missing, after: filled.last?.bytes[0] ?? 0) { fill, start in
        var bytes: [UInt8] = []
        fill.write(to: &bytes)
        let time = before + ClockRate(48_000).span(ofTicks: start)
        filled.append(EncodedFrame(bytes: bytes, track: 0, time: time, duration: fill.duration, isKey: true))
      }
      filled.append(packet)
    }
    #expect(filled.count > open.count)
    let (whole, holes) = try (transcodeAudio(open, end: .seconds(2)), transcodeAudio(filled, end: .seconds(2)))
    #expect(holes.frames.map(\.bytes) == whole.frames.map(\.bytes))
    #expect(holes.counters.concealedSamples == lost.count * 960)
    guard lost.count == 1 else { return }
    // The copy is nearer to what was said than what a decoder goes on with.
    let said = try Judge.sound(transcodeAudio(packets, end: .seconds(2)).frames, channels: 1)
    let restored = try Judge.sound(holes.frames, channels: 1)
    let place = (lost[lost.count - 1] * 960)..<((lost[lost.count - 1] + 1) * 960)
    let energy = place.reduce(Float(0)) { $0 + said[$1] * said[$1] }
    let error = place.reduce(Float(0)) { $0 + (said[$1] - restored[$1]) * (said[$1] - restored[$1]) }
    #expect(error < energy / 2, "\(error) of \(energy)")
  }

  /// A lost packet is a hole whatever its length, and never taken for drift.
  @Test(arguments: [5, 10, 20, 40, 60]) func lossOfAPacketMovesNothing(milliseconds: Int) throws {
    let packets = try Content.audio(beeps, seconds: 4, packetMilliseconds: milliseconds)
    let lost = packets.filter { !(1500..<(1500 + Int64(milliseconds))).contains($0.time.milliseconds) }
    #expect(lost.count == packets.count - 1)
    let run = try transcodeAudio(lost, end: .seconds(4))
    #expect(run.counters.concealedSamples == milliseconds * 48)
    let found = Judge.onsets(try Judge.sound(run.frames, channels: 1))
    // Packets shorter than 10 ms are CELT only, whose delay is 2.5 ms.
    let delay = milliseconds < 10 ? 120 : delay
    for (onset, want) in zip(found.dropFirst(), [1, 2, 3]) { #expect(abs(onset - (want * 48_000 + delay)) <= 96) }
  }

  @Test(arguments: [200.0, -200.0, 0]) func driftIsFollowedUnheard(partsPerMillion: Double) throws {
    let packets = try Content.audio("\(tone)+0.4*sin(2*PI*3000*t)*lt(mod(t\\,10)\\,0.05)", seconds: 60)
    let drifting = packets.map { packet in
      packet.moved(to: MediaTime(nanoseconds: Int64(Double(packet.time.nanoseconds) * (1 + partsPerMillion / 1e6))))
    }
    let run = try transcodeAudio(drifting, end: .seconds(61))
    let sound = try Judge.sound(run.frames, channels: 1)
    #expect(run.counters.silentSamples <= 50_000)
    #expect(run.counters.concealedSamples == 0 && run.counters.trimmedSamples == 0)
    // Where the tone's waves cross zero tells the position of each second, to a part of a sample.
    for second in 1..<60 {
      let start = second * 48_000 + 12_000
      let crossing = try #require((start..<(start + 240)).first { sound[$0] < 0 && sound[$0 + 1] >= 0 })
      // In the source's time, a wave begins every 1/440 s.
      let source = (Double(crossing) / (1 + partsPerMillion / 1e6) - Double(delay)) / 48_000 * 440
      let off = abs(source - source.rounded()) / 440
      #expect(off < 0.001, "second \(second): \(off * 1000) ms")
    }
    // No click: no step larger than the tone's own, but for what AAC adds.
    let slope = Float(0.5 * 2 * Double.pi * 440 / 48_000)
    for second in 0..<6 {
      let quiet = (second * 480_000 + 24_000)..<(second * 480_000 + 456_000)
      #expect(Judge.largestStep(sound, in: quiet) < slope * 1.15)
    }
    if partsPerMillion != 0 {
      let followed = partsPerMillion > 0 ? run.counters.insertedSamples : run.counters.removedSamples
      #expect((500...600).contains(followed))  // 200 ppm of 60 s are 576 samples
    }
  }

  /// GStreamer's steps wander between 943 and 992 ticks around 960, and WebM rounds to milliseconds: neither is a hole or worth a sample.
  @Test func wanderingTimesAreNoHoles() throws {
    let packets = try Content.audio(tone, seconds: 10)
    var random = Scrambler(state: 7)
    let wandering = packets.map { packet in
      let wander = Int64(random.next() % 48) - 24
      let time = packet.time + TimeSpan(nanoseconds: max(wander * 20_833, -packet.time.nanoseconds))
      return packet.moved(to: .milliseconds(time.milliseconds))
    }
    let run = try transcodeAudio(wandering, end: .seconds(10))
    #expect(run.counters.concealedSamples == 0 && run.counters.trimmedSamples == 0)
    #expect(run.counters.insertedSamples + run.counters.removedSamples < 20)
    let sound = try Judge.sound(run.frames, channels: 1)
    #expect(Judge.largestStep(sound, in: 4800..<470_000) < Float(0.5 * 2 * Double.pi * 440 / 48_000) * 1.15)
  }

  @Test func mutedTimeIsSilentAndGoesOn() throws {
    let packets = try Content.audio(beeps, seconds: 6)
    var transcoder = try AudioTranscoder(channels: 1)
    var frames: [EncodedFrame] = []
    for packet in packets where !(1500..<4500).contains(packet.time.milliseconds) {
      try transcoder.receive(packet)
      while let frame = transcoder.poll() { frames.append(frame) }
      guard packet.time == .milliseconds(1480) else { continue }
      for step in 0..<28 {
        let now = MediaTime.milliseconds(1500 + Int64(step) * 100)
        try transcoder.advance(to: now)
        while let frame = transcoder.poll() { frames.append(frame) }
        // What is out never lags by more than the encoder's delay and a frame.
        #expect(now - frames[frames.count - 1].time < .milliseconds(90))
      }
    }
    try transcoder.finish(at: .seconds(6))
    while let frame = transcoder.poll() { frames.append(frame) }
    for (index, frame) in frames.enumerated() { #expect(frame.time.nanoseconds == (Int64(index) * 128_000_000 + 3) / 6) }
    let found = Judge.onsets(try Judge.sound(frames, channels: 1))
    #expect(found.count == 3)
    for (onset, want) in zip(found.dropFirst(), [1, 5]) { #expect(abs(onset - (want * 48_000 + delay)) <= 96) }
  }

  /// A packet for time that has been filled with silence loses the part that is too late, and the rest stays in place.
  @Test func latePacketsAreTrimmedInPlace() throws {
    let packets = try Content.audio(beeps, seconds: 3)
    var transcoder = try AudioTranscoder(channels: 1)
    for packet in packets where packet.time < .milliseconds(500) { try transcoder.receive(packet) }
    try transcoder.advance(to: .milliseconds(995))
    for packet in packets where packet.time >= .milliseconds(900) { try transcoder.receive(packet) }
    try transcoder.finish(at: .seconds(3))
    var frames: [EncodedFrame] = []
    while let frame = transcoder.poll() { frames.append(frame) }
    #expect(transcoder.counters.trimmedSamples == 95 * 48)
    #expect(transcoder.counters.late == 4)
    let found = Judge.onsets(try Judge.sound(frames, channels: 1))
    #expect(found.count == 3)
    for (onset, want) in zip(found.dropFirst(), [1, 2]) { #expect(abs(onset - (want * 48_000 + delay)) <= 96) }
  }

  @Test func badPacketsAreCountedAndHarmless() throws {
    let packets = try Content.audio(beeps, seconds: 3)
    var random = Scrambler(state: 3)
    let broken = packets.enumerated().map { index, packet in
      var packet = packet
      switch index % 50 {
      case 20: packet.bytes = []
      case 30: packet.bytes = [0x03, 0x00]  // code 3 with no frame
      case 40: packet.bytes = (0..<40).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      default: break
      }
      return packet
    }
    let run = try transcodeAudio(broken, end: .seconds(3))
    #expect(run.counters.undecodable >= 6)
    #expect(run.counters.received == packets.count)
    let found = Judge.onsets(try Judge.sound(run.frames, channels: 1), level: 0.2)
    for want in [1, 2] { #expect(found.contains { abs($0 - (want * 48_000 + delay)) <= 96 }) }
  }

  @Test func outputThatBeginsLaterBeginsThere() throws {
    let packets = try Content.audio(beeps, seconds: 3).map { $0.moved(by: .milliseconds(100_000)) }
    let run = try transcodeAudio(packets, start: .milliseconds(100_000), end: .milliseconds(103_000))
    let first = try #require(run.frames.first)
    #expect(first.time <= .seconds(100) && .seconds(100) - first.time < .milliseconds(22))
    let lead = Int((MediaTime.seconds(100) - first.time).nanoseconds * 48 / 1_000_000)
    let found = Judge.onsets(try Judge.sound(run.frames, channels: 1))
    for (onset, want) in zip(found.dropFirst(), [1, 2]) { #expect(abs(onset - lead - (want * 48_000 + delay)) <= 96) }
  }

  @Test func nothingInIsSilenceOut() throws {
    let run = try transcodeAudio([], end: .seconds(2))
    #expect(run.frames.count == 94)
    #expect(try Judge.sound(run.frames, channels: 1).allSatisfy { abs($0) < 1e-4 })
    #expect(try transcodeAudio([], end: .zero).frames.isEmpty)
  }
}

/// The sound of `packets` by ffmpeg's libopus; sample 0 is the first packet's first.
private func referenceSound(_ packets: [EncodedFrame]) throws -> [Float] {
  // In Ogg with no pre-skip, so that the decoder leaves nothing out.
  let bytes = try FFmpeg.run(
    ["-c:a", "libopus", "-f", "ogg", "-i", "{in}", "-f", "f32le", "{out}"], input: OggWriter.file(packets, preSkip: 0))
  return Judge.floats(bytes, channels: 1)
}

/// A small generator of numbers that are the same in each run.
struct Scrambler {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state >> 33
  }
}
