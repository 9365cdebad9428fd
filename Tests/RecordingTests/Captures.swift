import Codecs
import Foundation
import JSON

/// The captures that the tests read, with the facts beside them: those of the package, or of the folder that the environment names
/// (`TAPEDECK_CAPTURES`), so that a larger collection can be checked by the same tests.
enum Captures {
  static let committed = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appending(path: "captures")
  static let folder = ProcessInfo.processInfo.environment["TAPEDECK_CAPTURES"].map { URL(filePath: $0) } ?? committed

  /// Captures in clear whose facts are known and that have pictures or sound in them, pictures of one spatial layer.
  static let plain = names { facts in
    facts["plain_counterpart"] == nil && facts["layers"] == nil && !recorded(facts).isEmpty
      && (facts["name"]?.stringValue).map { exists(path($0)) } == true
  }
  /// SRTP captures whose key is known, and whose facts are those of another capture in clear.
  static let keyed = names { facts in
    (facts["srtp_sdes"] ?? .null) != .null && facts["plain_counterpart"]?.stringValue != nil
  }
  /// Of the plain ones, those whose flashes and beeps have been measured.
  static let synchronised = plain.filter { name in
    let facts = facts(name)
    let sync = facts["av_sync"]
    guard Set(recorded(facts).map(\.isVideo)).count == 2 else { return false }
    return sync?["by_sender_reports"]?["mean_ms"]?.doubleValue != nil || sync?["by_first_packet_arrival"]?["mean_ms"]?.doubleValue != nil
  }

  /// All that something can be recorded of, in clear or not.
  static let all = names { facts in
    guard let name = facts["name"]?.stringValue ?? facts["file"]?.stringValue, exists(path(name)) else { return false }
    return !recorded(facts).isEmpty || facts["layers"] != nil || (facts["srtp_sdes"] ?? .null) != .null
  }

  static func path(_ name: String) -> String { folder.appending(path: name + ".pcap").path }
  static func committedPath(_ name: String) -> String { committed.appending(path: name + ".pcap").path }

  static func facts(_ name: String) -> JSONValue {
    (try? JSONValue(parsing: Array(Data(contentsOf: folder.appending(path: name + ".json"))))) ?? .null
  }

  /// The facts of a capture of the package, whatever folder the environment names.
  static func committedFacts(_ name: String) -> JSONValue {
    (try? JSONValue(parsing: Array(Data(contentsOf: committed.appending(path: name + ".json"))))) ?? .null
  }

  /// A stream that goes on tape, by its facts.
  struct Stream {
    var ssrc: UInt32
    var payloadType: UInt8
    var codec: Codec
    var facts: JSONValue
    var isVideo: Bool { codec.kind == .video }
  }

  static func recorded(_ facts: JSONValue) -> [Stream] {
    (facts["streams"]?.arrayValue ?? []).compactMap { stream in
      guard let ssrc = stream["ssrc"]?.integerValue else { return nil }
      for field in stream["payload_types"]?.fields ?? [] {
        let name = (field.value["codec"]?.stringValue ?? "").prefix { $0 != "/" }
        guard let codec = Codec(name: String(name)), let type = UInt8(field.name) else { continue }
        return Stream(ssrc: UInt32(ssrc), payloadType: type, codec: codec, facts: stream)
      }
      return nil
    }
  }

  /// Whether a stream comes in redundancy (RFC 2198).
  static func isWrapped(_ facts: JSONValue) -> Bool {
    (facts["streams"]?.arrayValue ?? []).contains { stream in
      (stream["payload_types"]?.fields ?? []).contains { $0.value["codec"]?.stringValue?.hasPrefix("red/") ?? false }
    }
  }

  /// The payload type of the stream that repeats a stream's packets (RFC 4588); nil where there is none.
  static func repair(of stream: Stream, _ facts: JSONValue) -> (ssrc: UInt32, payloadType: UInt8)? {
    for other in facts["streams"]?.arrayValue ?? [] {
      // Of simulcast each layer may have its own.
      if let primary = other["rtx_primary_ssrc"]?.integerValue, UInt32(primary) != stream.ssrc { continue }
      for field in other["payload_types"]?.fields ?? [] where field.value["codec"]?.stringValue == "rtx/\(stream.payloadType)" {
        guard let ssrc = other["ssrc"]?.integerValue, let type = UInt8(field.name) else { continue }
        return (UInt32(ssrc), type)
      }
    }
    return nil
  }

