import Codecs
import Ground
import RTCP
import RTP

/// One stream of a sender: makes the packets that a script asks for.
struct TakeSender {
  let kind: MediaKind
  let payloadType: PayloadType
  let source: Int
  let leg: Int
  var ssrc: SSRC
  private var sequence: UInt16 = 65_500
  private var timestamp: UInt32 = 0xffff_0000
  private var pictureID: UInt16 = 0x7ff0
  private var tl0: UInt8 = 250
  private var packets: UInt32 = 0

  static let unknownType = PayloadType(77)
  static let retransmissionType = PayloadType(126)

  init(kind: MediaKind, payloadType: PayloadType, source: Int, leg: Int, ssrc: SSRC) {
    self.kind = kind
    self.payloadType = payloadType
    self.source = source
    self.leg = leg
    self.ssrc = ssrc
  }

  private var ticksPerFrame: UInt32 { kind == .audio ? 960 : 3_000 }

  mutating func packets(_ burst: TakeScript.Burst) -> [[UInt8]] {
    if burst.flags.contains(.newSSRC) { ssrc = SSRC(ssrc.value &+ 0x0101_0101) }
    let count = max(1, Int(burst.count))
    let head = TakeScript.Burst.Head(rawValue: burst.head)
    let isFrameEach = kind == .audio || burst.flags.contains(.frames)
    var out: [[UInt8]] = []
    for i in 0..<count {
      sequence &+= i == 0 ? TakeSender.leap(burst.step) : 1
      if i == 0 || isFrameEach { advance(burst.frames, head) }
      let startsFrame = head.contains(.start) && (i == 0 || isFrameEach)
      var fields = RTPHeaderFields(
        payloadType: payloadType, marker: burst.flags.contains(.marker) && (isFrameEach || i == count - 1),
        sequenceNumber: SequenceNumber(sequence), timestamp: RTPTimestamp(timestamp), ssrc: ssrc)
      if burst.flags.contains(.unknownType) { fields.payloadType = TakeSender.unknownType }
      if burst.flags.contains(.retransmission) { fields.payloadType = TakeSender.retransmissionType }
      packets &+= 1
      if burst.flags.contains(.paddingOnly) {
        out.append(fields.packet(payload: [], padding: max(1, Int(burst.size))))
      } else {
        out.append(fields.packet(payload: payload(burst, head, startsFrame: startsFrame)))
      }
    }
    return out
  }

  private static func leap(_ step: Int8) -> UInt16 {
    switch step {
    case -128: 20_000
    case -127: UInt16(bitPattern: -5_000)
    case -126: 3_500
    default: UInt16(bitPattern: Int16(step))
    }
  }

  private mutating func advance(_ frames: Int8, _ head: TakeScript.Burst.Head) {
    switch frames {
    case -128: timestamp &+= 0x7fff_ff00
    case -127: timestamp &-= 0x1000_0000
    case -126: timestamp &+= ticksPerFrame * 1_000
    default: timestamp &+= UInt32(bitPattern: Int32(frames)) &* ticksPerFrame
    }
    pictureID = (pictureID &+ 1) & 0x7fff
    if head.contains(.layers), head.layer == 0 { tl0 &+= 1 }
  }

  private func payload(_ burst: TakeScript.Burst, _ head: TakeScript.Burst.Head, startsFrame: Bool) -> [UInt8] {
    let size = Int(burst.size) * 6
    guard kind == .video else { return [burst.head] + [UInt8](repeating: 0x5a, count: size) }
    let isExtended = head.contains(.pictureID) || head.contains(.layers)
    var out: [UInt8] = [(isExtended ? 0x80 : 0) | (head.contains(.nonReference) ? 0x20 : 0) | (startsFrame ? 0x10 : 0)]
    if isExtended {
      out.append((head.contains(.pictureID) ? 0x80 : 0) | (head.contains(.layers) ? 0x60 : 0))
      if head.contains(.pictureID) { out.appendU16(0x8000 | pictureID) }
      if head.contains(.layers) { out += [tl0, head.layer << 6 | (head.contains(.layerSync) ? 0x20 : 0)] }
    }
    guard startsFrame else { return out + [UInt8](repeating: 0xa5, count: size) }
    let picture = PictureSize(width: 16 + size, height: 16 + Int(head.layer))
    return out + TakeScript.picture(isKey: head.contains(.key), size: picture, count: size)
  }

  /// A sender report as of `now`, off by so much.
  func report(at now: Instant, milliseconds: Int16, ticks: Int16) -> [UInt8] {
    var writer = RTCPWriter()
    let since1900 = Int64(now.nanoseconds % 1_000_000_000_000_000_000) + 2_000_000_000_000_000_000 + Int64(milliseconds) * 1_000_000
    writer.senderReport(
      SenderReport(
        ssrc: ssrc, ntp: NTPTimestamp(nanoseconds: since1900), rtp: RTPTimestamp(timestamp &+ UInt32(bitPattern: Int32(ticks)) &* 64),
        packetCount: packets, octetCount: packets &* 100))
    writer.sourceDescription(of: ssrc, cname: "sender")
    return writer.bytes
  }

  func goodbye() -> [UInt8] {
    var writer = RTCPWriter()
    writer.receiverReport(from: ssrc, blocks: [])
    writer.goodbye(from: ssrc)
    return writer.bytes
  }
}
