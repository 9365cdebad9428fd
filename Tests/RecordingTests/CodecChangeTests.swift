import Codecs
import Foundation
import Ground
import RTP
import Recording
import Synchronization
import Testing
import Track

/// Senders that change their codec, or its payload type, in the middle of a track.
@Suite struct CodecChangeTests {
  /// Frames of one second, each in one packet, as a payload format's packets begin with what `head` says.
  private static func coded(_ encoder: [String], format: String, seconds: Double = 1) throws -> [UInt8] {
    let folder = try ScratchFolder()
    let path = folder.path("coded")
    _ = try Tool.ffmpeg(
      ["-f", "lavfi", "-i", "testsrc=s=160x120:r=30", "-t", "\(seconds)", "-pix_fmt", "yuv420p", "-g", "15"] + encoder
        + ["-f", format, path])
    return [UInt8](try Data(contentsOf: URL(filePath: path)))
  }

  /// VP8 frames (RFC 7741, the shortest descriptor).
  private static func vp8() throws -> [[[UInt8]]] {
    let file = try coded(["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-auto-alt-ref", "0"], format: "ivf")
    var frames: [[[UInt8]]] = []
    var at = 32
    while at + 12 <= file.count {
      let length = (0..<4).reduce(0) { $0 | Int(file[at + $1]) << (8 * $1) }
      frames.append([[0x10] + file[(at + 12)..<(at + 12 + length)]])
      at += 12 + length
    }
    return frames
  }

  /// H.264 access units, a packet for each NAL unit (RFC 6184).
  private static func h264() throws -> [[[UInt8]]] {
    let file = try coded(
      ["-c:v", "libx264", "-profile:v", "baseline", "-preset", "ultrafast", "-x264-params", "sliced-threads=0:aud=0:bframes=0"],
      format: "h264")
    var starts: [Int] = []
    for at in file.indices.dropLast(3) where file[at] == 0 && file[at + 1] == 0 && file[at + 2] == 1 { starts.append(at + 3) }
    var frames: [[[UInt8]]] = []
    var unit: [[UInt8]] = []
    for (index, start) in starts.enumerated() {
      var end = index + 1 < starts.count ? starts[index + 1] - 3 : file.count
      while end > start, file[end - 1] == 0 { end -= 1 }
      unit.append(Array(file[start..<end]))
      if [1, 5].contains(file[start] & 31) {
        frames.append(unit)
        unit = []
      }
    }
    return frames
  }

  /// One SSRC, whose numbers and times go on whatever it sends.
  private struct Stream {
    var number: UInt16
    let ssrc: UInt32

    mutating func packets(_ payloads: [[UInt8]], type: UInt8, timestamp: UInt32) -> [[UInt8]] {
      payloads.enumerated().map { index, payload in
        defer { number &+= 1 }
        return RTPHeaderFields(
          payloadType: PayloadType(type), marker: index == payloads.count - 1, sequenceNumber: SequenceNumber(number),
          timestamp: RTPTimestamp(timestamp), ssrc: SSRC(ssrc)
        ).packet(payload: payload)
      }
    }
  }

  private static func camera(ssrc: UInt32? = 77) -> TrackSpecification {
    var video = TrackSpecification(participant: "ada", codec: .vp8, payloadType: PayloadType(96), ssrc: ssrc.map { SSRC($0) })
    video.alternatives = [TrackSpecification(participant: "ada", codec: .h264, payloadType: PayloadType(97))]
    return video
  }

  private func start(_ tracks: [TrackSpecification]) throws -> Rig {
    let rig = try Rig(tracks)
    rig.container = .mkv
    return rig
  }

