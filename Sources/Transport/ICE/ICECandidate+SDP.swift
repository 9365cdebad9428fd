import Ground

/// Why a peer's candidate is of no use here, which is no fault of the peer's.
package enum ICECandidateDisregard: String, Sendable, CaseIterable {
  /// TCP, or a transport that nobody knows.
  case transport
  /// RTCP's own component; here RTP and RTCP share one (RFC 5761).
  case component
  /// A name instead of an address: mDNS `.local`, as browsers hide theirs. Such a peer's checks still reach us, and teach its address.
  case name
  /// A type that is none of the four.
  case type
  /// Port 0, the unspecified address, or multicast.
  case address
  /// Its `ufrag` is not the remote one that is in force.
  case generation
  /// 100 are known already (RFC 8445 §6.1.2.5).
  case tableFull
}

/// What a candidate line says to this agent.
package enum ICECandidateReading: Sendable, Equatable {
  case candidate(ICECandidate)
  case disregarded(ICECandidateDisregard)
}

extension ICECandidate {
  /// The value of an `a=candidate` line (RFC 8839 §5.1): `candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host`.
  package var line: String {
    var text = "candidate:\(foundation) 1 udp \(priority) \(address.ip) \(address.port) typ \(type.rawValue)"
    if let relatedAddress { text += " raddr \(relatedAddress.ip) rport \(relatedAddress.port)" }
    if let usernameFragment { text += " ufrag \(usernameFragment)" }
    return text
  }

  /// Reads a candidate line, with or without `a=` and `candidate:`. Extensions are passed over but for `ufrag`. Throws
  /// `malformedCandidate` with the first field that breaks the grammar.
  package static func read(_ line: String) throws(ICEError) -> ICECandidateReading {
    var text = line[...]
    while let last = text.last, last.isWhitespace { text.removeLast() }
    if text.hasPrefix("a=") { text.removeFirst(2) }
    if text.hasPrefix("candidate:") { text.removeFirst("candidate:".count) }
    let words = text.split(separator: " ", omittingEmptySubsequences: true)
    guard let foundation = words.first, isFoundation(foundation) else { throw .malformedCandidate(.foundation) }
    guard words.count >= 2, let component = number(words[1], upTo: 256), component > 0 else { throw .malformedCandidate(.component) }
    guard words.count >= 3 else { throw .malformedCandidate(.transport) }
    guard words.count >= 4, let priority = number(words[3], upTo: UInt64(UInt32.max)), priority > 0 else {
      throw .malformedCandidate(.priority)
    }
    guard words.count >= 5 else { throw .malformedCandidate(.address) }
    guard words.count >= 6, let port = number(words[5], upTo: 65535) else { throw .malformedCandidate(.port) }
    guard words.count >= 8, words[6] == "typ" else { throw .malformedCandidate(.type) }
    let (related, fragment) = try extensions(words[8...])
    let address = SocketAddress(ip: String(words[4]), port: UInt16(port))
    guard address != nil || isName(words[4]) else { throw .malformedCandidate(.address) }
    if words[2].lowercased() != "udp" { return .disregarded(.transport) }
    if component != 1 { return .disregarded(.component) }
    guard let type = ICECandidateType(rawValue: String(words[7])) else { return .disregarded(.type) }
    guard let address else { return .disregarded(.name) }
    guard address.isUsable else { return .disregarded(.address) }
    return .candidate(
      ICECandidate(
        foundation: String(foundation), priority: UInt32(priority), address: address, type: type, relatedAddress: related,
        usernameFragment: fragment))
  }

  /// Name and value alternate after the type. A last name without a value is passed over.
  private static func extensions(_ words: ArraySlice<Substring>) throws(ICEError) -> (SocketAddress?, String?) {
    var relatedIP: Substring?
    var related: SocketAddress?
    var fragment: String?
    var i = words.startIndex
    while i + 1 < words.endIndex {
      let value = words[i + 1]
      switch words[i] {
      case "raddr": relatedIP = value
      case "rport":
        guard let port = number(value, upTo: 65535) else { throw .malformedCandidate(.relatedAddress) }
        // Browsers hide the related address behind a name or zeros; it is of no use but to read.
        related = relatedIP.flatMap { SocketAddress(ip: String($0), port: UInt16(port)) }
      case "ufrag": fragment = String(value)
      default: break
      }
      i += 2
    }
    return (related, fragment)
  }

  /// One to 32 ice-chars; what else is visible is let in, because it is only compared.
  private static func isFoundation(_ text: Substring) -> Bool {
    (1...32).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
  }

  private static func isName(_ text: Substring) -> Bool {
    text.utf8.count <= 255
      && text.utf8.contains { ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7a }
      && text.utf8.allSatisfy { byte in
        (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a || byte >= 0x30 && byte <= 0x39 || byte == 0x2d || byte == 0x2e || byte == 0x5f
      }
  }

  /// Digits only: the integers' own parser takes a sign.
  private static func number(_ text: Substring, upTo limit: UInt64) -> UInt64? {
    guard (1...10).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let value = UInt64(text), value <= limit
    else { return nil }
    return value
  }
}
