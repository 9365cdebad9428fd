/// A UDP or TCP endpoint: an IPv4 or IPv6 address and a port. IPv4 is kept in the last four bytes of its IPv4-mapped form.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
  /// The upper and lower halves of the 128-bit address, big-endian; an IPv4 address is `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2).
  public var high: UInt64
  public var low: UInt64
  /// In host order.
  public var port: UInt16

  /// An address by its two halves; for IPv4 use `init(ipv4:port:)`.
  @inlinable public init(high: UInt64, low: UInt64, port: UInt16) {
    self.high = high
    self.low = low
    self.port = port
  }
  /// An IPv4 address in host order.
  @inlinable public init(ipv4: UInt32, port: UInt16) {
    self.init(high: 0, low: 0xffff_0000_0000 | UInt64(ipv4), port: port)
  }
  /// Whether the address is an IPv4 one (or an IPv6 socket's view of it: the same bits).
  /// Whether the address stands for all of the machine's: `0.0.0.0` or `::`.
  public var isWildcard: Bool { high == 0 && (low == 0 || low == 0xffff_0000_0000) }
  @inlinable public var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }
  /// The IPv4 address in host order; meaningful only where `isIPv4`.
  @inlinable public var ipv4: UInt32 { UInt32(truncatingIfNeeded: low) }

  /// The address without its port, as text: dotted, or hexadecimal groups with the longest run of zeros shortened (RFC 5952).
  public var ip: String {
    if isIPv4 {
      return [24, 16, 8, 0].map { String(UInt8(truncatingIfNeeded: ipv4 >> UInt32($0))) }.joined(separator: ".")
    }
    let groups = (0..<8).map { i -> UInt16 in
      UInt16(truncatingIfNeeded: (i < 4 ? high : low) >> UInt64(48 - 16 * (i % 4)))
    }
    var best = (start: 0, count: 0)
    var i = 0
    while i < 8 {
      var j = i
      while j < 8, groups[j] == 0 { j += 1 }
      if j - i > best.count { best = (i, j - i) }
      i = max(j, i + 1)
    }
    func text(_ part: ArraySlice<UInt16>) -> String {
      part.map { String($0, radix: 16) }.joined(separator: ":")
    }
    if best.count < 2 { return text(groups[...]) }
    return text(groups[..<best.start]) + "::" + text(groups[(best.start + best.count)...])
  }

  /// Address and port as in a URL: `192.0.2.1:80`, `[2001:db8::1]:80`.
  public var description: String { isIPv4 ? "\(ip):\(port)" : "[\(ip)]:\(port)" }

  /// Reads a literal IPv4 or IPv6 address as `inet_pton` does (no names, no zones, no leading zeros in IPv4); nil for anything else.
  public init?(ip text: String, port: UInt16) {
    if let v4 = SocketAddress.parseIPv4(text[...]) {
      self.init(ipv4: v4, port: port)
      return
    }
    guard let (high, low) = SocketAddress.parseIPv6(text) else { return nil }
    self.init(high: high, low: low, port: port)
  }

  private static func parseIPv4(_ text: Substring) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var address: UInt32 = 0
    for part in parts {
      // A leading zero reads as octal elsewhere, so it is refused.
      guard !part.isEmpty, part.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), part.utf8.count == 1 || part.utf8.first != 48,
        let n = UInt8(part)
      else { return nil }
      address = address << 8 | UInt32(n)
    }
    return address
  }

  private static func parseIPv6(_ text: String) -> (UInt64, UInt64)? {
    func groups(_ part: Substring, isEnd: Bool) -> [UInt16]? {
      if part.isEmpty { return [] }
      var out: [UInt16] = []
      let pieces = part.split(separator: ":", omittingEmptySubsequences: false)
      for (i, piece) in pieces.enumerated() {
        if isEnd, i == pieces.count - 1, piece.contains("."), let v4 = parseIPv4(piece) {
          out.append(UInt16(v4 >> 16))
          out.append(UInt16(v4 & 0xffff))
        } else {
          // The digits are looked at because the integer's own parser takes a sign.
          guard piece.utf8.count <= 4, piece.allSatisfy(\.isHexDigit), let g = UInt16(piece, radix: 16) else { return nil }
          out.append(g)
        }
      }
      return out
    }
    guard text.contains(":") else { return nil }
    var all: [UInt16]
    if let gap = text.firstRange(of: "::") {
      guard let head = groups(text[..<gap.lowerBound], isEnd: false), let tail = groups(text[gap.upperBound...], isEnd: true),
        head.count + tail.count <= 7
      else { return nil }
      all = head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
    } else {
      guard let exact = groups(text[...], isEnd: true), exact.count == 8 else { return nil }
      all = exact
    }
    func half(_ range: Range<Int>) -> UInt64 { all[range].reduce(0) { $0 << 16 | UInt64($1) } }
    return (half(0..<4), half(4..<8))
  }
}
