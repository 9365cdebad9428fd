package import Ground
package import JSON
package import Recording

/// A bearer token of the API on TCP (RFC 6750) and what it opens.
package struct AccessToken: Sendable {
  package enum Scope: String, Sendable, CaseIterable {
    /// Every call, publishing included.
    case control
    /// Publishing by WHIP, and nothing else.
    case publish
  }
  package let secret: Redacted<[UInt8]>
  package let scope: Scope
  /// The rooms that it is for; nil: all.
  package let rooms: [String]?

  package init(secret: String, scope: Scope, rooms: [String]? = nil) {
    precondition(!secret.isEmpty, "an empty token would open the API to all")
    self.secret = Redacted(Array(secret.utf8))
    self.scope = scope
    self.rooms = rooms
  }

  /// Reads the configuration's `tokens`: a list of `{token or tokenFile, scope, rooms}`. `readFile` answers a file's bytes, or throws why
  /// it cannot. Errors are `invalidField`, name the field by its path below `path`, and never quote a token.
  package static func list(
    json: JSONValue, at path: String, readFile: (String) throws(ControlError) -> [UInt8]
  ) throws(ControlError) -> [AccessToken] {
    guard let items = json.arrayValue else { throw .field(path, "\(json.typeName) was given, but an array is needed") }
    guard items.count <= 10_000 else { throw .field(path, "it has \(items.count) items, but at most 10000 are allowed") }
    var out: [AccessToken] = []
    var places: [[UInt8]: String] = [:]
    for (index, item) in items.enumerated() {
      let fields = try FieldReader(item, at: "\(path)[\(index)]", knowing: ["token", "tokenFile", "scope", "rooms"])
      let token = try AccessToken(fields, readFile: readFile)
      if let first = places.updateValue(fields.path, forKey: token.secret.exposed) {
        throw .field(fields.path, "this is the same token as \(first)")
      }
      out.append(token)
    }
    return out
  }

  private init(_ fields: FieldReader, readFile: (String) throws(ControlError) -> [UInt8]) throws(ControlError) {
    var text: String
    let field: String
    switch (try fields.string("token", length: 0...4096), try fields.string("tokenFile", length: 1...4096)) {
    case (let token?, nil): (text, field) = (token, "token")
    case (nil, let file?):
      text = String(decoding: try readFile(file), as: UTF8.self)
      while text.last?.isWhitespace == true { text.removeLast() }
      field = "tokenFile"
    case (nil, nil): throw .field(fields.name("token"), "this field is required: the token, or tokenFile with a file that holds it")
    default: throw .field(fields.name("tokenFile"), "token is given too: give one of the two")
    }
    // What a client can send as it is (RFC 6750 §2.1), and long enough not to be guessed.
    let isSendable = text.utf8.allSatisfy {
      (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || "-._~+/=".utf8.contains($0)
    }
    guard (16...AccessToken.longest).contains(text.utf8.count), isSendable else {
      throw .field(fields.name(field), "a token has 16 to 512 characters, each a letter, a digit or one of -._~+/=")
    }
    let scopes = Shown.either(Scope.allCases.map { $0.rawValue })
    let scope = try fields.require("scope", fields.choice("scope", Scope.self), "allowed is \(scopes)")
    var rooms: [String]?
    if let items = try fields.array("rooms", count: 1...1_000) {
      rooms = []
      for (place, value) in items {
        guard let room = value.stringValue, (1...256).contains(room.unicodeScalars.count) else {
          throw .field(place, "\(Shown.value(value)) is not a room, a string of 1 to 256 characters")
        }
        rooms?.append(room)
      }
    }
    self.init(secret: text, scope: scope, rooms: rooms)
  }

  /// Whether the token opens what belongs to `room`.
  func opens(room: String) -> Bool { rooms?.contains(room) ?? true }

  private static let longest = 512

  /// Compares without ending early, so that the time it takes tells nothing of how much was right. What is longer than any token is not
  /// compared, so that a stranger's header costs little.
  func isSecret(_ given: [UInt8]) -> Bool {
    if given.count > AccessToken.longest { return false }
    let secret = secret.exposed
    var difference = secret.count ^ given.count
    for (index, byte) in given.enumerated() { difference |= Int(byte ^ secret[index % secret.count]) }
    return difference == 0
  }
}
