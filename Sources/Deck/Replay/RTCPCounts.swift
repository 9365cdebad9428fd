package import JSON
import RTCP

/// RTCP datagrams of one direction, counted by what is in them.
package struct RTCPCounts: Sendable, Equatable {
  package private(set) var datagrams = 0
  /// Packets in them, by name: `SR`, `RR`, `SDES`, `BYE`, `NACK`, `TWCC`, `PLI`, `FIR`, `REMB`, or the numbers.
  package private(set) var packets: [String: Int] = [:]
  /// Datagrams that are encrypted, so that nothing in them could be counted.
  package private(set) var unreadable = 0
  /// Datagrams whose framing is broken somewhere; what comes before is counted.
  package private(set) var malformed = 0

  package init() {}

  /// Counts a datagram; lends each packet in it to `body`.
  mutating func add(_ datagram: Span<UInt8>, _ body: (RTCPPacket) -> Void = { _ in }) {
    datagrams += 1
    var reader = RTCPReader()
    do {
      while let packet = try reader.next(in: datagram) {
        packets[packet.shortName, default: 0] += 1
        body(packet)
      }
    } catch {
      malformed += 1
    }
  }

  mutating func addUnreadable() {
    datagrams += 1
    unreadable += 1
  }

  /// `3 datagrams: 2 PLI, 1 RR`.
  package var text: String {
    var parts = packets.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) \($0.key)" }
    if unreadable > 0 { parts.append("\(unreadable) encrypted") }
    if malformed > 0 { parts.append("\(malformed) malformed") }
    return NumberText.count(datagrams, "datagram") + (parts.isEmpty ? "" : ": " + parts.joined(separator: ", "))
  }

  package var json: JSONValue {
    .object([
      JSONField("datagrams", JSONValue(datagrams)),
      JSONField("unreadable", JSONValue(unreadable)),
      JSONField("malformed", JSONValue(malformed)),
      JSONField("packets", .object(packets.sorted { $0.key < $1.key }.map { JSONField($0.key, JSONValue($0.value)) })),
    ])
  }
}

extension RTCPPacket {
  /// What people call the packet.
  fileprivate var shortName: String {
    switch self {
    case .senderReport: "SR"
    case .receiverReport: "RR"
    case .cname: "SDES"
    case .goodbye: "BYE"
    case .feedback(205, 1, _, _): "NACK"
    case .feedback(205, 15, _, _): "TWCC"
    case .feedback(206, 1, _, _): "PLI"
    case .feedback(206, 4, _, _): "FIR"
    case .feedback(206, 15, _, _): "REMB"
    case .feedback(let type, let format, _, _): "\(type)/\(format)"
    case .other(204): "APP"
    case .other(207): "XR"
    case .other(let type): "\(type)"
    }
  }
}
