import CHTTP
import Ground
import Glibc
import Synchronization

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

/// What all callbacks of a daemon share.
@safe final class HTTPContext: Sendable {
  struct Bounds: Sendable {
    var connections: Int
    var idleSeconds: Int
    var bodyBytes: Int
  }
  /// Connections above the bound that are taken only to be told so; above these, they are closed unheard.
  static let reserve = 32

  let bounds: Bounds
  let calls: Calls
  let state: ServerState
  let log: @Sendable (RequestRecord) -> Void

  init(bounds: Bounds, calls: Calls, state: ServerState, log: @escaping @Sendable (RequestRecord) -> Void) {
    self.bounds = bounds
    self.calls = calls
    self.state = state
    self.log = log
  }

  static func from(_ pointer: UnsafeMutableRawPointer?) -> HTTPContext {
    unsafe Unmanaged<HTTPContext>.fromOpaque(pointer!).takeUnretainedValue()
  }

  /// Whether one more connection is taken.
  func accepts() -> Bool {
    state.connections.load(ordering: .relaxed) < bounds.connections
      || state.surplusConnections.load(ordering: .relaxed) < HTTPContext.reserve
  }

  /// Counts connections, and marks the ones above the bound (non-nil). They are counted apart, so that a place that becomes free is
  /// given to the next one, however many are still being told that there was none.
  func note(_ event: MHD_ConnectionNotificationCode, mark: UnsafeMutablePointer<UnsafeMutableRawPointer?>?) {
    if event == .CONNECTION_NOTIFY_STARTED {
      // Only the listening thread starts connections, so that nothing comes between this look and the count.
      let isSurplus = state.connections.load(ordering: .relaxed) >= bounds.connections
      unsafe mark?.pointee = isSurplus ? UnsafeMutableRawPointer(bitPattern: 1) : nil
      count(1, isSurplus: isSurplus)
    } else {
      let isSurplus = unsafe mark?.pointee != nil
      count(-1, isSurplus: isSurplus)
    }
  }

  private func count(_ change: Int, isSurplus: Bool) {
    if isSurplus {
      state.surplusConnections.wrappingAdd(change, ordering: .relaxed)
    } else {
      state.connections.wrappingAdd(change, ordering: .relaxed)
    }
  }
}
