import CHTTP
import Glibc

/// libmicrohttpd serving one listening socket, a thread for each connection. Owns the daemon's handle; `stop` ends it.
@safe final class HTTPDaemon: Sendable {
  private nonisolated(unsafe) let handle: OpaquePointer
  /// What the callbacks get; must outlive the daemon.
  private let context: HTTPContext

  /// Takes over `listener`, also where it fails: nil is out of threads, memory or descriptors.
  init?(listener: Int32, context: HTTPContext) {
    let bounds = context.bounds
    let handle = unsafe chttp_start(
      listener, UInt32(bounds.connections + 2 * HTTPContext.reserve), UInt32(bounds.idleSeconds), 32 * 1024, 1024 * 1024,
      Unmanaged.passUnretained(context).toOpaque(),
      { context, _, _ in unsafe HTTPContext.from(context).accepts() ? .YES : .NO },
      { context, _, mark, event in unsafe HTTPContext.from(context).note(event, mark: mark) },
      { context, target, _ in unsafe Exchange.begin(HTTPContext.from(context), target) },
      { context, connection, _, method, _, data, count, exchange in
        unsafe Exchange.from(exchange).advance(connection, method, data, count)
      },
      { _, _, exchange, end in unsafe Exchange.end(exchange, end) })
    guard let handle = unsafe handle else {
      close(listener)
      return nil
    }
    unsafe self.handle = handle
    self.context = context
  }

  /// Closes the listening socket and every connection, and returns when their threads are gone. To be called once.
  func stop() {
    unsafe MHD_stop_daemon(handle)
  }
}
