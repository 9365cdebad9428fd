/// Where the segments of a live presentation end on the timeline: at the multiples of their duration.
///
/// With a short start, the first two end one and two seconds after the presentation's beginning: players want three segments before they
/// begin, and so need not wait for three whole ones.
public struct SegmentGrid: Hashable, Sendable {
  public static let shortSegment = TimeSpan.milliseconds(1_000)
  /// At least a second.
  public let segment: TimeSpan
  /// Where the presentation begins, with a short start; nil without.
  public let shortStart: MediaTime?

  public init(segment: TimeSpan, shortStart: MediaTime? = nil) {
    self.segment = max(segment, SegmentGrid.shortSegment)
    self.shortStart = shortStart
  }

  /// The first boundary after `time`.
  public func boundary(after time: MediaTime) -> MediaTime {
    if let shortStart, segment > SegmentGrid.shortSegment {
      for count in 1...2 {
        let end = shortStart + SegmentGrid.shortSegment * Int64(count)
        if end > time { return end }
      }
    }
    let step = segment.nanoseconds
    return MediaTime(nanoseconds: (time.nanoseconds.flooredDivided(by: step) + 1) * step)
  }

  /// How long the segment that begins at `time` may become.
  public func longest(from time: MediaTime) -> TimeSpan {
    guard let shortStart, segment > SegmentGrid.shortSegment, time < shortStart + SegmentGrid.shortSegment * 2 else { return segment }
    return SegmentGrid.shortSegment
  }
}
