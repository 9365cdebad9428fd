import Ground
import Recording
import Synchronization

/// The node's ports for media, as FIRST-LAST.
package struct PortRange: Sendable, Equatable {
  package var first: UInt16
  package var last: UInt16
  package init(first: UInt16, last: UInt16) {
    self.first = first
    self.last = last
  }
  /// Reads `40000-49999`; nil where it is no range of ports above 0.
  package init?(_ text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let first = UInt16(parts[0]), let last = UInt16(parts[1]), first > 0, first <= last else { return nil }
    self.init(first: first, last: last)
  }
}

/// Binds media sockets in the node's range. Goes round the range, so that a port just freed is not used again at once.
final class PortAllocator: Sendable {
  private let range: PortRange
  private let cursor: Mutex<UInt32>

  init(range: PortRange) {
    self.range = range
    cursor = Mutex(UInt32(range.first))
  }

  /// One port, or with `withRTCP` an even one and the next odd one.
  func bind(_ ip: SocketAddress, withRTCP: Bool) throws(ControlError) -> (rtp: DatagramSocket, rtcp: DatagramSocket?) {
    let count = UInt32(range.last) - UInt32(range.first) + 1
    for _ in 0..<count {
      let port = cursor.withLock { cursor in
        if withRTCP, cursor % 2 == 1 { cursor += 1 }
        if cursor > UInt32(range.last) || cursor < UInt32(range.first) {
          cursor = UInt32(range.first) + (withRTCP ? UInt32(range.first) % 2 : 0)
        }
        defer { cursor += withRTCP ? 2 : 1 }
        return cursor
      }
      guard port + (withRTCP ? 1 : 0) <= UInt32(range.last) else { continue }
      do {
        let rtp = try DatagramSocket(binding: SocketAddress(high: ip.high, low: ip.low, port: UInt16(port)))
        guard withRTCP else { return (rtp, nil) }
        let rtcp = try DatagramSocket(binding: SocketAddress(high: ip.high, low: ip.low, port: UInt16(port + 1)))
        return (rtp, rtcp)
      } catch {
        if error.isInUse { continue }
        throw ControlError(.invalidField, "source.listenIp: cannot listen on \(ip.ip): \(error.text)", field: "source.listenIp")
      }
    }
    throw ControlError(.atCapacity, "no free UDP port in the range \(range.first)-\(range.last)")
  }

  /// A port that the client names, and with `withRTCP` the one above it.
  func bind(fixed port: UInt16, _ ip: SocketAddress, withRTCP: Bool, field: String) throws(ControlError) -> (
    rtp: DatagramSocket, rtcp: DatagramSocket?
  ) {
    func open(_ port: UInt16) throws(ControlError) -> DatagramSocket {
      do {
        return try DatagramSocket(binding: SocketAddress(high: ip.high, low: ip.low, port: port))
      } catch {
        throw ControlError(.invalidField, "\(field): cannot listen on UDP \(ip.ip) port \(port): \(error.text)", field: field)
      }
    }
    guard withRTCP else { return (try open(port), nil) }
    guard port < UInt16.max else {
      throw ControlError(.invalidField, "\(field): \(port) leaves no port for RTCP above it", field: field)
    }
    return (try open(port), try open(port + 1))
  }
}
