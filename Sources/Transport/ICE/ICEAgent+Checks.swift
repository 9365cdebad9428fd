import Ground
import STUN

extension ICEAgent {
  /// Starts the next check if its time has come: one per `pacing` (RFC 8445 §6.1.4).
  mutating func runChecks(_ now: Instant) {
    guard canCheck else { return }
    if let last = lastCheckAt, now < last + configuration.pacing { return }
    guard let i = generations[0].takeNextCheck(isOrdinaryAllowed: generations[0].nominatedID == nil) else { return }
    lastCheckAt = now
    let isNominating = role == .controlling && configuration.nomination == .aggressive
    startCheck(.check, generation: 0, pair: i, isNominating: isNominating, at: now)
  }

  var canCheck: Bool { configuration.mode == .full && generations[0].remoteKey != nil }

  /// Whether `runChecks` has something to do once the pacing lets it.
  var hasChecks: Bool {
    canCheck && (generations[0].hasTriggered || generations[0].nominatedID == nil && generations[0].hasOrdinary)
  }

  /// Sends a check of its own transaction (RFC 8445 §7.1, §7.2.4).
  mutating func startCheck(_ purpose: CheckTransaction.Purpose, generation g: Int, pair i: Int, isNominating: Bool, at now: Instant) {
    guard let remote = generations[g].remote, let key = generations[g].remoteKey else { return }
    let pair = generations[g].pairs[i]
    let id = STUNTransactionID(high: UInt32(truncatingIfNeeded: random.next()), low: random.next())
    var writer = STUNWriter(.request, transactionID: id)
    writer.username("\(remote.usernameFragment):\(generations[g].local.usernameFragment)")
    writer.priority(ICECandidate.priority(.peerReflexive, localPreference: pair.localPreference))
    if role == .controlling { writer.iceControlling(tieBreaker) } else { writer.iceControlled(tieBreaker) }
    if isNominating { writer.useCandidate() }
    writer.messageIntegrity { key.code(over: $0) }
    writer.fingerprint()
    var interval = configuration.minimumRetransmission
    if purpose == .check {
      if pair.state != .succeeded { generations[g].pairs[i].state = .inProgress }
      let busy = generations[g].pairs.count { $0.state == .waiting || $0.state == .inProgress }
      interval = max(interval, configuration.pacing * Int64(busy))
    } else {
      // Not sent again: the next consent check takes its place (RFC 7675 §5.1).
      interval = configuration.failedAfter
      tally.consentSent += 1
    }
    makeRoomForTransaction()
    transactions.append(
      CheckTransaction(
        id: id, generation: generations[g].number, pairID: pair.id, purpose: purpose, bytes: writer.bytes, to: pair.remote,
        from: pair.local,
        role: role, isNominating: isNominating, sentAt: now, nextAt: now + interval, interval: interval))
    tally.checksSent += 1
    send(writer.bytes, to: pair.remote, from: pair.local)
  }

  /// Twice as many as pairs, for those that were cancelled; the oldest of these goes first.
  private mutating func makeRoomForTransaction() {
    guard transactions.count >= 2 * configuration.maximumPairs + 16 else { return }
    transactions.remove(at: transactions.firstIndex(where: \.isCancelled) ?? 0)
  }

  /// The checks of a pair are not sent again, but their answers are waited for. A regular nomination under way is not one of them.
  mutating func cancelChecks(ofPair id: Int, at now: Instant) {
    for t in transactions.indices
    where transactions[t].pairID == id && transactions[t].generation == generations[0].number && transactions[t].purpose == .check
      && !transactions[t].isCancelled && !(transactions[t].isNominating && id == generations[0].nominatingID)
    {
      transactions[t].isCancelled = true
      transactions[t].nextAt = now + configuration.minimumRetransmission * 8
    }
  }

  /// Sends again what was not answered, and gives up what never will be (RFC 8489 §6.2.1).
  mutating func runTransactions(_ now: Instant) {
    var t = 0
    while t < transactions.count {
      guard transactions[t].nextAt <= now else {
        t += 1
        continue
      }
      let isLast = transactions[t].transmissions >= configuration.maximumTransmissions
      if transactions[t].purpose == .consent || transactions[t].isCancelled || isLast && transactions[t].interval == .zero {
        giveUp(transactions.remove(at: t))
        continue
      }
      if isLast {
        // Rm: the last one is waited for longer.
        transactions[t].nextAt = now + configuration.minimumRetransmission * 16
        transactions[t].interval = .zero
      } else {
        transactions[t].transmissions += 1
        transactions[t].interval = transactions[t].interval * 2
        transactions[t].nextAt = now + transactions[t].interval
        tally.retransmissions += 1
        send(transactions[t].bytes, to: transactions[t].to, from: transactions[t].from)
      }
      t += 1
    }
  }

  private mutating func giveUp(_ transaction: CheckTransaction) {
    guard transaction.purpose == .check, generations[0].number == transaction.generation,
      let i = generations[0].index(ofPair: transaction.pairID)
    else { return }
    if transaction.isNominating, !transaction.isCancelled {
      failPair(i)
    } else if generations[0].pairs[i].state == .inProgress, !transactions.contains(where: { $0.pairID == transaction.pairID }) {
      generations[0].pairs[i].state = .failed
    }
  }

