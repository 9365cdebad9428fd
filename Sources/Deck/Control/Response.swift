import JSON
import Recording

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

  /// A text of another media type, which no cache keeps.
  init(_ status: Int, text: String, type: String) {
    self.init(status, body: .bytes(Array(text.utf8)))
    headers = [("Content-Type", type), ("Cache-Control", "no-store")]
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
