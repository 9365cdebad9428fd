import Codecs
import Ground
import JSON
import Mux
import Recording
import Synchronization
import Transcode

/// A recording's live presentations: takes frames from the writer over a bounded queue and works them off on the transcoders' threads.
///
/// When the threads fall behind, pictures are left out step by step; when the queue is full, frames are dropped up to the next key
/// frame and counted. The tape never waits.
final class LivePresenter: TapeListener, @unchecked Sendable {
  /// What may wait for the transcoder.
  static let maximumQueuedBytes = 24 << 20
  static let maximumQueuedItems = 20_000
  /// How much is worked off before another recording has its turn.
  private static let slice = 64

  private enum Item {
    case open(String, [TrackFormat])
    case frame(String, EncodedFrame)
    case advance(MediaTime)
    case wallClock(WallTime)
    case skipped(String)
    case finish
  }

  private struct Queue {
    var items: [Item] = []
    var head = 0
    var bytes = 0
    var isScheduled = false
    var newest = MediaTime.zero
    /// Participants whose pictures are dropped until a key frame.
    var skipping: Set<String> = []
    var dropped = 0
    var whenFinished: (@Sendable () -> Void)?
    var isAbandoned = false
  }

  private let queue = Mutex(Queue())
  private let folder: String
  private let output: HLSOutput
  private let usesPlainFolder: Bool
  private let first: String?
  private let accounts: TapeAccounts
  private let pool: TranscoderPool
  var whenSegment: (@Sendable ([JSONField]) -> Void)?

  // Touched by one transcoder thread at a time.
  private let files: DiskFiles
  private var presentations: [ParticipantHLS] = []
  private var wallClockZero = Clocks.wall()
  private var level = ShedLevel.nothing
  private var oldest = MediaTime.zero

  init(folder: String, output: HLSOutput, participants: [String], accounts: TapeAccounts, pool: TranscoderPool) {
    self.folder = folder
    self.output = output
    usesPlainFolder = participants.count == 1
    first = participants.first
    self.accounts = accounts
    self.pool = pool
    files = DiskFiles(folder: folder)
  }

  // MARK: TapeListener, on the writer's thread

  func open(participant: String, formats: [TrackFormat]) { enqueue(.open(participant, formats)) }
  func advance(to time: MediaTime) {
    queue.withLock { queue in
      // However long the transcoders stand still, one such item waits: a later time makes the earlier one needless.
      if queue.head < queue.items.count, case .advance = queue.items[queue.items.count - 1] { queue.items.removeLast() }
      queue.items.append(.advance(time))
    }
    schedule()
  }
  func wallClock(zero: WallTime) { enqueue(.wallClock(zero)) }

  func receive(participant: String, _ frame: EncodedFrame) -> Bool {
    let kept = queue.withLock { queue -> Bool in
      guard !queue.isAbandoned else { return false }
      let isFull = queue.bytes > LivePresenter.maximumQueuedBytes || queue.items.count - queue.head > LivePresenter.maximumQueuedItems
      if isFull || (queue.skipping.contains(participant) && frame.duration == .zero && !frame.isKey) {
        queue.dropped += 1
        if frame.duration == .zero, queue.skipping.insert(participant).inserted { queue.items.append(.skipped(participant)) }
        return false
      }
      if frame.duration == .zero { queue.skipping.remove(participant) }
      queue.bytes += frame.bytes.count
      queue.newest = max(queue.newest, frame.time)
      queue.items.append(.frame(participant, frame))
      return true
    }
    if kept { schedule() }
    return kept
  }

  private func enqueue(_ item: Item) {
    queue.withLock { $0.items.append(item) }
    schedule()
  }

  /// Ends the presentations once what is queued is done; then calls `body` on a transcoder's thread.
  func finish(_ body: @escaping @Sendable () -> Void) {
    queue.withLock { queue in
      queue.whenFinished = body
      queue.items.append(.finish)
    }
    schedule()
  }

