import DeckRig
import Foundation
import JSON

/// A capture of the package, read by nothing of the product: classic pcap, Ethernet, IPv4, UDP.
struct Capture {
  struct Datagram {
    /// Seconds since the capture's first datagram.
    var time: Double
    var from: UInt16
    var to: UInt16
    var bytes: [UInt8]
    var isRTP: Bool { bytes.count >= 12 && bytes[0] >> 6 == 2 && !(200...207).contains(bytes[1]) && bytes[1] & 0x7f != 0 }
    var payloadType: Int { Int(bytes[1] & 0x7f) }
    var marker: Bool { bytes[1] & 0x80 != 0 }
    var sequenceNumber: UInt16 { UInt16(bytes[2]) << 8 | UInt16(bytes[3]) }
    var timestamp: UInt32 { Bits.word(bytes, 4) }
    var ssrc: UInt32 { Bits.word(bytes, 8) }
  }

  let name: String
  let datagrams: [Datagram]

  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "captures")
  var path: String { Capture.folder.appending(path: name + ".pcap").path }

  init(_ name: String) throws {
    self.name = name
    let bytes = [UInt8](try Data(contentsOf: Capture.folder.appending(path: name + ".pcap")))
    var found: [Datagram] = []
    var at = 24
    var first: Double?
    while at + 16 <= bytes.count {
      let time = Double(Bits.little(bytes, at)) + Double(Bits.little(bytes, at + 4)) / 1e6
      let length = Int(Bits.little(bytes, at + 8))
      let ip = at + 16 + 14
      let udp = ip + Int(bytes[ip] & 15) * 4
      let payload = udp + 8
      let end = udp + Int(bytes[udp + 4]) << 8 + Int(bytes[udp + 5])
      if first == nil { first = time }
      found.append(
        Datagram(
          time: time - (first ?? time), from: UInt16(bytes[udp]) << 8 | UInt16(bytes[udp + 1]),
          to: UInt16(bytes[udp + 2]) << 8 | UInt16(bytes[udp + 3]), bytes: Array(bytes[payload..<end])))
      at += 16 + length
    }
    datagrams = found
  }

  /// The RTP packets of a payload type, in the order of the capture.
  func rtp(_ payloadType: Int) -> [Datagram] { datagrams.filter { $0.isRTP && $0.payloadType == payloadType } }

  /// The facts beside it, counted by other tools.
  static func facts(_ name: String) throws -> JSONValue {
    try JSONValue(parsing: [UInt8](Data(contentsOf: folder.appending(path: name + ".json"))))
  }
}

enum Bits {
  static func word(_ bytes: [UInt8], _ at: Int) -> UInt32 { bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
  static func little(_ bytes: [UInt8], _ at: Int) -> UInt32 { bytes[at..<at + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) } }
  static func put(_ value: UInt32, _ bytes: inout [UInt8], _ at: Int) {
    for i in 0..<4 { bytes[at + i] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * i)) }
  }

  /// CRC-32 as zlib and FFmpeg's `CRC32` hash compute it.
  static func crc32(_ bytes: some Sequence<UInt8>) -> String {
    var crc: UInt32 = 0xffff_ffff
    for b in bytes {
      crc ^= UInt32(b)
      for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 0 ? 0 : 0xedb8_8320) }
    }
    let text = String(~crc, radix: 16)
    return String(repeating: "0", count: 8 - text.count) + text
  }
}

/// Frames out of RTP, the plain way, for streams of which nothing is missing: what must be on tape.
enum Oracle {
  struct Frame: Equatable {
    var crc: String
    var size: Int
    var isKey: Bool
    var timestamp: UInt32
  }

  /// Where the payload begins and ends (RFC 3550 §5.1, §5.3.1).
  static func payload(_ packet: Capture.Datagram) -> ArraySlice<UInt8> {
    let bytes = packet.bytes
    var start = 12 + Int(bytes[0] & 15) * 4
    if bytes[0] & 0x10 != 0 { start += 4 + 4 * (Int(bytes[start + 2]) << 8 + Int(bytes[start + 3])) }
    let end = bytes.count - (bytes[0] & 0x20 != 0 ? Int(bytes[bytes.count - 1]) : 0)
    return bytes[start..<max(start, end)]
  }

  static func opus(_ packets: [Capture.Datagram]) -> [Frame] {
    packets.map { packet in (packet, payload(packet)) }.filter { !$0.1.isEmpty }.map { packet, bytes in
      Frame(crc: Bits.crc32(bytes), size: bytes.count, isKey: true, timestamp: packet.timestamp)
    }
  }

  /// RFC 7741 §4.2: the descriptor is cut off each packet, and packets of one timestamp are one frame.
  static func vp8(_ packets: [Capture.Datagram]) -> [Frame] {
    var frames: [Frame] = []
    var bytes: [UInt8] = []
    for packet in packets {
      let body = payload(packet)
      guard let first = body.first else { continue }
      var at = body.startIndex + 1
      if first & 0x80 != 0 {
        let extensions = body[at]
        at += 1
        if extensions & 0x80 != 0 { at += body[at] & 0x80 != 0 ? 2 : 1 }
        if extensions & 0x40 != 0 { at += 1 }
        if extensions & 0x30 != 0 { at += 1 }
      }
      bytes += body[at...]
      guard packet.marker else { continue }
      frames.append(Frame(crc: Bits.crc32(bytes), size: bytes.count, isKey: bytes[0] & 1 == 0, timestamp: packet.timestamp))
      bytes = []
    }
    return frames
  }
}
