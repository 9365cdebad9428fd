package import Ground

/// How the control API is served.
package struct ControlServerConfiguration: Sendable {
  /// The socket's path, at most 107 bytes. Its folder is made if it is missing.
  package var path: String
  /// A group, by name or number, whose members may use the socket too (mode 0660); nil: only our own user (0600).
  package var group: String?
  /// Connections at once; each has a thread. Further ones are answered 429 and closed.
  package var connectionLimit = 256
  /// Event streams at once, so that watchers never take every connection.
  package var eventStreamLimit = 128
  /// A connection is closed after so long without a byte either way.
  package var idleTimeoutSeconds = 30
  package var bodyLimitBytes = 1_048_576
  /// An event stream without events sends a comment after so long, to be known as alive.
  package var eventKeepAlive = TimeSpan.seconds(15)
  /// How long `stop` waits for answers under way.
  package var drain = TimeSpan.seconds(2)

  /// Serves the same API on TCP too.
  package var network: NetworkConfiguration?
  /// What opens the API on TCP. The Unix socket's own permissions are enough for it.
  package var tokens: [AccessToken] = []
  package var cors = CORSConfiguration()
  package var whip = WHIPConfiguration()

  /// Where the API listens on TCP.
  package struct NetworkConfiguration: Sendable {
    /// Port 0 lets the system choose one.
    package var address: SocketAddress
    /// Serve without tokens, which is taken for a loopback address only.
    package var isInsecure: Bool
    package init(address: SocketAddress, isInsecure: Bool = false) {
      self.address = address
      self.isInsecure = isInsecure
    }
  }

  package init(path: String, group: String? = nil) {
    self.path = path
    self.group = group
  }
}
