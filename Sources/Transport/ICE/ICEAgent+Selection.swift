package import Ground

extension ICEAgent {
  /// Sends a regular nomination once the best pair is found, or waited for long enough (RFC 8445 §8.1.1).
  mutating func nominateIfDue(_ now: Instant) {
    guard let (i, due) = pendingNomination, due.map({ now >= $0 }) ?? true else { return }
    generations[0].nominatingID = generations[0].pairs[i].id
    startCheck(.check, generation: 0, pair: i, isNominating: true, at: now)
  }

  /// The pair to nominate, and until when better ones are waited for; nil where there is nothing to nominate.
  var pendingNomination: (pair: Int, notBefore: Instant?)? {
    guard canCheck, role == .controlling, generations[0].nominatedID == nil, generations[0].nominatingID == nil,
      let best = generations[0].bestValid
    else { return nil }
    let priority = generations[0].pairs[best].priority
    let isBetterOpen = generations[0].pairs.contains { pair in
      pair.priority > priority && (pair.state == .waiting || pair.state == .frozen || pair.state == .inProgress)
    }
    guard isBetterOpen, configuration.nomination == .regular, let since = generations[0].firstValidAt else { return (best, nil) }
    return (best, since + configuration.nominationDelay)
  }

  /// Our nomination was answered. Of several, as aggressive nomination makes them, the best counts.
  mutating func nominate(_ i: Int, at now: Instant) {
    let id = generations[0].pairs[i].id
    generations[0].pairs[i].isNominated = true
    if generations[0].nominatingID == id {
      generations[0].nominatingID = nil
      cancelChecks(ofPair: id, at: now)
    }
    if let current = generations[0].nominatedID.flatMap(generations[0].index(ofPair:)),
      generations[0].pairs[current].priority >= generations[0].pairs[i].priority
    {
      return
    }
    conclude(with: i, at: now)
  }

  /// The controlling peer nominated a pair that works. A first one is used. A better one displaces a worse one. A worse one displaces a
  /// better one only where the peer moved to it: it no longer nominates the better one, or nominated the worse one twice with no check
  /// of the better one between. So neither a peer that nominates with each check, nor one that changes its mind, is misread.
  mutating func followNomination(of i: Int, at now: Instant) {
    let before = generations[0].pairs[i].nominatedAt
    generations[0].pairs[i].nominatedAt = now
    generations[0].pairs[i].isNominated = true
    generations[0].pairs[i].isNominatedOnSuccess = false
    let id = generations[0].pairs[i].id
    guard let c = generations[0].nominatedID.flatMap(generations[0].index(ofPair:)), generations[0].pairs[c].id != id else {
      conclude(with: i, at: now)
      return
    }
    let current = generations[0].pairs[c]
    let isCurrentSilent = before.map { before in current.checkedAt.map { $0 < before } ?? true } ?? false
    if generations[0].pairs[i].priority > current.priority || !current.isLastCheckNominating || isCurrentSilent {
      conclude(with: i, at: now)
    }
  }

  /// Uses a nominated pair; checks of others are not sent again (RFC 8445 §8.1.2).
  private mutating func conclude(with i: Int, at now: Instant) {
    let id = generations[0].pairs[i].id
    guard generations[0].nominatedID != id else { return }
    generations[0].nominatedID = id
    generations[0].nominatingID = nil
    let priority = generations[0].pairs[i].priority
    for pair in generations[0].pairs where pair.id != id && pair.priority < priority { cancelChecks(ofPair: pair.id, at: now) }
  }

  /// A role conflict was lost, or the peer is lite: pairs are ordered anew (RFC 8445 §6.1.2.3), and what was nominated in the other role is
  /// not any more.
  mutating func switchRole(to new: ICERole) {
    guard role != new else { return }
    role = new
    for g in generations.indices {
      for i in generations[g].pairs.indices { generations[g].pairs[i].setPriority(for: new) }
    }
    generations[0].nominatingID = nil
    generations[0].nominatedID = nil
    for i in generations[0].pairs.indices {
      generations[0].pairs[i].isNominated = false
      generations[0].pairs[i].isNominatedOnSuccess = false
    }
    for t in transactions.indices where transactions[t].isNominating { transactions[t].isCancelled = true }
    tell(.role(new))
  }
}

// MARK: What carries data, and whether the peer lives

extension ICEAgent {
  /// After any change: sends what is due, and sets pair, state and deadline to what holds at `now`.
  mutating func settle(_ now: Instant) {
    guard state != .closed, state != .failed else { return }
    if generations.count > 1, let due = generations[1].retiresAt, now >= due { retirePrevious() }
    nominateIfDue(now)
    runChecks(now)
    followThePeer(now)
    reselect(now)
    updateState(now)
    deadline = state == .failed ? nil : nextDue
  }

  private func isSilent(_ pair: CandidatePair, _ now: Instant) -> Bool {
    guard let heard = pair.heardAt else { return true }
    return now - heard >= configuration.disconnectedAfter
  }

