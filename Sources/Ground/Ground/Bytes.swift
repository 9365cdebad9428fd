extension Array where Element == UInt8 {
  /// Appends a copy of `bytes[range]`: one memory copy, and no allocation where the capacity suffices. The range must lie in the span.
  public mutating func append(copying bytes: Span<UInt8>, _ range: Range<Int>) {
    unsafe bytes.extracting(range).withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
  }
}

/// Storage for frames, used again and again so that the steady state allocates nothing. For one thread.
///
/// Bounded: at most `capacity` arrays are kept, and none that has grown beyond `maximumBytes`; what comes back beyond that is freed.
public final class BufferPool {
  private var spare: [[UInt8]] = []
  private let capacity: Int
  private let maximumBytes: Int

  public init(capacity: Int = 1024, maximumBytes: Int = 1 << 19) {
    self.capacity = capacity
    self.maximumBytes = maximumBytes
    spare.reserveCapacity(capacity)
  }

  /// An empty array, with storage where one was kept.
  public func take() -> [UInt8] { spare.popLast() ?? [] }

  /// Takes an array back. It must have no other owner, or its next use copies it.
  public func give(_ bytes: consuming [UInt8]) {
    guard spare.count < capacity, bytes.capacity > 0, bytes.capacity <= maximumBytes else { return }
    bytes.removeAll(keepingCapacity: true)
    spare.append(bytes)
  }
}
