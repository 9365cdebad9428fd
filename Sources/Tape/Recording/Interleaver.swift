import Codecs
import Ground

/// Merges the frames of one participant's tracks into the order of their times.
///
/// A frame waits until every other track that is alive has one too, or has passed its time, and at most `patience`. So a file's blocks
/// rise in time while all is well, and a track that stalls delays the others by `patience` at most. A track that is expected, because
/// its clock is still being learnt, is waited for until it no longer is. Beyond `maximumBytes` nobody is waited for.
struct Interleaver {
  static let shortestPatience = TimeSpan.milliseconds(600)
  static let maximumBytes = 8 << 20

  struct Entry {
    var frame: EncodedFrame
    var packets: Int
    var track: Int
    var since: Instant
  }

  /// Stands where an entry was taken out.
  private static let taken = Entry(
    frame: EncodedFrame(bytes: [], track: 0, time: .zero, isKey: false), packets: 0, track: 0, since: Instant(nanoseconds: 0))

  private struct Lane {
    var queue: [Entry] = []
    var head = 0
    var lastTime = MediaTime(nanoseconds: .min)
    var lastFrameAt: Instant?
    var isExpected = false
    var isEmpty: Bool { head == queue.count }
  }

  private var lanes: [Lane] = []
  /// Bytes of the frames that wait.
  private(set) var bytes = 0

  /// How long a frame waits for another track's. Never shorter than that track's packets may be waited for.
  var patience = Interleaver.shortestPatience

  mutating func addLane() { lanes.append(Lane()) }

  func isEmpty(lane: Int) -> Bool { lanes[lane].isEmpty }

  /// Frames of the lane are on their way, with times that are not known yet.
  mutating func expect(lane: Int, _ isExpected: Bool) { lanes[lane].isExpected = isExpected }

  mutating func push(_ entry: consuming Entry, lane: Int) {
    bytes += entry.frame.storedBytes
    lanes[lane].lastTime = entry.frame.time
    lanes[lane].lastFrameAt = entry.since
    lanes[lane].queue.append(entry)
  }

  /// The next frame that may go to tape at `now`; all that is left where `isEnding`.
  mutating func pop(at now: Instant, isEnding: Bool = false) -> Entry? {
    var best: Int?
    for i in lanes.indices where !lanes[i].isEmpty {
      if let b = best, lanes[b].queue[lanes[b].head].frame.time <= lanes[i].queue[lanes[i].head].frame.time { continue }
      best = i
    }
    guard let best else { return nil }
    if !isEnding, bytes <= Interleaver.maximumBytes, mustWait(lane: best, at: now) { return nil }
    return take(best)
  }

  private func mustWait(lane best: Int, at now: Instant) -> Bool {
    let time = lanes[best].queue[lanes[best].head].frame.time
    let isPatient = now < lanes[best].queue[lanes[best].head].since + patience
    for i in lanes.indices where i != best && lanes[i].isEmpty {
      if lanes[i].isExpected { return true }
      guard isPatient, let last = lanes[i].lastFrameAt, now < last + patience, lanes[i].lastTime < time else { continue }
      return true
    }
    return false
  }

  /// The lane's next frame unless decoding can start there; nil where it can, or nothing waits.
  mutating func popDependent(lane: Int) -> Entry? {
    guard !lanes[lane].isEmpty, !lanes[lane].queue[lanes[lane].head].frame.isKey else { return nil }
    return take(lane)
  }

  private mutating func take(_ lane: Int) -> Entry {
    // Swapped, not copied: the frame's bytes keep one owner, and their header is not touched.
    var entry = Interleaver.taken
    swap(&entry, &lanes[lane].queue[lanes[lane].head])
    lanes[lane].head += 1
    if lanes[lane].isEmpty {
      lanes[lane].queue.removeAll(keepingCapacity: lanes[lane].queue.capacity <= 1024)
      lanes[lane].head = 0
    } else if lanes[lane].head >= 256 {
      lanes[lane].queue.removeFirst(lanes[lane].head)
      lanes[lane].head = 0
    }
    bytes -= entry.frame.storedBytes
    return entry
  }
}
