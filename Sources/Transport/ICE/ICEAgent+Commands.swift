package import Ground

extension ICEAgent {
  /// Tells the peer's credentials, and what candidates its SDP lists: checks begin, and `handshakeTimeout` runs. The same credentials again
  /// only add candidates. Throws `restartNeeded` for others than before, and after a failure; then call `restart` first. Throws `closed`.
  package mutating func setRemote(
    credentials: ICECredentials, candidates: [ICECandidate] = [], isLite: Bool = false, isComplete: Bool = false, at now: Instant
  ) throws(ICEError) {
    if state == .closed { throw .closed }
    if state == .failed { throw .restartNeeded }
    if let known = generations[0].remote {
      guard known == credentials else { throw .restartNeeded }
    } else {
      generations[0].remoteKey = try IntegrityKey(password: credentials.password.exposed)
      generations[0].remote = credentials
      generations[0].remoteFragment = Array(credentials.usernameFragment.utf8)
      generations[0].startedAt = now
      generations[0].remoteIsLite = isLite
      // What came before and named another ufrag was not this peer's (RFC 8445 §7.3).
      generations[0].pairs.removeAll { $0.earlyFragment != nil && $0.earlyFragment != credentials.usernameFragment }
      if isLite, configuration.mode == .full, role == .controlled { switchRole(to: .controlling) }
      let early = generations[0].remoteCandidates
      generations[0].remoteCandidates = []
      for candidate in early { _ = learn(candidate) }
    }
    for candidate in candidates { _ = learn(candidate) }
    if isComplete { generations[0].isRemoteComplete = true }
    pickBetweenLites()
    settle(now)
  }

  /// Takes a candidate that the peer signalled, in its SDP or trickled (RFC 8838). Answers why it is of no use, or nil where it is known now.
  @discardableResult package mutating func addRemoteCandidate(_ candidate: ICECandidate, at now: Instant) -> ICECandidateDisregard? {
    if state == .closed || state == .failed { return .generation }
    let answer = learn(candidate)
    pickBetweenLites()
    settle(now)
    return answer
  }

  /// The peer has no more candidates. Nothing fails by it before `handshakeTimeout`: peer-reflexive ones may still come (RFC 8863).
  package mutating func endOfCandidates(at now: Instant) {
    generations[0].isRemoteComplete = true
    settle(now)
  }

  /// Begins anew with other credentials of ours (made where none are given); then `setRemote` tells the peer's. The old pair carries data,
  /// and old checks are answered, until the controlling side nominates a new pair, or the old one falls silent. Also leaves `failed`.
  package mutating func restart(credentials: ICECredentials? = nil, at now: Instant) throws(ICEError) {
    if state == .closed { throw .closed }
    let fresh = try ICEGeneration(number: nextGeneration, local: credentials ?? random.credentials())
    nextGeneration += 1
    let carrying = state == .failed ? nil : selected?.generation
    // Of an earlier restart that came to nothing only its predecessor, which still carries data, is kept.
    let kept = generations.filter { $0.number == carrying }
    let dropped = generations.filter { $0.number != carrying }
    generations = [fresh] + kept
    transactions.removeAll { transaction in !kept.contains { $0.number == transaction.generation } || transaction.purpose == .check }
    for generation in dropped { tell(.credentialsRetired(usernameFragment: generation.local.usernameFragment)) }
    if kept.isEmpty {
      selected = nil
      selectedFacts = nil
      nextConsentAt = nil
      setState(.new)
    } else {
      generations[1].triggered = []
    }
    lastCheckAt = nil
    settle(now)
  }

  /// Ends the agent: nothing is answered, sent or kept any more.
  package mutating func close() {
    release()
    outgoing = []
    outgoingRead = 0
    setState(.closed)
  }

  /// Takes traffic on a pair, authenticated by who read it (SRTP, DTLS), as a sign of the peer. Traffic from elsewhere is passed over.
  package mutating func noteTraffic(from remote: SocketAddress, to local: SocketAddress, at now: Instant) {
    guard state == .connected || state == .disconnected else { return }
    for g in generations.indices {
      if let i = generations[g].index(local: local, remote: remote), generations[g].pairs[i].isProven {
        generations[g].pairs[i].heardAt = now
      }
    }
    if state == .disconnected { settle(now) }
  }

  /// Gives back what only a living agent needs.
  mutating func release() {
    transactions = []
    selected = nil
    selectedFacts = nil
    nextConsentAt = nil
    deadline = nil
    for g in generations.indices {
      generations[g].pairs = []
      generations[g].triggered = []
      generations[g].nominatedID = nil
      generations[g].nominatingID = nil
    }
  }
}

// MARK: Candidates and pairs

extension ICEAgent {
  /// Keeps a signalled candidate and makes its pairs.
  private mutating func learn(_ candidate: ICECandidate) -> ICECandidateDisregard? {
    if let fragment = candidate.usernameFragment, let remote = generations[0].remote, fragment != remote.usernameFragment {
      return .generation
    }
    guard candidate.address.isUsable else { return .address }
    if !generations[0].remoteCandidates.contains(where: { $0.address == candidate.address }) {
      guard generations[0].remoteCandidates.count < configuration.maximumRemoteCandidates else {
        tally.candidatesRefused += 1
        return .tableFull
      }
      generations[0].remoteCandidates.append(candidate)
    }
    // What was learned from a check is now known better (RFC 8838 §11.4).
    for i in generations[0].pairs.indices where generations[0].pairs[i].remote == candidate.address {
      generations[0].pairs[i].remoteType = candidate.type
      generations[0].pairs[i].remoteFoundation = candidate.foundation
      generations[0].pairs[i].remotePriority = candidate.priority
      generations[0].pairs[i].setPriority(for: role)
    }
    guard generations[0].remote != nil else { return nil }
    if configuration.mode == .full {
      for i in configuration.hosts.indices { formPair(host: i, candidate) }
    }
    return nil
  }

