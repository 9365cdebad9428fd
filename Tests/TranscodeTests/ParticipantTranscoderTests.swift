import Codecs
import Ground
import Testing
import Transcode

private let audioFormat = TrackFormat(codec: .opus, channels: 1)
private let videoFormat = TrackFormat(codec: .vp8)

@Suite struct ParticipantTranscoderTests {
  @Test func bothTracksComeInOneOrder() throws {
    let frames = try meeting(seconds: 6)
    let outputs = try run([audioFormat, videoFormat], frames, end: .seconds(6))
    let formats = outputs.compactMap(\.formats)
    #expect(formats.map { $0.map(\.codec) } == [[.h264, .aac]])
    #expect(outputs.first?.formats != nil)
    let all = outputs.compactMap(\.frame)
    #expect(all.filter { $0.track == 0 }.count == 180 && all.filter { $0.track == 1 }.count >= 281)
    #expect(zip(all, all.dropFirst()).allSatisfy { $0.time <= $1.time })
    let times = all.filter { $0.track == 0 }.map(\.time)
    #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
    #expect(all.filter { $0.track == 0 && $0.isKey }.map(\.time) == [.zero, .seconds(4)])
  }

  @Test func flashesAndBeepsStayTogether() throws {
    // A white picture and a beep for 100 ms in each second.
    let flashes = try FFmpeg.run([
      "-f", "lavfi", "-i", "color=black:size=320x180:rate=30", "-vf", "drawbox=color=white:t=fill:enable='lt(mod(t,1),0.1)'", "-t", "5",
      "-c:v",
      "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "500k", "-g", "9999", "-f", "ivf", "{out}",
    ])
    let picture = Content.frames(ofIVF: flashes, rate: 30)
    let sound = try Content.audio("0.5*sin(2*PI*1000*t)*lt(mod(t\\,1)\\,0.1)", seconds: 5)
    let late = TimeSpan.milliseconds(2345)
    let frames = (picture + sound).map { $0.moved(by: late) }.sorted { $0.time < $1.time }
    let outputs = try run([audioFormat, videoFormat], frames, end: .seconds(8))
    let all = outputs.compactMap(\.frame)
    let pictures = all.filter { $0.track == 0 }
    let format = try #require(outputs.compactMap(\.formats).last)[0]
    let white = try Judge.luma(format, pictures, 2, 2).map { $0[0] > 128 }
    let flashTimes = zip(pictures, white).enumerated().filter { $1.1 && ($0 == 0 || !white[$0 - 1]) }.map { $1.0.time }
    let onsets = Judge.onsets(try Judge.sound(all.filter { $0.track == 1 }, channels: 1))
    #expect(flashTimes.map(\.milliseconds) == (0..<5).map { 2345 + $0 * 1000 })
    #expect(onsets.count == 5)
    for (flash, onset) in zip(flashTimes, onsets) {
      // Less Opus' own delay of 6.5 ms.
      let beep = Double(onset - 312) / 48_000
      #expect(abs(beep - flash.seconds) < 0.002)
    }
  }

  @Test func videoOffIsAudioOnly() throws {
    var settings = TranscodeSettings()
    settings.video = nil
    let outputs = try run([audioFormat, videoFormat], meeting(seconds: 2), settings, end: .seconds(2))
    #expect(outputs.compactMap(\.formats).map { $0.map(\.codec) } == [[.aac]])
    #expect(outputs.compactMap(\.frame).allSatisfy { $0.track == 0 })
    #expect(outputs.compactMap(\.frame).count >= 94)
  }

  @Test func withoutSoundItIsVideoOnly() throws {
    let frames = try Content.video(320, 180, seconds: 2).map { frame in
      var frame = frame
      frame.track = 0
      return frame
    }
    let outputs = try run([videoFormat], frames, end: .seconds(2))
    #expect(outputs.compactMap(\.formats).map { $0.map(\.codec) } == [[.h264]])
    #expect(outputs.compactMap(\.frame).count == 60)
  }

  @Test func aDeclaredCameraThatIsOffIsBlackBesideTheSound() throws {
    let sound = try Content.audio("0.5*sin(2*PI*440*t)", seconds: 5)
    let outputs = try run([audioFormat, videoFormat], sound, end: .seconds(5))
    let frames = outputs.compactMap(\.frame)
    #expect(frames.filter { $0.track == 0 }.map(\.time) == (0...4).map { MediaTime.seconds($0) })
    #expect(outputs.compactMap(\.formats).map { $0[0].size } == [PictureSize(width: 640, height: 360)])
    #expect(zip(frames, frames.dropFirst()).allSatisfy { $0.time <= $1.time })
  }

