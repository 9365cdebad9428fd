import Dispatch
import Synchronization

/// A thread for what must not delay media and must happen in order: events, manifests, the ends of recordings.
final class Clerk: Sendable {
  private struct State {
    var tasks: [@Sendable () -> Void] = []
    var isStopping = false
  }
  private let state = Mutex(State())
  private let signal = DispatchSemaphore(value: 0)
  private let thread = Mutex<WorkerThread?>(nil)

  init(name: String = "clerk") {
    thread.withLock { $0 = WorkerThread(name: name) { [unowned self] in run() } }
  }

  func post(_ task: @escaping @Sendable () -> Void) {
    state.withLock { $0.tasks.append(task) }
    signal.signal()
  }

  /// Ends the thread when everything posted is done.
  func stop() {
    state.withLock { $0.isStopping = true }
    signal.signal()
    thread.withLock { $0 }?.join()
  }

  private func run() {
    while true {
      signal.wait()
      let (tasks, isStopping) = state.withLock { state in
        defer { state.tasks = [] }
        return (state.tasks, state.isStopping)
      }
      for task in tasks { task() }
      if isStopping, state.withLock({ $0.tasks.isEmpty }) { return }
    }
  }
}
