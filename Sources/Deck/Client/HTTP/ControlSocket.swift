/// Where the daemon's control socket is when nobody says so.
package enum ControlSocket {
  private static let system = "/run/tapedeck/control.sock"

  /// The path that a daemon binds: in the user's runtime folder where there is one.
  package static func defaultPath(environment: [String: String]) -> String {
    guard let folder = environment["XDG_RUNTIME_DIR"], !folder.isEmpty else { return system }
    return folder + "/tapedeck/control.sock"
  }

  /// The path that a client connects to: the same, or the system's daemon where the user runs none. A service manager gives its
  /// daemon no runtime folder of a user, but the people who call it have one.
  package static func pathForClient(environment: [String: String], exists: (String) -> Bool) -> String {
    let own = defaultPath(environment: environment)
    return !exists(own) && exists(system) ? system : own
  }
}
