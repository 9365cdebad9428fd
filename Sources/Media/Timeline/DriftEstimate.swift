/// How fast a clock runs against ours: the median slope between the least delayed arrivals of stretches of time.
///
/// A queue that stands for a part of the time moves the median little. At most `capacity` stretches are kept; where there are more, two
/// neighbours become one, so that days take no more room than minutes.
struct DriftEstimate: Sendable {
  private static let capacity = 32
  /// Over less time jitter would be taken for drift.
  private static let shortest: Int64 = 20_000_000_000

  /// By how much an oscillator's rate changes as it becomes warm, in millionths.
  private static let wander = 15.0
  /// What the whole estimate may be bent by: a stall is measured as exactly as arrivals allow. In nanoseconds.
  private static let noise = 10_000_000.0

  private struct Point {
    var at: Int64
    var offset: Int64
  }
  private var points: [Point] = []
  /// How many stretches make one point, and what the next one has so far.
  private var width = 1
  private var pending: (point: Point, count: Int)?

  /// Takes in a stretch of time that begins at `at` on our clock: its smallest `arrival - media time`, in nanoseconds.
  mutating func observe(_ offset: Int64, at: UInt64) {
    var point = Point(at: Int64(bitPattern: at), offset: offset)
    var count = 1
    if let pending {
      if pending.point.offset < offset { point = pending.point }
      count = pending.count + 1
    }
    guard count >= width else {
      pending = (point, count)
      return
    }
    pending = nil
    points.append(point)
    guard points.count >= DriftEstimate.capacity else { return }
    points = stride(from: 0, to: points.count, by: 2).map { points[$0].offset <= points[$0 + 1].offset ? points[$0] : points[$0 + 1] }
    width *= 2
  }

  /// The clock stood still for so many nanoseconds, or went ahead for as many below zero.
  mutating func shift(by amount: Int64) {
    for i in points.indices { points[i].offset &+= amount }
    pending?.point.offset &+= amount
  }

  /// By how many millionths the clock runs faster than ours, and how wrong that may be; nil while too little of it is known.
  var ppm: (value: Double, uncertainty: Double)? {
    guard let first = points.first, let last = points.last, points.count >= 4, last.at - first.at >= DriftEstimate.shortest else {
      return nil
    }
    var slopes: [Double] = []
    for i in points.indices {
      for j in points.indices[i...].dropFirst() where points[j].at > points[i].at {
        // In differences: the offsets themselves are too large for a floating-point number to hold.
        slopes.append(Double(points[j].offset &- points[i].offset) / Double(points[j].at - points[i].at))
      }
    }
    guard !slopes.isEmpty else { return nil }
    slopes.sort()
    return (-1e6 * slopes[slopes.count / 2], DriftEstimate.wander + DriftEstimate.noise / Double(last.at - first.at) * 1e6)
  }
}
