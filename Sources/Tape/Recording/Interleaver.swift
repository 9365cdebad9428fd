import Codecs
import Ground

/// Merges the frames of one participant's tracks into the order of their times.
///
/// A frame waits until every other track that is alive has one too, or has passed its time, and at most `patience`. So a file's blocks
/// rise in time while all is well, and a track that stalls delays the others by `patience` at most.
struct Interleaver {
  static let patience = TimeSpan.milliseconds(600)

  struct Entry {
    var frame: EncodedFrame
    var packets: Int
    var track: Int
    var since: Instant
  }

  private struct Lane {
    var queue: [Entry] = []
    var head = 0
    var lastTime = MediaTime(nanoseconds: .min)
    var lastFrameAt: Instant?
    var isEmpty: Bool { head == queue.count }
  }

  private var lanes: [Lane] = []
  private(set) var packets = 0

  mutating func addLane() { lanes.append(Lane()) }

  mutating func push(_ entry: Entry, lane: Int) {
    packets += entry.packets
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
    let time = lanes[best].queue[lanes[best].head].frame.time
    let since = lanes[best].queue[lanes[best].head].since
    if !isEnding, now < since + Interleaver.patience {
      for i in lanes.indices where i != best && lanes[i].isEmpty {
        guard let last = lanes[i].lastFrameAt, now < last + Interleaver.patience, lanes[i].lastTime < time else { continue }
        return nil
      }
    }
    let entry = lanes[best].queue[lanes[best].head]
    lanes[best].queue[lanes[best].head].frame.bytes = []
    lanes[best].head += 1
    if lanes[best].isEmpty {
      lanes[best].queue.removeAll(keepingCapacity: true)
      lanes[best].head = 0
    } else if lanes[best].head >= 256 {
      lanes[best].queue.removeFirst(lanes[best].head)
      lanes[best].head = 0
    }
    packets -= entry.packets
    return entry
  }
}
