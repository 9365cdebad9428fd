import Foundation

/// RFC 9628 read once more, for streams of one layer without losses: the payloads of a timestamp, less their descriptors, are a frame.
extension ExpectedFrames {
  init(vp9 packets: [(number: Int, packet: CapturedPackets.Packet)]) {
    self.init(audio: [])
    var hasKey = false
    var isBroken = false
    var last: Int?
    var bytes: [UInt8] = []
    var isHeadless = true
    for (number, packet) in packets where !packet.payload.isEmpty {
      if let last, number != last + 1 {
        isBroken = true
        isHeadless = true
      }
      last = number
      let p = packet.payload
      if p[0] & 0x08 != 0 {
        bytes = []
        isHeadless = false
      }
      bytes += p[ExpectedFrames.vp9Descriptor(p)...]
      guard packet.marker else { continue }
      guard !isHeadless, p[0] & 0x04 != 0 else {
        incomplete += 1
        continue
      }
      whole += 1
      // Frame marker 2, profile 0, not a repetition, and a key frame.
      let isKey = bytes[0] & 0xfc == 0x80
      if isKey {
        hasKey = true
        isBroken = false
      }
      if !hasKey {
        beforeFirstKeyFrame += 1
      } else if isBroken {
        gated += 1
      } else {
        frames.append(Frame(bytes: bytes, timestamp: packet.timestamp, isKey: isKey))
      }
    }
  }

  /// How many bytes the payload descriptor takes.
  static func vp9Descriptor(_ p: [UInt8]) -> Int {
    let flags = p[0]
    var at = 1
    if flags & 0x80 != 0 { at += p[at] & 0x80 != 0 ? 2 : 1 }
    if flags & 0x20 != 0 { at += flags & 0x10 != 0 ? 1 : 2 }
    if flags & 0x50 == 0x50 {
      repeat { at += 1 } while p[at - 1] & 1 != 0
    }
    if flags & 0x02 != 0 {
      let head = p[at]
      at += 1
      if head & 0x10 != 0 { at += 4 * (Int(head >> 5) + 1) }
      if head & 0x08 != 0 {
        let count = p[at]
        at += 1
        for _ in 0..<count { at += 1 + Int(p[at] >> 2 & 3) }
      }
    }
    return at
  }
}
