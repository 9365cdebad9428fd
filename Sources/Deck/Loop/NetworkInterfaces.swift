import Glibc
import Ground

/// The machine's own addresses.
enum NetworkInterfaces {
  /// Those of interfaces that are up, of `wildcard`'s family, link-local ones left out; loopback last, for peers on the same machine.
  static func addresses(like wildcard: SocketAddress) -> [SocketAddress] {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard unsafe getifaddrs(&first) == 0 else { return [] }
    defer { unsafe freeifaddrs(first) }
    var found: [(isLoopback: Bool, address: SocketAddress)] = []
    var next = unsafe first
    while let entry = unsafe next {
      unsafe next = entry.pointee.ifa_next
      guard unsafe entry.pointee.ifa_flags & UInt32(IFF_UP) != 0, let name = unsafe entry.pointee.ifa_addr else { continue }
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      let size =
        unsafe Int32(name.pointee.sa_family) == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
      guard unsafe [AF_INET, AF_INET6].contains(Int32(name.pointee.sa_family)),
        unsafe getnameinfo(name, socklen_t(size), &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
      else { continue }
      let ip = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      guard !ip.contains("%"), let address = SocketAddress(ip: ip, port: 0), address.isIPv4 == wildcard.isIPv4 else { continue }
      found.append((unsafe entry.pointee.ifa_flags & UInt32(IFF_LOOPBACK) != 0, address))
    }
    return found.filter { !$0.isLoopback }.map(\.address) + found.filter(\.isLoopback).map(\.address)
  }
}
