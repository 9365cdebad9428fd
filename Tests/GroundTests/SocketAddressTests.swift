import Glibc
import Ground
import Seeded
import Testing

/// Addresses as text, with the C library as the judge.
@Suite struct SocketAddressTests {
  @Test(
    arguments: [
      ("0.0.0.0", 0), ("127.0.0.1", 0x7f00_0001), ("192.0.2.255", 0xc000_02ff), ("255.255.255.255", .max), ("1.2.3.4", 0x0102_0304),
    ] as [(String, UInt32)]) func version4(_ text: String, _ value: UInt32) throws
  {
    let address = try #require(SocketAddress(ip: text, port: 80))
    #expect(address.isIPv4 && address.ipv4 == value && address.port == 80)
    #expect(address == SocketAddress(ipv4: value, port: 80))
    #expect(address.ip == text && address.description == text + ":80")
  }

  /// Text, how it prints (RFC 5952), and the two halves.
  @Test(
    arguments: [
      ("::", "::", 0, 0), ("::1", "::1", 0, 1), ("1::", "1::", 1 << 48, 0), ("2001:db8::1", "2001:db8::1", 0x2001_0db8_0000_0000, 1),
      ("2001:0DB8:0:0:0:0:0:0001", "2001:db8::1", 0x2001_0db8_0000_0000, 1),
      ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", 0x0001_0002_0003_0004, 0x0005_0006_0007_0008),
      // The longest run of zeros is shortened, the first of equal ones, and never one zero alone.
      ("1:0:0:2:0:0:0:3", "1:0:0:2::3", 0x0001_0000_0000_0002, 3),
      ("1:0:0:2:3:0:0:4", "1::2:3:0:0:4", 0x0001_0000_0000_0002, 0x0003_0000_0000_0004),
      ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7", 0x0001_0000_0002_0003, 0x0004_0005_0006_0007),
      ("1::3:4:5:6:7", "1::3:4:5:6:7", 0x0001_0000_0000_0003, 0x0004_0005_0006_0007),
      ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", 0x0001_0002_0003_0004, 0x0005_0006_0007_0000),
      ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8", 0x0000_0002_0003_0004, 0x0005_0006_0007_0008),
      ("64:ff9b::192.0.2.1", "64:ff9b::c000:201", 0x0064_ff9b_0000_0000, 0xc000_0201),
      ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304", 0x0001_0002_0003_0004, 0x0005_0006_0102_0304),
      ("::1.2.3.4", "::102:304", 0, 0x0102_0304),
      ("fe80::ffff:0:0", "fe80::ffff:0:0", 0xfe80_0000_0000_0000, 0xffff_0000_0000),
    ] as [(String, String, UInt64, UInt64)]) func version6(_ text: String, _ printed: String, _ high: UInt64, _ low: UInt64) throws
  {
    let address = try #require(SocketAddress(ip: text, port: 443))
    #expect(address.high == high && address.low == low && !address.isIPv4)
    #expect(address.ip == printed && address.description == "[\(printed)]:443")
    #expect(SocketAddress(ip: printed, port: 443) == address)
  }

  /// An IPv6 socket's view of an IPv4 sender is that sender (RFC 4291 §2.5.5.2).
  @Test(arguments: ["::ffff:192.0.2.1", "::ffff:c000:201", "::FFFF:c000:0201", "0:0:0:0:0:ffff:192.0.2.1"]) func mapped(_ text: String)
    throws
  {
    let address = try #require(SocketAddress(ip: text, port: 9))
    #expect(address == SocketAddress(ip: "192.0.2.1", port: 9))
    #expect(address.isIPv4 && address.description == "192.0.2.1:9")
  }

  @Test(arguments: [
    "", " ", ".", ":", ":::", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.1.1.1", "01.2.3.4", "1.2.3.04", "00.0.0.0",
    "+1.2.3.4",
    "-1.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4:80", "0x1.2.3.4", "1.2.3.4\0", "localhost", "example.org", "[::1]", "::1%lo", "fe80::1%1",
    "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", ":1::2", "1::2:",
    "12345::",
    "g::", "+1::", "-1::", "::+1", "::1.2.3", "::1.2.3.256", "::1.2.3.04", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4",
    "::ffff:1.2.3.4.5",
    "\u{ff11}.2.3.4", "\u{0661}.2.3.4", "::\u{ff11}", "::\u{0661}", "1.2.3.4\u{301}",
  ]) func refused(_ text: String) { #expect(SocketAddress(ip: text, port: 1) == nil) }

  /// The C library's answer, as the two halves.
  private func judged(_ text: String) -> (high: UInt64, low: UInt64)? {
    if text.utf8.contains(0) { return nil }
    var bytes = [UInt8](repeating: 0, count: 16)
    if unsafe inet_pton(AF_INET, text, &bytes) == 1 { return (0, 0xffff_0000_0000 | UInt64(bytes.span.u32(at: 0))) }
    guard unsafe inet_pton(AF_INET6, text, &bytes) == 1 else { return nil }
    return (bytes.span.u64(at: 0), bytes.span.u64(at: 8))
  }

  private func agrees(_ text: String) -> Bool {
    let want = judged(text)
    let got = SocketAddress(ip: text, port: 0)
    return got?.high == want?.high && got?.low == want?.low
  }

  @Test func damagedTextReadsAsTheLibraryReadsIt() {
    var random = SeededGenerator(6)
    let seeds = ["192.0.2.10", "2001:db8::1", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8", "::", "fe80::1:0:0:2", "0.0.0.0", "a:b:c:d:e:f:10:20"]
    let letters = Array("0123456789abcdefABCDEFgx:. +-%".utf8)
    var accepted = 0
    for _ in 0..<50_000 {
      var text = Array(seeds[random.pick(0...seeds.count - 1)].utf8)
      for _ in 0..<random.pick(0...3) {
        let at = random.pick(0...text.count)
        switch random.pick(0...2) {
        case 0: text.insert(letters[random.pick(0...letters.count - 1)], at: at)
        case 1 where at < text.count: text.remove(at: at)
        default: if at < text.count { text[at] = letters[random.pick(0...letters.count - 1)] }
        }
      }
      let string = String(decoding: text, as: UTF8.self)
      if !agrees(string) { Issue.record("\(string)") }
      if SocketAddress(ip: string, port: 0) != nil { accepted += 1 }
    }
    #expect(accepted > 5000 && accepted < 45_000)
  }

  @Test func whatIsPrintedIsReadAndShortest() {
    var random = SeededGenerator(7)
    for _ in 0..<5000 {
      // Many zeros, so that there are runs to shorten.
      func half() -> UInt64 { (0..<4).reduce(0) { value, _ in value << 16 | (random.pick(0...1) == 0 ? 0 : random.next() & 0xffff) } }
      let address = SocketAddress(high: half(), low: half(), port: UInt16(random.pick(0...65_535)))
      #expect(SocketAddress(ip: address.ip, port: address.port) == address)
      // The library writes addresses without a prefix in dots, as nobody does any more.
      guard address.high != 0 || address.low >> 48 != 0 else { continue }
      var bytes: [UInt8] = []
      bytes.appendU64(address.high)
      bytes.appendU64(address.low)
      var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
      unsafe #expect(inet_ntop(AF_INET6, bytes, &text, socklen_t(text.count)) != nil)
      #expect(address.ip == String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
  }
}
