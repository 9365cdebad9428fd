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
    var declaredSSRCs: Set<UInt32> = []
  }

  let id: String
  let room: String
  let folder: String
  let loop: MediaLoop
  let item: LoopTake
  let accounts: TapeAccounts
  let state: Mutex<State>
  let ended = Latch()
  private let limit = Atomic<Bool>(false)
  private let failure = Atomic<Bool>(false)
  private unowned let recorder: Recorder

  init(
    id: String, folder: String, manifest: Manifest, loop: MediaLoop, recorder: Recorder,
    make: (RecordingEntry.Observer) -> LoopTake, accounts: TapeAccounts
  ) {
    self.id = id
    room = manifest.specification.room
    self.folder = folder
    self.loop = loop
    self.accounts = accounts
    self.recorder = recorder
    state = Mutex(State(manifest: manifest))
    let observer = Observer()
    item = make(observer)
    observer.target = self
  }

  /// Stands in for the entry while it is being made.
  final class Observer: LoopObserver, @unchecked Sendable {
    weak var target: RecordingEntry?
    func events(_ events: [TakeEvent], at now: Instant) { target?.events(events, at: now) }
    func mediaBegan(at now: Instant) { target?.mediaBegan(at: now) }
    func limitReached(_ limit: LimitReached) { target?.limitReached(limit) }
    func failed(_ failure: TapeFailure) { target?.failed(failure) }
  }

  var status: RecordingStatus { state.withLock { $0.manifest.status } }

  // MARK: LoopObserver, on the loop's thread

  func events(_ events: [TakeEvent], at now: Instant) {
    let wall = Clocks.wall()
    recorder.clerk.post { [self] in
      for event in events {
        let fields = event.fields.map { field in
          switch field.value {
          case .string(let s): JSONField(field.name, .string(s))
          case .integer(let i): JSONField(field.name, .integer(i))
          case .number(let d): JSONField(field.name, .number(d))
          }
        }
        recorder.tell(self, event.type, at: wall + -(now - event.at), fields)
      }
    }
  }

  func mediaBegan(at now: Instant) {
    let snapshot = item.take.snapshot(at: now)
    let wall = Clocks.wall()
    recorder.clerk.post { [self] in recorder.mediaBegan(self, at: wall + -(snapshot.sinceZero ?? .zero)) }
  }

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
  func manifestNow() -> Manifest { state.withLock { $0.manifest } }

  /// The recording as it is now: numbers from the loop while it is live.
  func manifest() -> Manifest {
    let isLive = state.withLock { !$0.isEnding }
    if isLive, let (snapshot, wall) = liveSnapshot() {
      state.withLock { state in
        guard !state.isEnding else { return }
        state.manifest.snapshot = snapshot
        state.manifest.snapshotAt = wall
      }
    }
    var manifest = state.withLock { $0.manifest }
    let (files, hls) = accounts.state.withLock { ($0.files, $0.hls) }
    if !manifest.status.hasEnded {
      manifest.files = files
      manifest.hls = hls
    }
    return manifest
  }

  private func liveSnapshot() -> (TakeSnapshot, WallTime)? {
    let answer = Mutex<(TakeSnapshot, WallTime)?>(nil)
    onLoop { _ in
      let snapshot = self.item.take.snapshot(at: Clocks.now())
      answer.withLock { $0 = (snapshot, Clocks.wall()) }
    }
    return answer.withLock { $0 }
  }

  /// Runs on the loop's thread and returns when it has run.
  func onLoop(_ body: @escaping @Sendable (MediaLoop) -> Void) {
    let done = Latch()
    loop.post { loop in
      body(loop)
      done.open()
    }
    done.wait()
  }
}
