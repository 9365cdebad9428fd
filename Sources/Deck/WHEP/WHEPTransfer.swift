import CCurl
import Ground

/// One HTTP call on libcurl's easy handle, redirects included. For the client's thread.
@safe final class WHEPTransfer {
  private static let isReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK
  private static let mostRedirects = 5

  let handle: UnsafeMutableRawPointer
  let then: @Sendable (Result<WHEPResponse, WHEPFailure>) -> Void
  private var request: WHEPRequest
  private let authorities: WHEPClient.Authorities
  private var headers: UnsafeMutablePointer<curl_slist>?
  private var body: [UInt8] = []
  private var isTooLarge = false
  private var redirects = 0

  init(
    _ request: WHEPRequest, authorities: WHEPClient.Authorities, then: @escaping @Sendable (Result<WHEPResponse, WHEPFailure>) -> Void
  ) {
    guard WHEPTransfer.isReady, let handle = unsafe curl_easy_init() else { fatalError("libcurl has no memory") }
    unsafe self.handle = unsafe handle
    self.request = request
    self.authorities = authorities
    self.then = then
    prepare()
  }

  deinit {
    unsafe curl_easy_cleanup(handle)
    unsafe curl_slist_free_all(headers)
  }

  /// Whether the call's own URL is of the token's origin.
  private var mayKnowToken: Bool { WHEPTransfer.origin(request.url) == WHEPTransfer.origin(request.tokenURL) }

  private static func origin(_ url: String) -> String? {
    guard let address = WebAddress(url) else { return nil }
    return address.origin
  }

  private func prepare() {
    unsafe curl_easy_reset(handle)
    body = []
    set(CURLOPT_URL, request.url)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_CONNECTTIMEOUT_MS, 5_000)
    set(CURLOPT_TIMEOUT_MS, Int(request.timeout.milliseconds))
    // An endpoint that is asked again after a failure should be met afresh.
    set(CURLOPT_FRESH_CONNECT, 1)
    set(CURLOPT_FORBID_REUSE, 1)
    if let file = authorities.file { set(CURLOPT_CAINFO, file) }
    if let folder = authorities.folder { set(CURLOPT_CAPATH, folder) }
    var lines = ["Accept: application/sdp", "Expect:", "User-Agent: tapedeck"]
    if let body = request.body {
      let bytes = Array(body.utf8)
      let size = unsafe ccurl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count))
      let copy = unsafe bytes.withUnsafeBytes { unsafe ccurl_set_bytes(handle, CURLOPT_COPYPOSTFIELDS, $0.baseAddress) }
      precondition(size == CURLE_OK && copy == CURLE_OK)
      lines.append("Content-Type: application/sdp")
    }
    if let token = request.token, mayKnowToken { lines.append("Authorization: Bearer \(token.exposed)") }
    if let tag = request.ifMatch { lines.append("If-Match: \(tag)") }
    unsafe curl_slist_free_all(headers)
    unsafe headers = nil
    for line in lines { unsafe headers = curl_slist_append(headers, line) }
    let listed = unsafe ccurl_set_list(handle, CURLOPT_HTTPHEADER, headers)
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    let code = unsafe ccurl_set_receive(
      handle,
      { bytes, size, count, context in
        guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
        let transfer = unsafe Unmanaged<WHEPTransfer>.fromOpaque(context).takeUnretainedValue()
        return unsafe transfer.receive(UnsafeRawBufferPointer(start: bytes, count: size * count))
      }, context)
    precondition(listed == CURLE_OK && code == CURLE_OK)
  }

  /// Answering less than was given makes libcurl end the call.
  private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard body.count + bytes.count <= WHEPClient.largestBody else {
      isTooLarge = true
      return 0
    }
    unsafe body.append(contentsOf: bytes)
    return bytes.count
  }

  /// The call is over for libcurl. Answers what came of it, or nil where a redirect is followed: then it is to be carried out again.
  func conclude(_ code: CURLcode) -> Result<WHEPResponse, WHEPFailure>? {
    guard code == CURLE_OK else { return .failure(failure(code)) }
    let response = response()
    guard (300...399).contains(response.status), response.status != 304 else { return .success(response) }
    do throws(WHEPFailure) {
      try follow(response)
    } catch {
      return .failure(error)
    }
    prepare()
    return nil
  }

  private func follow(_ response: WHEPResponse) throws(WHEPFailure) {
    guard response.status == 307 || response.status == 308 else {
      throw .redirect("it is \(response.status), and only 307 and 308 keep the offer")
    }
    guard redirects < WHEPTransfer.mostRedirects else { throw .redirect("there were \(redirects) before it") }
    guard let next = response.location else { throw .redirect("its Location is missing, or no address of http or https") }
    let isDowngrade = (WebAddress(request.url)?.isSecure ?? false) && !(WebAddress(next)?.isSecure ?? false)
    guard !isDowngrade else { throw .redirect("it leads from https to http") }
    redirects += 1
    request.url = next
  }

  private func response() -> WHEPResponse {
    var status = 0
    _ = unsafe ccurl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
    var response = WHEPResponse(status: status)
    var type: UnsafePointer<CChar>?
    if unsafe ccurl_get_string(handle, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK, let type = unsafe type {
      let text = unsafe String(cString: type).lowercased()
      response.contentType = text.prefix { $0 != ";" }.filter { !$0.isWhitespace }
    }
    var seconds: curl_off_t = 0
    if unsafe ccurl_get_offset(handle, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK, seconds > 0 {
      response.retryAfter = .seconds(Double(min(seconds, 86_400)))
    }
    response.location = header("Location").flatMap { WebAddress(request.url)?.following($0) }
    response.entityTag = header("ETag")
    response.body = body
    response.isElsewhere = redirects > 0 && !mayKnowToken
    return response
  }

  private func header(_ name: String) -> String? {
    var found: UnsafeMutablePointer<curl_header>?
    guard unsafe curl_easy_header(handle, name, 0, UInt32(CURLH_HEADER), -1, &found) == CURLHE_OK, let value = unsafe found?.pointee.value
    else { return nil }
    let text = unsafe String(cString: value)
    return text.utf8.count <= 4_096 ? text : nil
  }

  private func failure(_ code: CURLcode) -> WHEPFailure {
    let text = unsafe String(cString: curl_easy_strerror(code))
    switch code {
    case CURLE_WRITE_ERROR where isTooLarge: return .tooLarge
    case CURLE_OPERATION_TIMEDOUT: return .timedOut
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR: return .untrusted(text)
    default: return .unreachable(text)
    }
  }

  private func set(_ option: CURLoption, _ value: String) {
    let code = unsafe ccurl_set_string(handle, option, value)
    precondition(code == CURLE_OK, "libcurl refuses an option")
  }

  private func set(_ option: CURLoption, _ value: Int) {
    let code = unsafe ccurl_set_long(handle, option, value)
    precondition(code == CURLE_OK, "libcurl refuses an option")
  }
}
