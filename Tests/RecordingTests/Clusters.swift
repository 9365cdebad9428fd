/// The clusters of a finished WebM file and the times of their blocks, in milliseconds: EBML read in the simplest way (RFC 9559).
struct Clusters {
  struct Cluster {
    var timestamp: Int64
    var blocks: [Int64] = []
  }
  private(set) var clusters: [Cluster] = []
  private(set) var hasCues = false
  private(set) var hasSeekHead = false

  init(_ bytes: [UInt8]) {
    var at = 0
    let head = Clusters.element(bytes, &at)
    at += head.size
    _ = Clusters.element(bytes, &at)  // the segment
    while at < bytes.count {
      let element = Clusters.element(bytes, &at)
      let end = at + element.size
      if element.id == 0x1f43_b675 { cluster(bytes, at, end) }
      if element.id == 0x1c53_bb6b { hasCues = true }
      if element.id == 0x114d_9b74 { hasSeekHead = true }
      at = end
    }
  }

  private mutating func cluster(_ bytes: [UInt8], _ start: Int, _ end: Int) {
    var at = start
    var cluster = Cluster(timestamp: -1)
    func block(_ at: Int) {
      var place = at
      _ = Clusters.number(bytes, &place, keepsMarker: false)
      let relative = Int16(bitPattern: UInt16(bytes[place]) << 8 | UInt16(bytes[place + 1]))
      cluster.blocks.append(cluster.timestamp + Int64(relative))
    }
    while at < end {
      let element = Clusters.element(bytes, &at)
      switch element.id {
      case 0xe7: cluster.timestamp = bytes[at..<at + element.size].reduce(0) { $0 << 8 | Int64($1) }
      case 0xa3: block(at)
      case 0xa0:
        var inner = at
        while inner < at + element.size {
          let part = Clusters.element(bytes, &inner)
          if part.id == 0xa1 { block(inner) }
          inner += part.size
        }
      default: break
      }
      at += element.size
    }
    clusters.append(cluster)
  }

  private static func element(_ bytes: [UInt8], _ at: inout Int) -> (id: UInt64, size: Int) {
    let id = number(bytes, &at, keepsMarker: true)
    return (id, Int(number(bytes, &at, keepsMarker: false)))
  }

  private static func number(_ bytes: [UInt8], _ at: inout Int, keepsMarker: Bool) -> UInt64 {
    let count = bytes[at].leadingZeroBitCount + 1
    var value = UInt64(keepsMarker ? bytes[at] : bytes[at] & (0xff >> UInt8(count)))
    for i in 1..<max(count, 1) { value = value << 8 | UInt64(bytes[at + i]) }
    at += count
    return value
  }
}
