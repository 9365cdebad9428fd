import Foundation
import Glibc
import Synchronization

/// A path between a browser and the daemon on loopback that loses datagrams, both ways: a port of its own before the daemon's.
final class LossyPath: Sendable {
  let port: UInt16
  private let front: Int32
  private let target: sockaddr_in
  private let loss: Double
  private struct State {
    var chance: UInt64
    var carried = 0
    var lost = 0
    var isClosed = false
  }
  private let state: Mutex<State>

  /// Loses the share `loss` of what goes to `target` and comes from there.
  init(to target: UInt16, loss: Double, seed: UInt64) throws {
    self.target = LossyPath.loopback(target)
    self.loss = loss
    state = Mutex(State(chance: seed))
    (front, port) = try LossyPath.open(at: LossyPath.loopback(0))
    Thread.detachNewThread { [self] in run() }
  }

  /// Datagrams that came through, and that did not.
  var counts: (carried: Int, lost: Int) { state.withLock { ($0.carried, $0.lost) } }

  func close() { state.withLock { $0.isClosed = true } }

  /// A port that nobody had a moment ago.
  static func freePort() throws -> UInt16 {
    let (descriptor, port) = try open(at: loopback(0))
    _ = Glibc.close(descriptor)
    return port
  }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    address.sin_port = port.bigEndian
    return address
  }

  private static func open(at address: sockaddr_in) throws -> (descriptor: Int32, port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    var bound = address
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = unsafe withUnsafeMutablePointer(to: &bound) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard isBound else { throw Command.Failure(description: "no UDP socket: \(errno)") }
    return (descriptor, UInt16(bigEndian: bound.sin_port))
  }

  /// One thread: the browser's addresses each have a socket towards the daemon.
  private func run() {
    var backs: [(client: sockaddr_in, descriptor: Int32)] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    defer {
      for back in backs { _ = Glibc.close(back.descriptor) }
      _ = Glibc.close(front)
    }
    while !state.withLock({ $0.isClosed }) {
      var polled = [pollfd(fd: front, events: Int16(POLLIN), revents: 0)]
      polled += backs.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
      guard unsafe poll(&polled, nfds_t(polled.count), 100) > 0 else { continue }
      if polled[0].revents != 0 {
        var from = sockaddr_in()
        let count = receive(front, &buffer, &from)
        var back = backs.first { $0.client.sin_port == from.sin_port && $0.client.sin_addr.s_addr == from.sin_addr.s_addr }?.descriptor
        if back == nil, backs.count < 16, let opened = try? LossyPath.open(at: LossyPath.loopback(0)) {
          backs.append((from, opened.descriptor))
          back = opened.descriptor
        }
        if let back, count > 0, passes() { send(back, buffer[..<count], target) }
      }
      for (index, back) in backs.enumerated() where index + 1 < polled.count && polled[index + 1].revents != 0 {
        var from = sockaddr_in()
        let count = receive(back.descriptor, &buffer, &from)
        if count > 0, passes() { send(front, buffer[..<count], back.client) }
      }
    }
  }

  private func passes() -> Bool {
    state.withLock { state in
      // Knuth's MMIX generator; its upper bits are the good ones.
      state.chance = state.chance &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let isLost = Double(state.chance >> 11) / Double(1 << 53) < loss
      if isLost { state.lost += 1 } else { state.carried += 1 }
      return !isLost
    }
  }

  private func receive(_ descriptor: Int32, _ buffer: inout [UInt8], _ from: inout sockaddr_in) -> Int {
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return unsafe withUnsafeMutablePointer(to: &from) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length)
      }
    }
  }

  private func send(_ descriptor: Int32, _ bytes: ArraySlice<UInt8>, _ to: sockaddr_in) {
    var to = to
    _ = unsafe bytes.withUnsafeBytes { bytes in
      unsafe withUnsafeMutablePointer(to: &to) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe sendto(descriptor, bytes.baseAddress, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    }
  }
}
