/// A moving window over a file that is read by somebody else: what recovery holds of a file of any size.
struct FileWindow {
  private static let backwardBytes: Int64 = 64 << 10

  /// How much is read at least where the file has it.
  var chunkBytes = 512

  /// Where the file ends for us.
  var length: Int64
  private(set) var bytes: [UInt8] = []
  private var start: Int64 = 0
  private let read: (_ offset: Int64, _ count: Int) -> [UInt8]?

  init(length: Int64, read: @escaping (_ offset: Int64, _ count: Int) -> [UInt8]?) {
    self.length = length
    self.read = read
  }

  /// Makes sure that `bytes` holds the file's `count` bytes at `offset`, or all up to its end where that comes first, and answers
  /// where in `bytes` they begin and end. Throws `unreadable`.
  mutating func hold(_ offset: Int64, _ count: Int) throws(RecoveryError) -> Range<Int> {
    let wanted = Int(min(Int64(count), max(0, length - offset)))
    if offset < start || offset + Int64(wanted) > start + Int64(bytes.count) {
      let asked = Int(min(Int64(max(count, chunkBytes)), max(0, length - offset)))
      guard let got = asked == 0 ? [] : read(offset, asked) else { throw .unreadable(offset: offset) }
      bytes = got.count > asked ? Array(got[..<asked]) : got
      start = offset
    }
    let first = Int(offset - start)
    return first..<min(first + wanted, bytes.count)
  }

  /// The element whose head stands at `offset`; nil where there is none.
  mutating func element(at offset: Int64) throws(RecoveryError) -> MatroskaElement? {
    let held = try hold(offset, MatroskaElement.longestHead)
    return MatroskaElement(bytes, at: held.lowerBound)
  }

  /// How many zero bytes the file ends with.
  func zeroTail() throws(RecoveryError) -> Int64 {
    var end = length
    while end > 0 {
      let count = Int(min(end, FileWindow.backwardBytes))
      guard let got = read(end - Int64(count), count) else { throw .unreadable(offset: end - Int64(count)) }
      if let last = got.lastIndex(where: { $0 != 0 }) { return length - (end - Int64(count) + Int64(last) + 1) }
      end -= Int64(count)
    }
    return length
  }
}
