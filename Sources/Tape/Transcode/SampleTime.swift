import Ground

/// The timeline counted in samples of 48 kHz from its zero: the grid that decoded sound and coded AAC lie on.
enum SampleTime {
  /// The sample nearest to `time`.
  static func index(_ time: MediaTime) -> Int64 {
    // 48000 / 10^9 is 6 / 125000, which leaves room for a century.
    (time.nanoseconds * 6 + 62_500) / 125_000
  }
  /// The time of sample `index`, to the nearest nanosecond: converting it back to samples, or to any finer scale, loses nothing.
  static func time(_ index: Int64) -> MediaTime {
    MediaTime(nanoseconds: (index * 125_000 + 3) / 6)
  }
  static func span(_ samples: Int) -> TimeSpan {
    TimeSpan(nanoseconds: (Int64(samples) * 125_000 + 3) / 6)
  }
}
