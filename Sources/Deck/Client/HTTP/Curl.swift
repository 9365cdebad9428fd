import CCurl

/// One call over HTTP.
struct HTTPRequest {
  var method: String
  /// The path with its query, already percent-encoded.
  var target: String
  /// JSON, or nil for none.
  var body: [UInt8]?
  var headers: [String] = []
  /// For the whole call; nil waits for ever.
  var timeoutMilliseconds: Int?
}

/// Why libcurl could not carry a call out.
struct CurlFailure: Error {
  enum Kind { case couldNotConnect, timedOut, other }
  var kind: Kind
  /// The system's error number where libcurl kept one, else 0.
  var systemError: Int
  /// libcurl's own words.
  var reason: String
}

/// libcurl's easy handle: one connection to a Unix socket, used call by call, and what the last call answered.
@safe final class CurlEasy {
  /// No answer of the control API comes near this size; a stream is drained as it comes.
  private static let largestBody = 64 << 20
  private static let isReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

  fileprivate let handle: UnsafeMutableRawPointer
  private var headers: UnsafeMutablePointer<curl_slist>?
  private var body: [UInt8] = []

  init() {
    guard CurlEasy.isReady, let handle = unsafe curl_easy_init() else { fatalError("libcurl has no memory") }
    unsafe self.handle = unsafe handle
  }

  deinit {
    unsafe curl_easy_cleanup(handle)
    unsafe curl_slist_free_all(headers)
  }

  /// The status of the answer so far; 0 before its header.
  var status: Int {
    var status = 0
    _ = unsafe ccurl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
    return status
  }

  /// What has come of the body since the last call.
  func takeBody() -> [UInt8] {
    let taken = body
    body = []
    return taken
  }

  /// Sets the handle up for a call. The object must outlive it.
  func prepare(_ request: HTTPRequest, socketPath: String) {
    unsafe curl_easy_reset(handle)
    body = []
    // Any host would do: the socket decides who answers. No proxy, no other protocol, no signal handlers.
    set(CURLOPT_URL, "http://localhost" + request.target)
    set(CURLOPT_UNIX_SOCKET_PATH, socketPath)
    set(CURLOPT_PROXY, "")
    set(CURLOPT_PROTOCOLS_STR, "http")
    set(CURLOPT_CUSTOMREQUEST, request.method)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_CONNECTTIMEOUT_MS, 5_000)
    if let limit = request.timeoutMilliseconds { set(CURLOPT_TIMEOUT_MS, limit) }
    var lines = request.headers + ["Accept: application/json, text/event-stream", "Expect:"]
    if let body = request.body {
      setBody(body)
      lines.append("Content-Type: application/json")
    } else if request.method == "POST" {
      // Says Content-Length: 0, which a POST without a body owes.
      setBody([])
      lines.append("Content-Type:")
    }
    setHeaders(lines)
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    let code = unsafe ccurl_set_receive(
      handle,
      { bytes, size, count, context in
        guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
        let easy = unsafe Unmanaged<CurlEasy>.fromOpaque(context).takeUnretainedValue()
        return unsafe easy.receive(UnsafeRawBufferPointer(start: bytes, count: size * count))
      }, context)
    precondition(code == CURLE_OK)
  }

  /// Carries the prepared call out and returns when it is over.
  func perform() throws(CurlFailure) {
    let code = unsafe curl_easy_perform(handle)
    if code != CURLE_OK { throw failure(code) }
  }

  fileprivate func failure(_ code: CURLcode) -> CurlFailure {
    var systemError = 0
    _ = unsafe ccurl_get_long(handle, CURLINFO_OS_ERRNO, &systemError)
    let kind: CurlFailure.Kind =
      switch code {
      case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST: .couldNotConnect
      case CURLE_OPERATION_TIMEDOUT: .timedOut
      default: .other
      }
    return CurlFailure(kind: kind, systemError: systemError, reason: unsafe String(cString: curl_easy_strerror(code)))
  }

  /// Answering less than was given makes libcurl end the call.
  private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard body.count + bytes.count <= CurlEasy.largestBody else { return 0 }
    unsafe body.append(contentsOf: bytes)
    return bytes.count
  }

  private func setBody(_ bytes: [UInt8]) {
    let size = unsafe ccurl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count))
    // An empty array has no address, and libcurl takes a null for a body that is still to come.
    let copy =
      bytes.isEmpty
      ? unsafe ccurl_set_string(handle, CURLOPT_COPYPOSTFIELDS, "")
      : unsafe bytes.withUnsafeBytes { unsafe ccurl_set_bytes(handle, CURLOPT_COPYPOSTFIELDS, $0.baseAddress) }
    precondition(size == CURLE_OK && copy == CURLE_OK)
  }

  private func setHeaders(_ lines: [String]) {
    unsafe curl_slist_free_all(headers)
    unsafe headers = nil
    for line in lines { unsafe headers = curl_slist_append(headers, line) }
    let code = unsafe ccurl_set_list(handle, CURLOPT_HTTPHEADER, headers)
    precondition(code == CURLE_OK)
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

/// libcurl's multi handle around one call that is read while it goes on.
@safe final class CurlMulti {
  private let handle: UnsafeMutableRawPointer
  private let easy: CurlEasy

  /// Begins the call that `easy` has been prepared for.
  init(_ easy: CurlEasy) {
    guard let handle = unsafe curl_multi_init() else { fatalError("libcurl has no memory") }
    unsafe self.handle = unsafe handle
    self.easy = easy
    let code = unsafe curl_multi_add_handle(handle, easy.handle)
    precondition(code == CURLM_OK)
  }

  deinit {
    _ = unsafe curl_multi_remove_handle(handle, easy.handle)
    _ = unsafe curl_multi_cleanup(handle)
  }

  /// Moves what can be moved at once. Answers whether the call is over; throws where it failed.
  func step() throws(CurlFailure) -> Bool {
    var running: Int32 = 0
    let code = unsafe curl_multi_perform(handle, &running)
    if code != CURLM_OK {
      throw CurlFailure(kind: .other, systemError: 0, reason: unsafe String(cString: curl_multi_strerror(code)))
    }
    var left: Int32 = 0
    while let message = unsafe curl_multi_info_read(handle, &left) {
      let result = unsafe ccurl_message_result(message)
      if result != CURLE_OK { throw easy.failure(result) }
    }
    return running == 0
  }

  /// Waits until the call can move, `wake` can be read, or the time is over.
  func wait(milliseconds: Int, wake: Int32?) {
    var extra = curl_waitfd(fd: wake ?? -1, events: Int16(CURL_WAIT_POLLIN), revents: 0)
    _ = unsafe curl_multi_poll(handle, &extra, wake == nil ? 0 : 1, Int32(clamping: milliseconds), nil)
  }
}