  @Test func aNewFormatIsToldBetweenItsFrames() throws {
    let frames =
      try meeting(seconds: 2) + Content.video(360, 640, seconds: 1).map { $0.moved(by: .milliseconds(2000)) }
    let outputs = try run([audioFormat, videoFormat], frames, end: .seconds(3))
    let formats = outputs.compactMap(\.formats)
    #expect(formats.map { $0[0].size } == [PictureSize(width: 320, height: 180), PictureSize(width: 360, height: 640)])
    #expect(formats.map { $0[1] }.allSatisfy { $0.codec == .aac && !$0.configuration.isEmpty })
    let second = try #require(outputs.lastIndex { $0.formats != nil })
    let next = try #require(outputs[(second + 1)...].lazy.compactMap(\.frame).first { $0.track == 0 })
    guard case .formats(_, let from) = outputs[second] else { return }
    #expect(from == .seconds(2))
    // Sound before the change belongs to the formats before, sound after it to the new ones.
    #expect(outputs[..<second].compactMap(\.frame).allSatisfy { $0.time < from })
    #expect(outputs[second...].compactMap(\.frame).allSatisfy { $0.time >= from })
    #expect(next.isKey && next.time == from && next.size == PictureSize(width: 360, height: 640))
  }

  @Test func opusPassesThroughWithItsTimes() throws {
    var settings = TranscodeSettings()
    settings.audio = .opus
    settings.video = nil
    let packets = try Content.audio("0.5*sin(2*PI*440*t)", seconds: 4).map { $0.moved(by: TimeSpan(nanoseconds: 123_456)) }
    let kept = packets.filter { !(1500..<2710).contains($0.time.milliseconds) && $0.time.milliseconds != 3000 }
    let outputs = try run([audioFormat], kept, settings, end: .seconds(4))
    let frames = outputs.compactMap(\.frame)
    let passed = frames.filter { $0.bytes.count > 3 }
    #expect(passed.map(\.time) == kept.map(\.time))
    #expect(passed.map(\.bytes) == kept.map(\.bytes))
    #expect(frames.allSatisfy { $0.duration == .milliseconds(20) })
    let silent = frames.filter { $0.bytes.count == 3 }
    #expect(silent.count == 60 || silent.count == 61)  // 1.22 s
    #expect(zip(frames, frames.dropFirst()).allSatisfy { $1.time - $0.time <= .milliseconds(60) && $0.time < $1.time })
    // The silent packets are silent, and the decoder takes the sequence.
    let sound = Judge.floats(
      try FFmpeg.run(["-c:a", "libopus", "-f", "ogg", "-i", "{in}", "-f", "f32le", "{out}"], input: OggWriter.file(frames, preSkip: 0)),
      channels: 1)
    let hole = sound[(1600 * 48)..<(2600 * 48)]
    #expect(hole.allSatisfy { abs($0) < 1e-4 })
  }

  @Test func framesOfNoUseAreIgnoredAndCounted() throws {
    let transcoder = try ParticipantTranscoder(tracks: [audioFormat, videoFormat], settings: .init())
    let packet = try #require(try Content.audio("0", seconds: 0.1).first)
    var stray = packet
    stray.track = 7
    try transcoder.receive(stray)
    try transcoder.receive(packet.moved(to: MediaTime(nanoseconds: -1)))
    try transcoder.receive(packet.moved(to: MediaTime(nanoseconds: .max)))
    try transcoder.receive(packet.moved(to: .seconds(3601)))
    try transcoder.finish(at: .seconds(1))
    try transcoder.receive(packet)
    #expect(transcoder.ignoredFrames == 5)
    #expect(transcoder.audioCounters.received == 0)
  }