  /// Pictures of VP8, then of H.264, then of VP8 again, with sound beside them: three parts on one timeline, every picture on tape.
  @Test(arguments: [77, nil] as [UInt32?]) func pictures(ssrc: UInt32?) throws {
    var audio = Sender.audio()
    let rig = try start([audio.specification, Self.camera(ssrc: ssrc)])
    rig.play(&audio, from: 0, to: 3_000, delay: 0)
    var stream = Stream(number: 65_500, ssrc: 77)
    let (one, other) = (try Self.vp8(), try Self.h264())
    #expect(one.count == 30 && other.count == 30)
    for index in 0..<90 {
      let isOther = (30..<60).contains(index)
      let packets = stream.packets(
        (isOther ? other : one)[index % 30], type: isOther ? 97 : 96, timestamp: 4_294_900_000 &+ UInt32(index) * 3_000)
      for packet in packets { rig.deliver(packet, at: Rig.at(Double(index) * 1000 / 30)) }
    }
    rig.run(seconds: 4)
    rig.stop()
    let tracks = rig.snapshot.tracks
    #expect(tracks.map(\.id) == ["t1", "t2", "t2.2", "t2.3"])
    #expect(tracks.map(\.specification.codec) == [.opus, .vp8, .h264, .vp8])
    #expect((1...3).map { rig.frames($0).count } == [30, 30, 30])
    #expect(tracks.allSatisfy { $0.counters.packetsDiscarded == 0 && $0.counters.packetsLost == 0 && $0.counters.gaps == 0 })
    #expect(rig.snapshot.sources[0].discarded.isEmpty)
    // The RTP clock goes on, so each picture has its place to the millisecond.
    let times = (1...3).flatMap { rig.times($0) }
    #expect(zip(times, times.dropFirst()).allSatisfy { (32...34).contains($1 - $0) }, "\(times)")
    #expect(rig.frames(0).count == 150)
    let files = rig.accounts.state.withLock { $0.files }
    #expect(files.map(\.path) == ["recording.mkv", "recording.part2.mkv", "recording.part3.mkv"])
    let folder = try ScratchFolder()
    for (file, codec) in zip(files, ["vp8", "h264", "vp8"]) {
      let path = folder.path(file.path)
      try Data(try #require(rig.files.files[file.path])).write(to: URL(filePath: path))
      #expect(Tool.decode(path).isEmpty)
      let told = try Tool.run("ffprobe", ["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", path]).output
      #expect(String(decoding: told, as: UTF8.self).split(separator: "\n") == [Substring(codec), "opus"])
    }
    let changes = rig.events("track.codecChanged")
    #expect(
      changes.map { $0.fields.suffix(3).map(\.value) } == [
        [.string("VP8"), .string("H264"), .string("t2.2")], [.string("H264"), .string("VP8"), .string("t2.3")],
      ])
    #expect(rig.events("participant.left").count == 1)
  }

