/// Base64 text to bytes (RFC 4648 §4).
enum Base64 {
  /// The bytes, or nil where the text has a character outside the standard alphabet, a wrong length, wrong padding, or bits left over.
  /// Padding may be left out, as SDES senders do (RFC 4568 §9.2 writes keys of 30 bytes, which need none).
  static func decode(_ text: String) -> [UInt8]? {
    var symbols = text.utf8[...]
    if symbols.count % 4 == 0 {
      for _ in 0..<2 where symbols.last == UInt8(ascii: "=") { symbols.removeLast() }
    }
    guard symbols.count % 4 != 1 else { return nil }
    var out: [UInt8] = []
    out.reserveCapacity(symbols.count * 3 / 4)
    var bits: UInt32 = 0
    var count = 0
    for symbol in symbols {
      guard let value = value(of: symbol) else { return nil }
      bits = bits << 6 | value
      count += 6
      if count >= 8 {
        count -= 8
        out.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return bits & ((1 << UInt32(count)) - 1) == 0 ? out : nil
  }

  private static func value(of symbol: UInt8) -> UInt32? {
    switch symbol {
    case 65...90: UInt32(symbol - 65)
    case 97...122: UInt32(symbol - 71)
    case 48...57: UInt32(symbol + 4)
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
