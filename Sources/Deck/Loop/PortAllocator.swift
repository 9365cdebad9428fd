import Glibc
import Ground
import Recording
import Synchronization

/// Binds media sockets in the node's range. Goes round the range, so that a port just freed is not used again at once.
final class PortAllocator: Sendable {
  /// A port for RTP, and the one above it for RTCP where they do not share it.
  typealias Pair = (rtp: DatagramSocket, rtcp: DatagramSocket?)

  private let range: PortRange
  private let cursor: Mutex<UInt32>

  init(range: PortRange) {
    self.range = range
    cursor = Mutex(UInt32(range.first))
  }

  /// One port, or with `withRTCP` an even one and the next odd one. `field` is what named the address.
  func bind(_ ip: SocketAddress, withRTCP: Bool, field: String) throws(ControlError) -> Pair {
    let step: UInt32 = withRTCP ? 2 : 1
    let first = UInt32(range.first) + (withRTCP ? UInt32(range.first) % 2 : 0)
    let last = UInt32(range.last) - (withRTCP ? min(1, UInt32(range.last)) : 0)
    guard first <= last else {
      throw ControlError(.atCapacity, "the range \(range.first)-\(range.last) has no even UDP port with an odd one above it")
    }
    for _ in 0...(last - first) / step {
      let port = cursor.withLock { cursor in
        if withRTCP, cursor % 2 == 1 { cursor += 1 }
        if cursor < first || cursor > last { cursor = first }
        defer { cursor += step }
        return UInt16(cursor)
      }
      do throws(SocketError) {
        return try PortAllocator.open(port, ip, withRTCP: withRTCP)
      } catch {
        if error.isInUse { continue }
        throw PortAllocator.refusal(error, ip, field: field)
      }
    }
    let pairs = withRTCP ? " with the next one free for RTCP" : ""
    throw ControlError(.atCapacity, "no free UDP port\(pairs) in the range \(range.first)-\(range.last)")
  }

  /// A port that the client names, and with `withRTCP` the one above it. `field` is what named the port, `addressField` the address.
  func bind(fixed port: UInt16, _ ip: SocketAddress, withRTCP: Bool, field: String, addressField: String) throws(ControlError) -> Pair {
    guard !withRTCP || port < UInt16.max else {
      throw ControlError(.invalidField, "\(field): \(port) leaves no port for RTCP above it", field: field)
    }
    do throws(SocketError) {
      return try PortAllocator.open(port, ip, withRTCP: withRTCP)
    } catch {
      guard error.isInUse || error.errno == EACCES else { throw PortAllocator.refusal(error, ip, field: addressField) }
      let which = withRTCP ? "\(port) or \(port + 1)" : "\(port)"
      throw ControlError(.invalidField, "\(field): cannot listen on UDP \(ip.ip) port \(which): \(error.text)", field: field)
    }
  }

  private static func open(_ port: UInt16, _ ip: SocketAddress, withRTCP: Bool) throws(SocketError) -> Pair {
    let rtp = try DatagramSocket(binding: SocketAddress(high: ip.high, low: ip.low, port: port))
    guard withRTCP else { return (rtp, nil) }
    return (rtp, try DatagramSocket(binding: SocketAddress(high: ip.high, low: ip.low, port: port + 1)))
  }

  /// Whose business it is that no socket could be had: the address is the client's or the operator's, the rest the machine's.
  private static func refusal(_ error: SocketError, _ ip: SocketAddress, field: String) -> ControlError {
    switch error.errno {
    case EMFILE, ENFILE, ENOBUFS, ENOMEM:
      ControlError(.atCapacity, "no more sockets can be opened: \(error.text)")
    case EADDRNOTAVAIL, EAFNOSUPPORT, EINVAL:
      ControlError(.invalidField, "\(field): cannot listen on \(ip.ip): \(error.text)", field: field)
    default:
      ControlError(.internal, "cannot listen on \(ip.ip): \(error.text)")
    }
  }
}