  /// The pair cannot be used.
  mutating func failPair(_ i: Int) {
    let id = generations[0].pairs[i].id
    generations[0].pairs[i].state = .failed
    generations[0].pairs[i].isValid = false
    generations[0].pairs[i].isNominated = false
    if generations[0].nominatingID == id { generations[0].nominatingID = nil }
    if generations[0].nominatedID == id { generations[0].nominatedID = nil }
  }
}

// MARK: Answers

extension ICEAgent {
  mutating func receiveResponse(
    _ message: STUNMessage, _ datagram: Span<UInt8>, from remote: SocketAddress, to local: SocketAddress, at now: Instant
  ) -> ICEReception {
    guard let t = transactions.firstIndex(where: { $0.id == message.transactionID }) else { return reject(.unmatched) }
    guard message.isFingerprintValid(in: datagram) != false else { return reject(.fingerprint) }
    let transaction = transactions[t]
    guard let g = generations.firstIndex(where: { $0.number == transaction.generation }), let key = generations[g].remoteKey,
      let i = generations[g].index(ofPair: transaction.pairID)
    else { return reject(.unmatched) }
    // An unsigned error is as good as none: the check goes on (RFC 8489 §9.1.4).
    guard let cover = message.integrityCover, key.verifies(datagram, cover) else { return reject(.integrity) }
    transactions.remove(at: t)
    guard remote == transaction.to, local == transaction.from else {
      if g == 0, transaction.purpose == .check { failPair(i) }
      settle(now)
      return reject(.asymmetric)
    }
    if message.unknownRequiredCount > 0 || message.messageClass == .success && message.mappedAddress == nil {
      if g == 0, transaction.purpose == .check { failPair(i) }
      settle(now)
      return reject(message.unknownRequiredCount > 0 ? .unknownAttributes : .malformed)
    }
    tally.responsesReceived += 1
    if message.messageClass == .error {
      noteError(message.errorCode ?? 400, transaction, generation: g, pair: i)
    } else {
      noteSuccess(message.mappedAddress, transaction, generation: g, pair: i, at: now)
    }
    settle(now)
    return .accepted
  }

  /// RFC 8445 §7.2.5.1 and §7.2.5.2.4.
  private mutating func noteError(_ code: Int, _ transaction: CheckTransaction, generation g: Int, pair i: Int) {
    if code == 487 {
      if role == transaction.role { switchRole(to: role == .controlling ? .controlled : .controlling) }
      tieBreaker = random.next()
      guard g == 0, transaction.purpose == .check else { return }
      if generations[0].nominatingID == transaction.pairID { generations[0].nominatingID = nil }
      if generations[0].pairs[i].state != .succeeded {
        generations[0].pairs[i].state = .waiting
        generations[0].trigger(transaction.pairID)
      }
    } else if g == 0, transaction.purpose == .check, generations[0].pairs[i].state != .succeeded || transaction.isNominating {
      failPair(i)
    }
  }

  /// RFC 8445 §7.2.5.3.
  private mutating func noteSuccess(
    _ mapped: SocketAddress?, _ transaction: CheckTransaction, generation g: Int, pair i: Int, at now: Instant
  ) {
    if transaction.transmissions == 1 {
      let measured = now - transaction.sentAt
      // The first checks may have waited for their owner to send them; consent is asked for when it may leave at once.
      if transaction.purpose == .consent, !timesConsent {
        timesConsent = true
        smoothedRoundTrip = nil
      }
      smoothedRoundTrip = smoothedRoundTrip.map { TimeSpan(nanoseconds: ($0.nanoseconds * 7 + measured.nanoseconds) / 8) } ?? measured
    }
    generations[g].pairs[i].heardAt = now
    generations[g].pairs[i].consentAt = now
    let isOurs = configuration.hosts.contains { $0.local == mapped || $0.announced == mapped }
    generations[g].pairs[i].mapped = isOurs ? nil : mapped
    if transaction.purpose == .consent { tally.consentReceived += 1 }
    guard g == 0 else { return }
    if transaction.purpose == .consent {
      if role == .controlling, transaction.isNominating { nominate(i, at: now) }
      return
    }
    cancelChecks(ofPair: transaction.pairID, at: now)
    generations[0].pairs[i].state = .succeeded
    generations[0].pairs[i].isValid = true
    if generations[0].firstValidAt == nil { generations[0].firstValidAt = now }
    for other in generations[0].pairs.indices
    where generations[0].pairs[other].state == .frozen && generations[0].pairs[other].sharesFoundation(with: generations[0].pairs[i]) {
      generations[0].pairs[other].state = .waiting
    }
    if role == .controlling, transaction.isNominating {
      nominate(i, at: now)
    } else if role == .controlled, generations[0].pairs[i].isNominatedOnSuccess {
      followNomination(of: i, at: now)
    }
  }
}
