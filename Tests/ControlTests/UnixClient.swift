import Foundation
import Glibc
import Ground
import JSON

/// What a server answered.
struct Answer {
  var status: Int
  /// Names in lower case.
  var headers: [String: String]
  var body: [UInt8]

  var text: String { String(decoding: body, as: UTF8.self) }
  var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
  var errorCode: String? { json["error"]?["code"]?.stringValue }
  var errorMessage: String? { json["error"]?["message"]?.stringValue }
  var errorField: String? { json["error"]?["field"]?.stringValue }
}

/// A client that says exactly the bytes it is told, over one connection to a Unix socket or to a TCP port.
@safe final class UnixClient {
  struct Failure: Error { var what: String }
  let descriptor: Int32
  private var received: [UInt8] = []

  init(_ path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    // So that a server that never answers fails the test instead of holding it.
    var patience = timeval(tv_sec: 30, tv_usec: 0)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let result = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    if result != 0 { throw Failure(what: "connect: errno \(errno)") }
  }
  /// Over TCP to a loopback address.
  init(_ address: SocketAddress) throws {
    descriptor = socket(address.isIPv4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
    var patience = timeval(tv_sec: 30, tv_usec: 0)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var v4 = sockaddr_in()
    v4.sin_family = sa_family_t(AF_INET)
    v4.sin_port = address.port.bigEndian
    v4.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var v6 = sockaddr_in6()
    v6.sin6_family = sa_family_t(AF_INET6)
    v6.sin6_port = address.port.bigEndian
    v6.sin6_addr = in6addr_loopback
    let descriptor = descriptor
    func join<Address>(_ address: inout Address) -> Int32 {
      unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
        }
      }
    }
    if (address.isIPv4 ? join(&v4) : join(&v6)) != 0 { throw Failure(what: "connect: errno \(errno)") }
  }
  deinit { close(descriptor) }

  func send(_ text: String) { send(Array(text.utf8)) }
  /// False where the other side took no more.
  @discardableResult func send(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count <= 0 { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
  /// One request whole; with a body and no type among the headers, it is JSON.
  func request(_ method: String, _ target: String, _ body: String? = nil, headers: [String] = []) {
    var text = "\(method) \(target) HTTP/1.1\r\nHost: deck\r\n"
    for header in headers { text += header + "\r\n" }
    if !headers.contains(where: { $0.lowercased().hasPrefix("content-type:") }), body != nil {
      text += "Content-Type: application/json\r\n"
    }
    if let body { text += "Content-Length: \(body.utf8.count)\r\n\r\n\(body)" } else { text += "\r\n" }
    send(text)
  }

  /// Reads more; false at the end.
  private func fill() throws -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
    if count < 0, errno == ECONNRESET { return false }
    if count < 0 { throw Failure(what: "recv: errno \(errno)") }
    received.append(contentsOf: buffer.prefix(count))
    return count > 0
  }
  /// Whether the other side has closed with nothing more to read.
  func isAtEnd() throws -> Bool {
    if !received.isEmpty { return false }
    return try !fill()
  }
  /// One line without its end.
  func line() throws -> String {
    while true {
      if let end = received.firstIndex(of: 10) {
        var line = received[..<end]
        if line.last == 13 { line.removeLast() }
        received.removeFirst(end + 1)
        return String(decoding: line, as: UTF8.self)
      }
      guard try fill() else { throw Failure(what: "the connection ended in a line: \(String(decoding: received, as: UTF8.self))") }
    }
  }
  func bytes(_ count: Int) throws -> [UInt8] {
    while received.count < count { guard try fill() else { throw Failure(what: "the connection ended in a body") } }
    defer { received.removeFirst(count) }
    return Array(received.prefix(count))
  }
  /// Status line and headers only.
  func head() throws -> Answer {
    let first = try line().split(separator: " ")
    guard first.count >= 2, let status = Int(first[1]) else { throw Failure(what: "no status line: \(first)") }
    var headers: [String: String] = [:]
    while case let line = try line(), !line.isEmpty {
      let parts = line.split(separator: ":", maxSplits: 1)
      headers[parts[0].lowercased()] = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
    }
    return Answer(status: status, headers: headers, body: [])
  }
  /// One chunk of a chunked body; empty at its end.
  func chunk() throws -> [UInt8] {
    guard let size = Int(try line(), radix: 16) else { throw Failure(what: "no chunk") }
    let chunk = try bytes(size)
    _ = try line()
    return chunk
  }
  /// A whole answer; the body of one to HEAD is not waited for.
  func answer(toHead: Bool = false) throws -> Answer {
    var answer = try head()
    if toHead || answer.status == 304 || answer.status == 204 || answer.status < 200 { return answer }
    if answer.headers["transfer-encoding"] == "chunked" {
      while case let chunk = try chunk(), !chunk.isEmpty { answer.body += chunk }
    } else {
      answer.body = try bytes(Int(answer.headers["content-length"] ?? "") ?? 0)
    }
    return answer
  }
}
