package import Ground
import JSON
import Recording

/// One request, read whole.
struct Request: Sendable {
  /// The headers that any call looks at; all others are not kept.
  static let headerNames = [
    "Content-Type", "Content-Length", "Range", "If-Range", "If-None-Match", "If-Modified-Since", "Last-Event-ID",
  ]
  var method: String
  var target: Target
  /// By the names above.
  var headers: [String: String] = [:]
  var body: [UInt8] = []
}

/// What is sent back. `HEAD` is answered like `GET`; the body is left out on the way.
struct Response {
  enum Body {
    case bytes([UInt8])
    /// A part of an open file; it may grow meanwhile, what is sent was there when it was opened.
    case file(OpenFile, offset: Int64, count: Int64)
    /// Server-Sent Events until one side ends them.
    case events(EventStream)
  }
  var status: Int
  var headers: [(name: String, value: String)] = []
  var body: Body

  init(_ status: Int, json: JSONValue) {
    self.status = status
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    var bytes = json.bytes()
    bytes.append(10)
    body = .bytes(bytes)
  }

  init(_ status: Int, body: Body) {
    self.status = status
    self.body = body
  }

  /// The contract's error object, with the status of its code unless HTTP has a closer one.
  init(_ error: ControlError, status: Int? = nil) {
    var fields: [JSONField] = [JSONField("code", .string(error.code.rawValue)), JSONField("message", .string(error.message))]
    if let field = error.field { fields.append(JSONField("field", .string(field))) }
    self.init(status ?? error.code.status, json: .object([JSONField("error", .object(fields))]))
  }

  func with(_ name: String, _ value: String) -> Response {
    var copy = self
    copy.headers.append((name, value))
    return copy
  }
}

/// One request as the daemon's log tells it. Holds no body and no query.
package struct RequestRecord: Sendable {
  package var method: String
  package var path: String
  /// The HTTP status, or 0 where the client was gone, or sent no HTTP, before there was one.
  package var status: Int
  package var duration: TimeSpan
  /// Bytes of the answer's body: as announced, or for events as sent.
  package var bytes: Int64
  /// Whether the whole answer was handed to the client.
  package var isComplete: Bool
}
