package import Ground
import STUN

extension ICEAgent {
  /// Takes a datagram that looks like STUN (`STUNMessage.looksLikeSTUN`), from `remote` to our address `local`. What does not prove our
  /// password, or the peer's, changes nothing but a count; a ufrag that is not ours is refused before any cryptography.
  @discardableResult package mutating func receive(
    _ datagram: Span<UInt8>, from remote: SocketAddress, to local: SocketAddress, at now: Instant
  ) -> ICEReception {
    guard state != .closed, state != .failed else { return reject(.closed) }
    let message: STUNMessage
    do throws(WireError) { message = try STUNMessage(parsing: datagram) } catch { return reject(.malformed) }
    guard message.method == STUNMessage.bindingMethod else { return reject(.method) }
    switch message.messageClass {
    case .request: return receiveRequest(message, datagram, from: remote, to: local, at: now)
    case .success, .error: return receiveResponse(message, datagram, from: remote, to: local, at: now)
    case .indication: return receiveIndication(message, datagram, from: remote, to: local, at: now)
    }
  }

  mutating func reject(_ cause: ICERejection) -> ICEReception {
    tally.count(cause)
    return .rejected(cause)
  }

  /// Indications are keep-alives without proof (RFC 8445 §11): a sign from where the peer already proved itself, and nothing else.
  private mutating func receiveIndication(
    _ message: STUNMessage, _ datagram: Span<UInt8>, from remote: SocketAddress, to local: SocketAddress, at now: Instant
  ) -> ICEReception {
    guard message.isFingerprintValid(in: datagram) != false else { return reject(.fingerprint) }
    guard accepts(from: remote, to: local) else { return reject(.unmatched) }
    tally.indicationsReceived += 1
    noteTraffic(from: remote, to: local, at: now)
    return .accepted
  }

  private mutating func receiveRequest(
    _ message: STUNMessage, _ datagram: Span<UInt8>, from remote: SocketAddress, to local: SocketAddress, at now: Instant
  ) -> ICEReception {
    guard let username = message.username, let cover = message.integrityCover else {
      return refuse(.unsigned, 400, "Bad Request", message, from: remote, to: local, at: now)
    }
    guard let g = generation(of: username, in: datagram) else {
      return refuse(.unknownUser, 401, "Unauthenticated", message, from: remote, to: local, at: now)
    }
    guard message.isFingerprintValid(in: datagram) != false else { return reject(.fingerprint) }
    guard generations[g].localKey.verifies(datagram, cover) else {
      return refuse(.integrity, 401, "Unauthenticated", message, from: remote, to: local, at: now)
    }
    if message.unknownRequiredCount > 0 {
      tally.count(.unknownAttributes)
      var writer = STUNWriter(.error, transactionID: message.transactionID)
      writer.errorCode(420, reason: "Unknown Attribute")
      writer.unknownAttributes(message.unknownRequired(in: datagram))
      answer(&writer, generation: g, to: remote, from: local)
      return .rejected(.unknownAttributes)
    }
    if isRoleConflict(message) {
      tally.count(.roleConflict)
      var writer = STUNWriter(.error, transactionID: message.transactionID)
      writer.errorCode(487, reason: "Role Conflict")
      answer(&writer, generation: g, to: remote, from: local)
      settle(now)
      return .rejected(.roleConflict)
    }
    tally.checksReceived += 1
    var writer = STUNWriter(.success, transactionID: message.transactionID)
    writer.xorMappedAddress(remote)
    answer(&writer, generation: g, to: remote, from: local)
    var early: String?
    if generations[g].remote == nil {
      var bytes: [UInt8] = []
      bytes.append(copying: datagram, username.lowerBound + generations[g].localFragment.count + 1..<username.upperBound)
      early = String(decoding: bytes, as: UTF8.self)
    }
    noteCheck(message, generation: g, from: remote, to: local, early: early, at: now)
    settle(now)
    return .accepted
  }

  /// Whose credentials a USERNAME names: ours before the colon, and after it the peer's, as soon as they are known.
  private func generation(of username: Range<Int>, in datagram: Span<UInt8>) -> Int? {
    for g in generations.indices {
      let fragment = generations[g].localFragment
      let colon = username.lowerBound + fragment.count
      guard username.count > fragment.count, datagram[colon] == 0x3a, matches(fragment, datagram, at: username.lowerBound) else { continue }
      if generations[g].remote == nil { return g }
      let theirs = generations[g].remoteFragment
      if username.upperBound - colon - 1 == theirs.count, matches(theirs, datagram, at: colon + 1) { return g }
    }
    return nil
  }

