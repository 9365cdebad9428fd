package import Codecs
package import Ground

/// Makes one participant's frames for HLS of those for the tape: both kinds together, in the order of their times.
///
/// Bring frames with `receive`, each track's in its order, and time with `advance`, at least about once a second of the timeline; after
/// each, poll until nil. Not to be shared by threads. An error of an encoder is final: the owner gives the output up.
package final class ParticipantTranscoder {
  package enum Output: Sendable {
    /// The output's tracks for frames from the time `from` on: video first if there is any, then audio. Comes before the first frame, and
    /// again when the video's format has changed; the next video frame is then an IDR of the new format, at `from`.
    case formats([TrackFormat], from: MediaTime)
    /// A frame whose `track` is an index into the formats.
    case frame(EncodedFrame)
  }

  /// The codecs of the output's tracks, known before their formats are.
  package let codecs: [Codec]
  /// Frames of tracks that are not transcoded (beyond the first of each kind, video that is off), before the timeline's zero, more than
  /// an hour ahead of all before, or after the finish.
  package private(set) var ignoredFrames = 0

  private let videoTrack: Int?
  private let audioTrack: Int?
  private var video: VideoLane?
  private var aac: AudioTranscoder?
  private var opus: OpusRelay?
  private var nextAudio: EncodedFrame?
  private var videoFormat: TrackFormat?
  private var isAnnounced = false
  private var isFinished = false

  /// How far time has come, by frames or by `advance`.
  private var reached: MediaTime
  private let start: MediaTime

  /// A hole is filled in one call: a frame so far ahead of all before it is taken for an error rather than for hours of silence.
  private static let farthestAhead = TimeSpan.milliseconds(3_600_000)
  /// How long sound waits for a first picture that is passed on.
  private static let patience = TimeSpan.milliseconds(3_000)
  /// Ten years. What lies beyond is no recording's time, and would come near to overflowing the arithmetic of samples.
  private static let latest = MediaTime(nanoseconds: 315_576_000_000_000_000)

  /// `tracks`: the formats that the tape was opened with, the participant's declared tracks; frames name them by index. Throws `cannotOpen`.
  package init(tracks: [TrackFormat], settings: TranscodeSettings) throws(TranscodeError) {
    videoTrack = settings.video == nil ? nil : tracks.firstIndex { $0.codec.kind == .video }
    audioTrack = tracks.firstIndex { $0.codec.kind == .audio }
    var codecs: [Codec] = []
    if let videoTrack {
      let lane = try VideoLane(tracks[videoTrack].codec, settings: settings)
      codecs.append(lane.codec)
      video = lane
    }
    if let audioTrack {
      let sound = tracks[audioTrack].sound
      // Only what players take in MP4 is passed on.
      if settings.audio == .opus, sound.codec == .opus {
        opus = OpusRelay(channels: min(max(sound.channels, 1), 2), start: settings.start)
        codecs.append(.opus)
      } else {
        aac = try AudioTranscoder(sound, start: settings.start)
        codecs.append(.aac)
      }
    }
    self.codecs = codecs
    reached = settings.start
    start = settings.start
  }

  package var videoCounters: VideoTranscodeCounters { video?.counters ?? VideoTranscodeCounters() }
  package var audioCounters: AudioTranscodeCounters { aac?.counters ?? opus?.counters ?? AudioTranscodeCounters() }
  package var shedLevel: ShedLevel { video?.shedLevel ?? .nothing }
  /// Whether video stands still until a key frame comes.
  package var awaitsKeyFrame: Bool { video?.awaitsKeyFrame ?? false }

  /// Takes one frame for the tape. Throws `cannotOpen` and `cannotEncode` of an encoder; what cannot be decoded is counted.
  package func receive(_ frame: EncodedFrame) throws(TranscodeError) {
    let isOnTimeline = frame.time >= .zero && frame.time < Self.latest && frame.time - reached <= Self.farthestAhead
    guard !isFinished, isOnTimeline else {
      ignoredFrames += 1
      return
    }
    if frame.track == videoTrack {
      try video?.receive(frame)
    } else if frame.track == audioTrack {
      try aac?.receive(frame)
      opus?.receive(frame)
    } else {
      ignoredFrames += 1
      return
    }
    reached = max(reached, frame.time)
  }

  /// Lets the output go on to `time` without frames: silence, the last picture, black before the first. To be called with the timeline's
  /// now less what frames may take to come. Throws like `receive`.
  package func advance(to time: MediaTime) throws(TranscodeError) {
    guard !isFinished else { return }
    let time = min(time, Self.latest)
    reached = max(reached, time)
    try video?.advance(to: time)
    try aac?.advance(to: time)
    opus?.advance(to: time)
  }

  /// Ends the output at `time`; what was held back can then be polled. Throws like `receive`.
  package func finish(at time: MediaTime) throws(TranscodeError) {
    guard !isFinished else { return }
    let time = min(time, Self.latest)
    try video?.finish(at: time)
    try aac?.finish(at: time)
    opus?.advance(to: time)
    isFinished = true
  }

  /// Sets how much of the video's work is left out from now on.
  package func shed(_ level: ShedLevel) { video?.shed(level) }
  /// Drops video inter frames, undecoded, until the next key frame.
  package func skipToKeyFrame() { video?.skipToKeyFrame() }

  /// The next output; nil until more has come in. A frame waits until nothing of the other track can come before it.
  package func poll() -> Output? {
    // Video's first output is its format, and nothing goes before the formats.
    if !isAnnounced, videoTrack != nil, let output = pollVideo() { return output }
    if !isAnnounced, videoTrack != nil, !soundGoesAlone { return nil }
    if nextAudio == nil { nextAudio = aac?.poll() ?? opus?.poll() }
    let soundTime = nextAudio?.time
    if let pictureTime = video?.nextOutputTime, isFirst(pictureTime, before: soundTime) { return pollVideo() }
    guard let soundTime, let frame = nextAudio, isDue(soundTime) else { return nil }
    if !isAnnounced { return announce(from: soundTime) }
    nextAudio = nil
    var output = frame
    output.track = videoFormat == nil ? 0 : 1
    return .frame(output)
  }

  private func pollVideo() -> Output? {
    switch video?.poll() {
    case .format(let format, let from):
      videoFormat = format
      return announce(from: from)
    case .frame(let frame): return .frame(frame)
    case nil: return nil
    }
  }

  private func announce(from time: MediaTime) -> Output {
    isAnnounced = true
    let audioFormat = aac?.format ?? opus?.format
    return .formats([videoFormat, audioFormat].compactMap { $0 }, from: time)
  }

  /// Pictures that are passed on may not come for long: then the output begins with sound, and gets its picture later.
  private var soundGoesAlone: Bool {
    guard video?.hasFiller == false, audioTrack != nil else { return false }
    return isFinished || reached - start >= Self.patience
  }

  /// Whether a picture at `time` goes before the sound that waits, or that may yet come.
  private func isFirst(_ time: MediaTime, before sound: MediaTime?) -> Bool {
    if let sound { return time <= sound }
    guard !isFinished, let horizon = aac?.horizon ?? opus?.horizon else { return true }
    return time <= horizon
  }

  /// Whether sound at `time` goes before any picture that may yet come. Asked when no picture waits that goes first.
  private func isDue(_ time: MediaTime) -> Bool {
    guard let picture = video?.nextOutputTime ?? video?.horizon else { return true }
    return isFinished || time <= picture
  }
}
