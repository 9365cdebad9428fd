import CPcap
import CLinux
import Glibc
package import Ground

/// A UDP socket that sends a capture's datagrams and counts what comes back. Owns the descriptor and a slab to receive into; for one
/// thread.
@safe package final class UDPSocket {
  private let descriptor: Int32
  private let slab: OpaquePointer
  /// What the socket was bound to.
  package let address: SocketAddress

  private static let slots: UInt32 = 32
  private static let slotBytes: UInt32 = 2048
  private static let receiveBufferBytes: Int32 = 1 << 20

  /// Why the system refused.
  package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    package var errno: Int32
    package var description: String { unsafe String(cString: strerror(errno)) }
  }

  /// Binds to an address; with port 0 to one that the system chooses.
  package init(binding wanted: SocketAddress) throws(Failure) {
    var bound = clinux_address()
    let fd = unsafe clinux_udp_bind(UDPSocket.foreign(wanted), wanted.isIPv4, UDPSocket.receiveBufferBytes, &bound)
    guard fd >= 0 else { throw Failure(errno: -fd) }
    guard let made = unsafe clinux_batch_create(UDPSocket.slots, UDPSocket.slotBytes) else {
      close(fd)
      throw Failure(errno: ENOMEM)
    }
    descriptor = fd
    unsafe slab = made
    address = SocketAddress(high: bound.high, low: bound.low, port: bound.port)
  }

  deinit {
    unsafe clinux_batch_destroy(slab)
    close(descriptor)
  }

  /// Sends a datagram, waiting up to a second for room in the socket's queue.
  package func send(_ payload: Span<UInt8>, to: SocketAddress) throws(Failure) {
    for _ in 0..<100 {
      let status = unsafe payload.withUnsafeBufferPointer {
        unsafe clinux_udp_send(descriptor, UDPSocket.foreign(to), to.isIPv4, $0.baseAddress, $0.count)
      }
      if status == 0 { return }
      guard -status == EAGAIN || -status == EINTR || -status == ENOBUFS else { throw Failure(errno: -status) }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      _ = unsafe poll(&waiting, 1, 10)
    }
    throw Failure(errno: EAGAIN)
  }

  /// Lends every datagram that waits to `body`, with where it came from; does not block.
  package func receive(_ body: (Span<UInt8>, SocketAddress) -> Void) {
    while true {
      let count = unsafe clinux_batch_receive(slab, descriptor)
      guard count > 0 else { return }
      for index in 0..<UInt32(count) {
        let facts = unsafe clinux_batch_datagram(slab, index)
        let bytes = unsafe UnsafeBufferPointer(start: clinux_batch_bytes(slab, index), count: Int(facts.length))
        let span = unsafe Span(_unsafeElements: bytes)
        body(span, SocketAddress(high: facts.from.high, low: facts.from.low, port: facts.from.port))
      }
      if count < UDPSocket.slots { return }
    }
  }

  /// Waits until something can be received; false where nothing came in that time.
  package func waitForData(milliseconds: Int32) -> Bool {
    var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&waiting, 1, milliseconds) > 0
  }

  private static func foreign(_ a: SocketAddress) -> clinux_address { clinux_address(high: a.high, low: a.low, port: a.port) }
}

/// The monotonic clock that a replay is paced by.
enum MonotonicClock {
  static func now() -> Instant { Instant(nanoseconds: UInt64(clamping: clinux_clock_monotonic())) }

  /// Sleeps until then; a signal ends it early.
  static func sleep(until time: Instant) {
    var point = timespec(tv_sec: Int(time.nanoseconds / 1_000_000_000), tv_nsec: Int(time.nanoseconds % 1_000_000_000))
    _ = unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &point, nil)
  }
}
