import Codecs
import Ground
import Testing
import Transcode

/// AAC of sound that is not plain Opus: at another rate, of more channels, and in its place.
@Suite struct SoundTranscoderTests {
  struct Source: CustomTestStringConvertible, Sendable {
    var sound: SoundFormat
    /// What makes it, for ffmpeg.
    var arguments: [String]
    var testDescription: String { "\(sound.codec) \(sound.samplingRate) Hz" }
  }
  static let sources = [
    Source(sound: SoundFormat(codec: .pcmu, channels: 1), arguments: ["-ar", "8000", "-f", "mulaw"]),
    Source(sound: SoundFormat(codec: .pcma, channels: 1), arguments: ["-ar", "8000", "-f", "alaw"]),
    Source(sound: SoundFormat(codec: .g722, channels: 1), arguments: ["-ar", "16000", "-c:a", "g722", "-f", "g722"]),
    Source(sound: SoundFormat(codec: .l16, clockRate: ClockRate(16_000), channels: 1), arguments: ["-ar", "16000", "-f", "s16be"]),
    Source(sound: SoundFormat(codec: .l16, channels: 1), arguments: ["-ar", "44100", "-f", "s16be"]),
    Source(sound: SoundFormat(codec: .l16, clockRate: ClockRate(48_000), channels: 1), arguments: ["-ar", "48000", "-f", "s16be"]),
  ]
  /// 100 ms of 1 kHz at half volume in each second, after the first half.
  private static let beeps = "0.5*sin(2*PI*1000*t)*lt(mod(t+0.5\\,1)\\,0.1)"

  private func packets(_ source: Source, seconds: Int, milliseconds: Int = 20) throws -> [EncodedFrame] {
    let bytes = try FFmpeg.run(
      ["-f", "lavfi", "-i", "aevalsrc=\(SoundTranscoderTests.beeps):s=48000:d=\(seconds)"] + source.arguments + ["{out}"])
    let rate = Int(source.sound.clockRate.hertz)
    let count = rate * milliseconds / 1000 * (try #require(source.sound.bytesPerTick))
    return stride(from: 0, through: bytes.count - count, by: count).enumerated().map { index, at in
      EncodedFrame(
        bytes: Array(bytes[at..<at + count]), track: 0, time: .milliseconds(Int64(index * milliseconds)),
        duration: .milliseconds(Int64(milliseconds)), isKey: true)
    }
  }

  private func run(_ packets: [EncodedFrame], _ sound: SoundFormat, end: MediaTime) throws -> ([EncodedFrame], AudioTranscodeCounters) {
    var transcoder = try AudioTranscoder(sound)
    var frames: [EncodedFrame] = []
    for packet in packets {
      try transcoder.receive(packet)
      while let frame = transcoder.poll() { frames.append(frame) }
    }
    try transcoder.finish(at: end)
    while let frame = transcoder.poll() { frames.append(frame) }
    return (frames, transcoder.counters)
  }

  @Test(arguments: sources) func beepsStayInPlace(_ source: Source) throws {
    let (frames, counters) = try run(packets(source, seconds: 4), source.sound, end: .seconds(4))
    #expect(frames.count == 188)
    let found = Judge.onsets(try Judge.sound(frames, channels: 1))
    #expect(found.count == 4)
    for (onset, second) in zip(found, 0...) { #expect(abs(onset - (second * 48_000 + 24_000)) <= 96, "\(onset)") }
    // Nothing is stretched, and no more is silent than what the resampler still holds at the end.
    #expect(counters.insertedSamples == 0 && counters.removedSamples == 0 && counters.undecodable == 0)
    #expect(counters.silentSamples < 1024 + 300)
  }

  /// A hole is silent, and what comes after it is in its place.
  @Test(arguments: sources) func holesAreSilent(_ source: Source) throws {
    let kept = try packets(source, seconds: 4).filter { !(1_200..<2_200).contains($0.time.milliseconds) }
    let (frames, counters) = try run(kept, source.sound, end: .seconds(4))
    let sound = try Judge.sound(frames, channels: 1)
    let found = Judge.onsets(sound)
    #expect(found.count == 3)
    for (onset, second) in zip(found, [0, 2, 3]) { #expect(abs(onset - (second * 48_000 + 24_000)) <= 96, "\(onset)") }
    #expect(abs(counters.silentSamples - 48_000) < 1024 + 500)
  }

  /// Packets of any length follow each other without a seam, of a millisecond or of a hundred.
  @Test(arguments: sources, [1, 100]) func packetsMayBeOfAnyLength(_ source: Source, _ milliseconds: Int) throws {
    // 44100 Hz has no whole number of ticks in some of them: the packets are then a little shorter than they say.
    guard Int(source.sound.clockRate.hertz) * milliseconds % 1000 == 0 else { return }
    let (frames, counters) = try run(packets(source, seconds: 2, milliseconds: milliseconds), source.sound, end: .seconds(2))
    let found = Judge.onsets(try Judge.sound(frames, channels: 1))
    for (onset, second) in zip(found, 0...) { #expect(abs(onset - (second * 48_000 + 24_000)) <= 96, "\(onset)") }
    #expect(found.count == 2 && counters.trimmedSamples == 0)
  }

  @Test func whatIsNoWholeSampleIsUndecodable() throws {
    var packets = try packets(SoundTranscoderTests.sources[3], seconds: 1)
    packets[10].bytes.removeLast()
    let (_, counters) = try run(packets, SoundTranscoderTests.sources[3].sound, end: .seconds(1))
    #expect(counters.undecodable == 1)
  }
}
