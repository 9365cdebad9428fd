package import Codecs
package import Ground
import RTP

/// A whole video frame that can be decoded after those before it, not yet placed in time.
package struct AssembledFrame: Sendable {
  /// The frame as its codec defines it, in storage of the pool.
  package var bytes: [UInt8]
  /// How many packets it came in.
  package var packets: Int
  /// As its packets bear it.
  package var timestamp: RTPTimestamp
  /// Its extended timestamp.
  package var ticks: Int64
  /// When its first packet came.
  package var arrival: Instant
  /// Whether decoding can start here.
  package var isKey: Bool
  /// The size that a key frame declares, or a frame of another size than those before it.
  package var size: PictureSize?
  /// Whether it proves that no frame was lost where packets are missing before it: they were padding.
  package var provesNothingLost = false
  /// Whether it proves that nothing that comes refers to what was lost, upper layers included.
  package var isHealed = true
  /// Whether a reference may be missing: the gate was opened all the same.
  package var isDegraded = false
}

/// Packets that are in no frame.
package struct DroppedPackets: Sendable {
  /// What the sender must be asked for because of them.
  package enum Need: Sendable {
    case nothing
    case keyFrame
    /// A key frame, or what heals the upper layers alone.
    case upperLayers
  }
  package var count: Int
  package var cause: PacketDiscard
  /// As they bear it: packets of one timestamp are of one frame.
  package var timestamp: RTPTimestamp
  package var arrival: Instant
  package var need = Need.nothing
  /// Whether a frame's head was among them: if it was the key frame that was awaited, it will not become whole.
  package var hadHead = true
}

/// What packets in order lead to.
package enum Depacketized: Sendable {
  case frame(AssembledFrame)
  case dropped(DroppedPackets)
}

/// Puts a video codec's frames together from packets in order, and holds back what cannot be decoded. It is given packets that follow
/// each other without a hole, and told of each hole before the packet after it.
protocol PayloadFormatReader: Sendable {
  /// Waits for a first key frame.
  init()
  /// Packets of frames that are being assembled, and their bytes.
  var pendingPackets: Int { get }
  var pendingBytes: Int { get }
  /// Whether a key frame has come, so that frames which refer to others may pass.
  var isOpen: Bool { get }
  /// Takes in the next packet in order, which has a payload; tells what it led to at the end of `out`.
  mutating func receive(
    _ packet: RTPPacket, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, pool: BufferPool, into out: inout [Depacketized])
  /// What is being assembled cannot become whole.
  mutating func drop(_ cause: PacketDiscard, pool: BufferPool, into out: inout [Depacketized])
  /// So many packets are missing before the next one; called after `drop`.
  mutating func missing(packets: Int64)
  /// Lets nothing pass before a key frame, whatever the references say: a new stream, or a resumed recording.
  mutating func close()
  /// Lets pass what a key frame came before, although references are missing; ends with the next key frame.
  mutating func openAnyway()
  /// Whether the packet is the first of a key frame.
  static func beginsKeyFrame(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> Bool
}

/// The reader of a track's payload format. One of the members is there, and stays; all calls go to it in place.
struct VideoDepacketizer: Sendable {
  private enum Format { case none, vp8, vp9, h264, h265, av1 }
  private let format: Format
  private var vp8: VP8Depacketizer
  private var vp9: VP9Depacketizer
  private var h264 = H264Depacketizer()
  private var h265 = H265Depacketizer()
  private var av1 = AV1Depacketizer()

  /// For a track without pictures, a reader that makes none. `parameterSets`, `hasOrderNumbers`: what was signalled beforehand of H.264 or
  /// H.265.
  init(_ codec: Codec, parameterSets: [[UInt8]] = [], hasOrderNumbers: Bool = false) {
    switch codec {
    case .vp8: format = .vp8
    case .vp9: format = .vp9
    case .h264: format = .h264
    case .h265: format = .h265
    case .av1: format = .av1
    case .opus, .multiopus, .pcmu, .pcma, .g722, .l16, .aac: format = .none
    }
    vp8 = VP8Depacketizer()
    vp9 = VP9Depacketizer()
    if codec == .h264 { h264.learn(parameterSets) }
    if codec == .h265 { h265.learn(parameterSets, hasOrderNumbers: hasOrderNumbers) }
  }

