import Codecs
import Ground

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
  /// Throws `otherFile`, `headerCut`, `foreignLayout`, `unreadable`. A file without a frame is completed too: see `facts.clusters`.
  package static func plan(
    length: Int64, read: @escaping (_ offset: Int64, _ count: Int) -> [UInt8]?
  ) throws(RecoveryError) -> RecoveryPlan {
    var window = FileWindow(length: max(0, length), read: read)
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

  private static func finishedPlan(_ scan: WebMScan, _ length: Int64) throws(RecoveryError) -> RecoveryPlan {
    var facts = scan.facts
    if let duration = scan.header.duration {
      facts.duration = .milliseconds(Int64(exactly: duration.rounded()) ?? 0)
    } else {
      var walk = scan
      try walk.checkTail()
      facts.duration = walk.facts.duration
    }
    facts.bytesKept = length
    return RecoveryPlan(isFinished: true, truncateTo: length, facts: facts)
  }

  private static func plan(_ scan: WebMScan) -> RecoveryPlan {
    let (append, patches) = WebMIndex.finish(
      scan.header, scan.cues.cues, used: scan.used, end: scan.keptEnd, durationMilliseconds: scan.facts.duration.nanoseconds / 1_000_000,
      cutting: scan.shortened)
    return RecoveryPlan(
      isFinished: false, truncateTo: scan.keptEnd, append: append, patches: patches, facts: scan.factsOfUsedTracks)
  }
}
