package import Ground

/// One thing to do in a presentation's folder. Orders are carried out one after the other; paths are relative to the folder.
package enum HLSOrder: Sendable, Hashable {
  /// Put a file in place as a whole: readers see the old content or the new, never a part of it.
  case write(path: String, bytes: [UInt8])
  /// Add to a file's end; the first append makes the file.
  case append(path: String, bytes: [UInt8])
  case rename(from: String, to: String)
  /// Cut a file to its first `bytes` bytes (recovery only).
  case truncate(path: String, bytes: Int)
  /// Remove a file if it is there (recovery only).
  case remove(path: String)
  /// Tell that a segment can be played: its file and the playlists that name it were ordered before.
  case announce(HLSSegment)
}

/// A finished segment, as `hls.segment` reports it.
package struct HLSSegment: Sendable, Hashable {
  /// Relative to the playlist.
  package var uri: String
  /// Counts from 0.
  package var sequence: Int
  /// Where on the timeline it begins.
  package var start: MediaTime
  /// As the playlist says it; never above the target duration.
  package var durationMilliseconds: Int
  package var byteCount: Int
  /// Its start by the wall clock.
  package var programDateTime: WallTime
  /// Codecs, tracks or timestamps do not continue those of the segment before it.
  package var isDiscontinuous: Bool
}

/// What a presentation is to be like.
package struct HLSConfiguration: Sendable, Hashable {
  /// The target duration in whole seconds, 1 to 30. Segments end at multiples of it on the timeline.
  package var segmentSeconds: Int
  /// What the encoders were asked for, all tracks together: the bandwidth announced until a segment needed more.
  package var bitsPerSecond: Int
  /// The highest frame rate that the video may have, if known.
  package var frameRate: Double?
  /// How much media may wait for its fragment, at most a second: what a crash can cost.
  package var fragmentMilliseconds = 500
  /// The first two segments are of a second each, so that there are three sooner.
  package var hasShortStart = false
  /// Pictures are as their sender coded them, so key frames come when it sends them: a segment may be longer than the target duration, and
  /// the playlist says its true length.
  package var hasForeignKeyFrames = false
  /// How many segments there must be before the first playlists are written. Players begin three segments before the end of a live playlist
  /// (RFC 8216 §6.3.3), and Chromium gives up on one that has fewer.
  package var leadSegments = 3

  package init(segmentSeconds: Int = 4, bitsPerSecond: Int, frameRate: Double? = nil) {
    self.segmentSeconds = segmentSeconds
    self.bitsPerSecond = bitsPerSecond
    self.frameRate = frameRate
  }
}

/// The names of a presentation's files.
package enum HLSName {
  package static let master = "master.m3u8"
  package static let media = "media.m3u8"

  static func initSegment(_ number: Int) -> String { "init-\(number).mp4" }
  static func segment(_ number: Int) -> String { "seg-\(number).m4s" }
  /// A segment that is still growing.
  static func part(_ number: Int) -> String { segment(number) + ".part" }

  /// The number of an initialization segment's or a segment's name; nil for another name.
  static func number(in name: String, _ prefix: String, _ suffix: String) -> Int? {
    guard name.hasPrefix(prefix), name.hasSuffix(suffix), name.utf8.count > prefix.utf8.count + suffix.utf8.count else { return nil }
    let digits = name.dropFirst(prefix.count).dropLast(suffix.count)
    guard digits.utf8.count <= 9, digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
    return Int(digits)
  }
}
