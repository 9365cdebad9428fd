import CLinux
import Glibc

/// A thread with a name, joined by `join`.
@safe final class WorkerThread: @unchecked Sendable {
  private var thread = pthread_t()

  private final class Start {
    let name: String
    let nice: Int32
    let body: @Sendable () -> Void
    init(name: String, nice: Int32, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.nice = nice
      self.body = body
    }
  }

  /// `name` is cut to 15 bytes by the system; `nice` above 0 lowers the priority.
  init(name: String, nice: Int32 = 0, body: @escaping @Sendable () -> Void) {
    let start = unsafe Unmanaged.passRetained(Start(name: name, nice: nice, body: body)).toOpaque()
    let result = unsafe pthread_create(
      &thread, nil,
      { context in
        guard let context = unsafe context else { return nil }
        let start = unsafe Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
        unsafe clinux_name_thread(String(start.name.prefix(15)))
        if start.nice != 0 { clinux_nice_thread(start.nice) }
        start.body()
        return nil
      }, start)
    precondition(result == 0, "pthread_create failed")
  }

  func join() { _ = pthread_join(thread, nil) }
}
