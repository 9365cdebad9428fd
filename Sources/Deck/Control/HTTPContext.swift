import CHTTP
import Recording
import Synchronization

/// What all callbacks of a daemon share.
@safe final class HTTPContext: Sendable {
  struct Bounds: Sendable {
    var connections: Int
    var idleSeconds: Int
    var bodyBytes: Int
  }
  /// Connections above the bound that are taken only to be told so; above these, they are closed unheard.
  static let reserve = 32

  /// Open connections that are served. Each listening socket counts its own: strangers on the network must not use up the places of
  /// those who hold the Unix socket.
  private let connections = Atomic<Int>(0)
  /// Open connections above the bound, which are only told so.
  private let surplusConnections = Atomic<Int>(0)
  let door: Request.Door
  let bounds: Bounds
  let calls: Calls
  let state: ServerState
  let log: @Sendable (RequestRecord) -> Void

  init(door: Request.Door, bounds: Bounds, calls: Calls, state: ServerState, log: @escaping @Sendable (RequestRecord) -> Void) {
    self.door = door
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
    connections.load(ordering: .relaxed) < bounds.connections
      || surplusConnections.load(ordering: .relaxed) < HTTPContext.reserve
  }

  /// Counts connections, and marks the ones above the bound (non-nil). They are counted apart, so that a place that becomes free is
  /// given to the next one, however many are still being told that there was none.
  func note(_ event: MHD_ConnectionNotificationCode, mark: UnsafeMutablePointer<UnsafeMutableRawPointer?>?) {
    if event == .CONNECTION_NOTIFY_STARTED {
      // Only the listening thread starts connections, so that nothing comes between this look and the count.
      let isSurplus = connections.load(ordering: .relaxed) >= bounds.connections
      unsafe mark?.pointee = isSurplus ? UnsafeMutableRawPointer(bitPattern: 1) : nil
      count(1, isSurplus: isSurplus)
    } else {
      let isSurplus = unsafe mark?.pointee != nil
      count(-1, isSurplus: isSurplus)
    }
  }

  private func count(_ change: Int, isSurplus: Bool) {
    if isSurplus {
      surplusConnections.wrappingAdd(change, ordering: .relaxed)
    } else {
      connections.wrappingAdd(change, ordering: .relaxed)
    }
  }
}
