import Codecs
import Ground
import Transcode

/// What a video transcoder put out, by format.
struct VideoRun {
  var parts: [(format: TrackFormat, from: MediaTime, frames: [EncodedFrame])] = []
  var counters = VideoTranscodeCounters()
  var frames: [EncodedFrame] { parts.flatMap(\.frames) }
  var times: [MediaTime] { frames.map(\.time) }
  var keyTimes: [MediaTime] { frames.filter(\.isKey).map(\.time) }
  var isRising: Bool { zip(times, times.dropFirst()).allSatisfy { $1 - $0 >= .microseconds(500) } }
  /// Whether each frame received is accounted for.
  var isBalanced: Bool {
    counters.received == counters.encoded + counters.undecodable + counters.refusedSize + counters.skipped + counters.hidden
      + counters.overRate + counters.thinned + counters.late
  }

  mutating func take(_ output: VideoOutput) {
    switch output {
    case .format(let format, let from): parts.append((format, from, []))
    case .frame(let frame): parts[parts.count - 1].frames.append(frame)
    }
  }
}

/// Runs frames through a video transcoder, then advances it to `end`.
func transcodeVideo(
  _ frames: [EncodedFrame], _ settings: TranscodeSettings = .init(), end: MediaTime? = nil,
  before: (Int, inout VideoTranscoder) throws -> Void = { _, _ in }
) throws -> VideoRun {
  var transcoder = try VideoTranscoder(settings: settings)
  var run = VideoRun()
  for (index, frame) in frames.enumerated() {
    try before(index, &transcoder)
    try transcoder.receive(frame)
    while let output = transcoder.poll() { run.take(output) }
  }
  if let end { try transcoder.advance(to: end) }
  while let output = transcoder.poll() { run.take(output) }
  run.counters = transcoder.counters
  return run
}

/// Runs packets through an audio transcoder and finishes it at `end`.
func transcodeAudio(
  _ packets: [EncodedFrame], channels: Int = 1, start: MediaTime = .zero, end: MediaTime
) throws -> (frames: [EncodedFrame], counters: AudioTranscodeCounters) {
  var transcoder = try AudioTranscoder(channels: channels, start: start)
  var frames: [EncodedFrame] = []
  for packet in packets {
    try transcoder.receive(packet)
    while let frame = transcoder.poll() { frames.append(frame) }
  }
  try transcoder.finish(at: end)
  while let frame = transcoder.poll() { frames.append(frame) }
  return (frames, transcoder.counters)
}
