package import Codecs
package import Ground
package import Mux
package import Transcode

/// One participant's live presentation: frames of the tape in, files in its folder out. For one thread at a time.
package final class ParticipantHLS {
  package let participant: String
  package let folder: String
  private let output: HLSOutput
  private let files: any TapeFiles
  private var packager: HLSPackager
  private var wallClockZero: WallTime
  private var transcoder: ParticipantTranscoder?
  /// The tracks that are transcoded, pictures first; nil until the tape has begun.
  private var lanes: [TrackFormat]?
  /// For each track of the tape's current part, its index in `lanes`.
  private var laneOfTrack: [Int?] = []
  /// The tape has gone on in a part with other lanes: the next frame begins a transcoder for them.
  private var mustRestart = false
  private var earlierSkipped = 0
  private var newestTime = MediaTime.zero
  /// Why the presentation ended early, or nil.
  package private(set) var failure: String?
  package private(set) var isFinished = false
  private var announced: [HLSSegment] = []
  /// No output is made beyond what frames may still come for.
  package static let latency = TimeSpan.milliseconds(1_500)

  package init(participant: String, folder: String, output: HLSOutput, files: any TapeFiles, wallClockZero: WallTime) {
    self.participant = participant
    self.folder = folder
    self.output = output
    self.files = files
    self.wallClockZero = wallClockZero
    packager = HLSPackager(ParticipantHLS.configuration(output, copying: false), wallClockZero: wallClockZero)
  }

  /// What the packager is to expect: pictures that are encoded here keep what was asked for; of copied ones only their sender knows.
  private static func configuration(_ output: HLSOutput, copying: Bool) -> HLSConfiguration {
    let quality = VideoQuality(rawValue: output.quality.rawValue) ?? .medium
    let isEncoded = output.video == .h264 && !copying
    var configuration = HLSConfiguration(
      segmentSeconds: output.segmentSeconds, bitsPerSecond: (isEncoded ? quality.bitsPerSecond : 0) + 128_000,
      frameRate: isEncoded ? Double(quality.framesPerSecond) : nil)
    configuration.hasShortStart = true
    configuration.hasForeignKeyFrames = copying
    return configuration
  }

  // MARK: Facts

  package var status: HLSStatus {
    var status = HLSStatus(participant: participant, playlist: folder + "/" + HLSName.master)
    status.segments = packager.publishedSegmentCount
    status.isLive = !isFinished
    status.framesSkipped = framesSkipped
    status.error = failure
    return status
  }

  /// Pictures that were left out for want of time.
  package var framesSkipped: Int {
    earlierSkipped + (transcoder.map { $0.videoCounters.skipped + $0.videoCounters.thinned } ?? 0)
  }

  // MARK: World

  /// The tape begins, or goes on in another part, with these tracks. The first of each kind is presented. Where the part has the same
  /// kinds as the one before, the presentation goes on without a break.
  package func open(_ formats: [TrackFormat]) {
    guard failure == nil, !isFinished else { return }
    let video = output.video == .off ? nil : formats.firstIndex { $0.codec.kind == .video }
    let audio = formats.firstIndex { $0.codec.kind == .audio }
    let chosen = [video, audio].compactMap { $0 }
    laneOfTrack = formats.indices.map { chosen.firstIndex(of: $0) }
    let next = chosen.map { index in
      let format = formats[index]
      return format.codec.kind == .audio ? TrackFormat(sound: format.sound) : TrackFormat(codec: format.codec, channels: format.channels)
    }
    mustRestart = next != lanes
    lanes = next
    if transcoder == nil, packager.segmentCount == 0, let video {
      let configuration = ParticipantHLS.configuration(output, copying: formats[video].codec.isPlayedInMP4)
      packager = HLSPackager(configuration, wallClockZero: wallClockZero)
    }
  }

  package func receive(_ frame: EncodedFrame) {
    guard failure == nil, !isFinished, laneOfTrack.indices.contains(frame.track), let lane = laneOfTrack[frame.track] else { return }
    var frame = frame
    frame.track = lane
    if mustRestart {
      mustRestart = false
      endTranscoder(at: max(newestTime, frame.time))
    }
    attempt { (hls) throws(HLSFailure) in
      // What the lanes before have put out is not put out again.
      if hls.transcoder == nil { try hls.beginTranscoder(at: max(frame.time, hls.packager.end)) }
      hls.newestTime = max(hls.newestTime, frame.time + frame.duration)
      try hls.transcode { (t) throws(TranscodeError) in try t.receive(frame) }
      try hls.drain()
    }
  }

  /// The timeline has come to `time`: what has no frames by now gets silence and stills.
  package func advance(to time: MediaTime) {
    guard failure == nil, !isFinished, transcoder != nil else { return }
    let horizon = time - ParticipantHLS.latency
    guard horizon > .zero else { return }
    attempt { (hls) throws(HLSFailure) in
      try hls.transcode { (t) throws(TranscodeError) in try t.advance(to: horizon) }
      try hls.drain()
    }
  }

  package func setWallClock(zero: WallTime) {
    wallClockZero = zero
    packager.setWallClock(zero: zero)
  }

  /// How much of the pictures' work is left out from now on.
  package func shed(_ level: ShedLevel) { transcoder?.shed(level) }
  /// Frames were left out: nothing is decoded before the next key frame.
  package func skipToKeyFrame() { transcoder?.skipToKeyFrame() }

  /// Ends the presentation: the last segment is closed and the playlists are final.
  package func finish() {
    guard !isFinished else { return }
    endTranscoder(at: newestTime)
    isFinished = true
    do {
      try packager.finish()
      try execute()
    } catch let error as MuxError {
      note("\(error)")
    } catch {
      note("\(error)")
    }
  }

  // MARK: To do

  /// The segments finished since the last call.
  package func takeSegments() -> [HLSSegment] {
    defer { announced.removeAll() }
    return announced
  }

  // MARK: Inside

  private enum HLSFailure: Error {
    case transcode(TranscodeError)
    case mux(MuxError)
    case file(TapeFileError)
    var message: String {
      switch self {
      case .transcode(let error): "\(error)"
      case .mux(let error): "\(error)"
      case .file(let error): error.message
      }
    }
  }

  private func attempt(_ body: (ParticipantHLS) throws(HLSFailure) -> Void) {
    do {
      try body(self)
    } catch {
      note(error.message)
    }
  }

  /// A presentation that fails ends alone: the tape goes on.
  private func note(_ message: String) {
    if failure == nil { failure = message }
  }

  private func transcode(_ body: (ParticipantTranscoder) throws(TranscodeError) -> Void) throws(HLSFailure) {
    guard let transcoder else { return }
    do throws(TranscodeError) {
      try body(transcoder)
    } catch {
      throw .transcode(error)
    }
  }

  private func beginTranscoder(at time: MediaTime) throws(HLSFailure) {
    var settings = TranscodeSettings()
    settings.video = output.video == .h264 ? VideoQuality(rawValue: output.quality.rawValue) : nil
    settings.audio = output.audio == .opus ? .opus : .aac
    settings.canvas = output.canvas
    settings.segmentSeconds = output.segmentSeconds
    settings.start = time
    settings.hasShortStart = packager.segmentCount == 0
    do throws(TranscodeError) {
      transcoder = try ParticipantTranscoder(tracks: lanes ?? [], settings: settings)
    } catch {
      throw .transcode(error)
    }
  }

  private func endTranscoder(at time: MediaTime) {
    guard transcoder != nil else { return }
    attempt { (hls) throws(HLSFailure) in
      try hls.transcode { (t) throws(TranscodeError) in try t.finish(at: time) }
      try hls.drain()
    }
    earlierSkipped = framesSkipped
    self.transcoder = nil
  }

  private func drain() throws(HLSFailure) {
    while let output = transcoder?.poll() {
      do throws(MuxError) {
        switch output {
        case .formats(let formats, let time): try packager.start(formats, at: time)
        case .frame(let frame): try packager.write(frame)
        }
      } catch {
        throw .mux(error)
      }
    }
    do throws(TapeFileError) {
      try execute()
    } catch {
      throw .file(error)
    }
  }

  private func execute() throws(TapeFileError) {
    for order in packager.takeOrders() {
      switch order {
      case .write(let path, let bytes): try files.replace(folder + "/" + path, bytes)
      case .append(let path, let bytes): try files.append(folder + "/" + path, bytes)
      case .rename(let from, let to): try files.rename(folder + "/" + from, to: folder + "/" + to)
      case .announce(let segment): announced.append(segment)
      case .truncate, .remove: break
      }
    }
  }
}
