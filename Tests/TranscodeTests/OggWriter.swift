import Codecs

/// Writes Opus packets as Ogg (RFC 3533, RFC 7845), for ffmpeg to decode as a reference.
enum OggWriter {
  static func file(_ packets: [EncodedFrame], preSkip: UInt16, channels: UInt8 = 1) -> [UInt8] {
    let head: [UInt8] =
      Array("OpusHead".utf8) + [1, channels, UInt8(preSkip & 0xff), UInt8(preSkip >> 8), 0x80, 0xbb, 0, 0, 0, 0, 0]
    let tags: [UInt8] = Array("OpusTags".utf8) + [0, 0, 0, 0, 0, 0, 0, 0]
    var file = page(head, number: 0, samples: 0, flags: 2) + page(tags, number: 1, samples: 0, flags: 0)
    var samples: UInt64 = 0
    for (index, packet) in packets.enumerated() {
      samples += UInt64((try? OpusPacket(parsing: packet.bytes.span).samples) ?? 0)
      file += page(packet.bytes, number: UInt32(index + 2), samples: samples, flags: index == packets.count - 1 ? 4 : 0)
    }
    return file
  }

  private static func page(_ packet: [UInt8], number: UInt32, samples: UInt64, flags: UInt8) -> [UInt8] {
    let lacing = [UInt8](repeating: 255, count: packet.count / 255) + [UInt8(packet.count % 255)]
    var page: [UInt8] = Array("OggS".utf8) + [0, flags]
    for shift in 0..<8 { page.append(UInt8(truncatingIfNeeded: samples >> (8 * UInt64(shift)))) }
    page += [1, 0, 0, 0]
    for shift in 0..<4 { page.append(UInt8(truncatingIfNeeded: number >> (8 * UInt32(shift)))) }
    page += [0, 0, 0, 0, UInt8(lacing.count)] + lacing + packet
    var checksum: UInt32 = 0
    for byte in page {
      checksum ^= UInt32(byte) << 24
      for _ in 0..<8 { checksum = checksum & 0x8000_0000 != 0 ? checksum << 1 ^ 0x04c1_1db7 : checksum << 1 }
    }
    for shift in 0..<4 { page[22 + shift] = UInt8(truncatingIfNeeded: checksum >> (8 * UInt32(shift))) }
    return page
  }
}
