import Foundation
package import Synchronization

/// A UDP socket of the test: an SFU's, or a stranger's.
package final class Endpoint: Sendable {
  private let descriptor: Int32
  package let port: UInt16
  private let family: Int32
  /// How many datagrams have left.
  package let sent = Atomic<Int>(0)

  package init(ip: String = "127.0.0.1", port: UInt16 = 0) throws {
    let family = ip.contains(":") ? AF_INET6 : AF_INET
    let fd = socket(family, Int32(SOCK_DGRAM.rawValue), 0)
    var size: Int32 = 4 << 20
    _ = unsafe setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    let done = unsafe Endpoint.withAddress(ip, port) { unsafe bind(fd, $0, $1) }
    self.family = family
    descriptor = fd
    self.port = Endpoint.boundPort(fd)
    guard done == 0 else { throw Tool.Failure(description: "cannot bind \(ip) port \(port)") }
  }

  /// A TCP port of loopback that nobody had a moment ago.
  package static func freeTCPPort() throws -> UInt16 {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(fd) }
    let done = unsafe withAddress("127.0.0.1", 0) { unsafe bind(fd, $0, $1) }
    guard done == 0 else { throw Tool.Failure(description: "no TCP port is free") }
    return boundPort(fd)
  }

  /// The port stands at the same place in both families' addresses.
  private static func boundPort(_ fd: Int32) -> UInt16 {
    var name = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    _ = unsafe withUnsafeMutablePointer(to: &name) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(fd, $0, &size) }
    }
    return unsafe withUnsafeBytes(of: &name) { unsafe UInt16($0[2]) << 8 | UInt16($0[3]) }
  }

  deinit { close(descriptor) }

  @discardableResult package func send(_ bytes: [UInt8], to port: UInt16, ip: String? = nil) -> Bool {
    let host = ip ?? (family == AF_INET6 ? "::1" : "127.0.0.1")
    let isSent =
      unsafe Endpoint.withAddress(host, port) { address, length in
        Int32(unsafe bytes.withUnsafeBytes { unsafe sendto(descriptor, $0.baseAddress, $0.count, 0, address, length) })
      } == Int32(bytes.count)
    if isSent { sent.add(1, ordering: .relaxed) }
    return isSent
  }

  /// What has come, waiting at most `seconds` for the first.
  package func receive(within seconds: Double = 0) -> [[UInt8]] {
    var found: [[UInt8]] = []
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&entry, 1, Int32(seconds * 1000)) > 0 else { return [] }
    var buffer = [UInt8](repeating: 0, count: 2048)
    while true {
      let n = unsafe recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      guard n >= 0 else { return found }
      found.append(Array(buffer[..<n]))
    }
  }

  private static func withAddress(_ ip: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    if ip.contains(":") {
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      _ = unsafe inet_pton(AF_INET6, ip, &address.sin6_addr)
      return unsafe withUnsafePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(MemoryLayout<sockaddr_in6>.size)) }
      }
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    _ = unsafe inet_pton(AF_INET, ip, &address.sin_addr)
    return unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
  }
}
