import Codecs
import Ground

/// The frames of one track that wait for their turn in a segment, oldest first.
struct HLSLane {
  let codec: Codec
  private var frames: [EncodedFrame] = []
  /// How many of `frames` have been taken.
  private var taken = 0
  /// The newest frame's time, taken or not.
  private(set) var newest: MediaTime?
  /// Nothing has come for so long that nobody waits for it any more.
  var isAbsent = false

  init(codec: Codec) { self.codec = codec }

  var head: EncodedFrame? { taken < frames.count ? frames[taken] : nil }

  /// False, and nothing done, for a frame that does not come after the last one by as many ticks as the muxer needs.
  mutating func append(_ frame: EncodedFrame) -> Bool {
    if let newest, codec.clockRate.ticks(at: frame.time) - codec.clockRate.ticks(at: newest) < FragmentWriter.leastTicks { return false }
    frames.append(frame)
    newest = frame.time
    isAbsent = false
    return true
  }

  mutating func removeHead() {
    guard taken < frames.count else { return }
    taken += 1
    if taken == frames.count {
      frames.removeAll(keepingCapacity: true)
      taken = 0
    } else if taken >= 64 {
      frames.removeFirst(taken)
      taken = 0
    }
  }
}
