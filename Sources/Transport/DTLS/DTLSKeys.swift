import CTLS
package import Ground
package import SRTP

/// What a finished handshake gives SRTP (RFC 5764 §4.2): the suite, and a master key and salt for each direction. Its memory is wiped with it.
@safe package final class DTLSKeys: Sendable {
  /// The protection profile that both sides agreed on.
  package let suite: CryptoSuite
  /// Ours, then theirs. Never written between `init` and `deinit`.
  nonisolated(unsafe) private let memory: UnsafeMutableRawBufferPointer

  /// `exported` is the exporter's output: the client's key, the server's key, the client's salt, the server's salt. It is wiped.
  init(suite: CryptoSuite, exported: inout [UInt8], weAreClient: Bool) {
    self.suite = suite
    unsafe memory = .allocate(byteCount: 2 * suite.keyAndSaltBytes, alignment: 1)
    let (key, salt) = (suite.keyBytes, suite.saltBytes)
    func place(_ client: Bool, at start: Int) {
      let keyFrom = client ? 0 : key
      let saltFrom = 2 * key + (client ? 0 : salt)
      for i in 0..<key { unsafe memory[start + i] = exported[keyFrom + i] }
      for i in 0..<salt { unsafe memory[start + key + i] = exported[saltFrom + i] }
    }
    place(weAreClient, at: 0)
    place(!weAreClient, at: suite.keyAndSaltBytes)
    DTLSKeys.wipe(&exported)
  }

  deinit {
    unsafe OPENSSL_cleanse(memory.baseAddress, memory.count)
    unsafe memory.deallocate()
  }

  /// The master key and salt, concatenated, that protect what we send. A copy, which the caller keeps out of logs.
  package var ours: Redacted<[UInt8]> { unsafe Redacted(Array(memory[..<suite.keyAndSaltBytes])) }
  /// The master key and salt, concatenated, that protect what the peer sends. A copy.
  package var theirs: Redacted<[UInt8]> { unsafe Redacted(Array(memory[suite.keyAndSaltBytes...])) }

  /// An SRTP session with these keys: `.outbound` for what we send, `.inbound` for what the peer sends.
  package func session(_ direction: SRTPSession.Direction) throws(SRTPError) -> SRTPSession {
    var key = (direction == .outbound ? ours : theirs).exposed
    defer { DTLSKeys.wipe(&key) }
    return try SRTPSession(suite: suite, key: key, direction: direction)
  }

  static func wipe(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { bytes in unsafe OPENSSL_cleanse(bytes.baseAddress, bytes.count) }
  }
}
