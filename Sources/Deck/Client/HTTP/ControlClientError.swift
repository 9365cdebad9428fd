/// Why a call to the daemon came to nothing.
package enum ControlClientError: Error, Sendable, Equatable {
  /// There is no socket, or nobody behind it.
  case notListening(path: String)
  /// The socket's permissions keep this user out.
  case notPermitted(path: String)
  /// A Unix socket's path takes at most 107 bytes.
  case pathTooLong(path: String)
  case timedOut(seconds: Double)
  /// The connection broke or spoke no HTTP: libcurl's reason.
  case broken(path: String, reason: String)
  /// The daemon's own refusal (control-api.md, Errors).
  case refused(status: Int, code: String?, message: String, field: String?)
  /// An answer that is not the contract's.
  case badAnswer(String)

  /// A line for people.
  package var message: String {
    switch self {
    case .notListening(let path): "no tapedeck is listening on \(path) (is `tapedeck serve` running?)"
    case .notPermitted(let path): "permission to use \(path) is denied (its owner, its group or root may)"
    case .pathTooLong(let path): "the socket path \(path) is longer than the 107 bytes that the system allows"
    case .timedOut(let seconds): "tapedeck did not answer within \(Decimal.text(seconds)) seconds"
    case .broken(let path, let reason): "the connection to \(path) failed: \(reason)"
    case .refused(_, _, let message, _): message
    case .badAnswer(let what): "tapedeck answered with \(what)"
    }
  }
}
