package import Codecs
package import Ground

/// Passes Opus on as it is, for players that take it in MP4: packets keep their bytes and their times to the nanosecond.
///
/// A hole of more than 60 ms is filled with packets of silence of 20 ms each, so that players' buffers have no hole; what remains before
/// the next packet, less than 20 ms, and shorter holes stay as they are: the packet before them lasts longer.
package struct OpusRelay {
  /// A frame of 20 ms that libopus decodes to digital silence: CELT, full band, mono, its silence flag set (RFC 6716 §4.3).
  private static let silence: [UInt8] = [0xf8, 0xff, 0xfe]
  private static let silenceDuration = TimeSpan.milliseconds(20)
  private static let hole = TimeSpan.milliseconds(60)

  package let format: TrackFormat
  package private(set) var counters = AudioTranscodeCounters()
  /// The earliest time that a packet not yet made can have.
  package private(set) var horizon: MediaTime
  private var undelivered = Outbox<EncodedFrame>()
  private let start: MediaTime
  private var last: MediaTime?
  /// Where the sound put out so far ends.
  private var end: MediaTime

  /// `channels`: 1 or 2, what the track declared.
  package init(channels: Int, start: MediaTime = .zero) {
    format = TrackFormat(codec: .opus, channels: channels)
    self.start = start
    horizon = start
    end = start
  }

  /// Takes one Opus packet. A packet at or before the one before it, or before the begin, is dropped as late.
  package mutating func receive(_ frame: EncodedFrame) {
    counters.received += 1
    guard let packet = try? OpusPacket(parsing: frame.bytes.span) else {
      counters.undecodable += 1
      return
    }
    // Half a millisecond apart at least, so that no container's rounding makes two packets one.
    guard frame.time >= (last.map { $0 + .microseconds(500) } ?? start) else {
      counters.late += 1
      return
    }
    if frame.time - end > Self.hole { appendSilence(until: frame.time) }
    var relayed = frame
    relayed.track = 0
    relayed.duration = packet.duration
    append(relayed)
  }

  /// Fills with silence up to `time`, where that is more than 60 ms after the last packet's end.
  package mutating func advance(to time: MediaTime) {
    if time - end > Self.hole { appendSilence(until: time) }
    horizon = max(horizon, time - Self.hole)
  }

  /// The next packet, as one of track 0; nil when there is none yet.
  package mutating func poll() -> EncodedFrame? { undelivered.take() }

  private mutating func appendSilence(until time: MediaTime) {
    while end + Self.silenceDuration <= time {
      counters.silentSamples += 960
      append(EncodedFrame(bytes: Self.silence, track: 0, time: end, duration: Self.silenceDuration, isKey: true))
    }
  }

  private mutating func append(_ frame: EncodedFrame) {
    last = frame.time
    end = frame.time + frame.duration
    horizon = max(horizon, frame.time + .microseconds(500))
    counters.framesOut += 1
    undelivered.append(frame)
  }
}
