/// AV1's payload format once more, in the simplest way that is right.
extension ExpectedFrames {
  init(av1 packets: [(number: Int, packet: CapturedPackets.Packet)]) {
    self.init(packets) { payloads in
      // What begins a coded video sequence says so in its aggregation header.
      ExpectedFrames.sized(ExpectedFrames.units(payloads)).map { ($0, payloads[0][0] & 8 != 0) }
    }
  }

  /// The units of a temporal unit, fragments joined.
  private static func units(_ payloads: [[UInt8]]) -> [[UInt8]] {
    var units: [[UInt8]] = []
    for payload in payloads {
      let count = Int(payload[0] >> 4 & 3)
      var at = 1
      var index = 0
      while at < payload.count {
        var size = payload.count - at
        index += 1
        if count == 0 || index < count {
          size = 0
          var shift = 0
          repeat {
            size |= Int(payload[at] & 0x7f) << shift
            shift += 7
            at += 1
          } while payload[at - 1] & 0x80 != 0
        }
        let element = Array(payload[at..<at + size])
        at += size
        if index == 1, payload[0] & 0x80 != 0, !units.isEmpty { units[units.count - 1] += element } else { units.append(element) }
      }
    }
    return units
  }

  /// The units with their sizes, without temporal delimiters; nil where one is none.
  private static func sized(_ units: [[UInt8]]) -> [UInt8]? {
    var out: [UInt8] = []
    for unit in units {
      guard let head = unit.first, head & 0x82 == 0 else { return nil }
      guard head >> 3 != 2 else { continue }
      let headBytes = head & 4 == 0 ? 1 : 2
      out.append(head | 2)
      out += unit[1..<headBytes]
      var size = unit.count - headBytes
      while size > 127 {
        out.append(UInt8(size & 0x7f) | 0x80)
        size >>= 7
      }
      out.append(UInt8(size))
      out += unit[headBytes...]
    }
    return out
  }
}
