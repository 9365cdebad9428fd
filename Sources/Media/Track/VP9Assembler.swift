package import Codecs
package import Ground
package import RTP

/// Puts VP9 pictures together from packets in order (RFC 9628 §4): a picture is the layer frames of one timestamp, each from its B to its E.
///
/// The packets that it is given follow each other without a hole, so a picture is whole from its first packet to its marker, or, with
/// senders that set none, to the next picture's first packet. Its owner drops what is being assembled wherever a packet is missing.
package struct VP9Assembler: Sendable {
  /// What a packet led to.
  package enum Outcome: Sendable, Equatable {
    /// Part of a picture that is not yet whole.
    case pending
    /// The picture is whole: take it with `takePicture`.
    case whole
    /// The packet is of no use: the head of its layer frame is missing.
    case orphaned
    /// The picture is larger than one may be; drop it.
    case oversized
  }

  /// How a packet lies to the picture that is being assembled.
  package enum Relation: Sendable, Equatable {
    /// It goes on with it, or there is none.
    case continues
    /// It begins the next one: this one is whole if its last layer frame is.
    case follows
    /// What it is part of, or what came before it, has an edge missing.
    case breaksOff
  }

  /// One spatial layer's frame in the picture.
  package struct Layer: Sendable, Equatable {
    /// Its first packet's.
    package var descriptor: VP9PayloadDescriptor
    /// Where it begins in the picture's bytes.
    package var start: Int
    /// E has come.
    package var isWhole: Bool
    package init(descriptor: VP9PayloadDescriptor, start: Int, isWhole: Bool = false) {
      self.descriptor = descriptor
      self.start = start
      self.isWhole = isWhole
    }
  }

  package struct Picture: Sendable {
    /// The layer frames one after the other, in storage of the pool.
    package var bytes: [UInt8]
    /// How many packets it came in.
    package var packets: Int
    /// As its packets bear it.
    package var timestamp: RTPTimestamp
    /// Its extended timestamp.
    package var ticks: Int64
    /// When its first packet came.
    package var arrival: Instant
  }

  /// No real picture is larger; a stream that never ends its picture stops here.
  package static let maximumPictureBytes = 4 << 20
  /// As many as a spatial layer's number can tell, and as an index of frames can hold.
  package static let maximumLayers = 8

  private var picture: Picture?
  /// The layer frames of the picture that is being assembled, or of the one taken last.
  package private(set) var layers: [Layer] = []
  /// The size that pictures of several packets lately had, to begin the next one with.
  private var usualBytes = 4096

  package init() {}

  /// Packets of the picture that is being assembled.
  package var packets: Int { picture?.packets ?? 0 }
  /// Its bytes so far.
  package var byteCount: Int { picture?.bytes.count ?? 0 }
  /// Whether every layer frame of it has its end.
  package var isWhole: Bool { picture != nil && layers.last?.isWhole == true }

  /// How the next packet in order lies to the picture that is being assembled.
  package func relation(of packet: RTPPacket, _ descriptor: VP9PayloadDescriptor) -> Relation {
    guard let picture, let layer = layers.last else { return .continues }
    let isOther = packet.timestamp != picture.timestamp || descriptor.pictureID != layer.descriptor.pictureID
    if isOther { return descriptor.startsFrame && layer.isWhole ? .follows : .breaksOff }
    // A frame begins where one has ended, and only of a higher layer than the last.
    guard descriptor.startsFrame else { return layer.isWhole ? .breaksOff : .continues }
    guard layer.isWhole, layers.count < VP9Assembler.maximumLayers else { return .breaksOff }
    return descriptor.spatialLayer > layer.descriptor.spatialLayer ? .continues : .breaksOff
  }

  /// Takes in the next packet in order. A picture that it does not continue must have been taken or dropped before.
  package mutating func receive(
    _ packet: RTPPacket, _ descriptor: VP9PayloadDescriptor, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, pool: BufferPool
  ) -> Outcome {
    let start = packet.payloadStart + descriptor.count
    let count = packet.payloadEnd - start
    if picture == nil {
      guard descriptor.startsFrame else { return .orphaned }
      layers.removeAll(keepingCapacity: true)
      let bytes = pool.take(atLeast: packet.marker ? count : max(2 * count, usualBytes))
      picture = Picture(bytes: bytes, packets: 0, timestamp: packet.timestamp, ticks: ticks, arrival: arrival)
    }
    if descriptor.startsFrame { layers.append(Layer(descriptor: descriptor, start: byteCount)) }
    picture?.packets += 1
    let needed = byteCount + count
    guard needed <= VP9Assembler.maximumPictureBytes else { return .oversized }
    if needed > picture?.bytes.capacity ?? 0 { grow(to: needed, pool) }
    picture?.bytes.append(copying: datagram, start..<packet.payloadEnd)
    if descriptor.endsFrame { layers[layers.count - 1].isWhole = true }
    return packet.marker ? .whole : .pending
  }

  private mutating func grow(to needed: Int, _ pool: BufferPool) {
    var bytes = pool.take(atLeast: needed * 2)
    if picture != nil { swap(&picture!.bytes, &bytes) }
    picture?.bytes.append(copying: bytes.span, 0..<bytes.count)
    pool.give(consume bytes)
  }

  /// Hands the picture out; there is none afterwards. Its layers can be asked for until the next one begins.
  package mutating func takePicture() -> Picture? {
    if let count = picture?.bytes.count, packets > 1 { usualBytes += (min(count, 1 << 16) - usualBytes) / 8 }
    return picture.take()
  }
}
