import Dispatch
import Synchronization

/// Opens once; who waits before that waits.
final class Latch: Sendable {
  private struct State {
    var isOpen = false
    var waiters: [DispatchSemaphore] = []
  }
  private let state = Mutex(State())

  var isOpen: Bool { state.withLock { $0.isOpen } }

  func open() {
    let waiters = state.withLock { state in
      state.isOpen = true
      defer { state.waiters.removeAll() }
      return state.waiters
    }
    for waiter in waiters { waiter.signal() }
  }

  func wait() {
    let waiter = DispatchSemaphore(value: 0)
    let mustWait = state.withLock { state in
      if state.isOpen { return false }
      state.waiters.append(waiter)
      return true
    }
    if mustWait { waiter.wait() }
  }
}
