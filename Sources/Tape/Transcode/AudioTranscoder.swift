package import Codecs
package import Ground

/// Makes AAC of a track's sound: one frame of 1024 samples after the other, on multiples of 1024 samples of the timeline, whatever comes in.
///
/// The decoded sound of a packet with time T starts at T, as in ffmpeg's decoding of the WebM with the same packets. Where no packet is
/// there is silence (short losses of Opus are concealed). More than two channels are mixed into two, which every player plays.
package struct AudioTranscoder: ~Copyable {
  /// A new decoder's first 6.5 ms are its delay (pre-skip, RFC 7845 §4.2) and no sound; players leave them out.
  private static let decoderDelay = 312
  /// A hole of up to 60 ms is concealed, a longer one is silent.
  private static let concealableSamples = 2880

  package private(set) var counters = AudioTranscodeCounters()
  private let sound: SoundFormat
  /// One of the two is there: what is plain Opus, and what is anything else.
  private var opus: OpusDecoder?
  private var other: SoundDecoder?
  private var encoder: AACEncoder
  private var line: SoundLine
  /// What fills a short hole, until it is known what follows.
  private var waiting: EncodedFrame?
  private var undelivered = Outbox<EncodedFrame>()
  private var unheard: Int
  /// The sample at which the next frame put out begins.
  private var next: Int64
  private var isFinished = false
  private var pcm: [Float] = []
  private var block: [Float] = []

  /// Of Opus. `channels`: 1 or 2. Throws `cannotOpen`.
  package init(channels: Int, start: MediaTime = .zero) throws(TranscodeError) {
    try self.init(SoundFormat(codec: .opus, channels: channels), start: start)
  }

  /// Throws `cannotOpen`, `outOfMemory`.
  package init(_ sound: SoundFormat, start: MediaTime = .zero) throws(TranscodeError) {
    let channels = min(max(sound.channels, 1), 2)
    let frame = Int64(AACEncoder.frameSamples)
    let first = SampleTime.index(start) / frame * frame
    let isOpus = sound.codec == .opus
    let opus = isOpus ? try OpusDecoder(channels: channels) : nil
    let other = isOpus ? nil : try SoundDecoder(sound, channels: channels)
    let encoder = try AACEncoder(channels: channels)
    self.sound = sound
    self.opus = opus
    self.other = other
    unheard = isOpus || sound.codec == .multiopus ? AudioTranscoder.decoderDelay : 0
    self.encoder = encoder
    line = SoundLine(channels: channels, start: first)
    next = first
  }

  /// The output's format, with AudioSpecificConfig.
  package var format: TrackFormat { encoder.format }
  /// The earliest time that a frame not yet made can have.
  package var horizon: MediaTime { SampleTime.time(next) }

  /// Takes one packet. Packets come in the order of their times. A packet that cannot be decoded is counted, and a hole. Throws
  /// `cannotEncode`.
  package mutating func receive(_ frame: EncodedFrame) throws(TranscodeError) {
    guard !isFinished else { return }
    counters.received += 1
    let samples: Int
    do {
      samples = Int(try sound.ticks(of: frame.bytes.span) * 48_000 / Int64(sound.clockRate.hertz))
    } catch {
      counters.undecodable += 1
      return
    }
    // What was lost is made up when the packet after it is there, which may carry a copy of it (RFC 6716 §2.1.7).
    let isLost = opus != nil && samples <= Self.concealableSamples && OpusPacket.isWithoutSound(frame.bytes)
    if let lost = waiting.take(), isLost || SampleTime.index(frame.time) - SampleTime.index(lost.time) > Self.concealableSamples {
      try place(lost)
    }
    if isLost {
      waiting = frame
    } else {
      try place(frame, samples: samples)
    }
  }

  /// A packet without sound that no packet follows at once.
  private mutating func place(_ lost: EncodedFrame) throws(TranscodeError) {
    guard let packet = try? OpusPacket(parsing: lost.bytes.span) else { return }
    try place(lost, samples: packet.samples)
  }

  private mutating func place(_ frame: EncodedFrame, samples: Int) throws(TranscodeError) {
    var stretch = 0
    var skipped = 0
    let held = other?.heldSamples ?? 0
    switch line.place(start: SampleTime.index(frame.time) - Int64(held), samples: samples) {
    case .follows(let by): stretch = by
    case .hole(let missing): try fill(missing, held: held, before: frame.bytes)
    case .overlap(let passed): skipped = passed
    }
    do {
      try opus?.decode(frame.bytes, samples: samples, into: &pcm)
      try other?.decode(frame.bytes, into: &pcm)
    } catch {
      counters.undecodable += 1
      return
    }
    let made = pcm.count / line.channels
    guard made > 0 else { return }
    skipped = min(skipped, made)
    for index in 0..<min(unheard, made) * line.channels { pcm[index] = 0 }
    unheard -= min(unheard, made)
    line.append(pcm, skipping: skipped, stretch: stretch)
    counters.trimmedSamples += skipped
    if skipped == made { counters.late += 1 }
    counters.insertedSamples += max(stretch, 0)
    counters.removedSamples += max(-stretch, 0)
    try encodeBlocks()
  }

  /// Fills with silence up to `time`, so that the output goes on while nothing comes. A packet that comes for the time passed is too late.
  /// Long silences cost time and memory in one call: advance by seconds, and poll. Throws `cannotEncode`.
  package mutating func advance(to time: MediaTime) throws(TranscodeError) {
    guard !isFinished else { return }
    if let lost = waiting, lost.time + lost.duration <= time { try placeWaiting() }
    try silence(until: SampleTime.index(time))
  }

  private mutating func placeWaiting() throws(TranscodeError) {
    if let lost = waiting.take() { try place(lost) }
  }

  /// Ends the output with the frame that holds `time`. Nothing can be received afterwards. Throws `cannotEncode`.
  package mutating func finish(at time: MediaTime) throws(TranscodeError) {
    guard !isFinished else { return }
    let frame = Int64(AACEncoder.frameSamples)
    try placeWaiting()
    try silence(until: SampleTime.index(time))
    try silence(until: (line.end + frame - 1) / frame * frame)
    isFinished = true
    var frames: [EncodedFrame] = []
    // The encoder has nothing to give back where it was given nothing.
    if line.end > next { try encoder.finish(into: &frames) }
    deliver(frames, until: line.end)
  }

  /// The next frame, as one of track 0; nil when there is none yet.
  package mutating func poll() -> EncodedFrame? { undelivered.take() }

  /// `held`: what the decoder would have brought of the sound before the hole, had any come.
  private mutating func fill(_ missing: Int, held: Int, before packet: [UInt8]) throws(TranscodeError) {
    guard opus != nil else {
      other?.forget()
      return try silence(until: line.end + Int64(missing + held))
    }
    let granules = (missing + OpusDecoder.granuleSamples / 2) / OpusDecoder.granuleSamples
    if !line.isSilent, missing <= Self.concealableSamples,
      (try? opus?.conceal(granules: granules, before: packet, into: &pcm)) != nil
    {
      // To the nearest 2.5 ms: the line absorbs the rest like any small disagreement.
      line.append(pcm)
      counters.concealedSamples += pcm.count / line.channels
    } else {
      try silence(until: line.end + Int64(missing))
    }
  }

  private mutating func silence(until end: Int64) throws(TranscodeError) {
    while line.end < end {
      let samples = Int(min(end - line.end, Int64(AACEncoder.frameSamples)))
      line.appendSilence(samples)
      counters.silentSamples += samples
      try encodeBlocks()
    }
  }

  private mutating func encodeBlocks() throws(TranscodeError) {
    var frames: [EncodedFrame] = []
    while let start = line.takeBlock(of: AACEncoder.frameSamples, into: &block) {
      try encoder.encode(block, at: start, into: &frames)
    }
    deliver(frames, until: .max)
  }

  private mutating func deliver(_ frames: [EncodedFrame], until end: Int64) {
    for frame in frames {
      // The first frame only primes the decoder: its sound lies before the output's begin.
      let start = SampleTime.index(frame.time)
      guard start >= next, start < end else { continue }
      next = start + Int64(AACEncoder.frameSamples)
      counters.framesOut += 1
      undelivered.append(frame)
    }
  }
}
