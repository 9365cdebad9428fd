import Glibc
import Ground
package import Recording
import Synchronization

/// The control API on a Unix stream socket, driving a recorder. Serves from its making until `stop`.
package final class ControlServer: Sendable {
  private let socket: ListeningSocket
  private let state: ServerState
  private let drain: TimeSpan
  private let daemon: HTTPDaemon

  /// Ready when it returns: a client may connect. `log` gets one record for each request, on the thread that served it.
  package init(
    _ configuration: ControlServerConfiguration, recorder: any RecorderControl,
    log: @escaping @Sendable (RequestRecord) -> Void = { _ in }
  ) throws(ControlServerError) {
    let state = ServerState()
    let socket = try ListeningSocket(path: configuration.path, group: configuration.group)
    let context = HTTPContext(
      bounds: .init(
        connections: configuration.connectionLimit, idleSeconds: configuration.idleTimeoutSeconds, bodyBytes: configuration.bodyLimitBytes),
      calls: Calls(
        recorder: recorder, state: state, eventStreamLimit: configuration.eventStreamLimit, eventKeepAlive: configuration.eventKeepAlive),
      state: state, log: log)
    guard let daemon = HTTPDaemon(listener: socket.takeListener(), context: context) else {
      throw .noDaemon(path: configuration.path)
    }
    self.socket = socket
    self.state = state
    self.drain = configuration.drain
    self.daemon = daemon
  }

  /// Stops serving: takes the socket file away, refuses what still comes, ends event streams, lets answers under way finish for a bounded
  /// time, and returns when every thread and descriptor is gone. A call that waits inside the recorder (`stop?wait=true`) is waited for, so
  /// let the recorder end first. Idempotent.
  package func stop() {
    guard state.beginStop() else { return }
    socket.withdraw()
    var waited = TimeSpan.zero
    while state.requests.load(ordering: .acquiring) > 0, waited < drain {
      _ = poll(nil, 0, 5)
      waited += .milliseconds(5)
    }
    daemon.stop()
    socket.release()
  }

  deinit { stop() }
}
