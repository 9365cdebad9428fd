import Foundation
import Ground
import JSON
import Replay

/// What seeds are made from: captures of real senders, with the facts beside them.
struct SeedSources {
  struct Datagram: Sendable {
    var bytes: [UInt8]
    var milliseconds: Int
    var destination: UInt16
  }
  struct Capture: Sendable {
    var name: String
    /// The file as it is.
    var file: [UInt8]
    var datagrams: [Datagram]
    var facts: JSONValue
  }
  let captures: [Capture]

  init(captures paths: [String]) throws {
    var captures: [Capture] = []
    for path in paths.sorted() {
      let url = URL(filePath: path)
      let facts = try? Data(contentsOf: url.deletingPathExtension().appendingPathExtension("json"))
      captures.append(
        Capture(
          name: url.deletingPathExtension().lastPathComponent, file: Array(try Data(contentsOf: url)),
          datagrams: try SeedSources.datagrams(path), facts: facts.flatMap { try? JSONValue(parsing: Array($0)) } ?? .null))
    }
    self.captures = captures
  }

  private static func datagrams(_ path: String) throws -> [Datagram] {
    var reader = try CaptureReader(path: path)
    var out: [Datagram] = []
    var first: WallTime?
    while let datagram = try reader.next() {
      var bytes: [UInt8] = []
      bytes.append(copying: reader.payload, 0..<reader.payload.count)
      let since = datagram.time - (first ?? datagram.time)
      first = first ?? datagram.time
      out.append(Datagram(bytes: bytes, milliseconds: Int(since.milliseconds), destination: datagram.flow.destination.port))
    }
    return out
  }

  private static func isRTCP(_ bytes: [UInt8]) -> Bool { bytes.count >= 8 && bytes[0] >> 6 == 2 && (192...223).contains(bytes[1]) }

  /// RTP datagrams that differ in what their header is made of, and in their payload's first bytes; not those that are encrypted.
  func rtp(longest: Int = 200) -> [[UInt8]] {
    var seen: Set<[UInt8]> = []
    var out: [[UInt8]] = []
    for capture in captures where !capture.name.hasSuffix(".enc") {
      for item in capture.datagrams where item.bytes.count >= 16 && item.bytes[0] >> 6 == 2 && !Self.isRTCP(item.bytes) {
        let kind = [item.bytes[0], item.bytes[1], item.bytes[12], item.bytes[13], UInt8(truncatingIfNeeded: item.bytes.count / 64)]
        if seen.insert(kind).inserted { out.append(Array(item.bytes.prefix(longest))) }
      }
    }
    return Array(out.prefix(400))
  }

  func rtcp() -> [[UInt8]] {
    var seen: Set<[UInt8]> = []
    return captures.filter { !$0.name.hasSuffix(".enc") }.flatMap { $0.datagrams }.map { $0.bytes }.filter {
      Self.isRTCP($0) && seen.insert([$0[0], $0[1], UInt8(truncatingIfNeeded: $0.count)]).inserted
    }
  }

  /// RTP payloads of a payload type: 111 is Opus, 102 H.264, and 96 VP8 in nearly all captures of the package.
  func payloads(_ type: UInt8, longest: Int) -> [[UInt8]] {
    rtp(longest: 1500).filter { $0[1] & 0x7f == type }.map { packet in
      let start = 12 + Int(packet[0] & 15) * 4 + (packet[0] & 16 == 0 ? 0 : 4 + (Int(packet[14]) << 8 | Int(packet[15])) * 4)
      return Array(packet.dropFirst(start).prefix(longest))
    }
  }

  /// Offers and answers of the captured sessions.
  func descriptions() -> [String] {
    captures.flatMap { [$0.facts["sdp"]?["offer"]?.stringValue, $0.facts["sdp"]?["answer"]?.stringValue] }.compactMap { $0 }
  }
}
