import CLinux
import Ground

import Glibc

/// Why a socket could not be had.
struct SocketError: Error, Sendable {
  var errno: Int32
  var isInUse: Bool { errno == EADDRINUSE }
  var text: String { unsafe String(cString: strerror(errno)) }
}

/// A bound UDP socket. Closed when the last owner lets go.
final class DatagramSocket: Sendable {
  let descriptor: Int32
  let address: SocketAddress

  /// Half a second of a fat stream's key-frame bursts; the kernel grants up to its own maximum.
  private static let receiveBufferBytes: Int32 = 4 << 20

  init(binding wanted: SocketAddress) throws(SocketError) {
    var bound = clinux_address()
    let fd = unsafe clinux_udp_bind(DatagramSocket.foreign(wanted), wanted.isIPv4, DatagramSocket.receiveBufferBytes, &bound)
    guard fd >= 0 else { throw SocketError(errno: -fd) }
    descriptor = fd
    address = SocketAddress(high: bound.high, low: bound.low, port: bound.port)
  }

  deinit { close(descriptor) }

  /// Sends a datagram; false where the system would not take it. UDP promises nothing more.
  func send(_ bytes: [UInt8], to: SocketAddress) -> Bool {
    guard to.isIPv4 == address.isIPv4 else { return false }
    return unsafe bytes.withUnsafeBufferPointer {
      unsafe clinux_udp_send(descriptor, DatagramSocket.foreign(to), to.isIPv4, $0.baseAddress, $0.count) == 0
    }
  }

  private static func foreign(_ a: SocketAddress) -> clinux_address { clinux_address(high: a.high, low: a.low, port: a.port) }
}

/// A slab that datagrams are received into, many in one system call. For one thread.
@safe final class DatagramBatch {
  /// No datagram of RTP over UDP is longer; what is, is cut off by the kernel and counted.
  static let slotBytes = 2048
  static let slots = 64
  private let batch: OpaquePointer

  init() {
    guard let made = unsafe clinux_batch_create(UInt32(DatagramBatch.slots), UInt32(DatagramBatch.slotBytes)) else {
      fatalError("no memory for a receive slab")
    }
    unsafe batch = made
  }

  deinit { unsafe clinux_batch_destroy(batch) }

  /// Receives what waits on the socket; answers how many datagrams, at most `slots`.
  func receive(from socket: DatagramSocket) -> Int { Int(max(0, unsafe clinux_batch_receive(batch, socket.descriptor))) }

  struct Facts {
    var isTruncated: Bool
    var from: SocketAddress
    /// The kernel's stamp on the wall clock, or nil.
    var stamp: WallTime?
  }

  /// Lends the datagram at `index` with what is known of it.
  func withDatagram(_ index: Int, _ body: (inout MutableSpan<UInt8>, Facts) -> Void) {
    let facts = unsafe clinux_batch_datagram(batch, UInt32(index))
    let bytes = unsafe UnsafeMutableBufferPointer(start: clinux_batch_bytes(batch, UInt32(index)), count: Int(facts.length))
    var span = unsafe MutableSpan(_unsafeElements: bytes)
    body(
      &span,
      Facts(
        isTruncated: facts.truncated, from: SocketAddress(high: facts.from.high, low: facts.from.low, port: facts.from.port),
        stamp: facts.stamp == 0 ? nil : WallTime(nanosecondsSinceEpoch: facts.stamp)))
  }
}
