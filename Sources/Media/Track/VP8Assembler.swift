package import Codecs
package import Ground
package import RTP

/// Puts VP8 frames together from packets in order (RFC 7741 §4).
///
/// The packets that it is given follow each other without a hole, so a frame is whole from its first packet to its marker, or, with senders
/// that set none, to the next frame's first packet. Its owner drops what is being assembled wherever a packet is missing.
package struct VP8Assembler: Sendable {
  /// What a packet led to.
  package enum Outcome: Sendable, Equatable {
    /// Part of a frame that is not yet whole.
    case pending
    /// The frame is whole: take it with `takeFrame`.
    case whole
    /// The packet is of no use; it belongs to a frame whose head is missing.
    case orphaned
    /// The frame is larger than one may be; drop it.
    case oversized
  }

  /// How a packet lies to the frame that is being assembled.
  package enum Relation: Sendable, Equatable {
    /// It goes on with it, or there is none.
    case continues
    /// It begins the next one: this one is whole.
    case follows
    /// It is another frame's, whose head is missing.
    case breaksOff
  }

  /// A frame and what is known of it.
  package struct Frame: Sendable {
    /// In storage of the pool.
    package var bytes: [UInt8]
    /// How many packets it came in.
    package var packets: Int
    /// Its first packet's.
    package var descriptor: VP8PayloadDescriptor
    /// As its packets bear it.
    package var timestamp: RTPTimestamp
    /// Its extended timestamp.
    package var ticks: Int64
    /// When its first packet came.
    package var arrival: Instant
  }

  /// No real frame is larger; a stream that never ends its frame stops here.
  package static let maximumFrameBytes = 4 << 20

  private var frame: Frame?
  /// The size that frames of several packets lately had, to begin the next one with.
  private var usualBytes = 4096

  /// An assembler without a frame.
  package init() {}

  /// Packets of the frame that is being assembled.
  package var packets: Int { frame?.packets ?? 0 }

  /// The frame's bytes so far.
  package var byteCount: Int { frame?.bytes.count ?? 0 }

  /// How the next packet in order lies to the frame that is being assembled.
  package func relation(of packet: RTPPacket, _ descriptor: VP8PayloadDescriptor) -> Relation {
    guard let frame, case let current = frame.descriptor else { return .continues }
    if packet.timestamp != frame.timestamp { return descriptor.startsFrame ? .follows : .breaksOff }
    // Some senders mark each partition's beginning as the frame's; only another picture is another frame.
    guard descriptor.startsFrame, let id = descriptor.pictureID, let currentID = current.pictureID else { return .continues }
    return id == currentID ? .continues : .follows
  }

  /// Takes in the next packet in order. A frame that it does not continue must have been taken or dropped before.
  package mutating func receive(
    _ packet: RTPPacket, _ descriptor: VP8PayloadDescriptor, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, pool: BufferPool
  ) -> Outcome {
    let start = packet.payloadStart + descriptor.count
    let count = packet.payloadEnd - start
    if frame == nil {
      guard descriptor.startsFrame else { return .orphaned }
      let bytes = pool.take(atLeast: packet.marker ? count : max(2 * count, usualBytes))
      frame = Frame(
        bytes: bytes, packets: 0, descriptor: descriptor, timestamp: packet.timestamp, ticks: ticks, arrival: arrival)
    }
    frame?.packets += 1
    let needed = byteCount + count
    guard needed <= VP8Assembler.maximumFrameBytes else { return .oversized }
    if needed > frame?.bytes.capacity ?? 0 { grow(to: needed, pool) }
    frame?.bytes.append(copying: datagram, start..<packet.payloadEnd)
    return packet.marker ? .whole : .pending
  }

  private mutating func grow(to needed: Int, _ pool: BufferPool) {
    var bytes = pool.take(atLeast: needed * 2)
    if frame != nil { swap(&frame!.bytes, &bytes) }
    frame?.bytes.append(copying: bytes.span, 0..<bytes.count)
    pool.give(consume bytes)
  }

  /// Hands the frame out; there is none afterwards.
  package mutating func takeFrame() -> Frame? {
    if let count = frame?.bytes.count, frame?.packets ?? 0 > 1 { usualBytes += (min(count, 1 << 16) - usualBytes) / 8 }
    return frame.take()
  }
}
