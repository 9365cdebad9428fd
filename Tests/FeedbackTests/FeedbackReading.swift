import Ground

/// Feedback messages read the plain way, by their specifications.
enum FeedbackReading {
  static func word(_ b: [UInt8], _ at: Int) -> UInt32 { b[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
  static func half(_ b: [UInt8], _ at: Int) -> Int { Int(b[at]) << 8 | Int(b[at + 1]) }

  /// The packets of a datagram: count or format, type, and body after the four-byte head without its padding.
  static func packets(_ bytes: [UInt8]) -> [(format: UInt8, type: UInt8, body: [UInt8])] {
    var out: [(format: UInt8, type: UInt8, body: [UInt8])] = []
    var at = 0
    while at + 4 <= bytes.count {
      let end = at + 4 + half(bytes, at + 2) * 4
      let padding = bytes[at] & 0x20 != 0 ? Int(bytes[end - 1]) : 0
      out.append((bytes[at] & 31, bytes[at + 1], Array(bytes[at + 4..<end - padding])))
      at = end
    }
    return out
  }

  /// The numbers that a generic NACK asks for.
  static func lost(_ body: [UInt8]) -> [UInt16] {
    stride(from: 8, to: body.count, by: 4).flatMap { at -> [UInt16] in
      let first = UInt16(half(body, at))
      let mask = half(body, at + 2)
      return [first] + (0..<16).filter { mask >> $0 & 1 == 1 }.map { first &+ UInt16($0 + 1) }
    }
  }

  /// A transport feedback: number of each packet with its arrival in quarters of a millisecond, modulo 2^32 of them; nil: not come.
  struct Transport: Equatable {
    var count: UInt8
    var packets: [(number: UInt16, arrival: Int64?)]
    static func == (a: Transport, b: Transport) -> Bool {
      a.count == b.count && a.packets.map(\.number) == b.packets.map(\.number) && a.packets.map(\.arrival) == b.packets.map(\.arrival)
    }
  }

  static func transport(_ body: [UInt8]) -> Transport {
    var number = UInt16(half(body, 8))
    let total = half(body, 10)
    var time = Int64(word(body, 12) >> 8) << 8
    var at = 16
    var symbols: [Int] = []
    while symbols.count < total {
      let chunk = half(body, at)
      at += 2
      if chunk & 0x8000 == 0 {
        symbols += Array(repeating: chunk >> 13, count: chunk & 0x1fff)
      } else if chunk & 0x4000 == 0 {
        symbols += (0..<14).map { chunk >> (13 - $0) & 1 }
      } else {
        symbols += (0..<7).map { chunk >> (12 - 2 * $0) & 3 }
      }
    }
    var packets: [(number: UInt16, arrival: Int64?)] = []
    for symbol in symbols.prefix(total) {
      switch symbol {
      case 1:
        time += Int64(body[at])
        at += 1
        packets.append((number, time))
      case 2:
        time += Int64(Int16(bitPattern: UInt16(half(body, at))))
        at += 2
        packets.append((number, time))
      default: packets.append((number, nil))
      }
      number &+= 1
    }
    return Transport(count: UInt8(word(body, 12) & 0xff), packets: packets)
  }
}
