import CCurl

/// A web address taken apart by libcurl, by the rules of RFC 3986.
@safe final class WebAddress {
  private let handle: OpaquePointer

  /// Nil for what is no absolute URL of http or https with a host.
  init?(_ text: String) {
    guard let handle = unsafe curl_url() else { return nil }
    unsafe self.handle = unsafe handle
    guard unsafe curl_url_set(handle, CURLUPART_URL, text, UInt32(CURLU_NON_SUPPORT_SCHEME)) == CURLUE_OK,
      let scheme = part(CURLUPART_SCHEME),
      scheme == "http" || scheme == "https", part(CURLUPART_HOST)?.isEmpty == false
    else { return nil }
  }

  deinit { unsafe curl_url_cleanup(handle) }

  /// Where a reference leads that was found at this address; nil where it leads nowhere that a web client can go. The address is that place
  /// from now on.
  func following(_ reference: String) -> String? {
    guard unsafe curl_url_set(handle, CURLUPART_URL, reference, UInt32(CURLU_NON_SUPPORT_SCHEME)) == CURLUE_OK,
      let whole = part(CURLUPART_URL), WebAddress(whole) != nil
    else { return nil }
    return whole
  }

  /// Scheme, host and port: what a token is good for.
  var origin: String {
    "\(part(CURLUPART_SCHEME) ?? "")://\(part(CURLUPART_HOST)?.lowercased() ?? ""):\(part(CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)) ?? "")"
  }

  var isSecure: Bool { part(CURLUPART_SCHEME) == "https" }
  /// Whether it brings a user's name or password.
  var hasCredentials: Bool { part(CURLUPART_USER) != nil || part(CURLUPART_PASSWORD) != nil }

  private func part(_ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard unsafe curl_url_get(handle, part, &text, flags) == CURLUE_OK, let found = unsafe text else { return nil }
    defer { unsafe curl_free(found) }
    return unsafe String(cString: found)
  }
}

/// What can be said of a WHEP endpoint's URL before it is asked.
package enum WHEPEndpointURL {
  /// Why the URL cannot be used; nil where it can.
  package static func fault(_ text: String) -> String? {
    guard text.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else { return "only visible ASCII characters may stand in a URL" }
    guard let address = WebAddress(text) else { return "this is no URL of http or https" }
    return address.hasCredentials ? "no user or password may stand in it; a bearer token goes into token" : nil
  }
}
