import Ground
import RTCP
import Seeded

/// One RTP stream of a simulated sender: when frames are captured, what their timestamps say, when they and the reports arrive. All times
/// are true seconds.
struct SimulatedTrack {
  var isAudio: Bool
  var interval: Double
  /// How wrong the RTP clock runs.
  var ppm = 0.0
  var start = 0.0
  var end = 60.0
  /// From capture to our socket on a quiet path.
  var latency = 0.02
  /// The mean of what queues add.
  var jitter = 0.0
  /// Added to a packet's delay, by its capture time: a burst, a standing queue.
  var extraDelay: @Sendable (Double) -> Double = { _ in 0 }
  /// Seconds that the RTP clock is ahead, by the capture time: jumps.
  var clockAhead: @Sendable (Double) -> Double = { _ in 0 }
  /// Whether a frame captured then is sent at all.
  var isSent: @Sendable (Double) -> Bool = { _ in true }
  /// When frames are captured, where they are not by `interval`.
  var times: [Double]?
  var firstTimestamp: UInt32 = 0xffff_f000
  /// When reports are sent.
  var reports: [Double] = []
  /// A report's NTP time and the true time that its RTP timestamp stands for, by when it is sent.
  var report: @Sendable (Double) -> (ntp: Double, rtp: Double) = { ($0, $0) }
  /// What a packet says of when it was captured, by when it was; nil where it says nothing.
  var captureTime: @Sendable (Double) -> Double? = { _ in nil }
  /// Report at that time carries these instead.
  var absurd: [Int: (ntp: UInt64, rtp: UInt32)] = [:]

  var rate: Double { isAudio ? 48_000 : 90_000 }

  static func audio(_ change: (inout SimulatedTrack) -> Void = { _ in }) -> SimulatedTrack {
    var track = SimulatedTrack(isAudio: true, interval: 0.02)
    change(&track)
    return track
  }
  static func video(_ change: (inout SimulatedTrack) -> Void = { _ in }) -> SimulatedTrack {
    var track = SimulatedTrack(isAudio: false, interval: 1.0 / 30)
    change(&track)
    return track
  }

  func timestamp(at time: Double) -> UInt32 {
    let ticks = Int64((rate * (1 + ppm * 1e-6) * (time + clockAhead(time))).rounded())
    return firstTimestamp &+ UInt32(truncatingIfNeeded: ticks)
  }

  /// Chromium's reports: pictures half a second after the start and then every second; sound late and seldom.
  mutating func reportsLikeChromium() {
    reports =
      isAudio
      ? Array(stride(from: start + 2.3, to: end, by: 5)) : Array(stride(from: start + 0.5, to: end, by: 1.03))
  }
}

/// What a simulated track sends, in the order of arrival.
enum SimulatedEvent {
  /// `ntp`: the time of capture, where the packet bears it.
  case packet(captured: Double, timestamp: UInt32, ntp: UInt64?)
  case report(ntp: UInt64, rtp: UInt32)
}

extension SimulatedTrack {
  /// 2^32 seconds hold NTP's era; this lies in 2026.
  static let ntpOrigin = 4_004_000_000.0

  /// The NTP timestamp of a second of the simulation.
  static func ntp(_ seconds: Double) -> UInt64 {
    let time = seconds + ntpOrigin
    return UInt64(time) << 32 | UInt64((time - time.rounded(.down)) * 4_294_967_296)
  }

  func events(seed: UInt64) -> [(arrival: Double, event: SimulatedEvent)] {
    var random = SeededGenerator(seed)
    var events: [(arrival: Double, event: SimulatedEvent)] = []
    var last = 0.0
    for time in times ?? Array(stride(from: start, to: end, by: interval)) where isSent(time) {
      // A path is a queue: it keeps the order.
      last = max(last + 0.000_01, time + latency + extraDelay(time) + random.exponential(mean: jitter))
      let ntp = captureTime(time).map { SimulatedTrack.ntp($0) }
      events.append((last, .packet(captured: time, timestamp: timestamp(at: time), ntp: ntp)))
    }
    for (index, time) in reports.enumerated() where time < end {
      let (ntp, rtp) = report(time)
      let told = absurd[index] ?? (SimulatedTrack.ntp(ntp), timestamp(at: rtp))
      events.append((time + latency + random.exponential(mean: jitter), .report(ntp: told.ntp, rtp: told.rtp)))
    }
    return events.sorted { $0.arrival < $1.arrival }
  }
}
