import Ground
import RTCP
import Timeline

/// Drives a `ParticipantClock` as the track receivers do, and compares where it places frames with when they were truly captured.
final class ClockRig {
  struct Placed {
    var captured: Double
    /// Seconds on our clock.
    var place: Double
    var arrival: Double
  }

  private(set) var clock = ParticipantClock()
  private let tracks: [SimulatedTrack]
  /// By track, in order.
  private(set) var placed: [[Placed]]
  private(set) var corrections: [ParticipantClock.Correction] = []
  /// When the track's first frame had a place, since its first packet.
  private(set) var settledAfter: [Double?]
  /// The smallest step between two places of a track, in seconds.
  private(set) var smallestStep: [Double]
  private var waiting: [[(captured: Double, arrival: Double, ticks: Int64)]]
  private var firstArrival: [Double?]

  /// Our clock at true second 0.
  static let origin: UInt64 = 1_000_000_000_000

  private let tick: Double

  /// `tick`: how often time passes without a packet, in seconds.
  init(_ tracks: [SimulatedTrack], seed: UInt64 = 1, tick: Double = 0.05) {
    self.tracks = tracks
    self.tick = tick
    placed = tracks.map { _ in [] }
    settledAfter = tracks.map { _ in nil }
    smallestStep = tracks.map { _ in .infinity }
    waiting = tracks.map { _ in [] }
    firstArrival = tracks.map { _ in nil }
    for track in tracks { _ = clock.addTrack(isAudio: track.isAudio, rate: ClockRate(UInt32(track.rate))) }
    run(seed)
  }

  private static func instant(_ seconds: Double) -> Instant { Instant(nanoseconds: origin + UInt64(seconds * 1e9)) }

  private func run(_ seed: UInt64) {
    let queues = tracks.enumerated().map { $1.events(seed: seed &* 1000 + UInt64($0)) }
    var next = tracks.map { _ in 0 }
    var lastAdvance = 0.0
    while true {
      var chosen: Int?
      for i in queues.indices where next[i] < queues[i].count {
        if let c = chosen, queues[c][next[c]].arrival <= queues[i][next[i]].arrival { continue }
        chosen = i
      }
      guard let track = chosen else { break }
      let (arrival, event) = queues[track][next[track]]
      next[track] += 1
      while lastAdvance + tick <= arrival {
        lastAdvance = max(lastAdvance + tick, arrival - 1)
        clock.advance(to: ClockRig.instant(lastAdvance))
        for i in tracks.indices { placeWaiting(i, at: lastAdvance) }
      }
      take(event, track, at: arrival)
    }
    for track in tracks.indices {
      clock.settleNow(track)
      placeWaiting(track, at: tracks[track].end)
    }
  }

  private func take(_ event: SimulatedEvent, _ track: Int, at arrival: Double) {
    let now = ClockRig.instant(arrival)
    switch event {
    case .report(let ntp, let rtp):
      clock.observe(
        track, SenderReport(ssrc: SSRC(1), ntp: NTPTimestamp(ntp), rtp: RTPTimestamp(rtp), packetCount: 0, octetCount: 0), at: now)
    case .packet(let captured, let timestamp, let ntp):
      if firstArrival[track] == nil { firstArrival[track] = arrival }
      let ticks: Int64
      if let observed = clock.observe(track, timestamp: RTPTimestamp(timestamp), arrival: now) {
        ticks = observed
      } else {
        clock.settleNow(track)
        placeWaiting(track, at: arrival)
        ticks = clock.begin(track, timestamp: RTPTimestamp(timestamp), arrival: now)
      }
      if let ntp { clock.observe(track, captured: NTPTimestamp(ntp), ticks: ticks) }
      waiting[track].append((captured, arrival, ticks))
      placeWaiting(track, at: arrival)
    }
    while let correction = clock.popCorrection() { corrections.append(correction) }
  }

  private func placeWaiting(_ track: Int, at now: Double) {
    guard clock.isSettled(track) else { return }
    for item in waiting[track] {
      if settledAfter[track] == nil { settledAfter[track] = now - (firstArrival[track] ?? 0) }
      let place = Double(clock.place(track, ticks: item.ticks) - Int64(ClockRig.origin)) / 1e9
      if let last = placed[track].last { smallestStep[track] = min(smallestStep[track], place - last.place) }
      placed[track].append(Placed(captured: item.captured, place: place, arrival: item.arrival))
    }
    waiting[track].removeAll(keepingCapacity: true)
  }

  /// How far the second track's frames lie from the first's, against the truth, at worst, in milliseconds, for pictures captured in
  /// `window`. Positive sense: video late.
  func worstOffset(_ window: ClosedRange<Double>, audio: Int = 0, video: Int = 1) -> Double {
    var worst = 0.0
    var i = 0
    let sounds = placed[audio]
    for picture in placed[video] where window.contains(picture.captured) {
      while i + 1 < sounds.count, sounds[i + 1].captured <= picture.captured { i += 1 }
      guard i < sounds.count, abs(sounds[i].captured - picture.captured) < 0.5 else { continue }
      let error = (picture.place - picture.captured) - (sounds[i].place - sounds[i].captured)
      if abs(error) > abs(worst) { worst = error }
    }
    return worst * 1000
  }

  /// How far a track's frames lie from their capture plus `latency`, at worst, in milliseconds.
  func worstError(_ track: Int, _ window: ClosedRange<Double>, latency: Double) -> Double {
    placed[track].filter { window.contains($0.captured) }.map { ($0.place - $0.captured - latency) * 1000 }
      .max { abs($0) < abs($1) } ?? 0
  }
}
