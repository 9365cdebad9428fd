import Glibc
import Ground

/// A listening TCP socket of one address: how it is opened.
enum NetworkSocket {
  /// Listens, and answers the descriptor with the address that it has; port 0 lets the system choose. `[::]` hears IPv4 too.
  static func listen(on address: SocketAddress) throws(ControlServerError) -> (descriptor: Int32, address: SocketAddress) {
    let family = address.isIPv4 ? AF_INET : AF_INET6
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { throw ListeningSocket.refused("open a socket for", address.description) }
    var (on, off): (Int32, Int32) = (1, 0)
    let size = socklen_t(MemoryLayout<Int32>.size)
    // A daemon that starts again must not wait for its predecessor's connections to be forgotten.
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
    if !address.isIPv4 { _ = unsafe setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, size) }
    guard bind(descriptor, to: address) == 0, Glibc.listen(descriptor, 512) == 0, let port = port(of: descriptor) else {
      let failure = ListeningSocket.refused("listen on", address.description)
      close(descriptor)
      throw failure
    }
    return (descriptor, SocketAddress(high: address.high, low: address.low, port: port))
  }

  private static func bind(_ descriptor: Int32, to address: SocketAddress) -> Int32 {
    if address.isIPv4 {
      var v4 = sockaddr_in()
      v4.sin_family = sa_family_t(AF_INET)
      v4.sin_port = address.port.bigEndian
      v4.sin_addr.s_addr = address.ipv4.bigEndian
      return unsafe withUnsafePointer(to: &v4) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    }
    var v6 = sockaddr_in6()
    v6.sin6_family = sa_family_t(AF_INET6)
    v6.sin6_port = address.port.bigEndian
    let halves = [address.high.bigEndian, address.low.bigEndian]
    unsafe withUnsafeMutableBytes(of: &v6.sin6_addr) { bytes in unsafe halves.withUnsafeBytes { unsafe bytes.copyMemory(from: $0) } }
    return unsafe withUnsafePointer(to: &v6) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
      }
    }
  }

  /// The port that the socket has; both families keep it in the same place.
  private static func port(of descriptor: Int32) -> UInt16? {
    var address = sockaddr_in6()
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(descriptor, $0, &length) }
    }
    return result == 0 ? UInt16(bigEndian: address.sin6_port) : nil
  }
}
