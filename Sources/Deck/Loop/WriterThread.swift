import Ground
import Recording
import Synchronization

/// What a writer does for one recording, and who hears when it is done. Its tape is touched by the writer's thread only.
final class WriterJob: @unchecked Sendable {
  let tape: RecordingTape
  let accounts: TapeAccounts
  /// Called on the writer's thread once every file is final.
  let whenFinished: @Sendable (WriterJob) -> Void
  /// Whether the writer knows it.
  fileprivate var isOpen = false

  init(tape: RecordingTape, accounts: TapeAccounts, whenFinished: @escaping @Sendable (WriterJob) -> Void) {
    self.tape = tape
    self.accounts = accounts
    self.whenFinished = whenFinished
  }
}

/// A thread that muxes and writes. It takes whole ticks of orders at once, so a tick costs one lock whatever it holds.
final class WriterThread: @unchecked Sendable {
  struct Batch {
    var job: WriterJob
    /// Whose it is: the loop's lane.
    var lane: Int
    var orders: [TapeOrder]
    var isLast: Bool
    /// Names of participants that joined after the start.
    var names: [(Int, String)]
  }

  /// Storage on its way back to the loop that it came from: with another, one would allocate what the other frees.
  struct Spare {
    var orders: [[TapeOrder]] = []
    var bytes: [[UInt8]] = []
  }

  private struct Shared {
    var batches: [Batch] = []
    var isStopping = false
    /// By lane.
    var spare: [Spare] = []
  }

  private let shared = Mutex(Shared())
  private let poller = Poller()
  private let waker = Waker()
  private var thread: WorkerThread?
  private var jobs: [ObjectIdentifier: WriterJob] = [:]

  /// Bounds what travels back: more than a loop uses in some ticks is freed.
  private static let maximumSpareBytes = 4096
  /// How often files are looked after that had nothing to write.
  private static let tickInterval = TimeSpan.milliseconds(100)

  init(name: String) {
    poller.add(waker.descriptor, word: 0)
    thread = WorkerThread(name: name) { [unowned self] in run() }
  }

  /// Makes a lane for one more loop; answers its number.
  func addLane() -> Int {
    shared.withLock { shared in
      shared.spare.append(Spare())
      return shared.spare.count - 1
    }
  }

  /// Hands over ticks of orders and takes back the lane's used storage where `spare` has none.
  func submit(_ batches: inout [Batch], lane: Int, spare: inout Spare) {
    shared.withLock { shared in
      if shared.batches.isEmpty {
        swap(&shared.batches, &batches)
      } else {
        shared.batches.append(contentsOf: batches)
        batches.removeAll(keepingCapacity: true)
      }
      if spare.orders.isEmpty { swap(&spare.orders, &shared.spare[lane].orders) }
      if spare.bytes.isEmpty { swap(&spare.bytes, &shared.spare[lane].bytes) }
    }
    waker.wake()
  }

  /// Ends the thread once everything submitted is done.
  func stop() {
    shared.withLock { $0.isStopping = true }
    waker.wake()
    thread?.join()
  }

  private static func giveBack(_ used: inout Spare, to spare: inout Spare) {
    spare.orders.append(contentsOf: used.orders)
    spare.bytes.append(contentsOf: used.bytes.prefix(max(0, maximumSpareBytes - spare.bytes.count)))
    used.orders.removeAll(keepingCapacity: true)
    used.bytes.removeAll(keepingCapacity: true)
  }

  private func run() {
    var words = [UInt64](repeating: 0, count: 1)
    var batches: [Batch] = []
    var used: [Spare] = []
    var nextTick = Clocks.now()
    while true {
      let isStopping = shared.withLock { shared in
        swap(&shared.batches, &batches)
        for lane in used.indices { WriterThread.giveBack(&used[lane], to: &shared.spare[lane]) }
        while used.count < shared.spare.count { used.append(Spare()) }
        return shared.isStopping
      }
      if batches.isEmpty {
        if isStopping { return }
        let hasOpenJobs = !jobs.isEmpty
        _ = poller.wait(into: &words, milliseconds: hasOpenJobs ? 250 : -1)
        waker.clear()
      }
      let now = Clocks.now()
      for i in batches.indices {
        var orders: [TapeOrder] = []
        swap(&orders, &batches[i].orders)
        let job = batches[i].job
        for (participant, name) in batches[i].names { job.tape.name(participant, name) }
        let lane = batches[i].lane
        job.tape.execute(&orders, at: now) { used[lane].bytes.append($0) }
        used[lane].orders.append(orders)
        if batches[i].isLast {
          jobs[ObjectIdentifier(job)] = nil
          job.tape.finish()
          job.whenFinished(job)
        } else if !job.isOpen {
          job.isOpen = true
          jobs[ObjectIdentifier(job)] = job
        }
      }
      batches.removeAll(keepingCapacity: true)
      if now >= nextTick {
        nextTick = now + WriterThread.tickInterval
        for job in jobs.values { job.tape.tick(at: now) }
      }
    }
  }
}
