/// Makes payloads of forward error correction of RTP packets, in the simplest way that is right.
package enum CorrectionEncoder {
  /// Which packets a level protects, by their places among those given, and how many of their bytes.
  package typealias Level = (members: [Int], bytes: Int)

  package static func number(_ packet: [UInt8]) -> UInt16 { UInt16(packet[2]) << 8 | UInt16(packet[3]) }

  private static func big(_ value: UInt64, bytes: Int) -> [UInt8] {
    (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private static func xor(_ strings: [[UInt8]], count: Int) -> [UInt8] {
    (0..<count).map { place in strings.reduce(0) { place < $1.count ? $0 ^ $1[place] : $0 } }
  }

  /// Flags, type, timestamp and length of the members' difference.
  private static func header(_ packets: [[UInt8]], _ members: [Int]) -> [UInt8] {
    xor(
      members.map { [packets[$0][0] & 0x3f, packets[$0][1]] + packets[$0][4..<8] + big(UInt64(packets[$0].count - 12), bytes: 2) }, count: 8
    )
  }

  /// RFC 5109 §7.3, §7.4. The base is the first packet of all.
  package static func ulpfec(_ packets: [[UInt8]], long: Bool, levels: [Level]) -> [UInt8] {
    let base = number(packets[0])
    let header = header(packets, levels[0].members)
    var out = [(long ? 0x40 : 0) | header[0], header[1]] + big(UInt64(base), bytes: 2) + header[2...]
    var offset = 0
    for level in levels {
      var mask: UInt64 = 0
      for member in level.members { mask |= 1 << ((long ? 47 : 15) - UInt64(number(packets[member]) &- base)) }
      out += big(UInt64(level.bytes), bytes: 2) + big(mask, bytes: long ? 6 : 2)
      out += xor(level.members.map { Array(packets[$0].dropFirst(12 + offset)) }, count: level.bytes)
      offset += level.bytes
    }
    return out
  }

  /// The same of one level that protects all of all packets.
  package static func ulpfec(_ packets: [[UInt8]], long: Bool = false) -> [UInt8] {
    ulpfec(packets, long: long, levels: [(Array(packets.indices), packets.map { $0.count - 12 }.max() ?? 0)])
  }

  /// draft-ietf-payload-flexible-fec-scheme-03 §4.2. The base is the first packet; the mask is as long as it must be.
  package static func flexfec(_ packets: [[UInt8]]) -> [UInt8] {
    let base = number(packets[0])
    let header = header(packets, Array(packets.indices))
    let places = packets.map { Int(number($0) &- base) }
    let last = places.max() ?? 0
    func bits(_ range: ClosedRange<Int>) -> UInt64 {
      places.filter(range.contains).reduce(0) { $0 | 1 << UInt64(range.upperBound - $1) }
    }
    var mask = big((last < 15 ? 0x8000 : 0) | bits(0...14), bytes: 2)
    if last >= 15 { mask += big((last < 46 ? 0x8000_0000 : 0) | bits(15...45), bytes: 4) }
    if last >= 46 { mask += big(0x8000_0000_0000_0000 | bits(46...108), bytes: 8) }
    let body = xor(packets.map { Array($0.dropFirst(12)) }, count: packets.map { $0.count - 12 }.max() ?? 0)
    return header[0..<2] + header[6..<8] + header[2..<6] + [1, 0, 0, 0] + packets[0][8..<12] + big(UInt64(base), bytes: 2) + mask + body
  }

  /// What can be rebuilt of the packets that are not in `have`, where each group lacks only one: the numbers, in no order.
  package static func rebuildable(_ groups: [Set<UInt16>], have: Set<UInt16>) -> Set<UInt16> {
    var known = have
    var grows = true
    while grows {
      grows = false
      for group in groups {
        let missing = group.subtracting(known)
        if missing.count == 1 {
          known.formUnion(missing)
          grows = true
        }
      }
    }
    return known.subtracting(have)
  }
}
