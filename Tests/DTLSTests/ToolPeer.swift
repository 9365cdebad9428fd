import DTLS
import Foundation
import Glibc
import Ground

/// A UDP socket on the loopback, and one session of ours behind it, on the machine's clock.
final class Endpoint {
  let port: UInt16
  private let descriptor: Int32
  private var peer: sockaddr_in?

  init() {
    descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    var address = Endpoint.loopback(0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        precondition(unsafe bind(descriptor, $0, length) == 0)
        _ = unsafe getsockname(descriptor, $0, &length)
      }
    }
    port = UInt16(bigEndian: address.sin_port)
  }

  deinit { _ = close(descriptor) }

  func aim(at port: UInt16) { peer = Endpoint.loopback(port) }

  /// Brings datagrams and time to the session until `done`, for at most twenty seconds; answers whether it came to that.
  func drive(_ session: DTLSSession, until done: () -> Bool) -> Bool {
    let end = Endpoint.now() + .seconds(20)
    session.start(at: Endpoint.now())
    while true {
      while let datagram = session.popOutgoing() { send(datagram) }
      if done() { return true }
      let now = Endpoint.now()
      guard now < end else { return false }
      let wait = min((session.nextDeadline ?? end) - now, .milliseconds(50))
      var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      if unsafe poll(&ready, 1, max(Int32(wait.milliseconds), 0)) > 0, let datagram = receive() {
        session.receive(datagram, at: Endpoint.now())
      }
      session.advance(to: Endpoint.now())
    }
  }

  static func now() -> Instant {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }

  private func receive() -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var from = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let count = unsafe withUnsafeMutablePointer(to: &from) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length) }
    }
    guard count >= 0 else { return nil }
    if peer == nil { peer = from }
    return Array(buffer[..<count])
  }

  private func send(_ datagram: [UInt8]) {
    guard var to = peer else { return }
    let descriptor = descriptor
    unsafe withUnsafePointer(to: &to) {
      _ = unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe sendto(descriptor, datagram, datagram.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    address.sin_port = port.bigEndian
    return address
  }
}

/// A command-line tool as the peer, and what it has printed so far.
final class ToolPeer {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var printed = ""

  init(_ command: String, _ arguments: [String]) throws {
    process.executableURL = URL(filePath: "/usr/bin/" + command)
    process.arguments = arguments
    process.standardInput = input
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let descriptor = output.fileHandleForReading.fileDescriptor
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
  }

  deinit {
    // Not SIGTERM, which a child may have inherited as blocked.
    _ = kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  func type(_ line: String) throws { try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8)) }

  func endInput() throws { try input.fileHandleForWriting.close() }

  /// All that it has printed.
  func text() -> String {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe read(output.fileHandleForReading.fileDescriptor, &buffer, buffer.count)
      guard count > 0 else { return printed }
      printed += String(decoding: buffer[..<count], as: UTF8.self)
    }
  }

  /// Waits for `words` at most twenty seconds.
  func prints(_ words: String) -> Bool {
    let end = Endpoint.now() + .seconds(20)
    while !text().contains(words) {
      guard Endpoint.now() < end else { return false }
      var ready = pollfd(fd: output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
      _ = unsafe poll(&ready, 1, 100)
    }
    return true
  }

  /// The word after `label` on its line.
  func value(after label: String) -> String? {
    let text = text()
    guard let found = text.firstRange(of: label) else { return nil }
    return text[found.upperBound...].prefix { $0 != "\n" }.trimmingCharacters(in: .whitespaces)
  }
}
