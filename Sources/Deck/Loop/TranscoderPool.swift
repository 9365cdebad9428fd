import Dispatch
import Synchronization

/// Threads for what costs CPU or reads whole files: codecs, hashes, the ends of recordings. They run beside the tape and never hold it up.
final class TranscoderPool: Sendable {
  private struct State {
    var tasks: [@Sendable () -> Void] = []
    var head = 0
    var isStopping = false
  }
  private let state = Mutex(State())
  private let signal = DispatchSemaphore(value: 0)
  private let threads = Mutex<[WorkerThread]>([])

  /// `nice` above 0 lowers the threads' priority.
  init(name: String, threads count: Int, nice: Int32) {
    threads.withLock { $0 = (0..<count).map { i in WorkerThread(name: "\(name)-\(i)", nice: nice) { [unowned self] in run() } } }
  }

  /// Runs `task` when a thread is free, in the order posted. A long job posts itself again after a slice.
  func post(_ task: @escaping @Sendable () -> Void) {
    state.withLock { $0.tasks.append(task) }
    signal.signal()
  }

  /// Ends the threads when everything posted is done.
  func stop() {
    let threads = threads.withLock { $0 }
    state.withLock { $0.isStopping = true }
    for _ in threads { signal.signal() }
    for thread in threads { thread.join() }
  }

  private func run() {
    while true {
      signal.wait()
      let (task, isStopping) = state.withLock { state -> ((@Sendable () -> Void)?, Bool) in
        guard state.head < state.tasks.count else { return (nil, state.isStopping) }
        let task = state.tasks[state.head]
        state.head += 1
        if state.head == state.tasks.count {
          state.tasks.removeAll(keepingCapacity: true)
          state.head = 0
        } else if state.head >= 1024 {
          state.tasks.removeFirst(state.head)
          state.head = 0
        }
        return (task, state.isStopping)
      }
      if let task { task() } else if isStopping { return }
    }
  }
}
