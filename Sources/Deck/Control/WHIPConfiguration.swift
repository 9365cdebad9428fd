package import Ground
package import JSON
package import Recording

/// What publishers by WHIP get: the recordings that their publishing starts, and the ICE servers that they are told of.
package struct WHIPConfiguration: Sendable {
  /// A STUN or TURN server for clients whose networks need one (RFC 9725 §4.6).
  package struct ICEServer: Sendable {
    package var url: String
    package var username: String?
    package var credential: Redacted<String>?
  }
  package var outputs = OutputSpecification()
  package var limits: Limits
  package var iceServers: [ICEServer] = []

  /// A recording ends by itself when nothing has come for a minute, and some seconds after its last publisher's connection has ended or
  /// failed: one that vanishes never says that it is done, and one whose page is loaded again is back by then.
  package init() {
    limits = Limits()
    limits.idleTimeoutSeconds = 60
    limits.departureTimeoutSeconds = 15
  }

  /// Reads the configuration's `whip`: `{outputs, limits, iceServers}`, the first two as in a start.
  package init(json: JSONValue, at path: String) throws(ControlError) {
    self.init()
    let fields = try FieldReader(json, at: path, knowing: ["outputs", "limits", "iceServers"])
    outputs = try OutputSpecification(fields)
    if let own = fields.value("limits") {
      let defaults = limits
      limits = try Limits(fields)
      if own["idleTimeoutSeconds"] == nil { limits.idleTimeoutSeconds = defaults.idleTimeoutSeconds }
      if own["departureTimeoutSeconds"] == nil { limits.departureTimeoutSeconds = defaults.departureTimeoutSeconds }
    }
    for (place, item) in try fields.array("iceServers", count: 0...16) ?? [] {
      let server = try FieldReader(item, at: place, knowing: ["url", "username", "credential"])
      let url = try server.require("url", server.string("url", length: 1...256), "such as stun:stun.example.com:3478")
      guard ["stun:", "stuns:", "turn:", "turns:"].contains(where: { url.hasPrefix($0) }), WHIPConfiguration.isQuotable(url) else {
        throw .field(server.name("url"), "\(Shown.value(.string(url))) is not a stun:, stuns:, turn: or turns: URL")
      }
      let username = try server.string("username", length: 1...256)
      let credential = try server.string("credential", length: 1...256)
      for (field, text) in [("username", username), ("credential", credential)] {
        if let text, !WHIPConfiguration.isQuotable(text) {
          throw .field(server.name(field), "only visible ASCII characters other than \" and \\ can be sent in a header")
        }
      }
      iceServers.append(ICEServer(url: url, username: username, credential: credential.map { Redacted($0) }))
    }
  }

  /// Whether the text can stand in a quoted string, and in the angle brackets of a link, as it is.
  private static func isQuotable(_ text: String) -> Bool {
    text.utf8.allSatisfy { $0 > 32 && $0 < 127 && !"\"\\<>".utf8.contains($0) }
  }

  /// The values of the `Link` headers of an answer to a publisher.
  var links: [String] {
    iceServers.map { server in
      var link = "<\(server.url)>; rel=\"ice-server\""
      if let username = server.username { link += "; username=\"\(username)\"" }
      if let credential = server.credential { link += "; credential=\"\(credential.exposed)\"; credential-type=\"password\"" }
      return link
    }
  }
}
