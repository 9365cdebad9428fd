import Codecs
import Ground
import RTP

/// From VP9 packets in order to pictures that can be decoded (RFC 9628).
///
/// A picture of several spatial layers becomes one superframe in which only the highest layer is shown: players show every frame that is
/// marked as shown, and some of them would show each layer in its turn.
struct VP9Depacketizer: PayloadFormatReader {
  private var assembler = VP9Assembler()
  private var gate = VP9Gate()
  private var slots = VP9Slots()
  /// The frames of the picture that is looked at: where they lie, and their heads.
  private var frames: [Frame] = []
  private var sizes: [Int] = []
  /// The size of the last picture that was shown.
  private var size: PictureSize?

  private struct Frame: Sendable {
    var range: Range<Int>
    var header: VP9FrameHeader
  }

  init() {}

  var pendingPackets: Int { assembler.packets }
  var pendingBytes: Int { assembler.byteCount }
  var isOpen: Bool { gate.isOpen }

  mutating func receive(
    _ packet: RTPPacket, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, pool: BufferPool, into out: inout [Depacketized]
  ) {
    guard let descriptor = try? VP9PayloadDescriptor(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd) else {
      drop(.incompleteFrame, pool: pool, into: &out)
      lose(packet, .malformedPayload, at: arrival, into: &out)
      return
    }
    switch assembler.relation(of: packet, descriptor) {
    case .continues: break
    case .follows: complete(pool: pool, into: &out)
    case .breaksOff: drop(.incompleteFrame, pool: pool, into: &out)
    }
    switch assembler.receive(packet, descriptor, datagram: datagram, ticks: ticks, at: arrival, pool: pool) {
    case .pending: break
    case .whole: complete(pool: pool, into: &out)
    case .orphaned: lose(packet, .incompleteFrame, at: arrival, into: &out)
    case .oversized: drop(.oversized, pool: pool, into: &out)
    }
  }

  mutating func drop(_ cause: PacketDiscard, pool: BufferPool, into out: inout [Depacketized]) {
    guard let picture = assembler.takePicture() else { return }
    gate.missing(packets: 1)
    discard(picture, cause, pool: pool, into: &out)
  }

  mutating func missing(packets: Int64) { gate.missing(packets: packets) }

  mutating func close() { gate.close() }

  mutating func openAnyway() { gate.openAnyway() }

