import Foundation
import Glibc
import Synchronization

/// An HTTP server on loopback that answers one request a connection by a script.
@safe final class ScriptedServer: Sendable {
  struct Request: Sendable, Equatable {
    var method: String
    var path: String
    /// By names in lower case.
    var headers: [String: String]
    var body: String
  }
  enum Reply: Sendable {
    /// The whole answer, its head included.
    case raw(String)
    /// Nothing, and the connection stays open.
    case silence
  }

  let port: UInt16
  private let listener: Int32
  private let handler: @Sendable (Request) -> Reply
  private let seen = Mutex<[Request]>([])
  private let open = Mutex<[Int32]>([])

  var requests: [Request] { seen.withLock { $0 } }
  var url: String { "http://127.0.0.1:\(port)" }

  init(_ handler: @escaping @Sendable (Request) -> Reply) {
    self.handler = handler
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = listener
    let size = length
    let bound = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(descriptor, $0, size) }
    }
    precondition(bound == 0 && listen(listener, 64) == 0)
    _ = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(descriptor, $0, &length) }
    }
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread { [self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        Thread.detachNewThread { [self] in serve(connection) }
      }
    }
  }

  /// Nobody is let in from now on, and who is in is thrown out.
  func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
    for connection in open.withLock({ $0 }) { shutdown(connection, Int32(SHUT_RDWR)) }
  }

  static func answer(_ status: Int, _ headers: [String] = [], _ body: String = "") -> Reply {
    let lines = ["HTTP/1.1 \(status) X", "Content-Length: \(body.utf8.count)", "Connection: close"] + headers
    return .raw(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
  }

  private func serve(_ connection: Int32) {
    guard let request = read(connection) else {
      close(connection)
      return
    }
    seen.withLock { $0.append(request) }
    switch handler(request) {
    case .silence: open.withLock { $0.append(connection) }
    case .raw(let text):
      let bytes = Array(text.utf8)
      var sent = 0
      while sent < bytes.count {
        let part = Array(bytes[sent...])
        let count = unsafe part.withUnsafeBytes { unsafe send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { break }
        sent += count
      }
      close(connection)
    }
  }

  private func read(_ connection: Int32) -> Request? {
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 4_096)
    while true {
      let text = String(decoding: bytes, as: UTF8.self)
      if let head = text.range(of: "\r\n\r\n") {
        let lines = text[..<head.lowerBound].components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ").map(String.init)
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
          guard let colon = line.firstIndex(of: ":") else { continue }
          headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        let body = String(text[head.upperBound...])
        if body.utf8.count >= Int(headers["content-length"] ?? "0") ?? 0 {
          return Request(method: words[0], path: words[1], headers: headers, body: body)
        }
      }
      let count = unsafe part.withUnsafeMutableBytes { unsafe recv(connection, $0.baseAddress, $0.count, 0) }
      guard count > 0 else { return nil }
      bytes += part[..<count]
    }
  }
}