  /// Forgets what is queued: the recording is to be erased. `finish` is still needed.
  func abandon() {
    queue.withLock { queue in
      queue.isAbandoned = true
      queue.items.removeAll()
      queue.head = 0
      queue.bytes = 0
    }
  }

  private func schedule() {
    let mustPost = queue.withLock { queue in
      defer { queue.isScheduled = true }
      return !queue.isScheduled
    }
    if mustPost { pool.post { [self] in run() } }
  }

  // MARK: On a transcoder's thread

  private func run() {
    for _ in 0..<LivePresenter.slice {
      let next = queue.withLock { queue -> (Item, MediaTime)? in
        guard queue.head < queue.items.count else {
          queue.items.removeAll(keepingCapacity: queue.items.count < 256)
          queue.head = 0
          queue.isScheduled = false
          return nil
        }
        let item = queue.items[queue.head]
        queue.items[queue.head] = .advance(.zero)
        queue.head += 1
        if queue.head >= 512 {
          queue.items.removeFirst(queue.head)
          queue.head = 0
        }
        if case .frame(_, let frame) = item { queue.bytes -= frame.bytes.count }
        return (item, queue.newest)
      }
      guard let (item, newest) = next else {
        publish()
        return
      }
      work(item, newest: newest)
    }
    publish()
    // Others wait too: go to the end of the line.
    pool.post { [self] in run() }
  }

  private func work(_ item: Item, newest: MediaTime) {
    switch item {
    case .open(let participant, let formats): presentation(participant).open(formats)
    case .frame(let participant, let frame):
      adapt(behind: newest - frame.time)
      presentation(participant).receive(frame)
    case .advance(let time): for presentation in presentations { presentation.advance(to: time) }
    case .wallClock(let zero):
      wallClockZero = zero
      for presentation in presentations { presentation.setWallClock(zero: zero) }
    case .skipped(let participant): presentation(participant).skipToKeyFrame()
    case .finish:
      for presentation in presentations { presentation.finish() }
      // Before the end is told: what comes after it would be told of a recording that has ended.
      tellSegments()
      publish()
      let body = queue.withLock { $0.whenFinished.take() }
      body?()
    }
    tellSegments()
  }

  private func presentation(_ participant: String) -> ParticipantHLS {
    if let known = presentations.first(where: { $0.participant == participant }) { return known }
    let name = usesPlainFolder && participant == first ? nil : participant
    let made = ParticipantHLS(
      participant: participant, folder: TapeNames.hlsFolder(participant: name), output: output, files: files,
      wallClockZero: wallClockZero)
    presentations.append(made)
    return made
  }

  /// Leaves out pictures in steps, the further behind the more.
  private func adapt(behind: TimeSpan) {
    let wanted: ShedLevel =
      behind > .seconds(8) ? .keyFramesOnly : behind > .seconds(4) ? .boundariesOnly : behind > .seconds(2) ? .thinned : .nothing
    // Down only when nearly level again, so that the steps do not alternate.
    guard wanted > level || (wanted < level && behind < .milliseconds(500)) else { return }
    level = wanted
    for presentation in presentations { presentation.shed(level) }
  }

  private func tellSegments() {
    for presentation in presentations {
      for segment in presentation.takeSegments() {
        whenSegment?([
          JSONField("participant", .string(presentation.participant)), JSONField("playlist", .string(presentation.status.playlist)),
          JSONField("uri", .string(segment.uri)), JSONField("sequence", JSONValue(segment.sequence)),
          JSONField("startSeconds", .number(Manifest.rounded(segment.start.seconds))),
          JSONField("durationSeconds", .number(Double(segment.durationMilliseconds) / 1000)),
          JSONField("bytes", JSONValue(segment.byteCount)), JSONField("programDateTime", .string(segment.programDateTime.rfc3339)),
        ])
      }
    }
  }

  private func publish() {
    let dropped = queue.withLock { $0.dropped }
    var statuses = presentations.map(\.status)
    if !statuses.isEmpty { statuses[0].framesSkipped += dropped }
    let published = statuses
    accounts.state.withLock { $0.hls = published }
  }
}
