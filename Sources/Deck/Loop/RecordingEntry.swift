import Ground
import JSON
import Recording
import Synchronization

/// One live recording, as the recorder keeps it. Thread-safe; its `item` belongs to its loop.
final class RecordingEntry: LoopObserver {
  struct State {
    var manifest: Manifest
    /// Media has ended: the manifest's numbers are the last ones.
    var isEnding = false
    var isCancelled = false
    var nextSource = 1
    var nextTrack = 1
    /// SSRCs that the client named, so that none is named twice.
    var claims = SSRCClaims()
    var removedSources: Set<String> = []
    /// The WebRTC sources' negotiations, by source.
    var sessions: [String: WebRTCSession] = [:]
    /// What keeps the WHEP sources supplied, by source.
    var pulls: [String: WHEPPull] = [:]
    /// Events of kinds that a bad stream can cause without end.
    var floodgate = EventBudget()
  }

  let id: String
  let room: String
  let folder: String
  let loop: MediaLoop
  let item: LoopTake
  let accounts: TapeAccounts
  let presenter: LivePresenter?
  let state: Mutex<State>
  /// Held while sources and tracks are added or removed, so that the take's numbers and the manifest's are the same.
  let sources = Mutex(())
  let ended = Latch()
  /// The number of the newest event in the recording's own log.
  let lastEvent = Atomic<UInt64>(0)
  private let limit = Atomic<Bool>(false)
  private let failure = Atomic<Bool>(false)
  private unowned let recorder: Recorder

  init(
    id: String, folder: String, manifest: Manifest, loop: MediaLoop, recorder: Recorder, presenter: LivePresenter?,
    make: (RecordingEntry.Observer) -> LoopTake, accounts: TapeAccounts
  ) {
    self.id = id
    room = manifest.specification.room
    self.folder = folder
    self.loop = loop
    self.accounts = accounts
    self.recorder = recorder
    self.presenter = presenter
    state = Mutex(State(manifest: manifest))
    let observer = Observer()
    item = make(observer)
    observer.target = self
  }

  /// Stands in for the entry while it is being made.
  final class Observer: LoopObserver, @unchecked Sendable {
    weak var target: RecordingEntry?
    func events(_ events: [TakeEvent], at now: Instant) { target?.events(events, at: now) }
    func peersChanged(_ changes: [PeerChange]) { target?.peersChanged(changes) }
    func mediaBegan(at now: Instant) { target?.mediaBegan(at: now) }
    func progressed() { target?.progressed() }
    func limitReached(_ limit: LimitReached) { target?.limitReached(limit) }
    func failed(_ failure: TapeFailure) { target?.failed(failure) }
  }

  var status: RecordingStatus { state.withLock { $0.manifest.status } }

  // MARK: LoopObserver, on the loop's thread

  func events(_ events: [TakeEvent], at now: Instant) {
    let wall = Clocks.wall()
    let kept = state.withLock { state in state.floodgate.admit(events, at: now) }
    guard !kept.isEmpty else { return }
    recorder.clerk.post { [self] in
      for (event, omitted) in kept {
        var fields = event.fields.map { field in
          switch field.value {
          case .string(let s): JSONField(field.name, .string(s))
          case .integer(let i): JSONField(field.name, .integer(i))
          case .number(let d): JSONField(field.name, .number(d))
          case .bool(let b): JSONField(field.name, .bool(b))
          }
        }
        if omitted > 0 { fields.append(JSONField("eventsOmittedBefore", JSONValue(omitted))) }
        recorder.tell(self, event.type, at: wall + -(now - event.at), fields)
      }
    }
  }

  func peersChanged(_ changes: [PeerChange]) {
    let pulls = state.withLock { $0.pulls }
    for change in changes { for pull in pulls.values { pull.hear(change) } }
  }

  func mediaBegan(at now: Instant) {
    let snapshot = item.take.snapshot(at: now)
    let wall = Clocks.wall()
    recorder.clerk.post { [self] in recorder.mediaBegan(self, at: wall + -(snapshot.sinceZero ?? .zero)) }
  }

  func progressed() { recorder.clerk.post { [self] in recorder.saveQuietly(self) } }

  func limitReached(_ limit: LimitReached) {
    guard !self.limit.exchange(true, ordering: .relaxed) else { return }
    recorder.clerk.post { [self] in recorder.end(self, reason: .limit(limit)) }
  }

  func failed(_ failure: TapeFailure) {
    guard !self.failure.exchange(true, ordering: .relaxed) else { return }
    recorder.clerk.post { [self] in recorder.end(self, reason: .failure(failure)) }
  }

  // MARK: From control threads

  /// The recording as it was last known, without asking the loop.
  func manifestNow() -> Manifest {
    var manifest = state.withLock { $0.manifest }
    guard !manifest.status.hasEnded else { return manifest }
    // What the writer could not put away is told as such at once, not only at the end.
    let lost = accounts.state.withLock { accounts in
      manifest.files = accounts.files
      manifest.hls = accounts.hls
      return accounts.lost
    }
    manifest.snapshot.retract(lost)
    return manifest
  }

  /// The recording as it is now: numbers from the loop while it is live.
  func manifest() -> Manifest {
    RecordingEntry.refresh([self])
    return manifestNow()
  }

  /// Takes the numbers of live recordings from their loops, in one go for each loop.
  static func refresh(_ entries: [RecordingEntry]) {
    var waits: [Latch] = []
    for (_, mine) in Dictionary(grouping: entries, by: { ObjectIdentifier($0.loop) }) {
      let live = mine.filter { entry in entry.state.withLock { !$0.isEnding } }
      guard let loop = live.first?.loop else { continue }
      let done = Latch()
      let isTaken = loop.post { _ in
        for entry in live { entry.keepSnapshot() }
        done.open()
      }
      if isTaken { waits.append(done) }
    }
    for done in waits { done.wait() }
  }

  /// On the loop's thread.
  private func keepSnapshot() {
    let snapshot = item.take.snapshot(at: Clocks.now())
    let wall = Clocks.wall()
    state.withLock { state in
      guard !state.isEnding else { return }
      state.manifest.snapshot = snapshot
      state.manifest.snapshotAt = wall
    }
  }
}
