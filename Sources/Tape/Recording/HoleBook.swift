package import Ground
package import Track

/// A stretch of the timeline where a track has nothing of its sender's.
package struct Hole: Sendable, Equatable {
  /// Where it begins.
  package var start: MediaTime
  package var duration: TimeSpan
  /// As `media.gap` tells it.
  package var cause: String
  /// Packets that never came.
  package var packetsLost: Int64
  /// Whole frames that could not go to tape.
  package var framesDropped: Int64
  /// Whether pictures go on behind it that refer to what is missing.
  package var isDegraded = false

  package init(start: MediaTime, duration: TimeSpan, cause: String, packetsLost: Int64, framesDropped: Int64) {
    self.start = start
    self.duration = duration
    self.cause = cause
    self.packetsLost = packetsLost
    self.framesDropped = framesDropped
  }
}

/// The holes of one track: the first `capacity` of them with their places, and what all of them come to.
package struct HoleBook: Sendable, Equatable {
  package static let capacity = 100

  /// In the order in which they were told, which is the track's.
  package private(set) var holes: [Hole] = []
  package private(set) var count = 0
  package private(set) var total = TimeSpan.zero
  package private(set) var longest: Hole?

  package init() {}

  /// How many holes have no place of their own here.
  package var omitted: Int { count - holes.count }

  package mutating func note(_ hole: Hole) {
    count += 1
    total += hole.duration
    if hole.duration > longest?.duration ?? .zero { longest = hole }
    if holes.count < HoleBook.capacity { holes.append(hole) }
  }

  /// Takes in what another book has, which lies behind this one's.
  package mutating func append(_ other: HoleBook) {
    count += other.count
    total += other.total
    if other.longest?.duration ?? .zero > longest?.duration ?? .zero { longest = other.longest }
    holes += other.holes.prefix(HoleBook.capacity - holes.count)
  }
}

/// What one part of the tape has of a track.
package struct TrackPart: Sendable, Equatable {
  /// Which file of its participant's, counted from 1; nil as long as nothing of the track is on tape.
  package var part: Int?
  /// The track's counters when the part began.
  package var before = TrackCounters()
  package var holes = HoleBook()
  /// Where the track's first frame lies, and where its last one ends.
  package var start: MediaTime?
  package var end: MediaTime?

  package init() {}

  /// How much of the timeline the track is on; zero before its first frame.
  package var span: TimeSpan {
    guard let start, let end, end > start else { return .zero }
    return end - start
  }
}
