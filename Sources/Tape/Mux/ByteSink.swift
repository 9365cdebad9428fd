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
  private struct Overlay {
    var offset: Int64
    var bytes: [UInt8]
  }
  /// What the buffer may keep between two drains: above it, one large burst would stay in memory for a whole recording.
  private static let keptCapacityBytes = 4 << 20

  private var bytes: [UInt8] = []
  private var orders: [Order] = []
  private var overlays: [Overlay] = []
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

  /// Lays `patch` over whatever is, or will be, written at `offset`. Bytes that the file already has there are ordered to be
  /// replaced; the write position stays.
  func overlay(_ patch: [UInt8], at offset: Int64) {
    overlays.removeAll { $0.offset == offset && $0.bytes.count == patch.count }
    overlays.append(Overlay(offset: offset, bytes: patch))
    let written = Int(min(Int64(patch.count), length - offset))
    guard written > 0 else { return }
    begin(at: offset)
    bytes.append(contentsOf: patch[..<written])
  }

  /// Takes bytes at the write position, which moves behind them.
  func write(_ count: Int, append: (inout [UInt8]) -> Void) {
    begin(at: position)
    let start = bytes.count
    append(&bytes)
    for overlay in overlays { apply(overlay, from: start, count: count) }
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

  private func apply(_ overlay: Overlay, from start: Int, count: Int) {
    let first = max(overlay.offset, position)
    let end = min(overlay.offset + Int64(overlay.bytes.count), position + Int64(count))
    guard first < end else { return }
    for offset in first..<end {
      bytes[start + Int(offset - position)] = overlay.bytes[Int(offset - overlay.offset)]
    }
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