  static func beginsKeyFrame(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> Bool { keyFrameHeader(packet, datagram) != nil }

  /// The head of the key frame that the packet begins.
  static func keyFrameHeader(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> VP9FrameHeader? {
    guard let descriptor = try? VP9PayloadDescriptor(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd),
      descriptor.startsFrame, !descriptor.isInterPicture
    else { return nil }
    let start = packet.payloadStart + descriptor.count
    let header = try? VP9FrameHeader(parsing: datagram, from: start, to: packet.payloadEnd, slots: VP9Slots())
    return header?.isKey == true ? header : nil
  }

  /// A packet that no picture can be made with: what refers to its picture cannot be decoded either.
  private mutating func lose(_ packet: RTPPacket, _ cause: PacketDiscard, at arrival: Instant, into out: inout [Depacketized]) {
    gate.missing(packets: 1)
    out.append(.dropped(DroppedPackets(count: 1, cause: cause, timestamp: packet.timestamp, arrival: arrival, hadHead: false)))
  }

  private func discard(
    _ picture: VP9Assembler.Picture, _ cause: PacketDiscard, need: DroppedPackets.Need = .nothing, pool: BufferPool,
    into out: inout [Depacketized]
  ) {
    out.append(
      .dropped(DroppedPackets(count: picture.packets, cause: cause, timestamp: picture.timestamp, arrival: picture.arrival, need: need)))
    pool.give(picture.bytes)
  }

  private mutating func complete(pool: BufferPool, into out: inout [Depacketized]) {
    guard assembler.isWhole else { return drop(.incompleteFrame, pool: pool, into: &out) }
    guard let picture = assembler.takePicture() else { return }
    guard (try? readFrames(picture.bytes.span)) != nil, let first = frames.first else {
      gate.missing(packets: 1)
      return discard(picture, .malformedPayload, pool: pool, into: &out)
    }
    let isKey = first.header.isKey
    switch gate.judge(assembler.layers, VP9Gate.Facts(isKey: isKey, isErrorResilient: first.header.isErrorResilient)) {
    case .pass: pass(picture, isKey: isKey, pool: pool, into: &out)
    case .awaitingKeyFrame: discard(picture, .awaitingKeyFrame, need: .keyFrame, pool: pool, into: &out)
    case .brokenReference:
      discard(picture, .brokenReference, need: gate.isOpen ? .upperLayers : .keyFrame, pool: pool, into: &out)
    }
  }

  private mutating func pass(_ picture: VP9Assembler.Picture, isKey: Bool, pool: BufferPool, into out: inout [Depacketized]) {
    for frame in frames { slots.receive(frame.header) }
    let shown = frames.last { $0.header.isShown || $0.header.showsExisting }?.header.size
    let isResized = shown != nil && shown != size
    size = shown ?? size
    out.append(
      .frame(
        AssembledFrame(
          bytes: assembler.layers.count > 1 ? joined(picture.bytes, pool) : picture.bytes, packets: picture.packets,
          timestamp: picture.timestamp, ticks: picture.ticks, arrival: picture.arrival, isKey: isKey,
          size: isKey || isResized ? size : nil, provesNothingLost: gate.holeWasEmpty, isHealed: gate.isWhole, isDegraded: gate.isDegraded))
    )
  }

  /// Finds the picture's frames and reads their heads, in the order of decoding.
  private mutating func readFrames(_ bytes: Span<UInt8>) throws(WireError) {
    frames.removeAll(keepingCapacity: true)
    var slots = slots
    for index in assembler.layers.indices {
      let end = index + 1 < assembler.layers.count ? assembler.layers[index + 1].start : bytes.count
      var found: [Frame] = []
      swap(&found, &frames)
      defer { swap(&found, &frames) }
      try VP9Superframe.forEachFrame(bytes, from: assembler.layers[index].start, to: end) { (range) throws(WireError) in
        let header = try VP9FrameHeader(parsing: bytes, from: range.lowerBound, to: range.upperBound, slots: slots)
        slots.receive(header)
        found.append(Frame(range: range, header: header))
      }
    }
  }

  /// The frames as one superframe that shows the last of them which is shown, in other storage.
  private mutating func joined(_ bytes: consuming [UInt8], _ pool: BufferPool) -> [UInt8] {
    // A frame grows by a byte at most.
    var out = pool.take(atLeast: bytes.count + frames.count * 6 + 2)
    let last = frames.lastIndex { $0.header.isShown || $0.header.showsExisting }
    sizes.removeAll(keepingCapacity: true)
    for index in frames.indices where sizes.count < 8 {
      let start = out.count
      let frame = frames[index]
      // A frame that only shows what the decoder has changes nothing else.
      if index != last, frame.header.showsExisting { continue }
      if index == last || !mayBeHidden(index)
        || !VP9Superframe.appendHidden(bytes.span, frame.range, frame.header, to: &out)
      {
        out.append(copying: bytes.span, frame.range)
      }
      sizes.append(out.count - start)
    }
    VP9Superframe.appendIndex(sizes, to: &out)
    pool.give(consume bytes)
    return out
  }

  /// Whether the frame after it decodes to the same picture: one that is not error resilient takes motion from a shown frame of its own
  /// size before it (VP9 bitstream specification §7.2, UsePrevFrameMvs).
  private func mayBeHidden(_ index: Int) -> Bool {
    guard index + 1 < frames.count else { return true }
    let next = frames[index + 1].header
    return next.isErrorResilient || next.isKey || next.isIntraOnly || next.showsExisting || next.size != frames[index].header.size
  }
}
