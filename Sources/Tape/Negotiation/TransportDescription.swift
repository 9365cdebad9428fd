package import SDP

/// A certificate's digest as SDP writes it (RFC 8122 §5).
package struct Fingerprint: Hashable, Sendable {
  /// In lower case: `sha-256`, `sha-384`, `sha-512` or another.
  package var algorithm: String
  package var digest: [UInt8]

  package init(algorithm: String, digest: [UInt8]) {
    self.algorithm = algorithm
    self.digest = digest
  }

  /// Reads the value of `a=fingerprint`; nil where it is malformed.
  init?(_ value: String) {
    let parts = value.split(separator: " ")
    guard parts.count == 2 else { return nil }
    var digest: [UInt8] = []
    for pair in parts[1].split(separator: ":", omittingEmptySubsequences: false) {
      guard pair.utf8.count == 2, let byte = UInt8(pair, radix: 16) else { return nil }
      digest.append(byte)
    }
    guard (16...64).contains(digest.count) else { return nil }
    self.init(algorithm: parts[0].lowercased(), digest: digest)
  }

  /// The value of `a=fingerprint`.
  package var text: String {
    let digits = Array("0123456789ABCDEF")
    return algorithm + " " + digest.map { "\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined(separator: ":")
  }
}

/// Who begins the DTLS handshake (RFC 4145 §4, RFC 8842 §5).
package enum Setup: String, Sendable, Hashable {
  /// Begins it.
  case active
  /// Waits for it.
  case passive
  /// Leaves the choice to the answerer.
  case actpass
  case holdconn
}

/// What a description says of its writer's transport.
package struct RemoteTransport: Sendable, Equatable {
  package var ufrag: String
  package var password: String
  /// The values of its `a=candidate` lines, in order.
  package var candidates: [String] = []
  package var hasEndedCandidates = false
  package var isLite = false
  package var fingerprints: [Fingerprint] = []
  package var setup = Setup.actpass

  /// ICE-char (RFC 8839 §5.4).
  private static func isICEText(_ text: String, _ length: ClosedRange<Int>) -> Bool {
    length.contains(text.utf8.count)
      && text.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 43 || $0 == 47 }
  }

  /// Reads it from the section that carries the bundle's transport, and where that is silent from the session.
  init(_ description: SessionDescription, section: Int) throws(NegotiationError) {
    let own = description.media[section].attributes
    func value(_ name: String) -> String? {
      (own.values(of: name).first ?? description.attributes.values(of: name).first) ?? nil
    }
    guard let ufrag = value("ice-ufrag") else { throw .invalid(section: section, reason: "a=ice-ufrag is missing") }
    guard RemoteTransport.isICEText(ufrag, 4...256) else {
      throw .invalid(section: section, reason: "a=ice-ufrag: expected 4 to 256 letters, digits, + and /")
    }
    guard let password = value("ice-pwd") else { throw .invalid(section: section, reason: "a=ice-pwd is missing") }
    guard RemoteTransport.isICEText(password, 22...256) else {
      throw .invalid(section: section, reason: "a=ice-pwd: expected 22 to 256 letters, digits, + and /")
    }
    self.ufrag = ufrag
    self.password = password
    isLite = description.attributes.values(of: "ice-lite").first != nil
    candidates = own.values(of: "candidate").compactMap { $0 }
    hasEndedCandidates = own.values(of: "end-of-candidates").first != nil
    let lines = own.values(of: "fingerprint")
    for line in lines.isEmpty ? description.attributes.values(of: "fingerprint") : lines {
      guard let fingerprint = Fingerprint(line ?? "") else {
        throw .invalid(section: section, reason: "a=fingerprint: expected HASH XX:XX:…")
      }
      fingerprints.append(fingerprint)
    }
    guard !fingerprints.isEmpty else { throw .invalid(section: section, reason: "a=fingerprint is missing: only DTLS-SRTP is spoken") }
    if let text = value("setup") {
      guard let setup = Setup(rawValue: text) else {
        throw .invalid(section: section, reason: "a=setup: expected actpass, active or passive, not \(text)")
      }
      self.setup = setup
    }
  }
}

/// What our own descriptions say of our transport.
package struct LocalTransport: Sendable, Equatable {
  package var ufrag: String
  package var password: String
  /// The values of our `a=candidate` lines; all of them, for we do not trickle.
  package var candidates: [String]
  /// The default candidate's address and port, for the `c=` and `m=` lines.
  package var address: ConnectionData
  package var port: UInt16
  package var isLite: Bool
  package var fingerprint: Fingerprint

  package init(
    ufrag: String, password: String, candidates: [String], address: ConnectionData, port: UInt16, isLite: Bool, fingerprint: Fingerprint
  ) {
    self.ufrag = ufrag
    self.password = password
    self.candidates = candidates
    self.address = address
    self.port = port
    self.isLite = isLite
    self.fingerprint = fingerprint
  }
}