  private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  private static func names(where holds: (JSONValue) -> Bool) -> [String] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.filter { holds(facts($0)) }.sorted()
  }
}

/// The RTP packets of a capture, read without any of the package's own parsers: Ethernet, IPv4 or IPv6, UDP.
struct CapturedPackets {
  struct Packet {
    var seconds: Double
    var payloadType: UInt8
    var marker: Bool
    var number: UInt16
    var timestamp: UInt32
    var ssrc: UInt32
    var payload: [UInt8]
    var datagram: [UInt8]
  }
  private(set) var packets: [Packet] = []

  init(path: String) throws {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    func little(_ at: Int) -> Int { (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) } }
    let unit: Double = little(0) == 0xa1b2_3c4d ? 1e-9 : 1e-6
    var at = 24
    while at + 16 <= bytes.count {
      let seconds = Double(little(at)) + Double(little(at + 4)) * unit
      let count = little(at + 8)
      at += 16
      if let datagram = CapturedPackets.datagram(Array(bytes[at..<at + count])), let packet = CapturedPackets.packet(datagram, seconds) {
        packets.append(packet)
      }
      at += count
    }
  }

  private static func datagram(_ frame: [UInt8]) -> [UInt8]? {
    guard frame.count > 42 else { return nil }
    if frame[12] == 8, frame[13] == 0, frame[23] == 17 {
      let start = 14 + Int(frame[14] & 15) * 4 + 8
      let length = Int(frame[start - 4]) << 8 | Int(frame[start - 3])
      return Array(frame[start..<start - 8 + length])
    }
    if frame[12] == 0x86, frame[13] == 0xdd, frame[20] == 17 {
      let length = Int(frame[58]) << 8 | Int(frame[59])
      return Array(frame[62..<54 + length])
    }
    return nil
  }

  private static func packet(_ d: [UInt8], _ seconds: Double) -> Packet? {
    guard d.count >= 12, d[0] >> 6 == 2, !(192...223).contains(d[1]) else { return nil }
    func big(_ at: Int, _ count: Int) -> Int { (0..<count).reduce(0) { $0 << 8 | Int(d[at + $1]) } }
    var start = 12 + Int(d[0] & 15) * 4
    if d[0] & 0x10 != 0 { start += 4 + big(start + 2, 2) * 4 }
    let end = d.count - (d[0] & 0x20 != 0 ? Int(d[d.count - 1]) : 0)
    guard start <= end else { return nil }
    return Packet(
      seconds: seconds, payloadType: d[1] & 0x7f, marker: d[1] & 0x80 != 0, number: UInt16(big(2, 2)), timestamp: UInt32(big(4, 4)),
      ssrc: UInt32(big(8, 4)), payload: Array(d[start..<end]), datagram: d)
  }

  /// One SSRC's packets in the order in which they were sent, each once, numbered without wraps; with those that only `repair` brought,
  /// whose payloads begin with the number of the packet that they repeat (RFC 4588 §4).
  func ordered(
    _ stream: Captures.Stream, repair: (ssrc: UInt32, payloadType: UInt8)? = nil
  ) -> [(number: Int, packet: Packet)] {
    var highest = 0
    var seen: Set<Int> = []
    var out: [(number: Int, packet: Packet)] = []
    for var packet in packets {
      if let repair, packet.ssrc == repair.ssrc, packet.payloadType == repair.payloadType, packet.payload.count > 2 {
        packet.number = UInt16(packet.payload[0]) << 8 | UInt16(packet.payload[1])
        packet.payload.removeFirst(2)
      } else if packet.ssrc != stream.ssrc || packet.payloadType != stream.payloadType {
        continue
      }
      var number = Int(packet.number) + (out.isEmpty ? 1 << 16 : highest & ~0xffff)
      if !out.isEmpty {
        if number - highest > 0x8000 { number -= 1 << 16 }
        if highest - number > 0x8000 { number += 1 << 16 }
      }
      highest = max(highest, number)
      if seen.insert(number).inserted { out.append((number, packet)) }
    }
    return out.sorted { $0.number < $1.number }
  }
}
