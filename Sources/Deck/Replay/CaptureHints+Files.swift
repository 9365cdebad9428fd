import Glibc
import Ground
import JSON
package import Recording
import SDP
import SRTP

extension CaptureHints {
  /// No description, key or file of facts is larger.
  private static let maximumFileBytes = 16 << 20

  /// Collects what is said about the capture at `capture`: by `sessionDescription` where given, else by the facts beside it
  /// (`NAME.json` for `NAME.pcap`), and the key in `key` where given. A file that was named must be there and right; facts that are
  /// not there are none.
  package init(capture: String, sessionDescription: String? = nil, key: String? = nil) throws(CaptureError) {
    self.init()
    if let path = sessionDescription {
      let bytes = try CaptureHints.read(path)
      do throws(SDPError) {
        add(try SessionDescription(parsing: bytes))
      } catch {
        throw .badSessionDescription(path: path, error: error)
      }
    }
    let beside = CaptureHints.besides(capture)
    if let facts = try CaptureHints.facts(at: beside) {
      if sessionDescription == nil {
        add(facts: facts)
      } else {
        keys += CaptureHints.keys(in: facts)
      }
      if !hasFormats, let plain = facts["plain_counterpart"]?.stringValue,
        let other = try CaptureHints.facts(at: CaptureHints.besides(CaptureHints.folder(of: capture) + CaptureHints.lastComponent(plain)))
      {
        // The same packets before encryption: what their payload types mean holds for these.
        var told = CaptureHints()
        told.add(facts: other)
        told.keys = keys
        self = told
      }
    }
    if let path = key { keys.insert(try CaptureHints.key(at: path), at: 0) }
  }

  /// Reads a key file: `SUITE BASE64`, or `a=crypto:` as in SDP, or JSON as `srtp` in the control API (`cryptoSuite`, `keyBase64`,
  /// `rtcp`) or as `srtp_sdes` in a file of facts.
  package static func key(at path: String) throws(CaptureError) -> SRTPSpecification {
    let bytes = try read(path)
    let text = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).joined(separator: " ")
    var found: SRTPSpecification?
    if let json = try? JSONValue(parsing: bytes) {
      if let suite = json["cryptoSuite"]?.stringValue, let key = json["keyBase64"]?.stringValue.flatMap({ Base64.decode($0.utf8) }) {
        found = SRTPSpecification(cryptoSuite: suite, key: key, rtcp: json["rtcp"]?.stringValue == "clear" ? .clear : .srtcp)
      } else {
        found = keys(in: json).first
      }
    } else if text.hasPrefix("a=crypto:") {
      if let crypto = CryptoAttribute(text.dropFirst(9)) {
        found = SRTPSpecification(cryptoSuite: crypto.suite, key: crypto.keys[0].keyAndSalt.exposed)
      }
    } else {
      let parts = text.split(whereSeparator: \.isWhitespace)
      if parts.count == 2, let key = Base64.decode(parts[1].utf8) { found = SRTPSpecification(cryptoSuite: String(parts[0]), key: key) }
    }
    guard let found else { throw .badDescription(path: path, reason: "no key in it: expected SUITE BASE64, an a=crypto line or JSON") }
    guard let suite = CryptoSuite(rawValue: found.cryptoSuite) else {
      let known = CryptoSuite.allCases.map(\.rawValue).joined(separator: ", ")
      throw .badDescription(path: path, reason: "unknown suite \(found.cryptoSuite) (known: \(known))")
    }
    guard found.key.exposed.count == suite.keyAndSaltBytes else {
      let have = found.key.exposed.count
      throw .badDescription(path: path, reason: "\(suite.rawValue) needs \(suite.keyAndSaltBytes) bytes of key and salt, not \(have)")
    }
    return found
  }

  private static func keys(in facts: JSONValue) -> [SRTPSpecification] {
    var hints = CaptureHints()
    hints.add(facts: facts)
    return hints.keys
  }

  /// `NAME.json` for `NAME.pcap`.
  private static func besides(_ capture: String) -> String {
    let name = lastComponent(capture)
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return capture + ".json" }
    return folder(of: capture) + name[..<dot] + ".json"
  }

  private static func lastComponent(_ path: String) -> String {
    String(path.split(separator: "/", omittingEmptySubsequences: false).last ?? "")
  }

  private static func folder(of path: String) -> String { String(path.dropLast(lastComponent(path).count)) }

  private static func facts(at path: String) throws(CaptureError) -> JSONValue? {
    guard unsafe access(path, F_OK) == 0 else { return nil }
    let bytes = try read(path)
    do throws(JSONSyntaxError) {
      return try JSONValue(parsing: bytes)
    } catch {
      throw .badDescription(path: path, reason: error.message)
    }
  }

  private static func read(_ path: String) throws(CaptureError) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(path, errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
      if count == 0 { return bytes }
      if count > 0 {
        bytes.append(contentsOf: chunk[..<count])
      } else if errno != EINTR {
        throw unreadable(path, errno)
      }
      guard bytes.count <= maximumFileBytes else {
        throw .badDescription(path: path, reason: "larger than \(maximumFileBytes) bytes")
      }
    }
  }

  private static func unreadable(_ path: String, _ code: Int32) -> CaptureError {
    .badDescription(path: path, reason: unsafe String(cString: strerror(code)))
  }
}
