/// Turns an identifier of any characters into one path component, and no two identifiers into the same one.
///
/// ASCII letters, digits, `-`, `_` and inner `.` stay; every other byte of the UTF-8 becomes `%XX`. A component never begins with a dot,
/// never exceeds 120 bytes (a longer one keeps its head and ends in `%-` and a 128-bit hash of the whole identifier, in hexadecimal:
/// `%-` is never made by the byte encoding), and the empty identifier is `%`.
public enum PathComponent {
  /// The path component of `identifier`. Allocates it.
  public static func encode(_ identifier: String) -> String {
    if identifier.isEmpty { return "%" }
    let hex = Array("0123456789ABCDEF".utf8)
    var out: [UInt8] = []
    for (i, b) in identifier.utf8.enumerated() {
      let plain =
        (b >= 48 && b <= 57) || (b >= 65 && b <= 90) || (b >= 97 && b <= 122) || b == 45 || b == 95
        || (b == 46 && i > 0)
      if plain {
        out.append(b)
      } else {
        out.append(contentsOf: [37, hex[Int(b >> 4)], hex[Int(b & 15)]])
      }
    }
    if out.count <= 120 { return String(decoding: out, as: UTF8.self) }
    var h1: UInt64 = 0xcbf2_9ce4_8422_2325
    var h2: UInt64 = 0x8422_2325_cbf2_9ce4
    for b in identifier.utf8 {
      h1 = (h1 ^ UInt64(b)) &* 0x100_0000_01b3
      h2 = (h2 ^ UInt64(b ^ 0x5a)) &* 0x100_0000_01b3 &+ h1
    }
    let tail = [h1, h2].map { h in String(repeating: "0", count: 16 - String(h, radix: 16).count) + String(h, radix: 16) }
    var head = out.prefix(84)
    // A `%XX` cut in two would decode to nothing.
    if let cut = head.suffix(2).lastIndex(of: 37) { head = head[..<cut] }
    return String(decoding: head, as: UTF8.self) + "%-" + tail.joined()
  }
}
