import Dispatch
import Glibc
import Synchronization

/// SIGTERM and SIGINT for the daemon: the first asks it to stop, whatever it is doing; a second ends the process at once.
final class StopSignals: Sendable {
  private let first = Atomic<Int32>(0)
  private let asked = DispatchSemaphore(value: 0)

  /// To be made before any other thread, so that all inherit the mask and only this one hears the signals.
  static func install() -> StopSignals {
    let signals = StopSignals()
    var set = sigset_t()
    unsafe sigemptyset(&set)
    unsafe sigaddset(&set, SIGTERM)
    unsafe sigaddset(&set, SIGINT)
    _ = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    let context = unsafe Unmanaged.passRetained(signals).toOpaque()
    var thread = pthread_t()
    let result = unsafe pthread_create(
      &thread, nil,
      { context in
        guard let context = unsafe context else { fatalError("a thread without its context") }
        unsafe Unmanaged<StopSignals>.fromOpaque(context).takeRetainedValue().listen()
      }, context)
    precondition(result == 0, "pthread_create failed")
    _ = pthread_detach(thread)
    return signals
  }

  private func listen() -> Never {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    unsafe sigaddset(&set, SIGTERM)
    unsafe sigaddset(&set, SIGINT)
    while true {
      var received: Int32 = 0
      guard unsafe sigwait(&set, &received) == 0 else { continue }
      // What is on disk is completed by the next start.
      if first.load(ordering: .relaxed) != 0 { _exit(128 + received) }
      first.store(received, ordering: .relaxed)
      asked.signal()
    }
  }

  /// Returns when the first signal has come, with its name.
  func wait() -> String {
    asked.wait()
    return first.load(ordering: .relaxed) == SIGINT ? "SIGINT" : "SIGTERM"
  }
}
