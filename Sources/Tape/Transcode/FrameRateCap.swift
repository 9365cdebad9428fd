import Ground

/// Which pictures to leave out so that no more than a rate remains, without leaving out any of a stream that only jitters around the rate.
struct FrameRateCap {
  private let interval: TimeSpan
  private var due: MediaTime?

  init(framesPerSecond: Int) { interval = TimeSpan(nanoseconds: 1_000_000_000 / Int64(framesPerSecond)) }

  /// Whether the picture at `time` is within the rate; if so it is counted.
  mutating func admits(_ time: MediaTime) -> Bool {
    // Early by less than half an interval is jitter: what it gains, the next due time takes back.
    if let due, time + TimeSpan(nanoseconds: interval.nanoseconds / 2) < due { return false }
    count(time)
    return true
  }

  /// Counts a picture that is put out whatever the rate.
  mutating func count(_ time: MediaTime) {
    due = due.map { max($0 + interval, time) } ?? time + interval
  }
}