  /// The id of the header extension that tells AV1's dependencies (AV1 RTP payload format, appendix A); nil where none was agreed on.
  var descriptorID: UInt8? {
    get { av1.descriptorID }
    set { av1.descriptorID = newValue }
  }

  var pendingPackets: Int {
    switch format {
    case .none: 0
    case .vp8: vp8.pendingPackets
    case .vp9: vp9.pendingPackets
    case .h264: h264.pendingPackets
    case .h265: h265.pendingPackets
    case .av1: av1.pendingPackets
    }
  }
  var pendingBytes: Int {
    switch format {
    case .none: 0
    case .vp8: vp8.pendingBytes
    case .vp9: vp9.pendingBytes
    case .h264: h264.pendingBytes
    case .h265: h265.pendingBytes
    case .av1: av1.pendingBytes
    }
  }
  var isOpen: Bool {
    switch format {
    case .none: false
    case .vp8: vp8.isOpen
    case .vp9: vp9.isOpen
    case .h264: h264.isOpen
    case .h265: h265.isOpen
    case .av1: av1.isOpen
    }
  }

  mutating func receive(
    _ packet: RTPPacket, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, pool: BufferPool, into out: inout [Depacketized]
  ) {
    switch format {
    case .none: break
    case .vp8: vp8.receive(packet, datagram: datagram, ticks: ticks, at: arrival, pool: pool, into: &out)
    case .vp9: vp9.receive(packet, datagram: datagram, ticks: ticks, at: arrival, pool: pool, into: &out)
    case .h264: h264.receive(packet, datagram: datagram, ticks: ticks, at: arrival, pool: pool, into: &out)
    case .h265: h265.receive(packet, datagram: datagram, ticks: ticks, at: arrival, pool: pool, into: &out)
    case .av1: av1.receive(packet, datagram: datagram, ticks: ticks, at: arrival, pool: pool, into: &out)
    }
  }

  mutating func drop(_ cause: PacketDiscard, pool: BufferPool, into out: inout [Depacketized]) {
    switch format {
    case .none: break
    case .vp8: vp8.drop(cause, pool: pool, into: &out)
    case .vp9: vp9.drop(cause, pool: pool, into: &out)
    case .h264: h264.drop(cause, pool: pool, into: &out)
    case .h265: h265.drop(cause, pool: pool, into: &out)
    case .av1: av1.drop(cause, pool: pool, into: &out)
    }
  }

  mutating func missing(packets: Int64) {
    switch format {
    case .none: break
    case .vp8: vp8.missing(packets: packets)
    case .vp9: vp9.missing(packets: packets)
    case .h264: h264.missing(packets: packets)
    case .h265: h265.missing(packets: packets)
    case .av1: av1.missing(packets: packets)
    }
  }

  mutating func close() {
    switch format {
    case .none: break
    case .vp8: vp8.close()
    case .vp9: vp9.close()
    case .h264: h264.close()
    case .h265: h265.close()
    case .av1: av1.close()
    }
  }

  mutating func openAnyway() {
    switch format {
    case .none: break
    case .vp8: vp8.openAnyway()
    case .vp9: vp9.openAnyway()
    case .h264: h264.openAnyway()
    case .h265: h265.openAnyway()
    case .av1: av1.openAnyway()
    }
  }

  func beginsKeyFrame(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> Bool {
    switch format {
    case .none: false
    case .vp8: VP8Depacketizer.beginsKeyFrame(packet, datagram)
    case .vp9: VP9Depacketizer.beginsKeyFrame(packet, datagram)
    case .h264: H264Depacketizer.beginsKeyFrame(packet, datagram)
    case .h265: H265Depacketizer.beginsKeyFrame(packet, datagram)
    case .av1: AV1Depacketizer.beginsKeyFrame(packet, datagram)
    }
  }
}
