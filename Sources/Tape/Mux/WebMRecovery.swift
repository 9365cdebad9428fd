package import Codecs
package import Ground

/// What there is in a WebM or Matroska file, finished or not.
package struct WebMFacts: Sendable, Hashable {
  package struct Track: Sendable, Hashable {
    package var codec: Codec
    /// Sound only.
    package var channels: Int
    /// Pictures only; the placeholder of the header where no key frame came.
    package var size: PictureSize?
  }
  package var tracks: [Track] = []
  /// Where the last frame ends on the timeline.
  package var duration = TimeSpan.zero
  package var clusters = 0
  /// Video key frames that open a cluster, as each does that our writer writes.
  package var keyFrames = 0
  /// How many of the file's bytes are header and whole frames.
  package var bytesKept: Int64 = 0
}

/// What has to be done to a file so that it is finished, in this order: cut it to `truncateTo`, append `append`, then write the
/// patches. Doing it again, or planning again after a part of it, comes to the same file.
package struct WebMRecoveryPlan: Sendable, Hashable {
  /// The file is whole: there is nothing to do.
  package var isFinished: Bool
  package var truncateTo: Int64
  package var append: [UInt8] = []
  package var patches: [WebMPatch] = []
  package var facts: WebMFacts
}

/// Completes WebM files of `WebMWriter` whose writer was killed: finds what is whole, and says what to cut, append and patch.
///
/// Keeps the longest clean beginning: whole clusters, and of a last one that was cut its whole blocks. Zeros at the file's end, as
/// file systems leave them after a crash, count as not written. A file that lost nothing comes out as its writer would have ended it.
package enum WebMRecovery {
  /// No header of ours comes near it.
  private static let longestHeader = 64 << 10
  /// Fewer zeros than that may be a frame's own.
  private static let shortestZeroTail: Int64 = 32

  /// Reads a file of `length` bytes and answers how to finish it. `read` gives the bytes at an offset, fewer only at the file's end,
  /// nil where reading failed. Asks for a few kilobytes for each cluster, and for all frame heads of the last minute.
  ///
  /// Throws `notWebM`, `headerCut`, `foreignLayout`, `unreadable`. A file without a frame is completed too: see `facts.clusters`.
  package static func plan(
    length: Int64, read: @escaping (_ offset: Int64, _ count: Int) -> [UInt8]?
  ) throws(WebMRecoveryError) -> WebMRecoveryPlan {
    var window = WebMWindow(length: max(0, length), read: read)
    let held = try window.hold(0, longestHeader)
    let header = try WebMHeader(Array(window.bytes[held]))
    let zeros = try window.zeroTail()
    var scan = WebMScan(header, window)
    try scan.walkClusters()
    if try scan.isFinished(fileLength: length) { return try finishedPlan(scan, length) }
    if zeros >= shortestZeroTail { scan.forgetTail(zeros) }
    try scan.checkTail()
    return plan(scan)
  }

  private static func finishedPlan(_ scan: WebMScan, _ length: Int64) throws(WebMRecoveryError) -> WebMRecoveryPlan {
    var facts = scan.facts
    if let duration = scan.header.duration {
      facts.duration = .milliseconds(Int64(exactly: duration.rounded()) ?? 0)
    } else {
      var walk = scan
      try walk.checkTail()
      facts.duration = walk.facts.duration
    }
    facts.bytesKept = length
    return WebMRecoveryPlan(isFinished: true, truncateTo: length, facts: facts)
  }

  private static func plan(_ scan: WebMScan) -> WebMRecoveryPlan {
    let (append, patches) = WebMIndex.finish(
      scan.header, scan.cues.cues, used: scan.used, end: scan.keptEnd, durationMilliseconds: scan.facts.duration.nanoseconds / 1_000_000,
      cutting: scan.shortened)
    return WebMRecoveryPlan(
      isFinished: false, truncateTo: scan.keptEnd, append: append, patches: patches, facts: scan.factsOfUsedTracks)
  }
}
