package import Ground
package import RTCP

/// Collects when the packets of one transport came, by their transport-wide numbers, and tells the sender ten times a second
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01). From that the sender works out what the path can carry.
///
/// A packet that comes late, after it was told to be missing, is told of again with all that followed it, as far as `window` packets back.
/// Bounded: arrivals of the last `window` numbers are kept; what lies further back is forgotten.
package struct TransportFeedback: Sendable {
  private static let window = 4096
  private static let interval = TimeSpan.milliseconds(100)
  /// A number further ahead than this is another numbering.
  private static let jump: Int64 = 4096

  private var extender = SequenceExtender()
  /// By number modulo the window: quarters of a millisecond on our clock; `Int64.min` for what did not come.
  private var arrivals = [Int64](repeating: .min, count: TransportFeedback.window)
  /// The first number that is not told of, and the one behind the last that came; nil before the first.
  private var begin: Int64?
  private var end: Int64 = 0
  private var due: Instant?
  private var count: UInt8 = 0

  package init() {}

  /// When `write` has something to say, or nil.
  package var nextDeadline: Instant? { due }

  /// Takes in a packet's number. Repeated numbers change nothing.
  package mutating func observe(_ number: UInt16, at arrival: Instant) {
    let time = Int64(bitPattern: arrival.nanoseconds) / 250_000
    let sequence = extender.peek(SequenceNumber(number))
    guard let start = begin else {
      restart(number, time)
      due = arrival + TransportFeedback.interval
      return
    }
    guard sequence - end < TransportFeedback.jump, end - sequence < Int64(TransportFeedback.window) else {
      restart(number, time)
      if due == nil { due = arrival + TransportFeedback.interval }
      return
    }
    _ = extender.extend(SequenceNumber(number))
    if sequence >= end {
      for missing in end..<sequence { arrivals[slot(missing)] = .min }
      end = sequence + 1
      begin = max(start, end - Int64(TransportFeedback.window))
    } else if arrivals[slot(sequence)] != .min {
      return
    }
    arrivals[slot(sequence)] = time
    begin = min(begin ?? sequence, sequence)
    if due == nil { due = arrival + TransportFeedback.interval }
  }

  /// The numbering begins here; what was not told of before is forgotten.
  private mutating func restart(_ number: UInt16, _ time: Int64) {
    extender = SequenceExtender()
    let sequence = extender.extend(SequenceNumber(number))
    for i in arrivals.indices { arrivals[i] = .min }
    arrivals[slot(sequence)] = time
    begin = sequence
    end = sequence + 1
  }

  private func slot(_ sequence: Int64) -> Int { Int(UInt64(bitPattern: sequence) % UInt64(TransportFeedback.window)) }

  /// Writes one message of what came since the last, where it is due. Call until false: much may need several.
  package mutating func write(into writer: inout RTCPWriter, from ssrc: SSRC, media: SSRC, at now: Instant) -> Bool {
    guard let due, now >= due, let first = begin else { return false }
    guard first < end else {
      self.due = nil
      return false
    }
    let last = min(end, first + Int64(RTCPWriter.feedbackPackets))
    var told: [Int64?] = []
    told.reserveCapacity(Int(last - first))
    for sequence in first..<last {
      let arrival = arrivals[slot(sequence)]
      told.append(arrival == .min ? nil : arrival)
    }
    // A message ends with a packet that came; what is missing behind it is told with the next one.
    while told.last == .some(nil) { told.removeLast() }
    guard !told.isEmpty else {
      begin = last
      return write(into: &writer, from: ssrc, media: media, at: now)
    }
    let taken = writer.transportFeedback(
      from: ssrc, media: media, base: UInt16(truncatingIfNeeded: first), arrivals: told[...], count: count)
    count &+= 1
    begin = first + Int64(max(1, taken))
    if begin == end { self.due = nil }
    return true
  }
}
