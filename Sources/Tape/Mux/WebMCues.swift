/// Chooses the places that a file's cues name, cluster by cluster as the file grows: each video key frame that opens a cluster, and
/// where none has come for a while, a cluster that sound opens. So there is a cue every few seconds whatever the camera does.
struct WebMCues {
  /// One place to begin playing at.
  struct Cue: Hashable {
    /// The block's timestamp.
    var timestamp: Int64
    var isVideo: Bool
    /// Its track's number.
    var track: Int64
    /// The cluster's place, counted from the segment's start.
    var clusterPosition: Int64
    /// The block's place in its cluster's payload.
    var relativePosition: Int64
  }
  private static let soundMilliseconds: Int64 = 5_000
  /// More than a file of weeks has; bounds what a hostile file can make us hold.
  private static let most = 1 << 20

  private(set) var cues: [Cue] = []
  /// How many of them name a video key frame.
  var videoCount: Int { cues.reduce(0) { $0 + ($1.isVideo ? 1 : 0) } }

  /// Takes note of a cluster by its first block, which is a key frame where it is video's.
  mutating func note(_ cue: Cue) {
    guard cues.count < WebMCues.most, cue.timestamp >= 0 else { return }
    // Cues rise by time (RFC 9559 §22.1). The block of a sound that a picture follows may lie after it by the sound's codec delay:
    // the picture is the better place.
    if cue.isVideo, let last = cues.last, !last.isVideo, last.timestamp > cue.timestamp { cues.removeLast() }
    if let last = cues.last {
      guard cue.timestamp >= last.timestamp + (cue.isVideo ? 0 : WebMCues.soundMilliseconds) else { return }
    }
    cues.append(cue)
  }

  /// Forgets the clusters that begin at or after `position`.
  mutating func cut(at position: Int64) {
    while let last = cues.last, last.clusterPosition >= position { cues.removeLast() }
  }
}
