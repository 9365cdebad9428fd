/// One line of 48 kHz sound without hole or overlap, on which decoded packets are placed by their times.
///
/// Packets that follow each other are joined as they are, even where their times disagree a little: clocks drift, senders' clocks wander,
/// containers round. The disagreement is smoothed, and once it is more than noise, a packet is stretched or squeezed by a few
/// samples in a thousand until it is gone. Only a disagreement larger than such noise is a hole or an overlap, and is placed exactly.
struct SoundLine {
  /// How a packet joins what the line holds.
  enum Placement: Equatable {
    /// It follows; `stretch` samples are to be added to it (or taken from it, if negative).
    case follows(stretch: Int)
    /// So many samples are missing before it.
    case hole(Int)
    /// The line has passed its first samples; may be more than it has.
    case overlap(Int)
  }
  let channels: Int
  /// The sample of the timeline that comes next.
  private(set) var end: Int64
  /// Whether the line ends in silence that was filled in (or has not begun): what comes next can then be placed exactly, unheard.
  private(set) var isSilent = true
  /// How late packets come after `end`, in samples, smoothed.
  private var deviation = 0.0
  /// The last sample of each channel.
  private var last: [Float]
  /// Interleaved samples before `end` that no block has taken.
  private var pending: [Float] = []

  /// Below this, disagreement is left alone: a third of a millisecond.
  private static let deadband = 16.0
  /// Silence begins with a ramp of 2.5 ms, so that a cut in the middle of a wave does not click.
  private static let rampSamples = 120

  init(channels: Int, start: Int64) {
    self.channels = channels
    end = start
    last = [Float](repeating: 0, count: channels)
  }

  /// Where a packet of `samples` samples whose time is sample `start` goes.
  mutating func place(start: Int64, samples: Int) -> Placement {
    let distance = Int(start - end)
    // Three quarters of a packet, so that a single lost one is never taken for drift; 2 to 20 ms.
    let tolerance = isSilent ? 0 : min(max(samples * 3 / 4, 96), 960)
    guard abs(distance) <= tolerance else {
      deviation = 0
      return distance > 0 ? .hole(distance) : .overlap(-distance)
    }
    deviation += (Double(distance) - deviation) / 8
    guard abs(deviation) >= Self.deadband else { return .follows(stretch: 0) }
    // At most 0.4 %: a fifteenth of a semitone.
    let limit = max(samples / 240, 1)
    let stretch = min(max(Int(abs(deviation) / 64), 1), limit) * (deviation < 0 ? -1 : 1)
    deviation -= Double(stretch)
    return .follows(stretch: stretch)
  }

  /// Appends `samples` samples of silence. The line holds them until blocks take them: fill long holes piecemeal.
  mutating func appendSilence(_ samples: Int) {
    guard samples > 0 else { return }
    let ramp = isSilent ? 0 : min(Self.rampSamples, samples)
    for index in 0..<ramp {
      let gain = 1 - Float(index + 1) / Float(Self.rampSamples)
      for channel in 0..<channels { pending.append(last[channel] * gain) }
    }
    pending.append(contentsOf: repeatElement(0, count: (samples - ramp) * channels))
    for channel in 0..<channels { last[channel] = 0 }
    end += Int64(samples)
    isSilent = true
  }

  /// Appends the interleaved `pcm` without its first `skipped` samples, `stretch` samples longer than it is.
  mutating func append(_ pcm: [Float], skipping skipped: Int = 0, stretch: Int = 0) {
    let samples = pcm.count / channels - skipped
    guard samples > 0 else { return }
    if stretch == 0 || samples < 16 {
      pending.append(contentsOf: pcm[(skipped * channels)...])
      end += Int64(samples)
    } else {
      appendStretched(pcm, skipping: skipped, samples: samples, to: samples + stretch)
      end += Int64(samples + stretch)
    }
    for channel in 0..<channels { last[channel] = pending[pending.count - channels + channel] }
    isSilent = false
  }

  /// Resamples by cubic interpolation: each sample moves a little, so that none is missed or doubled.
  private mutating func appendStretched(_ pcm: [Float], skipping skipped: Int, samples: Int, to count: Int) {
    let step = Double(samples) / Double(count)
    for index in 0..<count {
      let position = Double(index) * step
      let base = min(Int(position), samples - 1)
      let t = Float(position - Double(base))
      for channel in 0..<channels {
        func sample(_ at: Int) -> Float { pcm[(skipped + min(max(at, 0), samples - 1)) * channels + channel] }
        let (a, b, c, d) = (sample(base - 1), sample(base), sample(base + 1), sample(base + 2))
        pending.append(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
      }
    }
  }

  /// Takes the oldest `samples` samples into `block`, and answers where the first lies; nil as long as there are fewer.
  mutating func takeBlock(of samples: Int, into block: inout [Float]) -> Int64? {
    guard pending.count >= samples * channels else { return nil }
    let start = end - Int64(pending.count / channels)
    block.removeAll(keepingCapacity: true)
    block.append(contentsOf: pending[..<(samples * channels)])
    pending.removeFirst(samples * channels)
    return start
  }
}
