import Foundation
import Ground

/// Frames and capture files made by hand, byte for byte as the standards draw them.
enum Frames {
  static let a4 = SocketAddress(ip: "192.0.2.1", port: 4000)!
  static let b4 = SocketAddress(ip: "192.0.2.2", port: 5004)!
  static let a6 = SocketAddress(ip: "2001:db8::1", port: 4000)!
  static let b6 = SocketAddress(ip: "2001:db8::2", port: 5004)!

  static func udp(_ payload: [UInt8], from: SocketAddress, to: SocketAddress, length: Int? = nil) -> [UInt8] {
    var out: [UInt8] = []
    out.appendU16(from.port)
    out.appendU16(to.port)
    out.appendU16(UInt16(length ?? 8 + payload.count))
    out.appendU16(0)
    return out + payload
  }

  static func ipv4(
    _ transport: [UInt8], from: SocketAddress = a4, to: SocketAddress = b4, transportProtocol: UInt8 = 17, options: [UInt8] = [],
    fragment: UInt16 = 0, length: Int? = nil
  ) -> [UInt8] {
    var out: [UInt8] = [0x40 | UInt8(5 + options.count / 4), 0]
    out.appendU16(UInt16(length ?? 20 + options.count + transport.count))
    out.appendU16(1)
    out.appendU16(fragment)
    out += [64, transportProtocol, 0, 0]
    out.appendU32(from.ipv4)
    out.appendU32(to.ipv4)
    return out + options + transport
  }

  static func ipv6(
    _ transport: [UInt8], from: SocketAddress = a6, to: SocketAddress = b6, next: UInt8 = 17, length: Int? = nil
  ) -> [UInt8] {
    var out: [UInt8] = [0x60, 0, 0, 0]
    out.appendU16(UInt16(length ?? transport.count))
    out += [next, 64]
    out.appendU64(from.high)
    out.appendU64(from.low)
    out.appendU64(to.high)
    out.appendU64(to.low)
    return out + transport
  }

  static func ethernet(_ packet: [UInt8], type: UInt16, tags: [UInt16] = []) -> [UInt8] {
    var out = [UInt8](repeating: 2, count: 12)
    for tag in tags {
      out.appendU16(tag)
      out.appendU16(7)
    }
    out.appendU16(type)
    return out + packet
  }

  static func cooked(_ packet: [UInt8], type: UInt16) -> [UInt8] {
    var out: [UInt8] = [0, 0, 3, 4, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0]
    out.appendU16(type)
    return out + packet
  }

  static func cooked2(_ packet: [UInt8], type: UInt16) -> [UInt8] {
    var out: [UInt8] = []
    out.appendU16(type)
    return out + [0, 0, 0, 0, 0, 1, 3, 4, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0] + packet
  }

  static func loopback(_ packet: [UInt8], family: [UInt8]) -> [UInt8] { family + packet }

  /// An RTP packet without extension.
  static func rtp(type: UInt8, number: UInt16, timestamp: UInt32, ssrc: UInt32, marker: Bool = false, payload: [UInt8]) -> [UInt8] {
    var out: [UInt8] = [0x80, type | (marker ? 0x80 : 0)]
    out.appendU16(number)
    out.appendU32(timestamp)
    out.appendU32(ssrc)
    return out + payload
  }

  /// A pcap file: `magic` 0xa1b2c3d4 counts microseconds, 0xa1b23c4d nanoseconds.
  static func pcap(
    _ frames: [(nanoseconds: Int64, bytes: [UInt8])], linkType: UInt32 = 1, magic: UInt32 = 0xa1b2_3c4d, wireBytes: Int? = nil
  ) -> [UInt8] {
    var out: [UInt8] = []
    out.appendU32(magic)
    out.appendU16(2)
    out.appendU16(4)
    out.appendU64(0)
    out.appendU32(65_535)
    out.appendU32(linkType)
    for frame in frames {
      out.appendU32(UInt32(frame.nanoseconds / 1_000_000_000))
      out.appendU32(UInt32(frame.nanoseconds % 1_000_000_000 / (magic == 0xa1b2_c3d4 ? 1_000 : 1)))
      out.appendU32(UInt32(frame.bytes.count))
      out.appendU32(UInt32(wireBytes ?? frame.bytes.count))
      out += frame.bytes
    }
    return out
  }

  /// A pcapng file with one section, one interface that counts nanoseconds, and one enhanced block for each frame.
  static func pcapng(_ frames: [(nanoseconds: Int64, bytes: [UInt8])], linkType: UInt16 = 1) -> [UInt8] {
    func block(_ type: UInt32, _ body: [UInt8]) -> [UInt8] {
      var out: [UInt8] = []
      let padded = body + [UInt8](repeating: 0, count: (4 - body.count % 4) % 4)
      out.appendU32(type)
      out.appendU32(UInt32(padded.count + 12))
      out += padded
      out.appendU32(UInt32(padded.count + 12))
      return out
    }
    var section: [UInt8] = []
    section.appendU32(0x1a2b_3c4d)
    section.appendU16(1)
    section.appendU16(0)
    section.appendU64(.max)
    var interface: [UInt8] = []
    interface.appendU16(linkType)
    interface.appendU16(0)
    interface.appendU32(65_535)
    // if_tsresol: 10^-9 s; then the end of options.
    interface += [0, 9, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0]
    var out = block(0x0a0d_0d0a, section) + block(1, interface)
    for frame in frames {
      var body: [UInt8] = []
      body.appendU32(0)
      body.appendU64(UInt64(frame.nanoseconds))
      body.appendU32(UInt32(frame.bytes.count))
      body.appendU32(UInt32(frame.bytes.count))
      out += block(6, body + frame.bytes)
    }
    return out
  }
}

/// A folder that goes away with the test.
final class ScratchFolder {
  private let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)

  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appending(path: name).path }

  func write(_ bytes: [UInt8], as name: String) throws -> String {
    try Data(bytes).write(to: url.appending(path: name))
    return path(name)
  }

  func write(_ text: String, as name: String) throws -> String { try write(Array(text.utf8), as: name) }
}
