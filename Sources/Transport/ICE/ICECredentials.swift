package import Ground

/// One side's ufrag and password (RFC 8445 §5.3). A new pair of them is a restart.
package struct ICECredentials: Sendable, Equatable {
  /// Names the agent in each check: not a secret.
  package let usernameFragment: String
  /// Keys the checks that this side answers.
  package let password: Redacted<String>

  /// Checks the lengths of RFC 8839 §5.4 (4 to 256, and 22 to 256). Any visible ASCII is let in, not only ice-chars, because peers are
  /// not all strict; a colon in the ufrag is not, because it would split USERNAME at the wrong place.
  package init(usernameFragment: String, password: String) throws(ICEError) {
    func isVisible(_ text: String) -> Bool { text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } }
    guard (4...256).contains(usernameFragment.utf8.count), isVisible(usernameFragment), !usernameFragment.contains(":") else {
      throw .badUsernameFragment
    }
    guard (22...256).contains(password.utf8.count), isVisible(password) else { throw .badPassword }
    self.usernameFragment = usernameFragment
    self.password = Redacted(password)
  }

  /// Fresh ones of 8 and 24 characters (48 and 144 random bits), from the operating system's generator.
  package static func random() -> ICECredentials {
    var random = ICERandom(seed: nil)
    return random.credentials()
  }

  init(unchecked usernameFragment: String, _ password: String) {
    self.usernameFragment = usernameFragment
    self.password = Redacted(password)
  }
}

/// Where the agent's random numbers come from: the operating system's cryptographic generator, or a seed that makes a run repeatable.
struct ICERandom: RandomNumberGenerator {
  private var system = SystemRandomNumberGenerator()
  private var seeded: UInt64?

  init(seed: UInt64?) { seeded = seed }

  mutating func next() -> UInt64 {
    guard let state = seeded else { return system.next() }
    // SplitMix64.
    let advanced = state &+ 0x9e37_79b9_7f4a_7c15
    seeded = advanced
    var z = advanced
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  mutating func credentials() -> ICECredentials { ICECredentials(unchecked: text(8), text(24)) }

  /// So many ice-chars, six bits each.
  private mutating func text(_ count: Int) -> String {
    let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    return String(decoding: (0..<count).map { _ in characters[Int(next() >> 58)] }, as: UTF8.self)
  }
}
