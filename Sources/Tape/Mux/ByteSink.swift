/// Collects what libavformat writes as orders, each of them bytes and the offset where they belong in the file, until a writer
/// takes them. The orders are to be carried out in the order in which they are lent: a later one may lie over an earlier one.
///
/// All bytes of all orders lie end to end in one buffer that keeps its room, so that the steady state allocates nothing.
final class ByteSink {
  /// A run of bytes in `bytes` and where it goes. It ends where the next one starts.
  private struct Order {
    var offset: Int64
    var start: Int
  }
  /// What the buffer may keep between two drains: above it, one large burst would stay in memory for a whole recording.
  private static let keptCapacityBytes = 2 << 20

  private var bytes: [UInt8] = []
  private var orders: [Order] = []
  /// Where the next write goes.
  private(set) var position: Int64 = 0
  /// The end of the file once every order so far is carried out.
  private(set) var length: Int64 = 0

  init() {}

  /// How many bytes wait to be taken.
  var pendingBytes: Int { bytes.count }
  /// The bytes of all waiting orders, end to end.
  var pending: [UInt8] { bytes }

  /// Lends each order to `body` and forgets it. When `body` throws, the order that it refused and those after it stay.
  func drain<E: Error>(_ body: (_ offset: Int64, _ bytes: Span<UInt8>) throws(E) -> Void) throws(E) {
    var done = 0
    while done < orders.count {
      let end = done + 1 < orders.count ? orders[done + 1].start : bytes.count
      do {
        try body(orders[done].offset, bytes.span.extracting(orders[done].start..<end))
      } catch {
        forget(done)
        throw error
      }
      done += 1
    }
    forget(done)
  }

  /// Orders `patch` to replace what the file has at `offset`. The write position stays.
  func replace(at offset: Int64, with patch: [UInt8]) {
    guard !patch.isEmpty else { return }
    begin(at: offset)
    bytes.append(contentsOf: patch)
    length = max(length, offset + Int64(patch.count))
  }

  /// Takes bytes at the write position, which moves behind them.
  func write(_ count: Int, append: (inout [UInt8]) -> Void) {
    begin(at: position)
    append(&bytes)
    position += Int64(count)
    length = max(length, position)
  }

  /// Moves the write position; false for a place before the file's start.
  func seek(to offset: Int64) -> Bool {
    guard offset >= 0 else { return false }
    position = offset
    return true
  }

  /// Opens an order at `offset` unless the last one ends there.
  private func begin(at offset: Int64) {
    if let last = orders.last, last.offset + Int64(bytes.count - last.start) == offset { return }
    orders.append(Order(offset: offset, start: bytes.count))
  }

  private func forget(_ count: Int) {
    guard count < orders.count else {
      orders.removeAll(keepingCapacity: true)
      if bytes.capacity > ByteSink.keptCapacityBytes { bytes = [] } else { bytes.removeAll(keepingCapacity: true) }
      return
    }
    guard count > 0 else { return }
    let gone = orders[count].start
    bytes.removeSubrange(..<gone)
    orders.removeSubrange(..<count)
    for i in orders.indices { orders[i].start -= gone }
  }
}
