import JSON
import Recording

/// One request, read whole.
struct Request: Sendable {
  /// The headers that any call looks at; all others are not kept.
  static let headerNames = [
    "Content-Type", "Content-Length", "Range", "If-Range", "If-None-Match", "If-Modified-Since", "Last-Event-ID", "Authorization",
    "If-Match", "Accept", "Origin", "Access-Control-Request-Method",
  ]
  /// Where requests come in.
  enum Door: Sendable {
    /// The Unix socket: its permissions have let the caller in.
    case socket
    /// TCP.
    case network
  }
  var method: String
  var target: Target
  /// By the names above.
  var headers: [String: String] = [:]
  var body: [UInt8] = []
  var door = Door.socket
}

extension Request {
  /// The body as JSON.
  func json() throws(ControlError) -> JSONValue {
    if let type = headers["Content-Type"], !body.isEmpty, !Request.isJSON(type) {
      throw ControlError(.unsupportedMediaType, "Content-Type: \(Shown.cut(type)) is not application/json", field: "Content-Type")
    }
    do throws(JSONSyntaxError) {
      return try JSONValue(parsing: body)
    } catch {
      throw ControlError(.invalidJSON, error.message)
    }
  }

  /// `application/json` or a type built on it (RFC 6839 §3.1), with any parameters; and the type that `curl -d` gives to whatever it sends,
  /// so that it drives the API without a header.
  private static func isJSON(_ type: String) -> Bool {
    let essence = type.prefix { $0 != ";" && $0 != " " && $0 != "\t" }.lowercased()
    return essence == "application/json" || essence == "application/x-www-form-urlencoded"
      || (essence.hasPrefix("application/") && essence.hasSuffix("+json"))
  }
}
