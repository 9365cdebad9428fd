/// Gives a track's frames their whole milliseconds: strictly rising, and otherwise the nearest to the time they have.
struct WebMTrackClock {
  /// How long the last frame of a track lasts at most when nothing but its distance from the one before tells.
  static let longestGuessMilliseconds: Int64 = 100

  /// No frame lies later: 34 years, so that sums of times stay in range.
  static let latestMilliseconds: Int64 = 1 << 40

  /// The last frame's millisecond; nil before the first.
  private(set) var last: Int64?
  /// Where the last frame ends.
  private(set) var end: Int64 = 0

  /// Places a frame: at `milliseconds`, or one after the last frame where that is later. `duration`: zero where unknown; the frame
  /// then counts as long as its distance from the one before, within the bound, and the first for a millisecond: a file with a frame
  /// has a length.
  mutating func place(_ milliseconds: Int64, duration: Int64) -> Int64 {
    let placed = last.map { max(milliseconds, $0 + 1) } ?? milliseconds
    let distance = last.map { min(placed - $0, WebMTrackClock.longestGuessMilliseconds) } ?? 1
    last = placed
    end = placed + (duration > 0 ? duration : distance)
    return placed
  }
}
