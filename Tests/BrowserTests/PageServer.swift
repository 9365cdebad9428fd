import Foundation
import Glibc
import Synchronization

/// A page for a browser under test: answers `/` with the page, takes its result at `/result`, and passes everything else on to
/// the daemon's control socket, so that the browser reads the files that the API serves.
final class PageServer: Sendable {
  let port: UInt16
  private let listener: Int32
  private let control: String
  private let page: String
  private let result = Mutex<String?>(nil)

  /// `ip`: an address of the machine's.
  init(page: String, control: String, address ip: String = "127.0.0.1") {
    self.page = page
    self.control = control
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    self.listener = listener
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = unsafe inet_addr(ip)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        precondition(unsafe bind(listener, $0, length) == 0 && listen(listener, 64) == 0)
        _ = unsafe getsockname(listener, $0, &length)
      }
    }
    port = UInt16(bigEndian: address.sin_port)
    let descriptor = listener
    Thread.detachNewThread { [self] in
      while true {
        let connection = accept(descriptor, nil, nil)
        if connection < 0 { return }
        Thread.detachNewThread { self.serve(connection) }
      }
    }
  }

  func close() {
    _ = shutdown(listener, Int32(SHUT_RDWR))
    _ = Glibc.close(listener)
  }

  /// What the page reported, once it has.
  func waitForResult(seconds: Int) -> String? {
    for _ in 0..<seconds * 20 {
      if let result = result.withLock({ $0 }) { return result }
      usleep(50_000)
    }
    return nil
  }

  private func serve(_ connection: Int32) {
    defer { _ = Glibc.close(connection) }
    var request: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let text = String(decoding: request, as: UTF8.self)
      if let end = text.range(of: "\r\n\r\n") {
        let body = text[end.upperBound...].utf8.count
        if body >= PageServer.contentLength(text) { break }
      }
      let n = unsafe read(connection, &buffer, buffer.count)
      if n <= 0 { return }
      request += buffer[..<n]
    }
    let text = String(decoding: request, as: UTF8.self)
    if text.hasPrefix("GET / ") {
      send(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: \(page.utf8.count)\r\n\r\n\(page)", connection)
    } else if text.hasPrefix("POST /result") {
      let body = text.range(of: "\r\n\r\n").map { String(text[$0.upperBound...]) }
      result.withLock { $0 = body }
      send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", connection)
    } else {
      forward(text, connection)
    }
  }

  private static func contentLength(_ text: String) -> Int {
    guard let at = text.range(of: "content-length:", options: .caseInsensitive) else { return 0 }
    // By UTF-8, because "\r\n" is one Character, and unlike "\r".
    return Int(String(text[at.upperBound...].utf8.prefix { $0 != 0x0d })?.trimmingCharacters(in: .whitespaces) ?? "") ?? 0
  }

  private func forward(_ request: String, _ connection: Int32) {
    let upstream = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { _ = Glibc.close(upstream) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { path in unsafe path.copyBytes(from: Array(control.utf8)) }
    let connected = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(upstream, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard connected == 0 else { return }
    // One request a connection: the daemon closes it, and that ends the copy.
    let lines = request.replacingOccurrences(of: "Connection: keep-alive", with: "Connection: close")
    send(lines, upstream)
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let n = unsafe read(upstream, &buffer, buffer.count)
      if n <= 0 { return }
      var sent = 0
      while sent < n {
        let m = unsafe buffer.withUnsafeBytes {
          unsafe Glibc.send(connection, $0.baseAddress! + sent, n - sent, Int32(MSG_NOSIGNAL))
        }
        if m <= 0 { return }
        sent += m
      }
    }
  }

  private func send(_ text: String, _ descriptor: Int32) {
    let bytes = Array(text.utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }
}
