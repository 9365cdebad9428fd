/// RFC 7798 read once more: NAL units, each behind its length, until the marker.
extension ExpectedFrames {
  init(h265 packets: [(number: Int, packet: CapturedPackets.Packet)]) {
    self.init(packets) { payloads in
      var units: [[UInt8]] = []
      for payload in payloads {
        switch payload[0] >> 1 {
        case 48:
          var at = 2
          while at + 2 < payload.count {
            let count = Int(payload[at]) << 8 | Int(payload[at + 1])
            units.append(Array(payload[at + 2..<at + 2 + count]))
            at += 2 + count
          }
        case 49:
          if payload[2] & 0x80 != 0 { units.append([payload[0] & 0x81 | (payload[2] & 63) << 1, payload[1]]) }
          guard !units.isEmpty else { return nil }
          units[units.count - 1] += payload[3...]
        default: units.append(payload)
        }
      }
      var bytes: [UInt8] = []
      for unit in units {
        bytes += [0, 0, UInt8(unit.count >> 8), UInt8(unit.count & 255)]
        bytes += unit
      }
      let types = units.map { $0[0] >> 1 }
      // A key frame whose parameter sets were lost is none: they may have been others.
      return (bytes, types.contains { (16...21).contains($0) } && types.contains(33))
    }
  }
}