  /// RFC 8445 §6.1.2.2: of one family, and link-local only with link-local.
  private func canPair(_ local: SocketAddress, _ remote: SocketAddress) -> Bool {
    local.isIPv4 == remote.isIPv4 && local.isLinkLocalIPv6 == remote.isLinkLocalIPv6
  }

  private mutating func formPair(host: Int, _ candidate: ICECandidate) {
    let local = configuration.hosts[host].local
    guard canPair(local, candidate.address), generations[0].index(local: local, remote: candidate.address) == nil else { return }
    guard let i = insertPair(local: local, remote: candidate, now: nil) else { return }
    // The best of a foundation goes first (RFC 8445 §6.1.2.6).
    let pair = generations[0].pairs[i]
    let others = generations[0].pairs.indices.filter { $0 != i && generations[0].pairs[$0].sharesFoundation(with: pair) }
    if others.contains(where: { generations[0].pairs[$0].state == .succeeded }) || others.isEmpty {
      generations[0].pairs[i].state = .waiting
    } else if let waiting = others.first(where: { generations[0].pairs[$0].state == .waiting }),
      generations[0].pairs[waiting].priority < pair.priority, !generations[0].triggered.contains(generations[0].pairs[waiting].id)
    {
      generations[0].pairs[waiting].state = .frozen
      generations[0].pairs[i].state = .waiting
    }
  }

  /// Two lite agents send no checks: each uses the best pair of addresses (RFC 8445 §8.2.2).
  private mutating func pickBetweenLites() {
    guard configuration.mode == .lite, generations[0].remoteIsLite, generations[0].nominatedID == nil, let now = generations[0].startedAt
    else { return }
    var best: (host: Int, candidate: ICECandidate, priority: UInt64)?
    for candidate in generations[0].remoteCandidates {
      for i in configuration.hosts.indices where canPair(configuration.hosts[i].local, candidate.address) {
        let ours = ICECandidate.priority(.host, localPreference: preference(ofHost: i))
        let priority = CandidatePair.priority(controlling: max(ours, candidate.priority), controlled: min(ours, candidate.priority))
        if priority > best?.priority ?? 0 { best = (i, candidate, priority) }
      }
    }
    guard let best, let i = insertPair(local: configuration.hosts[best.host].local, remote: best.candidate, now: now) else { return }
    generations[0].pairs[i].state = .succeeded
    generations[0].pairs[i].isValid = true
    generations[0].pairs[i].isNominated = true
    generations[0].pairs[i].heardAt = now
    generations[0].nominatedID = generations[0].pairs[i].id
  }

  /// Adds a pair in state `frozen`; nil where the table is full of better ones. `now` is given where a check taught it.
  mutating func insertPair(local: SocketAddress, remote: ICECandidate, now: Instant?) -> Int? {
    let host = configuration.hosts.firstIndex { $0.local == local }
    let localPreference = host.map { preference(ofHost: $0) } ?? 0
    var pair = CandidatePair(
      id: generations[0].takePairID(), local: local, localFoundation: host.map { foundation(ofHost: $0) } ?? "0",
      localPriority: ICECandidate.priority(.host, localPreference: localPreference), localPreference: localPreference,
      remote: remote.address,
      remoteType: remote.type, remoteFoundation: remote.foundation, remotePriority: remote.priority)
    pair.setPriority(for: role)
    pair.heardAt = now
    if generations[0].pairs.count >= configuration.maximumPairs {
      guard let victim = displaceable(by: pair) else {
        tally.pairsRefused += 1
        return nil
      }
      let id = generations[0].pairs[victim].id
      generations[0].triggered.removeAll { $0 == id }
      transactions.removeAll { $0.pairID == id && $0.generation == generations[0].number }
      generations[0].pairs.remove(at: victim)
      tally.pairsDisplaced += 1
    }
    generations[0].pairs.append(pair)
    return generations[0].pairs.count - 1
  }

  private func displaceable(by new: CandidatePair) -> Int? {
    let pairs = generations[0].pairs
    let free = pairs.indices.filter { i in
      let id = pairs[i].id
      return id != generations[0].nominatedID && id != generations[0].nominatingID
        && !(selected?.generation == generations[0].number && selected?.pairID == id)
    }
    if let failed = free.first(where: { pairs[$0].state == .failed }) { return failed }
    if configuration.mode == .lite { return free.min { (pairs[$0].heardAt?.nanoseconds ?? 0) < (pairs[$1].heardAt?.nanoseconds ?? 0) } }
    let untried = free.filter { pairs[$0].state == .waiting || pairs[$0].state == .frozen }
    return untried.min { pairs[$0].priority < pairs[$1].priority }.flatMap { pairs[$0].priority < new.priority ? $0 : nil }
  }
}
