package import Ground

/// The elements of an AV1 payload (AV1 RTP payload format 1.0 §4.4): units without their sizes, the first and the last perhaps in part.
///
///     |Z|Y| W |N|-|-|-|   Z: the first goes on with the last packet's last; Y: the last goes on in the next packet;
///                         W: how many there are, the last without its size; 0: each with its size; N: a sequence begins
package struct AV1Payload: Sendable, Equatable {
  package let continues: Bool
  package let isContinued: Bool
  package let beginsSequence: Bool
  private let told: Int
  private var index = 0
  private var at: Int
  private let end: Int

  /// Reads the aggregation header of the payload from `start` to `end`. Throws `truncated` where nothing follows it, `badValue` where a
  /// sequence would begin within a unit.
  package init(parsing datagram: Span<UInt8>, from start: Int, to end: Int) throws(WireError) {
    guard end - start >= 2 else { throw .truncated(needed: 2, have: end - start) }
    let header = datagram[start]
    continues = header & 0x80 != 0
    isContinued = header & 0x40 != 0
    told = Int(header >> 4 & 3)
    beginsSequence = header & 8 != 0
    guard !(beginsSequence && continues) else { throw .badValue }
    at = start + 1
    self.end = end
  }

  /// Where the next element lies, and whether it is the last; nil behind the last one. Throws where an element's size reaches beyond the
  /// payload, or fewer came than were told.
  package mutating func next(in datagram: Span<UInt8>) throws(WireError) -> (range: Range<Int>, isFirst: Bool, isLast: Bool)? {
    guard told == 0 ? at < end : index < told else {
      guard at == end else { throw .badLength }
      return nil
    }
    var size = end - at
    if told == 0 || index < told - 1 {
      size = try AV1Size.read(datagram, at: &at, end: end)
      guard size <= end - at else { throw .truncated(needed: at + size, have: end) }
    }
    let range = at..<at + size
    at += size
    index += 1
    return (range, index == 1, told == 0 ? at == end : index == told)
  }
}
