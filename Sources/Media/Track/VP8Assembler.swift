package import Codecs
package import Ground
package import RTP

/// Puts VP8 frames together from packets in order (RFC 7741 §4).
package struct VP8Assembler: Sendable {
  /// What a packet led to.
  package enum Outcome: Sendable, Equatable {
    /// Part of a frame that is not yet whole.
    case pending
    /// The frame is whole: `bytes`, `packets` and `descriptor` tell it; call `reset` after taking it.
    case whole
    /// The packet is of no use; it belongs to a frame whose head is missing.
    case orphaned
    case malformed
  }

  /// No real frame is larger; a stream that never ends its frame stops here.
  package static let maximumFrameBytes = 4 << 20

  package var bytes: [UInt8] = []
  package private(set) var packets = 0
  package private(set) var timestamp = RTPTimestamp(0)
  package private(set) var descriptor: VP8PayloadDescriptor?
  package private(set) var arrival = Instant(nanoseconds: 0)

  package init() {}

  package var isAssembling: Bool { packets > 0 }

  /// Whether the packet begins another frame than the one being assembled.
  package func beginsAnother(_ packet: RTPPacket, _ descriptor: VP8PayloadDescriptor) -> Bool {
    packets > 0 && (packet.timestamp != timestamp || descriptor.startsFrame)
  }

  /// Takes in the next packet in order. A frame that it does not continue must have been taken or dropped before.
  package mutating func receive(
    _ packet: RTPPacket, _ descriptor: VP8PayloadDescriptor, datagram: Span<UInt8>, at arrival: Instant
  ) -> Outcome {
    if packets == 0 {
      guard descriptor.startsFrame else { return .orphaned }
      self.descriptor = descriptor
      timestamp = packet.timestamp
      self.arrival = arrival
    }
    packets += 1
    let start = packet.payloadStart + descriptor.count
    guard bytes.count + packet.payloadEnd - start <= VP8Assembler.maximumFrameBytes else { return .malformed }
    bytes.append(copying: datagram, start..<packet.payloadEnd)
    return packet.marker ? .whole : .pending
  }

  /// Forgets the frame; `storage` is what the next one is put into.
  package mutating func reset(storage: consuming [UInt8]) {
    bytes = storage
    packets = 0
    descriptor = nil
  }
}
