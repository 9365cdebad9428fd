import Codecs
import Foundation
import Ground
import JSON
import Recording
import Replay
import Testing
import Track

/// Sound that is not plain Opus, from a real sender's packets to the files: what other readers hear is what was sent.
@Suite struct SoundTapeTests {
  struct Case: CustomTestStringConvertible, Sendable {
    /// The capture, its codec as ffprobe calls it, samples a second, channels, and what a packet's payload is as raw file to ffmpeg.
    var capture: String
    var codec: String
    var rate: Int
    var channels: Int
    var raw: [String]?
    var testDescription: String { capture }
  }
  static let cases = [
    Case(capture: "gst-pcmu", codec: "pcm_mulaw", rate: 8_000, channels: 1, raw: ["-f", "mulaw", "-ar", "8000", "-ac", "1"]),
    Case(capture: "gst-pcma", codec: "pcm_alaw", rate: 8_000, channels: 1, raw: ["-f", "alaw", "-ar", "8000", "-ac", "1"]),
    Case(capture: "gst-g722", codec: "adpcm_g722", rate: 16_000, channels: 1, raw: ["-f", "g722"]),
    Case(capture: "gst-l16", codec: "pcm_s16be", rate: 16_000, channels: 1, raw: ["-f", "s16be", "-ar", "16000", "-ac", "1"]),
    Case(capture: "gst-multiopus", codec: "opus", rate: 48_000, channels: 6),
  ]

