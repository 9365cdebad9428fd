import Foundation
import Synchronization

/// A UDP socket of the test: an SFU's, or a stranger's.
final class Endpoint: Sendable {
  private let descriptor: Int32
  let port: UInt16
  private let family: Int32
  /// How many datagrams have left.
  let sent = Atomic<Int>(0)

  init(ip: String = "127.0.0.1", port: UInt16 = 0) throws {
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

  @discardableResult func send(_ bytes: [UInt8], to port: UInt16, ip: String? = nil) -> Bool {
    let host = ip ?? (family == AF_INET6 ? "::1" : "127.0.0.1")
    let isSent =
      unsafe Endpoint.withAddress(host, port) { address, length in
        Int32(unsafe bytes.withUnsafeBytes { unsafe sendto(descriptor, $0.baseAddress, $0.count, 0, address, length) })
      } == Int32(bytes.count)
    if isSent { sent.add(1, ordering: .relaxed) }
    return isSent
  }

  /// What has come, waiting at most `seconds` for the first.
  func receive(within seconds: Double = 0) -> [[UInt8]] {
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

/// RTCP as it comes back: what kinds of packets a compound holds.
enum Feedback {
  /// Payload types, with the format of feedback packets: 201 RR, 202 SDES, 206.1 PLI.
  static func kinds(_ datagram: [UInt8]) -> [String] {
    var kinds: [String] = []
    var at = 0
    while at + 4 <= datagram.count {
      let type = datagram[at + 1]
      kinds.append(type == 205 || type == 206 ? "\(type).\(datagram[at] & 31)" : "\(type)")
      at += 4 * (Int(datagram[at + 2]) << 8 + Int(datagram[at + 3]) + 1)
    }
    return kinds
  }

  static func hasPLI(_ datagrams: [[UInt8]]) -> Bool { datagrams.contains { kinds($0).contains("206.1") } }
}

/// Sends datagrams in their time on a thread of its own, and keeps what comes back.
final class Feed: Sendable {
  struct Item {
    /// Seconds after the feed's start.
    var time: Double
    var bytes: [UInt8]
    var port: UInt16
    /// Which of the feed's sockets sends it.
    var endpoint = 0
  }

  private struct State {
    var sent = 0
    var lastSentTime = 0.0
    var feedback: [[UInt8]] = []
    var isOver = false
  }
  private let state = Mutex(State())
  private let isStopped = Atomic<Bool>(false)
  private let endpoints: [Endpoint]
  /// The first of the sockets that it sends from.
  var endpoint: Endpoint { endpoints[0] }

  init(_ items: [Item], from endpoints: [Endpoint], speed: Double = 1) {
    self.endpoints = endpoints
    let ordered = items.sorted { $0.time < $1.time }
    let thread = Thread { [self] in run(ordered, speed) }
    thread.start()
  }

  private func run(_ items: [Item], _ speed: Double) {
    let begin = Moment.now
    for item in items {
      while !isStopped.load(ordering: .relaxed) {
        let wait = begin + item.time / speed - Moment.now
        if wait <= 0 { break }
        let came = endpoints[0].receive(within: min(wait, 0.02))
        if !came.isEmpty { state.withLock { $0.feedback += came } }
      }
      if isStopped.load(ordering: .relaxed) { break }
      endpoints[item.endpoint].send(item.bytes, to: item.port)
      state.withLock { state in
        state.sent += 1
        state.lastSentTime = item.time
      }
    }
    let came = endpoints.flatMap { $0.receive() }
    state.withLock { state in
      state.feedback += came
      state.isOver = true
    }
  }

  var sent: Int { state.withLock { $0.sent } }
  /// The capture's time of what was sent last.
  var lastSentTime: Double { state.withLock { $0.lastSentTime } }
  var isOver: Bool { state.withLock { $0.isOver } }
  /// The RTCP that came back so far.
  var feedback: [[UInt8]] {
    let came = isOver ? endpoints.flatMap { $0.receive() } : []
    return state.withLock { state in
      state.feedback += came
      return state.feedback
    }
  }

  func stop() {
    isStopped.store(true, ordering: .relaxed)
    finish()
  }

  /// Waits for the last datagram.
  func finish() { _ = eventually(within: 120) { isOver } }
}

extension Capture {
  /// Its RTP of the payload types that are mapped, each to its port, with the capture's times from `from` to `to` seconds.
  func items(_ ports: [Int: UInt16], from: Double = 0, to: Double = .infinity) -> [Feed.Item] {
    datagrams.filter { $0.isRTP && $0.time >= from && $0.time <= to }.compactMap { packet in
      ports[packet.payloadType].map { Feed.Item(time: packet.time - from, bytes: packet.bytes, port: $0) }
    }
  }
}
