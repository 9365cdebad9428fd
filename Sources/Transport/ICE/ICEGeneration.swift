import Ground

/// What belongs to one pair of credentials: a restart begins a new one (RFC 8445 §9).
struct ICEGeneration {
  let number: Int
  let local: ICECredentials
  let localFragment: [UInt8]
  let localKey: IntegrityKey
  var remote: ICECredentials?
  var remoteKey: IntegrityKey?
  var remoteFragment: [UInt8] = []
  var remoteIsLite = false
  var remoteCandidates: [ICECandidate] = []
  var isRemoteComplete = false
  var pairs: [CandidatePair] = []
  /// Pairs to check before all others (RFC 8445 §6.1.4.1), each once.
  var triggered: [Int] = []
  var nominatedID: Int?
  /// The pair whose nomination by us was sent and is not answered.
  var nominatingID: Int?
  /// When the peer's credentials came.
  var startedAt: Instant?
  /// When a first pair worked.
  var firstValidAt: Instant?
  /// When its checks are no longer answered, because the generation after it has its pair (RFC 8445 §8.3).
  var retiresAt: Instant?
  private var nextPairID = 0

  init(number: Int, local: ICECredentials) throws(ICEError) {
    localKey = try IntegrityKey(password: local.password.exposed)
    self.number = number
    self.local = local
    localFragment = Array(local.usernameFragment.utf8)
  }

  func index(ofPair id: Int) -> Int? { pairs.firstIndex { $0.id == id } }

  func index(local: SocketAddress, remote: SocketAddress) -> Int? {
    pairs.firstIndex { $0.remote == remote && $0.local == local }
  }

  /// The best pair that works.
  var bestValid: Int? {
    pairs.indices.lazy.filter { self.pairs[$0].isValid }.max { self.pairs[$0].priority < self.pairs[$1].priority }
  }

  /// The pair that carries data if this generation does: the nominated one, or before that the best that works (RFC 8445 §12.1).
  var carrier: Int? { nominatedID.flatMap(index(ofPair:)) ?? bestValid }

  mutating func takePairID() -> Int {
    nextPairID += 1
    return nextPairID
  }

  mutating func trigger(_ id: Int) {
    if !triggered.contains(id) { triggered.append(id) }
  }

  /// The next pair to check: triggered ones in their order, then the best waiting one, then the best frozen one. Frozen pairs are not held
  /// back once nothing waits: with one component nothing else needs the slot.
  mutating func takeNextCheck(isOrdinaryAllowed: Bool) -> Int? {
    while !triggered.isEmpty {
      let id = triggered.removeFirst()
      // One that was answered meanwhile needs no other check.
      if let i = index(ofPair: id), pairs[i].state == .waiting { return i }
    }
    guard isOrdinaryAllowed else { return nil }
    return best(in: .waiting) ?? best(in: .frozen)
  }

  var hasTriggered: Bool { triggered.contains { id in index(ofPair: id).map { pairs[$0].state == .waiting } ?? false } }
  var hasOrdinary: Bool { pairs.contains { $0.state == .waiting || $0.state == .frozen } }

  private func best(in state: CandidatePair.CheckState) -> Int? {
    pairs.indices.lazy.filter { self.pairs[$0].state == state }.max { self.pairs[$0].priority < self.pairs[$1].priority }
  }
}
