/// Storage for frames and packets, used again and again so that the steady state allocates nothing. For one thread.
///
/// Arrays are kept by size, in powers of two, so that a sound frame never sits in the storage of a picture. Bounded: at most `capacity`
/// arrays of together `maximumKeptBytes` are kept, and none of twice `maximumBytes` or more; what comes back beyond that is
/// freed.
public final class BufferPool {
  private static let smallestBits = 7

  /// By size: the array at `i` holds those with room for 2^(7+i) bytes and less than twice as much.
  private var spare: [[[UInt8]]]
  private var count = 0
  private var keptBytes = 0
  private let capacity: Int
  private let maximumKeptBytes: Int

  /// An empty pool.
  public init(capacity: Int = 1024, maximumBytes: Int = 1 << 19, maximumKeptBytes: Int = 8 << 20) {
    self.capacity = capacity
    self.maximumKeptBytes = maximumKeptBytes
    let sizes = max(1, Int.bitWidth - maximumBytes.leadingZeroBitCount - BufferPool.smallestBits)
    spare = Array(repeating: [], count: sizes)
  }

  /// An empty array with room for `bytes`: one that was given back, or a new one.
  public func take(atLeast bytes: Int) -> [UInt8] {
    let bits = Int.bitWidth - max(0, bytes - 1).leadingZeroBitCount
    let size = max(0, bits - BufferPool.smallestBits)
    if size < spare.count, let found = spare[size].popLast() {
      count -= 1
      keptBytes -= found.capacity
      return found
    }
    var made: [UInt8] = []
    made.reserveCapacity(size < spare.count ? 1 << (size + BufferPool.smallestBits) : bytes)
    return made
  }

  /// Takes an array back. It must have no other owner, or its next use copies it.
  public func give(_ bytes: consuming [UInt8]) {
    let room = bytes.capacity
    let size = Int.bitWidth - 1 - room.leadingZeroBitCount - BufferPool.smallestBits
    guard size >= 0, size < spare.count, count < capacity, keptBytes + room <= maximumKeptBytes else { return }
    bytes.removeAll(keepingCapacity: true)
    count += 1
    keptBytes += room
    spare[size].append(bytes)
  }
}