  /// Whatever bytes come at whatever times: nothing traps, times rise, what came is accounted for.
  @Test(arguments: 1...4) func anyInputIsBorne(seed: UInt64) throws {
    let sane = try meeting(seconds: 4)
    var random = Scrambler(state: seed)
    let wild = sane.map { frame in
      var frame = frame
      switch random.next() % 12 {
      case 0: frame.bytes = (0..<(random.next() % 300)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      case 1: if !frame.bytes.isEmpty { frame.bytes[Int(random.next()) % frame.bytes.count] ^= UInt8(random.next() & 0xff) }
      case 2: frame.time = .milliseconds(Int64(random.next() % 60_000))
      case 3: frame.bytes.removeLast(Int(random.next()) % (frame.bytes.count + 1))
      case 4: frame.time = MediaTime(nanoseconds: frame.time.nanoseconds + Int64(random.next() % 50_000_000))
      default: break
      }
      return frame
    }
    let transcoder = try ParticipantTranscoder(tracks: [audioFormat, videoFormat], settings: .init())
    var last: [MediaTime] = [MediaTime(nanoseconds: -1), MediaTime(nanoseconds: -1)]
    func take() {
      while let output = transcoder.poll() {
        guard let frame = output.frame else { continue }
        #expect(frame.time > last[frame.track] && !frame.bytes.isEmpty)
        last[frame.track] = frame.time
      }
    }
    for (index, frame) in wild.enumerated() {
      if index % 50 == 0 { transcoder.shed(ShedLevel(rawValue: Int(random.next() % 4)) ?? .nothing) }
      try transcoder.receive(frame)
      take()
    }
    try transcoder.finish(at: .seconds(60))
    take()
    let video = transcoder.videoCounters
    #expect(transcoder.audioCounters.received + video.received == wild.count)
    #expect(last.allSatisfy { $0 > .milliseconds(58_600) })
  }

  @Test func twiceTheSameIsTheSame() throws {
    let frames = try meeting(seconds: 3)
    let first = try run([audioFormat, videoFormat], frames, end: .seconds(4))
    let second = try run([audioFormat, videoFormat], frames, end: .seconds(4))
    #expect(first.compactMap(\.frame).map(\.bytes) == second.compactMap(\.frame).map(\.bytes))
    #expect(first.compactMap(\.frame).map(\.time) == second.compactMap(\.frame).map(\.time))
    #expect(first.compactMap(\.formats) == second.compactMap(\.formats))
  }

  /// Time brought often, seldom or at the end makes no difference where frames come anyway.
  @Test func advancingMoreOftenChangesNothing() throws {
    let frames = try meeting(seconds: 5)
    let often = try run([audioFormat, videoFormat], frames, advanceEvery: 1, end: .seconds(5)).compactMap(\.frame)
    let never = try run([audioFormat, videoFormat], frames, advanceEvery: .max, end: .seconds(5)).compactMap(\.frame)
    #expect(often.map(\.bytes) == never.map(\.bytes))
    #expect(often.map(\.time) == never.map(\.time))
  }
}

/// Sound and a 320x180 picture of `seconds` seconds, in the order of their times: track 0 audio, track 1 video.
private func meeting(seconds: Double) throws -> [EncodedFrame] {
  let sound = try Content.audio("0.5*sin(2*PI*440*t)", seconds: seconds).filter { $0.time.seconds < seconds }
  let picture = try Content.video(320, 180, seconds: seconds)
  return (sound + picture).sorted { ($0.time, $0.track) < ($1.time, $1.track) }
}

/// Runs frames through a participant's transcoder, time following them half a second behind.
private func run(
  _ tracks: [TrackFormat], _ frames: [EncodedFrame], _ settings: TranscodeSettings = .init(), advanceEvery: Int = 10, end: MediaTime
) throws -> [ParticipantTranscoder.Output] {
  let transcoder = try ParticipantTranscoder(tracks: tracks, settings: settings)
  var outputs: [ParticipantTranscoder.Output] = []
  for (index, frame) in frames.enumerated() {
    try transcoder.receive(frame)
    if index % advanceEvery == 0, frame.time > .milliseconds(500) { try transcoder.advance(to: frame.time - .milliseconds(500)) }
    while let output = transcoder.poll() { outputs.append(output) }
  }
  try transcoder.finish(at: end)
  while let output = transcoder.poll() { outputs.append(output) }
  return outputs
}

extension ParticipantTranscoder.Output {
  fileprivate var formats: [TrackFormat]? { if case .formats(let formats, _) = self { formats } else { nil } }
  fileprivate var frame: EncodedFrame? { if case .frame(let frame) = self { frame } else { nil } }
}
