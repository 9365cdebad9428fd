package import Ground

/// What a written RTP packet carries besides its payload.
package struct RTPHeaderFields: Sendable, Equatable {
  /// How the payload is to be read.
  package var payloadType: PayloadType
  /// M: for pictures, the last packet of a frame.
  package var marker: Bool
  /// The packet's place in its stream.
  package var sequenceNumber: SequenceNumber
  /// When the payload was captured, in ticks of the payload's clock.
  package var timestamp: RTPTimestamp
  /// Which stream of the sender it belongs to.
  package var ssrc: SSRC
  /// Contributing sources; the first 15 are written.
  package var csrcs: [SSRC] = []
  /// Written in the one-byte form where all ids are 1 to 14 and all values 1 to 16 bytes, in the two-byte form otherwise; there a value
  /// has at most 255 bytes, and the rest of a longer one is left out.
  package var extensions: [(id: UInt8, value: [UInt8])] = []

  /// The fields of a packet without CSRCs and extensions.
  package init(
    payloadType: PayloadType, marker: Bool = false, sequenceNumber: SequenceNumber, timestamp: RTPTimestamp, ssrc: SSRC
  ) {
    self.payloadType = payloadType
    self.marker = marker
    self.sequenceNumber = sequenceNumber
    self.timestamp = timestamp
    self.ssrc = ssrc
  }

  /// Whether all fields are the same, extensions in the same order.
  package static func == (a: RTPHeaderFields, b: RTPHeaderFields) -> Bool {
    a.payloadType == b.payloadType && a.marker == b.marker && a.sequenceNumber == b.sequenceNumber
      && a.timestamp == b.timestamp && a.ssrc == b.ssrc && a.csrcs == b.csrcs
      && a.extensions.map(\.id) == b.extensions.map(\.id) && a.extensions.map(\.value) == b.extensions.map(\.value)
  }

  /// The packet as bytes (RFC 3550 §5.1), with `padding` bytes after the payload (0 to 255).
  package func packet(payload: [UInt8], padding: Int = 0) -> [UInt8] {
    var out: [UInt8] = []
    out.append(0x80 | (padding > 0 ? 0x20 : 0) | (extensions.isEmpty ? 0 : 0x10) | UInt8(min(15, csrcs.count)))
    out.append((marker ? 0x80 : 0) | payloadType.value)
    out.appendU16(sequenceNumber.value)
    out.appendU32(timestamp.value)
    out.appendU32(ssrc.value)
    for csrc in csrcs.prefix(15) { out.appendU32(csrc.value) }
    if !extensions.isEmpty {
      let oneByte = extensions.allSatisfy { (1...14).contains($0.id) && (1...16).contains($0.value.count) }
      var block: [UInt8] = []
      for element in extensions {
        let value = element.value.prefix(255)
        if oneByte {
          block.append(element.id << 4 | UInt8(value.count - 1))
        } else {
          block.append(contentsOf: [element.id, UInt8(value.count)])
        }
        block.append(contentsOf: value)
      }
      while block.count % 4 != 0 { block.append(0) }
      out.appendU16(oneByte ? 0xbede : 0x1000)
      out.appendU16(UInt16(block.count / 4))
      out.append(contentsOf: block)
    }
    out.append(contentsOf: payload)
    if padding > 0 {
      out.append(contentsOf: repeatElement(0, count: padding - 1))
      out.append(UInt8(padding))
    }
    return out
  }
}
