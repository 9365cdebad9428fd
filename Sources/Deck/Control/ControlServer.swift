import Glibc
package import Ground
package import Recording
import Synchronization

/// The control API on a Unix stream socket, and on TCP where that is asked for, driving a recorder. Serves from its making until `stop`.
package final class ControlServer: Sendable {
  private let socket: ListeningSocket
  private let state: ServerState
  private let drain: TimeSpan
  private let daemons: [HTTPDaemon]
  /// Where TCP is served, with the port that it has; nil where it is not.
  package let networkAddress: SocketAddress?

  /// Ready when it returns: a client may connect. `log` gets one record for each request, on the thread that served it.
  package init(
    _ configuration: ControlServerConfiguration, recorder: any RecorderControl,
    log: @escaping @Sendable (RequestRecord) -> Void = { _ in }
  ) throws(ControlServerError) {
    let isOpen = try ControlServer.isOpen(configuration)
    let state = ServerState()
    // The lock beside the socket comes before all else: there is one daemon.
    let socket = try ListeningSocket(path: configuration.path, group: configuration.group)
    let calls = Calls(
      recorder: recorder, state: state, access: Access(tokens: configuration.tokens, isOpen: isOpen), cors: configuration.cors,
      whip: WHIPEndpoint(recorder: recorder, configuration: configuration.whip), eventStreamLimit: configuration.eventStreamLimit,
      eventKeepAlive: configuration.eventKeepAlive)
    func context(_ door: Request.Door) -> HTTPContext {
      HTTPContext(
        door: door,
        bounds: .init(
          connections: configuration.connectionLimit, idleSeconds: configuration.idleTimeoutSeconds,
          bodyBytes: configuration.bodyLimitBytes),
        calls: calls, state: state, log: log)
    }
    let network = try configuration.network.map { network throws(ControlServerError) in try NetworkSocket.listen(on: network.address) }
    guard let local = HTTPDaemon(listener: socket.takeListener(), context: context(.socket)) else {
      if let network { close(network.descriptor) }
      throw .noDaemon(path: configuration.path)
    }
    var daemons = [local]
    if let network {
      guard let remote = HTTPDaemon(listener: network.descriptor, context: context(.network)) else {
        local.stop()
        throw .noDaemon(path: network.address.description)
      }
      daemons.append(remote)
    }
    self.socket = socket
    self.state = state
    self.drain = configuration.drain
    self.daemons = daemons
    networkAddress = network?.address
  }

  /// Whether TCP is served without tokens.
  private static func isOpen(_ configuration: ControlServerConfiguration) throws(ControlServerError) -> Bool {
    guard let network = configuration.network, configuration.tokens.isEmpty else { return false }
    let address = network.address
    let isLoopback = address.isIPv4 ? address.ipv4 >> 24 == 127 : address.high == 0 && address.low == 1
    guard network.isInsecure, isLoopback else { throw .unprotected(address: address.description, isLoopback: isLoopback) }
    return true
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
    for daemon in daemons { daemon.stop() }
    socket.release()
  }

  deinit { stop() }
}
