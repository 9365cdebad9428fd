/// HMAC-SHA1 (RFC 2104, FIPS 180-4), written out so that the tests judge OpenSSL's use by something else.
enum HMACSHA1 {
  static func code(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
    var block = key.count > 64 ? sha1(key) : key
    block += Array(repeating: 0, count: 64 - block.count)
    return sha1(block.map { $0 ^ 0x5c } + sha1(block.map { $0 ^ 0x36 } + message))
  }

  static func sha1(_ message: [UInt8]) -> [UInt8] {
    var padded = message + [0x80]
    while padded.count % 64 != 56 { padded.append(0) }
    let bits = UInt64(message.count) * 8
    for shift in stride(from: 56, through: 0, by: -8) { padded.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift))) }
    var h: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
    for start in stride(from: 0, to: padded.count, by: 64) { block(padded[start..<start + 64], &h) }
    return h.flatMap { word in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) } }
  }

  private static func block(_ bytes: ArraySlice<UInt8>, _ h: inout [UInt32]) {
    func rotated(_ x: UInt32, _ n: UInt32) -> UInt32 { x << n | x >> (32 - n) }
    var w: [UInt32] = []
    for i in stride(from: bytes.startIndex, to: bytes.endIndex, by: 4) {
      w.append(bytes[i..<i + 4].reduce(0) { $0 << 8 | UInt32($1) })
    }
    for i in 16..<80 { w.append(rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1)) }
    var (a, b, c, d, e) = (h[0], h[1], h[2], h[3], h[4])
    for i in 0..<80 {
      let mixed: (UInt32, UInt32)
      switch i / 20 {
      case 0: mixed = (b & c | ~b & d, 0x5a82_7999)
      case 1: mixed = (b ^ c ^ d, 0x6ed9_eba1)
      case 2: mixed = (b & c | b & d | c & d, 0x8f1b_bcdc)
      default: mixed = (b ^ c ^ d, 0xca62_c1d6)
      }
      let next = rotated(a, 5) &+ mixed.0 &+ e &+ mixed.1 &+ w[i]
      (e, d, c, b, a) = (d, c, rotated(b, 30), a, next)
    }
    for (i, word) in [a, b, c, d, e].enumerated() { h[i] &+= word }
  }
}
