package import JSON
package import Recording

/// Which web pages may read answers (Cross-Origin Resource Sharing, WHATWG Fetch §3.2).
package struct CORSConfiguration: Sendable {
  /// `*` for any, or origins such as `https://studio.example`; nil: any for publishing by WHIP, none for the rest of the API.
  package var origins: [String]?

  package init(origins: [String]? = nil) { self.origins = origins }

  /// Reads the configuration's `cors`: `"*"`, or a list of origins.
  package init(json: JSONValue, at path: String) throws(ControlError) {
    let items: [JSONValue]
    switch json {
    case .string: items = [json]
    case .array(let list) where list.count <= 1_000: items = list
    default: throw .field(path, "\(json.typeName) was given, but \"*\" or an array of at most 1000 origins is needed")
    }
    var origins: [String] = []
    for item in items {
      guard let text = item.stringValue, CORSConfiguration.isOrigin(text) else {
        throw .field(path, "\(Shown.value(item)) is not \"*\" and not an origin such as https://studio.example")
      }
      origins.append(text.lowercased())
    }
    self.origins = origins
  }

  /// Scheme, host and perhaps port, and nothing behind them: how browsers write an origin (RFC 6454 §6.1).
  private static func isOrigin(_ text: String) -> Bool {
    if text == "*" { return true }
    for scheme in ["http://", "https://"] where text.lowercased().hasPrefix(scheme) {
      let host = text.dropFirst(scheme.count)
      return !host.isEmpty && host.utf8.allSatisfy { $0 > 32 && $0 < 127 && !"/?#@\\,".utf8.contains($0) }
    }
    return false
  }

  /// What `Access-Control-Allow-Origin` says to a page; nil: the page is told nothing, and its browser keeps the answer from it.
  func allowed(_ origin: String, _ route: Route?) -> String? {
    guard let origins else { return route?.isWHIP == true ? "*" : nil }
    if origins.contains("*") { return "*" }
    return origins.contains(origin.lowercased()) ? origin : nil
  }
}

extension CORSConfiguration {
  private static let exposed = "Location, ETag, Link, Accept-Patch, Accept-Post, Allow, Retry-After, WWW-Authenticate, Content-Range"

  /// The answer to `OPTIONS`, a browser's question before it sends the request proper included.
  func options(_ route: Route, _ request: Request) -> Response {
    var response = Response(200, body: .bytes([])).with("Allow", route.allow)
    if case .publish = route { response = response.with("Accept-Post", SDPMediaType.description) }
    if case .session = route { response = response.with("Accept-Patch", SDPMediaType.fragment) }
    guard let origin = request.headers["Origin"], request.headers["Access-Control-Request-Method"] != nil, allowed(origin, route) != nil
    else { return response }
    return
      response
      .with("Access-Control-Allow-Methods", route.methods.joined(separator: ", "))
      .with("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, Range")
      .with("Access-Control-Max-Age", "7200")
  }

  /// The answer with what a page on another origin must be told to read it.
  func finish(_ response: Response, _ request: Request) -> Response {
    guard let origin = request.headers["Origin"] else { return origins == nil ? response : response.with("Vary", "Origin") }
    let route = request.target.segments.flatMap { Route($0) }
    var out = origins == nil ? response : response.with("Vary", "Origin")
    guard let allowed = allowed(origin, route) else { return out }
    out = out.with("Access-Control-Allow-Origin", allowed)
    return request.method == "OPTIONS" ? out : out.with("Access-Control-Expose-Headers", CORSConfiguration.exposed)
  }
}
