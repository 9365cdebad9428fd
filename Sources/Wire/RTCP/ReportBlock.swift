package import Ground

/// What a receiver reports about one stream (RFC 3550 §6.4.1).
package struct ReportBlock: Sendable, Equatable {
  /// The stream that is reported on.
  package var ssrc: SSRC
  /// The share of packets lost since the last report, in 256ths.
  package var fractionLost: UInt8
  /// Packets lost since the beginning: 24 bits, signed.
  package var cumulativeLost: Int32
  /// The highest sequence number received, with the count of wraps in its upper half.
  package var extendedHighestSequenceNumber: UInt32
  /// Interarrival jitter in clock ticks.
  package var jitter: UInt32
  /// The middle 32 bits of the last sender report's NTP timestamp; 0 without one.
  package var lastSR: UInt32
  /// Since that report came, in 1/65536 s.
  package var delaySinceLastSR: UInt32

  /// A block with these fields.
  package init(
    ssrc: SSRC, fractionLost: UInt8, cumulativeLost: Int32, extendedHighestSequenceNumber: UInt32, jitter: UInt32, lastSR: UInt32,
    delaySinceLastSR: UInt32
  ) {
    self.ssrc = ssrc
    self.fractionLost = fractionLost
    self.cumulativeLost = cumulativeLost
    self.extendedHighestSequenceNumber = extendedHighestSequenceNumber
    self.jitter = jitter
    self.lastSR = lastSR
    self.delaySinceLastSR = delaySinceLastSR
  }
}

/// Writes compound RTCP for a receiver: a report first, a CNAME always, then what is asked (RFC 3550 §6.1).
package struct RTCPWriter: Sendable {
  /// The datagram so far.
  package private(set) var bytes: [UInt8] = []

  /// An empty datagram.
  package init() {}

  /// Begins a new datagram in the same storage.
  package mutating func reset() { bytes.removeAll(keepingCapacity: true) }

  mutating func append(word: UInt32) { bytes.appendU32(word) }
  mutating func append(half: UInt16) { bytes.appendU16(half) }
  mutating func append(contentsOf other: [UInt8]) { bytes.append(contentsOf: other) }

  /// A receiver report; every 31 blocks fill one packet, and the rest follow in further ones (RFC 3550 §6.4.2).
  package mutating func receiverReport(from ssrc: SSRC, blocks: [ReportBlock]) {
    var first = 0
    repeat {
      let last = min(first + 31, blocks.count)
      bytes.append(contentsOf: [0x80 | UInt8(last - first), 201])
      bytes.appendU16(UInt16(1 + 6 * (last - first)))
      bytes.appendU32(ssrc.value)
      append(blocks[first..<last])
      first = last
    } while first < blocks.count
  }

  private mutating func append(_ blocks: ArraySlice<ReportBlock>) {
    for block in blocks {
      bytes.appendU32(block.ssrc.value)
      let lost = UInt32(bitPattern: min(max(block.cumulativeLost, -0x80_0000), 0x7f_ffff)) & 0xff_ffff
      bytes.appendU32(UInt32(block.fractionLost) << 24 | lost)
      bytes.appendU32(block.extendedHighestSequenceNumber)
      bytes.appendU32(block.jitter)
      bytes.appendU32(block.lastSR)
      bytes.appendU32(block.delaySinceLastSR)
    }
  }

  /// A source description with one CNAME of at most 255 bytes (RFC 3550 §6.5.1).
  package mutating func sourceDescription(of ssrc: SSRC, cname: String) {
    let text = Array(cname.utf8.prefix(255))
    let items = 2 + text.count
    let padded = (items / 4 + 1) * 4
    bytes.append(contentsOf: [0x81, 202])
    bytes.appendU16(UInt16(1 + padded / 4))
    bytes.appendU32(ssrc.value)
    bytes.append(contentsOf: [1, UInt8(text.count)])
    bytes.append(contentsOf: text)
    bytes.append(contentsOf: repeatElement(0, count: padded - items))
  }

  /// Asks the sender of `media` for a key frame (RFC 4585 §6.3.1).
  package mutating func pictureLossIndication(from ssrc: SSRC, media: SSRC) {
    bytes.append(contentsOf: [0x81, 206])
    bytes.appendU16(2)
    bytes.appendU32(ssrc.value)
    bytes.appendU32(media.value)
  }

  /// Says that `ssrc` leaves (RFC 3550 §6.6).
  package mutating func goodbye(from ssrc: SSRC) {
    bytes.append(contentsOf: [0x81, 203])
    bytes.appendU16(1)
    bytes.appendU32(ssrc.value)
  }

  /// A sender report without blocks: what the tests' senders write (RFC 3550 §6.4.1).
  package mutating func senderReport(_ report: SenderReport) {
    bytes.append(contentsOf: [0x80, 200])
    bytes.appendU16(6)
    bytes.appendU32(report.ssrc.value)
    bytes.appendU64(report.ntp.value)
    bytes.appendU32(report.rtp.value)
    bytes.appendU32(report.packetCount)
    bytes.appendU32(report.octetCount)
  }
}
