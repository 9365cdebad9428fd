import CHTTP
import Glibc

/// Feeds an event stream to libmicrohttpd, which asks for more whenever the last bytes are sent. Lives as long as the response.
@safe final class EventFeed {
  private let stream: EventStream
  private let exchange: Exchange
  private let connection: OpaquePointer

  init(_ stream: EventStream, _ exchange: Exchange, _ connection: OpaquePointer) {
    self.stream = stream
    self.exchange = exchange
    unsafe self.connection = connection
  }

  /// A response of unknown length that keeps the feed until it is destroyed.
  func makeResponse() -> OpaquePointer? {
    let retained = unsafe Unmanaged.passRetained(self)
    let handle = unsafe MHD_create_response_from_callback(
      UInt64.max, 16 * 1024,
      { feed, _, buffer, most in unsafe Unmanaged<EventFeed>.fromOpaque(feed!).takeUnretainedValue().read(buffer, most) },
      unsafe retained.toOpaque(), { feed in unsafe Unmanaged<EventFeed>.fromOpaque(feed!).release() })
    if unsafe handle == nil { unsafe retained.release() }
    return unsafe handle
  }

  private func read(_ buffer: UnsafeMutablePointer<CChar>?, _ most: Int) -> Int {
    let endOfStream = -1
    let bytes = stream.next(most: most) { isClientGone }
    unsafe exchange.refreshTimeout(connection)
    guard let bytes else { return endOfStream }
    unsafe UnsafeMutableRawBufferPointer(start: buffer, count: most).copyBytes(from: bytes)
    exchange.bodyBytes += Int64(bytes.count)
    return bytes.count
  }

  /// Whether the other side has closed. One that only ends its own sending, as some clients do after the request, still listens.
  private var isClientGone: Bool {
    var entry = pollfd(fd: unsafe chttp_descriptor(connection), events: 0, revents: 0)
    return unsafe poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0
  }
}
