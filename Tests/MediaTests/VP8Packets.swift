import Codecs
import RTP

/// A VP8 payload descriptor as a sender writes it (RFC 7741 §4.2).
struct VP8Descriptor {
  enum PictureID {
    case short(UInt16)
    case long(UInt16)
    var value: UInt16 {
      switch self {
      case .short(let id), .long(let id): id
      }
    }
    var isLong: Bool { if case .long = self { true } else { false } }
  }
  struct Layer {
    var id: UInt8
    var isSync: Bool
  }

  var isNonReference = false
  var startsPartition = true
  var partition: UInt8 = 0
  var pictureID: PictureID?
  var tl0: UInt8?
  var layer: Layer?
  var keyIndex: UInt8?

  var bytes: [UInt8] {
    let flags: UInt8 =
      (pictureID == nil ? 0 : 0x80) | (tl0 == nil ? 0 : 0x40) | (layer == nil ? 0 : 0x20) | (keyIndex == nil ? 0 : 0x10)
    var out = [(flags == 0 ? 0 : 0x80) | (isNonReference ? 0x20 : 0) | (startsPartition ? 0x10 : 0) | partition]
    if flags != 0 { out.append(flags) }
    switch pictureID {
    case .short(let id): out.append(UInt8(id))
    case .long(let id): out += [0x80 | UInt8(id >> 8), UInt8(id & 0xff)]
    case nil: break
    }
    if let tl0 { out.append(tl0) }
    if layer != nil || keyIndex != nil {
      out.append((layer?.id ?? 0) << 6 | (layer?.isSync == true ? 0x20 : 0) | (keyIndex ?? 0))
    }
    return out
  }
}

/// The heads of VP8 frames (RFC 6386 §9.1).
enum VP8Frame {
  static func tag(isKey: Bool, version: UInt8 = 0, isShown: Bool = true, partition: Int) -> [UInt8] {
    let tag = (isKey ? 0 : 1) | UInt32(version) << 1 | (isShown ? 0x10 : 0) | UInt32(partition) << 5
    return [UInt8(tag & 0xff), UInt8(tag >> 8 & 0xff), UInt8(tag >> 16)]
  }

  /// Start code and size.
  static func size(_ width: Int, _ height: Int, scaleX: UInt8 = 0, scaleY: UInt8 = 0) -> [UInt8] {
    [
      0x9d, 0x01, 0x2a, UInt8(width & 0xff), UInt8(width >> 8) | scaleX << 6, UInt8(height & 0xff), UInt8(height >> 8) | scaleY << 6,
    ]
  }

  /// Where a VP8 packet's payload descriptor and its part of the frame begin.
  static func starts(in datagram: [UInt8]) -> (payload: Int, frame: Int) {
    let bytes = datagram.span
    guard let packet = try? RTPPacket(parsing: bytes),
      let descriptor = try? VP8PayloadDescriptor(parsing: bytes, from: packet.payloadStart, to: packet.payloadEnd)
    else { return (0, 0) }
    return (packet.payloadStart, packet.payloadStart + descriptor.count)
  }
}
