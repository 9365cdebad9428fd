import Codecs
import Foundation
import Ground
import Mux
import Testing

/// Matroska of sound that is not plain Opus: what the header says, and what recovery reads of it.
@Suite struct SoundFileTests {
  private static let formats = [
    SoundFormat(codec: .pcmu, channels: 1), SoundFormat(codec: .pcma, channels: 2), SoundFormat(codec: .g722, channels: 1),
    SoundFormat(codec: .l16, clockRate: ClockRate(16_000), channels: 1), SoundFormat(codec: .l16, channels: 2),
    SoundFormat(codec: .multiopus, channels: 6), SoundFormat(codec: .multiopus, channels: 8), SoundFormat(codec: .multiopus, channels: 2),
  ]

  /// A hundred frames of 20 ms.
  private func frames(_ sound: SoundFormat) -> [EncodedFrame] {
    (0..<100).map { index in
      var bytes: [UInt8] = []
      if let perTick = sound.bytesPerTick {
        // Zeros at the end would be taken for what a file system left.
        bytes = [UInt8](repeating: 0x55, count: Int(sound.clockRate.hertz) / 50 * perTick)
      } else {
        OpusPacket.concealing(samples: 960, after: 0xfc) { packet, _ in
          packet.write(contents: SIMD8(repeating: 0xfc), streams: sound.streams?.count ?? 1, to: &bytes)
        }
      }
      return EncodedFrame(
        bytes: bytes, track: 0, time: MediaTime(nanoseconds: Int64(index) * 20_000_000), duration: .milliseconds(20), isKey: true)
    }
  }

  private func file(_ sound: SoundFormat, finish: Bool = true) throws -> TestFile {
    try webM([TrackFormat(sound: sound)], frames(sound), finish: finish, container: .mkv)
  }

  @Test(arguments: formats) func ffprobeReadsWhatWasSaid(_ sound: SoundFormat) throws {
    let path = try file(sound).path(UUID().uuidString + ".mkv")
    defer { try? FileManager.default.removeItem(atPath: path) }
    let names: [Codec: String] = [.pcmu: "pcm_mulaw", .pcma: "pcm_alaw", .g722: "adpcm_g722", .l16: "pcm_s16be", .multiopus: "opus"]
    #expect(try Probe.value(path, "stream=codec_name", stream: "0") == names[sound.codec])
    #expect(try Probe.value(path, "stream=sample_rate", stream: "0") == "\(sound.samplingRate)")
    #expect(try Probe.value(path, "stream=channels", stream: "0") == "\(sound.channels)")
    try Probe.decode(path)
  }

  /// Recovery finds the same codec, and the same end to the millisecond; cut anywhere, it keeps whole frames.
  @Test(arguments: formats) func recoveryReadsItToo(_ sound: SoundFormat) throws {
    let finished = try file(sound)
    let (recovered, found) = try recover(try file(sound, finish: false))
    #expect(recovered.bytes == finished.bytes)
    #expect(found.facts.duration == .seconds(2))
    #expect(found.facts.tracks.map(\.codec) == [sound.codec] && found.facts.tracks.map(\.channels) == [sound.channels])
    let unfinished = try file(sound, finish: false)
    var last = TimeSpan.zero
    for cut in stride(from: unfinished.bytes.count / 2, to: unfinished.bytes.count, by: 97) {
      let (_, found) = try recover(TestFile(bytes: Array(unfinished.bytes[..<cut])))
      #expect(found.facts.duration >= last && found.facts.duration.nanoseconds % 20_000_000 == 0)
      last = found.facts.duration
    }
  }

  @Test(arguments: [Codec.pcmu, .pcma, .g722, .l16]) func webMDoesNotHoldIt(_ codec: Codec) {
    #expect(throws: MuxError.unsupported(codec)) {
      _ = try webM([TrackFormat(sound: SoundFormat(codec: codec, channels: 1))], [], finish: true)
    }
  }

  @Test(arguments: [
    SoundFormat(codec: .g722, channels: 2), SoundFormat(codec: .pcmu, clockRate: ClockRate(16_000), channels: 1),
    SoundFormat(codec: .multiopus, channels: 6, streams: OpusStreams(channels: 8)),
  ])
  func whatContradictsItselfIsRefused(_ sound: SoundFormat) {
    #expect(throws: MuxError.badFormat(track: 0)) { _ = try webM([TrackFormat(sound: sound)], [], finish: true, container: .mkv) }
  }
}