  /// A lite agent whose peer fell silent on the nominated pair, and checks another one, uses that: the peer's NAT changed, and it does not
  /// nominate with consent checks.
  private mutating func followThePeer(_ now: Instant) {
    guard configuration.mode == .lite, let c = generations[0].nominatedID.flatMap(generations[0].index(ofPair:)),
      isSilent(generations[0].pairs[c], now)
    else { return }
    let pairs = generations[0].pairs
    let alive = pairs.indices.filter { pairs[$0].isValid && !isSilent(pairs[$0], now) }
    guard let newest = alive.max(by: { (pairs[$0].heardAt?.nanoseconds ?? 0) < (pairs[$1].heardAt?.nanoseconds ?? 0) }) else { return }
    generations[0].nominatedID = pairs[newest].id
  }

  private mutating func reselect(_ now: Instant) {
    guard let (g, i) = carrier(now) else {
      selected = nil
      selectedFacts = nil
      nextConsentAt = nil
      return
    }
    // What is on its way on the old pair still arrives.
    if g == 0, generations.count > 1, generations[1].retiresAt == nil { generations[1].retiresAt = now + configuration.retirement }
    let pair = generations[g].pairs[i]
    if selected?.generation != generations[g].number || selected?.pairID != pair.id {
      selected = (generations[g].number, pair.id)
      nextConsentAt = configuration.mode == .full ? now + consentPause() : nil
    }
    let facts = pair.selected
    if facts != selectedFacts {
      selectedFacts = facts
      tell(.selected(facts))
    }
  }

  /// The new generation's nominated pair; else the old generation's as long as it lives; else the best that works of the new one.
  private func carrier(_ now: Instant) -> (generation: Int, pair: Int)? {
    let current = generations[0].remote == nil ? nil : generations[0].carrier
    if let current, generations[0].nominatedID != nil { return (0, current) }
    if generations.count > 1, let old = generations[1].carrier {
      if current == nil || !isSilent(generations[1].pairs[old], now) { return (1, old) }
    }
    return current.map { (0, $0) }
  }

  private mutating func retirePrevious() {
    let old = generations.removeLast()
    transactions.removeAll { $0.generation == old.number }
    tell(.credentialsRetired(usernameFragment: old.local.usernameFragment))
  }

  /// From when consent (full) or life (lite) of the selected pair runs.
  private func consentSince(_ pair: CandidatePair) -> Instant? { configuration.mode == .full ? pair.consentAt : pair.heardAt }

  private mutating func updateState(_ now: Instant) {
    if let (g, i) = carrier(now) {
      let pair = generations[g].pairs[i]
      if let since = consentSince(pair), now - since >= configuration.failedAfter {
        // An old pair that ends during a restart leaves the new one its time.
        if g == 1, let started = generations[0].startedAt, now - started < configuration.handshakeTimeout {
          retirePrevious()
          reselect(now)
          setState(.checking)
        } else {
          fail()
        }
      } else {
        setState(isSilent(pair, now) ? .disconnected : .connected)
      }
    } else if let started = generations[0].startedAt {
      if now - started >= configuration.handshakeTimeout { fail() } else { setState(.checking) }
    } else {
      setState(.new)
    }
  }

  private mutating func fail() {
    release()
    setState(.failed)
  }

  mutating func setState(_ new: ICEState) {
    guard state != new else { return }
    state = new
    tell(.state(new))
  }

  private mutating func consentPause() -> TimeSpan {
    let base = configuration.consentInterval.nanoseconds
    return TimeSpan(nanoseconds: Int64.random(in: base * 8 / 10...max(base * 8 / 10, base * 12 / 10), using: &random))
  }
}

// MARK: Time

extension ICEAgent {
  /// Does what is due at `now`: sends checks again, starts new ones, asks for consent, and notices silence.
  package mutating func advance(to now: Instant) {
    guard state != .closed, state != .failed else { return }
    runTransactions(now)
    if let due = nextConsentAt, now >= due, let (g, i) = carrier(now) {
      nextConsentAt = now + consentPause()
      // A nominated pair is nominated again, so that a lite peer follows us to it after our NAT gave us another address; and one whose
      // nomination was lost so far gets another chance.
      let pair = generations[g].pairs[i]
      let isNominating = role == .controlling && (pair.isNominated || g == 0 && pair.id == generations[0].nominatingID)
      startCheck(.consent, generation: g, pair: i, isNominating: isNominating, at: now)
    }
    settle(now)
  }

  /// The earliest of all that waits.
  private var nextDue: Instant? {
    var due: Instant?
    func take(_ at: Instant?) {
      if let at { due = min(due ?? at, at) }
    }
    for transaction in transactions { take(transaction.nextAt) }
    if hasChecks, let last = lastCheckAt { take(last + configuration.pacing) }
    if let (_, notBefore) = pendingNomination { take(notBefore) }
    take(nextConsentAt)
    if generations.count > 1 { take(generations[1].retiresAt) }
    if let selected, let g = generations.firstIndex(where: { $0.number == selected.generation }),
      let i = generations[g].index(ofPair: selected.pairID)
    {
      let pair = generations[g].pairs[i]
      if state == .connected { take(pair.heardAt.map { $0 + configuration.disconnectedAfter }) }
      take(consentSince(pair).map { $0 + configuration.failedAfter })
    } else {
      take(generations[0].startedAt.map { $0 + configuration.handshakeTimeout })
    }
    return due
  }
}
