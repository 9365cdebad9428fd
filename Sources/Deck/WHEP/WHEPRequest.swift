package import Ground

/// One HTTP call of WHEP.
package struct WHEPRequest: Sendable {
  package enum Method: String, Sendable { case post = "POST", patch = "PATCH", delete = "DELETE" }
  package var method: Method
  package var url: String
  /// Sent to the origin of `tokenURL` only.
  package var token: Redacted<String>?
  /// The URL that the token was given for: calls to other origins go without it.
  package var tokenURL: String
  /// A session description; nil for none.
  package var body: String?
  /// The entity tag of the session that the call is about (RFC 9110 §13.1.1).
  package var ifMatch: String?
  /// For the whole call.
  package var timeout = TimeSpan.seconds(10)

  package init(_ method: Method, _ url: String, token: Redacted<String>?, tokenURL: String) {
    self.method = method
    self.url = url
    self.token = token
    self.tokenURL = tokenURL
  }
}

/// What a WHEP server answered.
package struct WHEPResponse: Sendable, Equatable {
  package var status: Int
  /// The media type in lower case, without parameters.
  package var contentType: String?
  /// The session's URL, made absolute.
  package var location: String?
  package var entityTag: String?
  /// How long the server wants to be left alone, by its `Retry-After` (RFC 9110 §10.2.3).
  package var retryAfter: TimeSpan?
  package var body: [UInt8] = []
  /// Redirects led to another origin, where the token was not sent.
  package var isElsewhere = false

  package init(status: Int) { self.status = status }

  /// The session description in it; nil where there is none.
  package var description: String? {
    guard contentType == nil || contentType == "application/sdp", let text = String(validating: body, as: UTF8.self),
      text.hasPrefix("v=0")
    else { return nil }
    return text
  }
}

/// Why no answer came.
package enum WHEPFailure: Error, Sendable, Equatable {
  /// Nobody could be reached, or the connection broke; libcurl's words.
  case unreachable(String)
  case timedOut
  /// The server's certificate is not to be trusted; libcurl's words.
  case untrusted(String)
  /// The answer has more bytes than any description needs.
  case tooLarge
  /// A redirect that is not followed, and why.
  case redirect(String)
  /// The node is shutting down.
  case stopped
}