  private func matches(_ wanted: [UInt8], _ datagram: Span<UInt8>, at offset: Int) -> Bool {
    for i in wanted.indices where wanted[i] != datagram[offset + i] { return false }
    return true
  }

  /// RFC 8445 §7.3.1.1; may switch our role instead. True where the peer must switch its own.
  private mutating func isRoleConflict(_ message: STUNMessage) -> Bool {
    if configuration.mode == .lite {
      // A lite agent cannot control: whoever checks it must.
      return message.iceControlled != nil && !generations[0].remoteIsLite
    }
    if role == .controlling, let theirs = message.iceControlling {
      if tieBreaker >= theirs { return true }
      switchRole(to: .controlled)
    } else if role == .controlled, let theirs = message.iceControlled {
      if tieBreaker < theirs { return true }
      switchRole(to: .controlling)
    }
    return false
  }

  /// Signs and sends an answer to an authenticated request.
  private mutating func answer(_ writer: inout STUNWriter, generation g: Int, to remote: SocketAddress, from local: SocketAddress) {
    let key = generations[g].localKey
    writer.messageIntegrity { key.code(over: $0) }
    writer.fingerprint()
    send(writer.bytes, to: remote, from: local)
  }

  /// Counts a request that did not authenticate, and answers it while the second's budget lasts (RFC 8489 §9.1.3).
  private mutating func refuse(
    _ cause: ICERejection, _ code: Int, _ reason: String, _ message: STUNMessage, from remote: SocketAddress, to local: SocketAddress,
    at now: Instant
  ) -> ICEReception {
    tally.count(cause)
    if now - refusalsSince >= .milliseconds(1_000) {
      refusalsSince = now
      refusals = 0
    }
    guard refusals < configuration.maximumRefusalsPerSecond else {
      tally.refusalsWithheld += 1
      return .rejected(cause)
    }
    refusals += 1
    tally.refusalsSent += 1
    var writer = STUNWriter(.error, transactionID: message.transactionID)
    writer.errorCode(code, reason: reason)
    writer.fingerprint()
    send(writer.bytes, to: remote, from: local)
    return .rejected(cause)
  }
}

// MARK: What an authenticated check means

extension ICEAgent {
  private mutating func noteCheck(
    _ message: STUNMessage, generation g: Int, from remote: SocketAddress, to local: SocketAddress, early: String?, at now: Instant
  ) {
    if g > 0 {
      // The generation before takes no new pairs: it only lives on.
      if let i = generations[g].index(local: local, remote: remote) { generations[g].pairs[i].heardAt = now }
      return
    }
    guard let i = generations[0].index(local: local, remote: remote) ?? learnPair(message, from: remote, to: local, at: now) else { return }
    generations[0].pairs[i].heardAt = now
    generations[0].pairs[i].checkedAt = now
    generations[0].pairs[i].isLastCheckNominating = message.hasUseCandidate
    generations[0].pairs[i].earlyFragment = early
    if configuration.mode == .lite {
      generations[0].pairs[i].state = .succeeded
      generations[0].pairs[i].isValid = true
    } else {
      triggerCheck(i, at: now)
    }
    guard message.hasUseCandidate, role == .controlled else { return }
    if generations[0].pairs[i].isValid {
      followNomination(of: i, at: now)
    } else {
      generations[0].pairs[i].isNominatedOnSuccess = true
    }
  }

  /// A pair with a signalled candidate, or with a peer-reflexive one (RFC 8445 §7.3.1.3).
  private mutating func learnPair(_ message: STUNMessage, from remote: SocketAddress, to local: SocketAddress, at now: Instant) -> Int? {
    let known = generations[0].remoteCandidates.first { $0.address == remote }
    let candidate =
      known
      ?? ICECandidate(
        foundation: "prflx \(remote.ip)", priority: message.priority ?? ICECandidate.priority(.peerReflexive, localPreference: 0),
        address: remote, type: .peerReflexive)
    return insertPair(local: local, remote: candidate, now: now)
  }

  /// RFC 8445 §7.3.1.4.
  private mutating func triggerCheck(_ i: Int, at now: Instant) {
    let id = generations[0].pairs[i].id
    switch generations[0].pairs[i].state {
    case .succeeded: return
    case .inProgress: cancelChecks(ofPair: id, at: now)
    case .frozen, .waiting, .failed: break
    }
    generations[0].pairs[i].state = .waiting
    generations[0].trigger(id)
  }
}
