import Codecs
import Ground
import RTCP
import Recording
import Synchronization
import Track

/// Takes what a take gives out and holds it to its promises.
struct TakeJudge {
  /// The writer's disk stands still: orders wait.
  var isStalled = false

  private struct File {
    var formats: [TrackFormat]
    var lastMilliseconds: [Int64]
  }
  private let tape: RecordingTape?
  private let files = MemoryFiles()
  private let accounts = TapeAccounts()
  private var participantsNamed: Int
  private var open: [Int: File] = [:]
  private var lastMilliseconds: [Int: Int64] = [:]
  private var packets: [Int: UInt64] = [:]
  private var frames = 0
  private var queuedBytes = 0
  private var waiting: [TapeOrder] = []
  private var orders: [TapeOrder] = []
  private var started: Instant?
  private var reports = 0
  /// Before there was a take.
  private let allocatedBefore: Int
  /// For the queue to the writer, frames before the timeline's zero, and spare arrays; and for each track what its jitter buffer, its frame in the
  /// making, and frames of unknown time may hold. Arrays may be twice as long as what is in them.
  private static let mostBytes = (bytes: 2 * Take.maximumQueuedBytes + 32 << 20, perTrack: 16 << 20)

  init(hasTape: Bool, participants: [String]) {
    allocatedBefore = Memory.allocatedBytes
    participantsNamed = participants.count
    tape = hasTape ? RecordingTape(files: files, participants: participants, accounts: accounts, listener: nil) : nil
  }

  /// To be called after each step.
  mutating func take(_ take: Take, at now: Instant, pool: BufferPool) {
    started = started ?? now
    take.takeOrders(into: &orders)
    for order in orders { check(order) }
    require(queuedBytes <= Take.maximumQueuedBytes, "no more than \(Take.maximumQueuedBytes) bytes wait for the writer")
    waiting += orders
    orders.removeAll()
    for datagram in take.takeOutgoing() { check(datagram) }
    for event in take.takeEvents() { check(event) }
    check(take.snapshot(at: now), at: now)
    if !isStalled { write(take, at: now, pool: pool) }
  }

  private func checkMemory(_ tracks: Int) {
    let held = Memory.allocatedBytes - allocatedBefore - files.storedBytes
    let most = TakeJudge.mostBytes.bytes + tracks * TakeJudge.mostBytes.perTrack
    require(held <= most, "\(held) bytes are held for \(tracks) tracks, at most \(most)")
  }

  private mutating func write(_ take: Take, at now: Instant, pool: BufferPool) {
    if let tape {
      let ids = take.participantIDs
      for number in participantsNamed..<max(participantsNamed, ids.count) { tape.name(number, ids[number]) }
      participantsNamed = max(participantsNamed, ids.count)
      tape.execute(&waiting, at: now) { pool.give($0) }
      tape.tick(at: now)
      require(accounts.releasedBytes.exchange(0, ordering: .relaxed) == queuedBytes, "the writer releases what was ordered")
      require(tape.failure == nil, "the tape takes every frame: \(tape.failure?.message ?? "")")
    }
    waiting.removeAll()
    take.written(bytes: queuedBytes)
    queuedBytes = 0
  }

  // MARK: What comes out

  private mutating func check(_ order: TapeOrder) {
    switch order {
    case .open(let participant, let formats):
      require(!formats.isEmpty, "a file has tracks")
      open[participant] = File(formats: formats, lastMilliseconds: [Int64](repeating: -1, count: formats.count))
    case .frame(let participant, let frame, let count, let track):
      guard let file = open[participant], file.formats.indices.contains(frame.track) else { fatalError("a frame for no track of a file") }
      let time = frame.time.milliseconds
      require(frame.time >= .zero, "no time is negative")
      require(time > file.lastMilliseconds[frame.track], "times rise in a file's track")
      require(time > lastMilliseconds[track] ?? -1, "and from part to part")
      let isFill = count == 0 && frame.bytes.count <= 2 && file.formats[frame.track].codec == .opus
      require(!frame.bytes.isEmpty && (count > 0 || isFill) && frame.duration >= .zero, "a frame has bytes")
      require(file.formats[frame.track].codec.kind == .audio || frame.size != nil || !frame.isKey, "a key frame has a size")
      require(file.lastMilliseconds[frame.track] >= 0 || frame.isKey, "a file's pictures begin with a key frame")
      open[participant]?.lastMilliseconds[frame.track] = time
      lastMilliseconds[track] = time
      packets[track, default: 0] += UInt64(count)
      frames += 1
      queuedBytes += frame.storedBytes
    case .advance(let time): require(time >= .zero, "the timeline is never negative")
    case .wallClock(let zero): require(zero.rfc3339.utf8.count == 24, "the zero's wall clock is a time")
    }
  }

  private mutating func check(_ datagram: OutgoingDatagram) {
    require((8...1_472).contains(datagram.bytes.count), "RTCP fits a datagram")
    reports += 1
    guard datagram.bytes[1] == 201, datagram.bytes[0] & 0x1f <= 31 else { fatalError("RTCP begins with a receiver report") }
  }

  private func check(_ event: TakeEvent) {
    for field in event.fields {
      if case .number(let value) = field.value { require(value.isFinite, "\(event.type).\(field.name) is a number") }
      guard event.type == "media.gap", case .number(let value) = field.value else { continue }
      require(value >= 0, "media.gap.\(field.name) is not negative")
    }
  }

  private func check(_ snapshot: TakeSnapshot, at now: Instant) {
    let seconds = started.map { (now - $0).seconds } ?? 0
    for (number, track) in snapshot.tracks.enumerated() {
      let counters = track.counters
      require(
        counters.packetsReceived == counters.packetsInFrames + counters.packetsDiscarded + UInt64(track.packetsPending),
        "received \(counters.packetsReceived), in frames \(counters.packetsInFrames), discarded \(counters.packetsDiscarded), pending \(track.packetsPending)"
      )
      require(packets[number] ?? 0 <= counters.packetsInFrames, "what is ordered is counted")
      require(Double(counters.pliSent) <= 9 + seconds / 2, "requests for key frames keep their budget")
      require(track.jitterMilliseconds >= 0 && counters.gapDuration >= .zero, "no negative numbers")
    }
    checkMemory(snapshot.tracks.count)
    require(snapshot.duration >= .zero, "no negative duration")
    for pause in snapshot.pauses { require(pause.mediaEnd.map { $0 >= pause.mediaStart } ?? true, "a pause ends after it begins") }
  }

  // MARK: The end

  mutating func finish(_ snapshot: TakeSnapshot) {
    for (number, track) in snapshot.tracks.enumerated() {
      require(track.packetsPending == 0, "nothing is left pending")
      require(packets[number] ?? 0 == track.counters.packetsInFrames, "every packet of a frame was ordered onto the tape")
    }
    guard let tape else { return }
    tape.finish()
    require(tape.failure == nil, "the tape ends: \(tape.failure?.message ?? "")")
    let statuses = accounts.state.withLock { $0.files }
    require(accounts.framesWritten.load(ordering: .relaxed) == frames, "every frame was written")
    require(statuses.count == files.count, "every file is told")
    var blocks = 0
    for status in statuses {
      guard let content = files.content(status.path) else { fatalError("\(status.path) is not there") }
      require(status.isFinal && status.bytes == Int64(content.count), "\(status.path) is final and as long as told")
      blocks += WebMBlocks.check(content)
    }
    require(blocks == frames, "every frame is in a file")
  }
}
