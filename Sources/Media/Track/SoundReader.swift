import Codecs
import Ground

/// Reads a track's packets of sound, each of which is a frame, and makes what fills holes between them.
struct SoundReader: Sendable {
  let format: SoundFormat
  /// How the last packet of Opus was coded: its table of contents, of each stream where there are several. At first as what most senders
  /// send, full-band stereo frames of 20 ms.
  private var contents = SIMD8<UInt8>(repeating: 0xfc)
  /// How many ticks the last packet lasted.
  private var lastTicks: Int64 = 0

  /// A longer hole is filled for so long only.
  static let longestFill = TimeSpan.seconds(300)
  /// Nor with more bytes, which wait in memory for the writer: for sound that is not compressed.
  static let mostFillBytes: Int64 = 4 << 20
  /// How much silence that is not compressed goes into a frame.
  private static let fillMilliseconds: Int64 = 100

  init(_ format: SoundFormat) { self.format = format }

  /// Whether there is anything to fill holes with.
  var canFill: Bool { format.codec == .opus || format.codec == .multiopus || format.silence != nil }

  /// Learns from a frame that was placed what fills the next hole.
  mutating func note(_ frame: borrowing PlacedFrame) {
    lastTicks = SoundReader.ticks(frame.duration.nanoseconds, format.clockRate)
    guard format.bytesPerTick == nil else { return }
    if let streams = format.streams {
      if let packet = try? OpusStreamsPacket(parsing: frame.bytes.span, streams: streams.count) { contents = packet.contents }
    } else if let first = frame.bytes.first {
      contents[0] = first
    }
  }

  /// Fills a hole: calls `body` with each frame's bytes, where it begins and how long it lasts, in nanoseconds from the hole's beginning.
  /// What decodes it gets as much as is missing, so that who reads the frames on end does not come early.
  func fill(nanoseconds: Int64, pool: BufferPool, _ body: (_ bytes: consuming [UInt8], _ start: Int64, _ duration: TimeSpan) -> Void) {
    let rate = format.clockRate
    let span = min(nanoseconds, SoundReader.longestFill.nanoseconds)
    guard let bytesPerTick = format.bytesPerTick, let silence = format.silence else {
      let samples = span / 1_000 * Int64(rate.hertz) / 1_000_000
      OpusPacket.concealing(samples: samples, after: contents[0]) { packet, offset in
        let streams = format.streams?.count ?? 1
        var bytes = pool.take(atLeast: 3 * streams)
        packet.write(contents: contents, streams: streams, to: &bytes)
        body(bytes, rate.span(ofTicks: offset).nanoseconds, packet.duration)
      }
      return
    }
    var left = min(wholePackets(SoundReader.ticks(span, rate)), SoundReader.mostFillBytes / Int64(bytesPerTick))
    let most = Int64(rate.hertz) * SoundReader.fillMilliseconds / 1_000
    var start: Int64 = 0
    while left > 0 {
      let ticks = min(left, most)
      let count = Int(ticks) * bytesPerTick
      var bytes = pool.take(atLeast: count)
      bytes.append(contentsOf: repeatElement(silence, count: count))
      body(bytes, rate.span(ofTicks: start).nanoseconds, rate.span(ofTicks: ticks))
      start += ticks
      left -= ticks
    }
  }

  private static func ticks(_ nanoseconds: Int64, _ rate: ClockRate) -> Int64 {
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    return seconds * Int64(rate.hertz) + (rest * Int64(rate.hertz) + 500_000_000) / 1_000_000_000
  }

  /// So many ticks, or as many whole packets as come near to them: whole packets were lost, and places are slewed.
  private func wholePackets(_ ticks: Int64) -> Int64 {
    guard lastTicks > 0 else { return ticks }
    let whole = (ticks + lastTicks / 2) / lastTicks * lastTicks
    return abs(whole - ticks) <= lastTicks / 4 ? whole : ticks
  }
}
