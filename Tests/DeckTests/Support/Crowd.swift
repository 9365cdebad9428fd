/// Streams made of a capture's packets under other names: several participants out of one.
enum Crowd {
  /// The packet with another SSRC, and its sequence number and timestamp moved.
  static func renamed(_ bytes: [UInt8], ssrc: UInt32, sequence: UInt16 = 0, timestamp: UInt32 = 0, payloadType: Int? = nil) -> [UInt8] {
    var out = bytes
    let number = UInt16(out[2]) << 8 | UInt16(out[3]) &+ sequence
    out[2] = UInt8(number >> 8)
    out[3] = UInt8(number & 255)
    Bits.put(Bits.word(out, 4) &+ timestamp, &out, 4)
    Bits.put(ssrc, &out, 8)
    if let payloadType { out[1] = out[1] & 0x80 | UInt8(payloadType) }
    return out
  }

  /// The stream of a payload type in `capture`, as `ssrc`, to `port`, beginning `delay` seconds late.
  static func items(
    _ capture: Capture, _ payloadType: Int, ssrc: UInt32, to port: UInt16, delay: Double = 0, seconds: Double = .infinity,
    endpoint: Int = 0
  ) -> [Feed.Item] {
    capture.rtp(payloadType).filter { $0.time < seconds }.map {
      Feed.Item(time: $0.time + delay, bytes: renamed($0.bytes, ssrc: ssrc), port: port, endpoint: endpoint)
    }
  }
}

/// A picture stream's and a sound stream's packets for ever: the capture from its beginning again and again, numbers and times going on.
struct Endless {
  private let packets: [Capture.Datagram]
  private let length: Double

  init(_ capture: Capture, payloadTypes: Set<Int>) {
    packets = capture.datagrams.filter { $0.isRTP && payloadTypes.contains($0.payloadType) }
    length = 12
  }

  /// What is sent from `from` to `to` seconds.
  func items(from: Double, to: Double, ports: [Int: UInt16]) -> [Feed.Item] {
    var items: [Feed.Item] = []
    var counts: [UInt32: UInt16] = [:]
    for packet in packets { counts[packet.ssrc, default: 0] += 1 }
    var round = 0
    while Double(round) * length < to {
      for packet in packets {
        let time = packet.time + Double(round) * length
        guard time >= from, time < to, let port = ports[packet.payloadType] else { continue }
        let rate: Double = packet.payloadType == 111 ? 48_000 : 90_000
        let bytes = Crowd.renamed(
          packet.bytes, ssrc: packet.ssrc, sequence: UInt16(truncatingIfNeeded: round) &* (counts[packet.ssrc] ?? 0),
          timestamp: UInt32(truncatingIfNeeded: Int64(Double(round) * length * rate)))
        items.append(Feed.Item(time: time - from, bytes: bytes, port: port))
      }
      round += 1
    }
    return items
  }
}
