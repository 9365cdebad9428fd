import CCrypto
import Ground
import Synchronization

/// Random numbers for identifiers, from OpenSSL.
enum Identifiers {
  static func random64() -> UInt64 {
    var value: UInt64 = 0
    let ok = unsafe withUnsafeMutableBytes(of: &value) { unsafe RAND_bytes($0.bindMemory(to: UInt8.self).baseAddress, 8) }
    return ok == 1 ? value : UInt64.random(in: .min ... .max)
  }

  private static let last = Mutex<(milliseconds: UInt64, counter: UInt64)>((0, 0))

  /// A UUIDv7: milliseconds, a counter within the millisecond so that ids of one node sort by age, and random bits (RFC 9562 §5.7, §6.2).
  static func uuidV7(at wall: WallTime) -> String {
    let (milliseconds, counter) = last.withLock { last in
      let now = UInt64(max(0, wall.nanosecondsSinceEpoch) / 1_000_000)
      if now > last.milliseconds {
        last = (now, random64() & 0x7ff)
      } else {
        last.counter += 1
        if last.counter > 0xfff { last = (last.milliseconds + 1, random64() & 0x7ff) }
      }
      return last
    }
    let high = milliseconds << 16 | 0x7000 | counter
    let low = random64() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
    let hex = pad(high) + pad(low)
    let h = Array(hex)
    return String(h[0..<8]) + "-" + String(h[8..<12]) + "-" + String(h[12..<16]) + "-" + String(h[16..<20]) + "-" + String(h[20..<32])
  }

  private static func pad(_ n: UInt64) -> String {
    let s = String(n, radix: 16)
    return String(repeating: "0", count: 16 - s.count) + s
  }
}

/// SHA-256 of a file by OpenSSL, read in pieces.
package enum FileHash {
  /// The digest in hexadecimal, or nil where the file cannot be read, or `isGivenUp` says so meanwhile.
  package static func sha256(_ path: String, isGivenUp: () -> Bool = { false }) -> String? {
    guard let file = unsafe fopen(path, "rb") else { return nil }
    defer { _ = unsafe fclose(file) }
    guard let context = unsafe EVP_MD_CTX_new() else { return nil }
    defer { unsafe EVP_MD_CTX_free(context) }
    guard unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else { return nil }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while !isGivenUp() {
      let got = unsafe fread(&buffer, 1, buffer.count, file)
      if got == 0 { break }
      guard unsafe EVP_DigestUpdate(context, buffer, got) == 1 else { return nil }
    }
    guard unsafe ferror(file) == 0, unsafe feof(file) != 0 else { return nil }
    var digest = [UInt8](repeating: 0, count: 32)
    guard unsafe EVP_DigestFinal_ex(context, &digest, nil) == 1 else { return nil }
    let hex = Array("0123456789abcdef".utf8)
    return String(decoding: digest.flatMap { [hex[Int($0 >> 4)], hex[Int($0 & 15)]] }, as: UTF8.self)
  }
}
