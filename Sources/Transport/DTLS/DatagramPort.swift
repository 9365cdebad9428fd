import CTLS
import Ground

/// OpenSSL's two ends of the wire, as a BIO whose every read and write is one datagram. `BIO_s_mem` would run them together, and without
/// an answer to the MTU question OpenSSL sends 256 bytes at a time. Owned by the connection whose BIO calls it back.
@safe final class DatagramPort {
  /// What a datagram may carry, in bytes of UDP payload.
  private let mtu: Int
  /// What may wait to be sent; a handshake's longest flight is a few datagrams.
  private static let outgoingLimit = 64
  /// RFC 791's smallest packet that every host takes, without IP and UDP headers: for paths that swallow whole flights.
  private static let fallbackMTU = 548

  /// The datagram on its way in, for the length of one call.
  private var incoming: UnsafeBufferPointer<UInt8>?
  private var outgoing: [[UInt8]] = []
  /// What did not fit in the queue.
  private(set) var dropped = 0
  /// Datagrams that OpenSSL wrote, those dropped included.
  private(set) var written = 0
  /// When OpenSSL wants to retransmit, on the clock that it was given, in microseconds.
  private(set) var timerMicroseconds: Int64?

  init(mtu: Int) { self.mtu = mtu }

  /// Lends OpenSSL the datagram while `body` runs.
  func lending<Result>(_ datagram: Span<UInt8>, _ body: () -> Result) -> Result {
    unsafe datagram.withUnsafeBufferPointer { bytes in
      unsafe incoming = bytes
      defer { unsafe incoming = nil }
      return body()
    }
  }

  /// The oldest datagram that waits to be sent.
  func popOutgoing() -> [UInt8]? { outgoing.isEmpty ? nil : outgoing.removeFirst() }

  // What OpenSSL asks.

  private func read(_ bio: OpaquePointer, into buffer: UnsafeMutablePointer<CChar>, room: Int) -> Int32 {
    unsafe BIO_clear_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
    guard let datagram = unsafe incoming else {
      unsafe BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
      return -1
    }
    unsafe incoming = nil
    let count = min(room, datagram.count)
    unsafe UnsafeMutableRawPointer(buffer).copyMemory(from: datagram.baseAddress!, byteCount: count)
    return Int32(count)
  }

  private func write(_ bytes: UnsafeRawBufferPointer) -> Int32 {
    written += 1
    if outgoing.count < DatagramPort.outgoingLimit { unsafe outgoing.append(Array(bytes)) } else { dropped += 1 }
    return Int32(bytes.count)
  }

  private func control(_ command: Int32, _ number: Int, _ pointer: UnsafeMutableRawPointer?) -> Int {
    switch command {
    case BIO_CTRL_FLUSH: return 1
    case BIO_CTRL_DGRAM_QUERY_MTU, BIO_CTRL_DGRAM_GET_MTU: return mtu
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU: return min(mtu, DatagramPort.fallbackMTU)
    // The MTU here counts payload, so nothing comes off it.
    case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD: return 0
    case BIO_CTRL_DGRAM_SET_MTU: return number
    case BIO_CTRL_PENDING: return unsafe incoming?.count ?? 0
    case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT:
      guard let pointer = unsafe pointer else { return 0 }
      let time = unsafe pointer.assumingMemoryBound(to: timeval.self).pointee
      let microseconds = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_usec)
      timerMicroseconds = microseconds == 0 ? nil : microseconds
      return 1
    default: return 0
    }
  }

  // The BIO.

  /// A BIO that calls this port, which must outlive it; nil without memory.
  func makeBIO() -> OpaquePointer? {
    guard let method = unsafe DatagramPort.method, let bio = unsafe BIO_new(method) else { return nil }
    unsafe BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
    unsafe BIO_set_init(bio, 1)
    return unsafe bio
  }

  private static func port(of bio: OpaquePointer?) -> DatagramPort? {
    guard let bio = unsafe bio, let data = unsafe BIO_get_data(bio) else { return nil }
    return unsafe Unmanaged<DatagramPort>.fromOpaque(data).takeUnretainedValue()
  }

  /// Made once, kept for the process, and only read after that.
  nonisolated(unsafe) private static let method: OpaquePointer? = {
    guard let method = unsafe BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams") else { return nil }
    unsafe BIO_meth_set_read(method) { bio, buffer, room in
      guard let bio = unsafe bio, let buffer = unsafe buffer, let port = unsafe DatagramPort.port(of: bio) else { return -1 }
      return unsafe port.read(bio, into: buffer, room: Int(room))
    }
    unsafe BIO_meth_set_write(method) { bio, bytes, count in
      guard let bytes = unsafe bytes, count > 0, let port = unsafe DatagramPort.port(of: bio) else { return -1 }
      return unsafe port.write(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
    }
    unsafe BIO_meth_set_ctrl(method) { bio, command, number, pointer in
      guard let port = unsafe DatagramPort.port(of: bio) else { return 0 }
      return unsafe port.control(command, number, pointer)
    }
    return unsafe method
  }()
}
