import Dispatch
import Synchronization

/// A thread for what must not delay media and must happen in order: events, manifests, the ends of recordings.
final class Clerk: Sendable {
  private struct State {
    var tasks: [@Sendable () -> Void] = []
    var isStopping = false
    /// The thread is about to end and will not look again.
    var isClosed = false
  }
  private let state = Mutex(State())
  private let signal = DispatchSemaphore(value: 0)
  private let thread = Mutex<WorkerThread?>(nil)

  init(name: String = "clerk") {
    thread.withLock { $0 = WorkerThread(name: name) { [unowned self] in run() } }
  }

  /// Answers false, and forgets the task, where the thread has ended.
  @discardableResult func post(_ task: @escaping @Sendable () -> Void) -> Bool {
    let isTaken = state.withLock { state in
      if !state.isClosed { state.tasks.append(task) }
      return !state.isClosed
    }
    if isTaken { signal.signal() }
    return isTaken
  }

  /// Runs `task` in its turn and returns when it has run; answers false where the thread has ended. Not for the thread itself.
  @discardableResult func run(_ task: @escaping @Sendable () -> Void) -> Bool {
    let done = Latch()
    guard
      post({
        task()
        done.open()
      })
    else { return false }
    done.wait()
    return true
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
      let tasks = state.withLock { state in
        defer { state.tasks = [] }
        return state.tasks
      }
      for task in tasks { task() }
      let isOver = state.withLock { state in
        state.isClosed = state.isStopping && state.tasks.isEmpty
        return state.isClosed
      }
      if isOver { return }
    }
  }
}
