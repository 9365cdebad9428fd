import Ground
import Recording

/// Who may ask for what: the tokens of the API on TCP, and the rule that whoever can open the Unix socket may do everything.
struct Access: Sendable {
  let tokens: [AccessToken]
  /// Requests on TCP need no token: the operator said so, for a loopback address.
  let isOpen: Bool

  /// What a caller may do.
  enum Caller: Sendable {
    /// Everything.
    case trusted
    case bearer(AccessToken)

    /// Refuses what belongs to a room that the token is not for.
    func require(room: String) throws(ControlError) {
      guard case .bearer(let token) = self, !token.opens(room: room) else { return }
      throw ControlError(.forbidden, "this token is not for room \(Shown.cut(room))")
    }

    /// The rooms that the caller is held to; nil: none in particular.
    var rooms: [String]? { if case .bearer(let token) = self { token.rooms } else { nil } }
  }

  /// Who asks. Errors are `unauthorized` and `forbidden`.
  func caller(_ request: Request, _ route: Route) throws(ControlError) -> Caller {
    if request.door == .socket || isOpen || route.isPublic { return .trusted }
    guard let header = request.headers["Authorization"] else {
      throw ControlError(.unauthorized, "a bearer token is needed (Authorization: Bearer …)")
    }
    let parts = header.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else {
      throw ControlError(.unauthorized, "Authorization: only Bearer is taken")
    }
    let given = Array(parts[1].utf8.drop { $0 == 32 })
    // Every token is compared, whichever fits.
    var found: AccessToken?
    for token in tokens where token.isSecret(given) { found = token }
    guard let found else { throw ControlError(.unauthorized, "the bearer token is not known") }
    switch (found.scope, route) {
    case (.control, _), (.publish, .publish), (.publish, .session): break
    default: throw ControlError(.forbidden, "this token is for publishing by WHIP only")
    }
    let caller = Caller.bearer(found)
    switch route {
    case .publish(let room), .session(_, let room): try caller.require(room: room)
    default: break
    }
    return caller
  }

  /// The header that goes with a refusal (RFC 6750 §3): what is wrong only where something was given.
  static func challenge(_ error: ControlError, _ request: Request) -> String? {
    switch error.code {
    case .unauthorized:
      request.headers["Authorization"] == nil ? "Bearer realm=\"tapedeck\"" : "Bearer realm=\"tapedeck\", error=\"invalid_token\""
    case .forbidden: "Bearer realm=\"tapedeck\", error=\"insufficient_scope\""
    default: nil
    }
  }
}
