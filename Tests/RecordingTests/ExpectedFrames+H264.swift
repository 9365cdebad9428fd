/// RFC 6184 read once more: NAL units, each behind its length, until the marker.
extension ExpectedFrames {
  /// For streams without loss that begin with a key frame and mark each picture's last packet.
  init(h264 packets: [(number: Int, packet: CapturedPackets.Packet)]) {
    var unit: [UInt8] = []
    var frame: [UInt8] = []
    func end(_ unit: [UInt8]) {
      frame += [UInt8(unit.count >> 24), UInt8(unit.count >> 16 & 255), UInt8(unit.count >> 8 & 255), UInt8(unit.count & 255)] + unit
    }
    var isKey = false
    for (_, packet) in packets where !packet.payload.isEmpty {
      let p = packet.payload
      switch p[0] & 31 {
      case 24:
        var at = 1
        while at + 2 < p.count {
          let count = Int(p[at]) << 8 | Int(p[at + 1])
          end(Array(p[at + 2..<at + 2 + count]))
          if p[at + 2] & 31 == 5 { isKey = true }
          at += 2 + count
        }
      case 28:
        if p[1] & 0x80 != 0 { unit = [p[0] & 0x60 | p[1] & 31] }
        unit += p[2...]
        if p[1] & 0x40 != 0 { end(unit) }
        if p[1] & 31 == 5 { isKey = true }
      default:
        end(p)
        if p[0] & 31 == 5 { isKey = true }
      }
      guard packet.marker else { continue }
      frames.append(Frame(bytes: frame, timestamp: packet.timestamp, isKey: isKey))
      whole += 1
      frame = []
      isKey = false
    }
    incomplete = frame.isEmpty ? 0 : 1
  }
}