  private func record(_ capture: String, _ folder: ScratchFolder) throws -> (manifest: Manifest, tape: String) {
    var options = FileReplay.Options(capture: capture, folder: folder.path)
    options.hls = HLSOutput()
    let manifest = try FileReplay.record(options)
    #expect(manifest.files.count == 1)
    return (manifest, folder.path(try #require(manifest.files.first).path))
  }

  /// The capture's payloads in the order of their numbers, by a reader that has nothing of ours.
  private func payloads(_ name: String) throws -> [UInt8] {
    let path = Captures.committedPath(name)
    let stream = try #require(Captures.recorded(Captures.committedFacts(name)).first)
    return try CapturedPackets(path: path).ordered(stream).flatMap(\.packet.payload)
  }

  private func samples(_ arguments: [String]) throws -> [Int16] {
    let bytes = try Tool.ffmpeg(["-xerror"] + arguments + ["-f", "s16le", "-"])
    return stride(from: 0, to: bytes.count - 1, by: 2).map { Int16(bitPattern: UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8) }
  }

  @Test(arguments: cases) func whatIsHeardIsWhatWasSent(_ item: Case) throws {
    let folder = try ScratchFolder()
    let (manifest, tape) = try record(Captures.committedPath(item.capture), folder)
    let fields = "stream=codec_name,sample_rate,channels"
    let told = try Tool.run("ffprobe", ["-v", "error", "-show_entries", fields, "-of", "csv=p=0", tape]).output
    #expect(String(decoding: told, as: UTF8.self) == "\(item.codec),\(item.rate),\(item.channels)\n")
    #expect(tape.hasSuffix(item.codec == "opus" ? ".webm" : ".mkv"))
    let heard = try samples(["-i", tape])
    let file = folder.path("raw")
    try Data(payloads(item.capture)).write(to: URL(filePath: file))
    if let raw = item.raw {
      #expect(try heard == samples(raw + ["-i", file]))
    } else {
      // 20 ms a packet, without what players leave out at the beginning.
      let packets = try #require(Captures.recorded(Captures.committedFacts(item.capture)).first?.facts["packets"]?.integerValue)
      #expect(heard.count == (Int(packets) * 960 - 312) * item.channels)
    }
    if item.codec == "pcm_mulaw" { #expect(try heard == payloads(item.capture).map(SoundTapeTests.linear)) }
    let track = try #require(manifest.snapshot.tracks.first)
    #expect(track.counters.gaps == 0 && track.counters.packetsDiscarded == 0)
  }

  /// G.711's µ-law as ITU-T writes it down: sign, segment, step, all inverted.
  private static func linear(_ code: UInt8) -> Int16 {
    let bits = ~code
    let magnitude = ((Int16(bits & 0x0f) << 3) + 0x84) << Int16(bits >> 4 & 7) - 0x84
    return bits & 0x80 != 0 ? -magnitude : magnitude
  }

  /// In HLS it is AAC, at most stereo, and each beep is where it is on tape.
  @Test(arguments: cases) func itPlaysInHLS(_ item: Case) throws {
    let folder = try ScratchFolder()
    let (manifest, tape) = try record(Captures.committedPath(item.capture), folder)
    let playlist = folder.path(try #require(manifest.hls.first).playlist)
    let told = try Tool.run(
      "ffprobe", ["-v", "error", "-show_entries", "stream=codec_name,sample_rate,channels", "-of", "csv=p=0", playlist]
    ).output
    let line = String(decoding: told, as: UTF8.self).split(separator: "\n").first
    #expect(line.map(String.init) == "aac,48000,\(min(item.channels, 2))")
    #expect(Tool.decode(playlist).isEmpty)
    let onTape = try onsets(["-i", tape, "-af", "pan=mono|c0=c0", "-ar", "48000"])
    let inHLS = try onsets(["-i", playlist, "-af", "pan=mono|c0=c0", "-ar", "48000"])
    #expect(onTape.count >= 3)
    #expect(onTape.count == inHLS.count)
    // Both lie on the same timeline, less what players skip of Opus and begin with; a beep's begin is heard to a millisecond.
    let begins = try Tool.run(
      "ffprobe", ["-v", "error", "-show_entries", "packet=pts_time", "-read_intervals", "%+#1", "-of", "csv=p=0", tape])
    let begin = try #require(Double(String(decoding: begins.output, as: UTF8.self).split(separator: "\n").first ?? ""))
    // Of the very first sound the coder of AAC makes a slow begin.
    for (a, b) in zip(onTape, inHLS).dropFirst() {
      #expect(abs(Double(a) / 48 + begin * 1000 - Double(b) / 48) < 8, "\(Double(a) / 48 + begin * 1000) and \(Double(b) / 48) ms")
    }
  }

  /// Where sound begins after silence, in samples.
  private func onsets(_ arguments: [String]) throws -> [Int] {
    var onsets: [Int] = []
    var quiet = 4_800
    for (index, sample) in try samples(arguments).enumerated() {
      if sample.magnitude > 1_000 {
        if quiet >= 4_800 { onsets.append(index) }
        quiet = 0
      } else {
        quiet += 1
      }
    }
    return onsets
  }

  /// Packets are taken out of the capture: as much is heard as was sent, silence where they were.
  @Test(arguments: cases) func lostPacketsAreSilenceOfTheirLength(_ item: Case) throws {
    let folder = try ScratchFolder()
    var position = 0
    let damaged = folder.path("damaged.pcap")
    try SoundTapeTests.copy(item.capture, to: damaged) { _ in
      position += 1
      return position % 40 != 17 && !(61..<69).contains(position)
    }
    let (manifest, tape) = try record(damaged, folder)
    let track = try #require(manifest.snapshot.tracks.first)
    let lost = try #require(Captures.recorded(Captures.committedFacts(item.capture)).first?.facts["packets"]?.integerValue) / 40 + 8
    #expect(abs(Int64(track.counters.packetsLost) - lost) <= 1)
    #expect(Tool.decode(tape).isEmpty)
    let second = try ScratchFolder()
    let whole = try record(Captures.committedPath(item.capture), second)
    #expect(track.counters.fillDuration == .milliseconds(20 * Int64(track.counters.packetsLost)))
    let ends = try (samples(["-i", tape]).count, samples(["-i", whole.tape]).count)
    #expect(ends.0 == ends.1)
    withExtendedLifetime(second) {}
  }

  /// The capture without the datagrams of media that `keeps` refuses.
  private static func copy(_ capture: String, to path: String, keeping keeps: ([UInt8]) -> Bool) throws {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: Captures.committedPath(capture))))
    var out = Array(bytes[..<24])
    var at = 24
    while at + 16 <= bytes.count {
      let end = at + 16 + (0..<4).reduce(0) { $0 | Int(bytes[at + 8 + $1]) << (8 * $1) }
      let frame = Array(bytes[at + 16..<end])
      if (192...223).contains(frame[43]) || keeps(frame) { out += bytes[at..<end] }
      at = end
    }
    try Data(out).write(to: URL(filePath: path))
    try FileManager.default.copyItem(
      atPath: Captures.committed.appending(path: capture + ".json").path, toPath: path.replacingOccurrences(of: ".pcap", with: ".json"))
  }
}
