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
    var orders: [TapeOrder]
    var isLast: Bool
    /// Names of participants that joined after the start.
    var names: [(Int, String)]
  }

  private struct Shared {
    var batches: [Batch] = []
    var isStopping = false
    /// Storage on its way back to the loop.
    var spareOrders: [[TapeOrder]] = []
    var spareBytes: [[UInt8]] = []
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

  /// Hands over ticks of orders and takes back used storage.
  func submit(_ batches: inout [Batch], orders: inout [[TapeOrder]], bytes: inout [[UInt8]]) {
    shared.withLock { shared in
      if shared.batches.isEmpty {
        swap(&shared.batches, &batches)
      } else {
        shared.batches.append(contentsOf: batches)
        batches.removeAll(keepingCapacity: true)
      }
      if orders.isEmpty { swap(&orders, &shared.spareOrders) }
      if bytes.isEmpty { swap(&bytes, &shared.spareBytes) }
    }
    waker.wake()
  }

  /// Ends the thread once everything submitted is done.
  func stop() {
    shared.withLock { $0.isStopping = true }
    waker.wake()
    thread?.join()
  }

  private func run() {
    var words = [UInt64](repeating: 0, count: 1)
    var batches: [Batch] = []
    var usedOrders: [[TapeOrder]] = []
    var usedBytes: [[UInt8]] = []
    var nextTick = Clocks.now()
    while true {
      let isStopping = shared.withLock { shared in
        swap(&shared.batches, &batches)
        shared.spareOrders.append(contentsOf: usedOrders)
        let room = max(0, WriterThread.maximumSpareBytes - shared.spareBytes.count)
        shared.spareBytes.append(contentsOf: usedBytes.prefix(room))
        return shared.isStopping
      }
      usedOrders.removeAll(keepingCapacity: true)
      usedBytes.removeAll(keepingCapacity: true)
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
        job.tape.execute(&orders, at: now) { usedBytes.append($0) }
        usedOrders.append(orders)
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
