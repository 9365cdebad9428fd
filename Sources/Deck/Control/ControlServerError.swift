/// Why the control API could not be opened. Who must act is the operator.
package enum ControlServerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Another process listens there, or is about to.
  case alreadyListening(path: String)
  /// Something that is no socket lies there; it is left alone.
  case notASocket(path: String)
  case pathTooLong(path: String, limit: Int)
  case unknownGroup(String)
  /// A step that the system refused: what was tried, on which path, and why.
  case refused(step: String, path: String, reason: String)
  /// TCP without tokens: whoever reached the address could record, read and erase.
  case unprotected(address: String, isLoopback: Bool)
  /// The HTTP library did not start: out of memory, threads or descriptors.
  case noDaemon(path: String)

  package var description: String {
    switch self {
    case .alreadyListening(let path): "another tapedeck is listening on \(path)"
    case .notASocket(let path): "\(path) exists and is not a socket; it is left as it is"
    case .pathTooLong(let path, let limit): "\(path) is too long for a socket: at most \(limit) bytes"
    case .unknownGroup(let group): "there is no group \(group)"
    case .refused(let step, let path, let reason): "cannot \(step) \(path): \(reason)"
    case .unprotected(let address, true):
      "listen \(address) needs tokens, or every user of this machine could give orders: name them in the configuration's tokens or in "
        + "--tokens-file, or say --listen-insecure to serve without"
    case .unprotected(let address, false):
      "listen \(address) needs tokens, or whoever reaches this address could give orders: name them in the configuration's tokens or in "
        + "--tokens-file (--listen-insecure is for loopback addresses only)"
    case .noDaemon(let path): "cannot serve HTTP on \(path): out of threads, memory or descriptors"
    }
  }
}
