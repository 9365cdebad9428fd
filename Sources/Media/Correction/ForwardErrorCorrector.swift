package import Ground
package import RTP

/// Rebuilds lost packets of one stream from its forward error correction.
///
/// It is shown each packet as it came, and each correction; `popRebuilt` gives what became known by that. A correction helps where one of
/// the packets that it protects is missing (RFC 5109 §9); those with more wait, until others come or are rebuilt.
///
/// What is rebuilt bears no checksum of its own, and a server between may have rewritten the packets and not their correction. So nothing
/// is rebuilt before a group of which every packet came has shown that both agree, and every `proofInterval` groups that is looked at
/// again. Some senders protect packets before they write into them when they are sent (absolute send time, transport-wide numbers),
/// as if those values were zero: which way a sender has it, the same proof shows.
///
/// Bounded: the last `PacketWindow.capacity` packets and the last `capacity` corrections are kept, in storage that is used again.
package struct ForwardErrorCorrector: Sendable {
  /// How a sender's correction takes the values that are written when a packet is sent.
  private enum Convention: Sendable { case asSent, asZero }

  private struct Kept: Sendable {
    var bytes: [UInt8] = []
    /// Nil where nothing more can come of it.
    var correction: RTPCorrection?
    /// What the correction's first number is, extended.
    var base: Int64 = 0
    var hasProved = false

    func level(_ number: Int) -> RTPCorrection.Level? { correction?.level(number, in: bytes.span) }
  }

  package static let capacity = 64
  private static let proofInterval = 16
  /// So many packets on end that are too old, and the numbering has begun anew.
  private static let pastRun = 16

  package let scheme: RTPCorrection.Scheme
  /// The ids of the packets' header extensions.
  package var extensions = RTPExtensionIDs()
  private var window = PacketWindow()
  private var extender = SequenceExtender()
  private var pastCount = 0
  private var kept: [Kept] = []
  private var next = 0
  private var convention: Convention?
  private var groupsSinceProof = 0
  /// Something has come that may have made something known.
  private var hasNews = false
  private var difference = Difference()

  /// Of a stream that has come to no packet yet.
  package init(_ scheme: RTPCorrection.Scheme) { self.scheme = scheme }

  // MARK: Facts

  /// Whether the sender's correction was seen to fit its packets.
  package var isProven: Bool { convention != nil }

  /// Whether `popRebuilt` may have something.
  package var mayRebuild: Bool { hasNews }

  // MARK: World

  /// Takes in a packet of the protected stream, as it was sent.
  package mutating func receive(_ packet: RTPPacket, _ datagram: Span<UInt8>) {
    let sequence = window.highest == nil ? extender.extend(packet.sequenceNumber) : extender.peek(packet.sequenceNumber)
    if window.isPast(sequence) {
      pastCount += 1
      if pastCount >= ForwardErrorCorrector.pastRun { reset() }
      return
    }
    pastCount = 0
    guard window.remember(packet, datagram, sequence: sequence, extensions: extensions) else {
      // One number of two packets: the numbering has begun anew.
      reset()
      return
    }
    _ = extender.extend(packet.sequenceNumber)
    for index in kept.indices where !hasNews && kept[index].correction != nil { hasNews = isProtected(sequence, by: kept[index]) }
  }

  /// Takes in a packet of correction. Throws as `RTPCorrection` does; then nothing has changed.
  package mutating func receive(correction packet: RTPPacket, _ datagram: Span<UInt8>) throws(WireError) {
    let read = try RTPCorrection(parsing: packet.payloadStart..<packet.payloadEnd, of: datagram, as: scheme)
    // Before the first packet nothing says where the numbers are.
    guard window.highest != nil else { return }
    if kept.isEmpty { kept = [Kept](repeating: Kept(), count: ForwardErrorCorrector.capacity) }
    kept[next].bytes.removeAll(keepingCapacity: true)
    kept[next].bytes.append(copying: datagram, 0..<datagram.count)
    kept[next].correction = read
    kept[next].base = extender.peek(read.base)
    kept[next].hasProved = false
    next = (next + 1) % ForwardErrorCorrector.capacity
    hasNews = true
  }

  /// Another stream goes on: nothing that came says anything of it.
  package mutating func reset() {
    window.forget()
    extender = SequenceExtender()
    pastCount = 0
    for index in kept.indices { kept[index].correction = nil }
    convention = nil
    groupsSinceProof = 0
    hasNews = false
  }

  // MARK: To do

  /// Writes the next packet that is known again behind what `bytes` holds; false where there is none. It is as it was sent, but
  /// for values that are written when a packet is sent: those are zero where the sender protects packets that way. Call until false.
  package mutating func popRebuilt(of ssrc: SSRC, into bytes: inout [UInt8]) -> Bool {
    while hasNews {
      let wasProven = isProven
      for index in kept.indices where kept[index].correction != nil {
        if look(at: index, of: ssrc, into: &bytes) { return true }
      }
      // Those that were looked at before the proof may help now.
      hasNews = isProven && !wasProven
    }
    return false
  }

  private func isProtected(_ sequence: Int64, by entry: Kept) -> Bool {
    guard let correction = entry.correction, sequence >= entry.base, sequence - entry.base < 128 else { return false }
    let bit = UInt128(1) << UInt128(127 - (sequence - entry.base))
    return (0..<correction.levelCount).contains { (entry.level($0)?.mask ?? 0) & bit != 0 }
  }

  /// Which of the packets of a mask are missing: how many, at most two being counted, and the first of them.
  private func missing(_ mask: UInt128, from base: Int64) -> (count: Int, first: Int64) {
    var rest = mask
    var count = 0
    var first = Int64.min
    while rest != 0 {
      let place = rest.leadingZeroBitCount
      rest &= ~(UInt128(1) << UInt128(127 - place))
      let sequence = base + Int64(place)
      guard !window.has(sequence) else { continue }
      if count == 0 { first = sequence }
      count += 1
      if count == 2 { break }
    }
    return (count, first)
  }

  /// Looks at what a correction can do now; answers whether a packet was rebuilt.
  private mutating func look(at index: Int, of ssrc: SSRC, into bytes: inout [UInt8]) -> Bool {
    guard let correction = kept[index].correction, let level = kept[index].level(0) else { return false }
    let base = kept[index].base
    guard level.mask != 0, !window.isPast(base) else {
      kept[index].correction = nil
      return false
    }
    let missing = missing(level.mask, from: base)
    switch missing.count {
    case 0:
      if !kept[index].hasProved { prove(index, level) }
      kept[index].hasProved = true
      // Its other levels may still be of use to packets that others protect.
      if correction.levelCount == 1 { kept[index].correction = nil }
      return false
    case 1:
      guard convention != nil else { return false }
      return rebuild(missing.first, index, level, of: ssrc, into: &bytes)
    default: return false
    }
  }

  /// Holds a correction against packets that all came.
  private mutating func prove(_ index: Int, _ level: RTPCorrection.Level) {
    if convention != nil {
      groupsSinceProof += 1
      guard groupsSinceProof >= ForwardErrorCorrector.proofInterval else { return }
    }
    groupsSinceProof = 0
    fold(index, level, without: nil, as: .asSent)
    if difference.isNothing {
      // A group whose packets have no such values shows nothing of them.
      if !mayHaveValues || hasValues(index, level.mask) { convention = .asSent }
      return
    }
    fold(index, level, without: nil, as: .asZero)
    convention = difference.isNothing ? .asZero : nil
  }

  /// Whether packets may have values that are written when they are sent.
  private var mayHaveValues: Bool { extensions[.absoluteSendTime] != nil || extensions[.transportSequenceNumber] != nil }

  private func hasValues(_ index: Int, _ mask: UInt128) -> Bool {
    (0..<128).contains { place in
      guard mask & UInt128(1) << UInt128(127 - place) != 0 else { return false }
      let packet = window[kept[index].base + Int64(place)]
      return !packet.sendTime.isEmpty || !packet.transportNumber.isEmpty
    }
  }

  /// Makes `difference` what a level says, less the packets that it protects but one.
  private mutating func fold(_ index: Int, _ level: RTPCorrection.Level, without missing: Int64?, as convention: Convention) {
    guard let correction = kept[index].correction else { return }
    let protection = kept[index].bytes
    difference.begin(correction.header, protection.span, level)
    var rest = level.mask
    while rest != 0 {
      let place = rest.leadingZeroBitCount
      rest &= ~(UInt128(1) << UInt128(127 - place))
      let sequence = kept[index].base + Int64(place)
      guard sequence != missing else { continue }
      let packet = window[sequence]
      let datagram = packet.bytes.span
      difference.fold(datagram, offset: level.offset)
      guard convention == .asZero else { continue }
      // Twice taken out is as good as zero.
      difference.fold(datagram, packet.sendTime, offset: level.offset)
      difference.fold(datagram, packet.transportNumber, offset: level.offset)
    }
  }

  /// Writes a packet that a correction's first level tells the header of, and that one's bytes with those of higher levels, where they
  /// are needed and have all their other packets.
  private mutating func rebuild(
    _ missing: Int64, _ index: Int, _ level: RTPCorrection.Level, of ssrc: SSRC, into bytes: inout [UInt8]
  ) -> Bool {
    guard let convention else { return false }
    fold(index, level, without: missing, as: convention)
    let header = difference.header
    let length = Int(header.length)
    let number = SequenceNumber(UInt16(truncatingIfNeeded: missing))
    let start = bytes.count
    bytes.append(0x80 | header.flags & 0x3f)
    bytes.append(header.type)
    bytes.appendU16(number.value)
    bytes.appendU32(header.timestamp)
    bytes.appendU32(ssrc.value)
    bytes.append(contentsOf: difference.bytes.prefix(length))
    var known = min(length, difference.bytes.count)
    while known < length, let (other, upper) = higherLevel(missing, at: known) {
      fold(other, upper, without: missing, as: convention)
      bytes.append(contentsOf: difference.bytes.dropFirst(known - upper.offset).prefix(length - known))
      known = min(length, upper.offset + difference.bytes.count)
    }
    guard known == length, remember(number, missing, bytes.span.extracting(start..<bytes.count)) else {
      bytes.removeSubrange(start...)
      // Of a packet that is protected in part no more becomes known, unless higher levels come.
      if correctionsHaveOneLevel { kept[index].correction = nil }
      return false
    }
    // It fits what it was made from: that proves nothing.
    kept[index].hasProved = true
    return true
  }

  private var correctionsHaveOneLevel: Bool { kept.allSatisfy { ($0.correction?.levelCount ?? 1) == 1 } }

  /// The level that protects a packet's bytes from `known` on, and whose other packets are all there.
  private func higherLevel(_ missing: Int64, at known: Int) -> (Int, RTPCorrection.Level)? {
    for index in kept.indices {
      guard let correction = kept[index].correction, correction.levelCount > 1, isProtected(missing, by: kept[index]) else { continue }
      for number in 1..<correction.levelCount {
        guard let level = kept[index].level(number), level.offset <= known, known < level.offset + level.range.count else { continue }
        let found = self.missing(level.mask, from: kept[index].base)
        if found.count == 1, found.first == missing { return (index, level) }
      }
    }
    return nil
  }

  /// Remembers what was rebuilt, so that others are by it; false where it is no packet.
  private mutating func remember(_ number: SequenceNumber, _ sequence: Int64, _ datagram: Span<UInt8>) -> Bool {
    guard let packet = try? RTPPacket(parsing: datagram), packet.sequenceNumber == number else { return false }
    return window.remember(packet, datagram, sequence: sequence, extensions: extensions)
  }
}