  /// Opus, then PCMU, whose clock counts otherwise, and Opus again.
  @Test func sound() throws {
    var opus = Sender.audio()
    var specification = opus.specification
    specification.alternatives = [TrackSpecification(participant: "ada", codec: .pcmu, payloadType: PayloadType(0), channels: 1)]
    specification.alternatives[0].sound = SoundFormat(codec: .pcmu, channels: 1)
    let rig = try start([specification])
    var stream = Stream(number: 1, ssrc: 1111)
    for index in 0..<150 {
      let time = Double(index) * 20
      if (50..<100).contains(index) {
        stream.number = opus.number
        for packet in stream.packets([[UInt8](repeating: 0xd5, count: 160)], type: 0, timestamp: UInt32(index) * 160) {
          rig.deliver(packet, at: Rig.at(time))
        }
        opus.number = stream.number
      } else {
        rig.deliver(opus.sound(time), at: Rig.at(time))
      }
    }
    rig.run(seconds: 4)
    rig.stop()
    #expect(rig.snapshot.tracks.map(\.specification.codec) == [.opus, .pcmu, .opus])
    #expect((0...2).map { rig.frames($0).count } == [50, 50, 50])
    #expect(rig.snapshot.tracks.allSatisfy { $0.counters.packetsLost == 0 && $0.counters.packetsFilled == 0 })
    for track in 0...2 { #expect(abs((rig.times(track).first ?? -1) - Int64(track) * 1_000) <= 3, "\(rig.times(track))") }
    #expect(rig.accounts.state.withLock { $0.files.count } == 3)
  }

  /// Another payload type for the same codec: one track, one file, nothing to tell.
  @Test func anotherPayloadTypeForTheSameGoesOn() throws {
    var (opus, vp8) = (Sender.audio(), Sender.video())
    var (sound, pictures) = (opus.specification, vp8.specification)
    sound.alternatives = [TrackSpecification(participant: "ada", codec: .opus, payloadType: PayloadType(109))]
    pictures.alternatives = [TrackSpecification(participant: "ada", codec: .vp8, payloadType: PayloadType(120))]
    let rig = try Rig([sound, pictures])
    rig.play(&opus, from: 0, to: 1_000, delay: 0)
    rig.play(&vp8, from: 0, to: 1_000, delay: 0)
    (opus.payloadType, vp8.payloadType) = (109, 120)
    rig.play(&opus, from: 1_000, to: 2_000, delay: 0)
    for index in 30..<60 {
      for packet in vp8.picture(Double(index) * 1000 / 30) { rig.deliver(packet, at: Rig.at(Double(index) * 1000 / 30)) }
    }
    rig.run(seconds: 3)
    rig.stop()
    #expect(rig.snapshot.tracks.count == 2 && rig.frames(0).count == 100 && rig.frames(1).count == 60)
    #expect(rig.opened.count == 1 && rig.events("track.codecChanged").isEmpty && rig.events("media.gap").isEmpty)
    #expect(rig.snapshot.tracks.allSatisfy { $0.counters.packetsDiscarded == 0 })
  }

  /// Packets that overtake each other at the change, and a stray one: nothing is lost, and one packet changes nothing.
  @Test func whatIsReorderedAtTheChangeIsKept() throws {
    let rig = try start([Self.camera()])
    var stream = Stream(number: 100, ssrc: 77)
    let (one, other) = (try Self.vp8(), try Self.h264())
    for index in 0..<60 {
      let isOther = index >= 30
      let packets = stream.packets((isOther ? other : one)[index % 30], type: isOther ? 97 : 96, timestamp: UInt32(index) * 3_000)
      for (place, packet) in packets.enumerated() {
        // The last picture of the old codec comes after the first packet of the new one.
        let delay = index == 29 ? 35.0 : index == 30 && place > 0 ? 5 : 0
        rig.deliver(packet, at: Rig.at(Double(index) * 1000 / 30 + delay))
      }
    }
    rig.run(seconds: 3)
    // One packet of the old codec, and the new one goes on.
    var stray = stream
    for packet in stray.packets(one[0], type: 96, timestamp: 60 * 3_000) { rig.deliver(packet, at: Rig.at(3_000)) }
    for packet in stream.packets(other[0], type: 97, timestamp: 60 * 3_000) { rig.deliver(packet, at: Rig.at(3_010)) }
    rig.run(seconds: 1)
    rig.stop()
    #expect(rig.frames(0).count == 30 && rig.frames(1).count == 31)
    #expect(rig.snapshot.tracks.count == 2 && rig.counters(1).discarded(.foreignSSRC) == 1)
  }

  /// Who begins with the other codec has one track of it, and who changes without end is not followed for ever.
  @Test func theFirstPacketDecidesAndEndlessChangesEnd() throws {
    let rig = try start([Self.camera(ssrc: nil)])
    var stream = Stream(number: 100, ssrc: 77)
    let (one, other) = (try Self.vp8(), try Self.h264())
    for index in 0..<300 {
      let isOther = index / 3 % 2 == 0
      let packets = stream.packets((isOther ? other : one)[0], type: isOther ? 97 : 96, timestamp: UInt32(index) * 3_000)
      for packet in packets { rig.deliver(packet, at: Rig.at(Double(index) * 1000 / 30)) }
    }
    rig.run(seconds: 11)
    rig.stop()
    let tracks = rig.snapshot.tracks
    #expect(tracks[0].counters.packetsReceived == 0 && tracks[1].specification.codec == .h264)
    #expect(rig.written.first?.track == 1)
    #expect(tracks.count == 1 + Take.maximumCodecChanges)
    #expect(rig.snapshot.sources[0].discarded.contains { $0.name == "unknownPayloadType" })
  }
}
