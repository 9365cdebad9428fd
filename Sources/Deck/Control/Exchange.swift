import CHTTP
import Glibc
import Ground
import JSON
import Recording
import Synchronization

/// One request and its answer, from its first line to its last byte; kept by libmicrohttpd between the callbacks of one connection's
/// thread.
@safe final class Exchange {
  private enum Phase { case headers, body, answered }

  let context: HTTPContext
  private let began = Exchange.now()
  private var request: Request
  private var phase = Phase.headers
  private var status = 0
  /// Bytes of the answer's body. An event stream adds to it as it goes.
  var bodyBytes: Int64 = 0

  private init(_ context: HTTPContext, target: Target) {
    self.context = context
    request = Request(method: "", target: target)
    request.door = context.door
  }

  /// Called with the first line of each request, before its headers: the answer is what the later callbacks get.
  static func begin(_ context: HTTPContext, _ target: UnsafePointer<CChar>?) -> UnsafeMutableRawPointer? {
    context.state.requests.add(1, ordering: .relaxed)
    let text = unsafe target.map { unsafe String(cString: $0) } ?? ""
    return unsafe Unmanaged.passRetained(Exchange(context, target: Target(text))).toOpaque()
  }

  static func from(_ pointer: UnsafeMutablePointer<UnsafeMutableRawPointer?>?) -> Exchange {
    unsafe Unmanaged<Exchange>.fromOpaque(pointer!.pointee!).takeUnretainedValue()
  }

  /// Called once for each `begin`, when the answer is sent or the connection is lost.
  static func end(_ pointer: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ end: MHD_RequestTerminationCode) {
    guard let retained = unsafe pointer?.pointee else { return }
    unsafe pointer?.pointee = nil
    let exchange = unsafe Unmanaged<Exchange>.fromOpaque(retained).takeRetainedValue()
    exchange.context.state.requests.subtract(1, ordering: .releasing)
    exchange.context.log(
      RequestRecord(
        method: exchange.request.method, path: exchange.request.target.path, status: exchange.status,
        duration: Exchange.now() - exchange.began, bytes: exchange.bodyBytes,
        isComplete: end == .REQUEST_TERMINATED_COMPLETED_OK && exchange.status != 0))
  }

  /// Called with the headers, then with each piece of the body, then once more at its end.
  func advance(
    _ connection: OpaquePointer?, _ method: UnsafePointer<CChar>?, _ data: UnsafePointer<CChar>?, _ count: UnsafeMutablePointer<Int>?
  ) -> MHD_Result {
    guard let connection = unsafe connection, let count = unsafe count else { return .NO }
    switch phase {
    case .headers:
      phase = .body
      unsafe readHeaders(connection, method)
      if let refusal = unsafe earlyRefusal(connection) { return unsafe answer(refusal.with("Connection", "close"), on: connection) }
      return .YES
    case .body where unsafe count.pointee > 0:
      let piece = unsafe UnsafeRawBufferPointer(start: data, count: count.pointee)
      unsafe count.pointee = 0
      guard request.body.count + piece.count <= context.bounds.bodyBytes else { return unsafe refuseBody(connection) }
      unsafe request.body.append(contentsOf: piece)
      return .YES
    case .body:
      let response = context.state.isStopping ? Response(Exchange.stopping).with("Connection", "close") : context.calls.answer(request)
      // A call may take longer than a connection may be silent: the silence begins anew with the answer.
      unsafe refreshTimeout(connection)
      return unsafe answer(response, on: connection)
    case .answered:
      unsafe count.pointee = 0
      return .YES
    }
  }

  private static let stopping = ControlError(.shuttingDown, "this tapedeck is shutting down")

  private var bodyTooLarge: ControlError {
    ControlError(.bodyTooLarge, "the body is larger than the \(context.bounds.bodyBytes) bytes that are allowed")
  }

  private func readHeaders(_ connection: OpaquePointer, _ method: UnsafePointer<CChar>?) {
    request.method = unsafe method.map { unsafe String(cString: $0) } ?? ""
    for name in Request.headerNames {
      if let value = unsafe MHD_lookup_connection_value(connection, .HEADER_KIND, name) {
        request.headers[name] = unsafe String(cString: value)
      }
    }
  }

  /// What is refused before its body is read.
  private func earlyRefusal(_ connection: OpaquePointer) -> Response? {
    if unsafe chttp_connection_context(connection) != nil {
      return Response(ControlError(.atCapacity, "all \(context.bounds.connections) connections of this node are taken"))
    }
    if context.state.isStopping { return Response(Exchange.stopping) }
    if let refusal = context.calls.earlyRefusal(request) { return refusal }
    guard let length = request.headers["Content-Length"], Int(length) ?? .max > context.bounds.bodyBytes else { return nil }
    return Response(bodyTooLarge)
  }

  /// A body of unknown length has become too large. libmicrohttpd takes no answer before such a body's end, which may never come: the
  /// answer is written to the connection directly, where nothing else was written for this request, and the connection closed.
  private func refuseBody(_ connection: OpaquePointer) -> MHD_Result {
    let response = context.calls.cors.finish(Response(bodyTooLarge), request)
    guard case .bytes(let body) = response.body else { return .NO }
    status = response.status
    bodyBytes = Int64(body.count)
    phase = .answered
    request.body = []
    var text = "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: \(body.count)\r\n"
    for (name, value) in response.headers { text += "\(name): \(value)\r\n" }
    let bytes = Array((text + "\r\n").utf8) + body
    unsafe bytes.withUnsafeBytes { unsafe _ = send(chttp_descriptor(connection), $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    return .NO
  }

  private func answer(_ answer: Response, on connection: OpaquePointer) -> MHD_Result {
    let response = context.calls.cors.finish(answer, request)
    phase = .answered
    request.body = []
    guard let handle = unsafe makeResponse(response, connection) else { return .NO }
    defer { unsafe MHD_destroy_response(handle) }
    for (name, value) in response.headers { unsafe MHD_add_response_header(handle, name, value) }
    status = response.status
    return unsafe MHD_queue_response(connection, UInt32(response.status), handle)
  }

  private func makeResponse(_ response: Response, _ connection: OpaquePointer) -> OpaquePointer? {
    let isHead = request.method == "HEAD"
    switch response.body {
    case .bytes(var bytes):
      bodyBytes = isHead ? 0 : Int64(bytes.count)
      return unsafe bytes.withUnsafeMutableBytes {
        unsafe MHD_create_response_from_buffer($0.count, $0.baseAddress, .RESPMEM_MUST_COPY)
      }
    case .file(let file, let offset, let count):
      bodyBytes = isHead ? 0 : count
      return unsafe MHD_create_response_from_fd_at_offset64(UInt64(count), file.takeDescriptor(), UInt64(offset))
    case .events(let stream):
      return unsafe EventFeed(stream, self, connection).makeResponse()
    }
  }

  /// libmicrohttpd restarts the clock of a connection's silence when its timeout is set anew after having been off.
  func refreshTimeout(_ connection: OpaquePointer) {
    unsafe chttp_set_timeout(connection, 0)
    unsafe chttp_set_timeout(connection, UInt32(context.bounds.idleSeconds))
  }

  private static func now() -> Instant {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }
}
