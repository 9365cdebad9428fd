import Foundation
import Glibc
import Synchronization

/// A tiny HTTP server on a Unix socket: a thread for each connection, one handler for all requests.
@safe final class FakeDaemon: Sendable {
  struct Request: Sendable, Equatable {
    var method: String
    var target: String
    var headers: [String: String]
    var body: String
    var line: String { "\(method) \(target)" }
  }
  enum Reply: Sendable {
    case json(Int, String)
    /// These chunks of an event stream, then its end, or silence until the client goes.
    case events([String], held: Bool)
    /// The connection is closed without a word.
    case hangUp
  }
  let path: String
  private let folder: String
  private let listener: Int32
  private let handler: @Sendable (Request) -> Reply
  private let seen = Mutex<[Request]>([])

  /// All requests so far, in order.
  var requests: [Request] { seen.withLock { $0 } }

  init(_ handler: @escaping @Sendable (Request) -> Reply) throws {
    folder = NSTemporaryDirectory() + "/td-" + UUID().uuidString.prefix(8)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    path = folder + "/s"
    self.handler = handler
    listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    let descriptor = listener
    let bound = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard bound == 0, listen(listener, 16) == 0 else { throw CocoaError(.fileWriteUnknown) }
    Thread.detachNewThread { [self] in accept() }
  }

  /// Stops listening and removes the socket. The accepting thread holds the daemon until then.
  func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
    try? FileManager.default.removeItem(atPath: folder)
  }

  private func accept() {
    while true {
      let connection = Glibc.accept(listener, nil, nil)
      if connection < 0 { break }
      Thread.detachNewThread { [self] in
        serve(connection)
        close(connection)
      }
    }
    close(listener)
  }

  private func serve(_ connection: Int32) {
    var buffer: [UInt8] = []
    while let request = next(connection, &buffer) {
      seen.withLock { $0.append(request) }
      switch handler(request) {
      case .json(let status, let body):
        send(
          connection,
          "HTTP/1.1 \(status) X\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
      case .events(let chunks, let held):
        send(connection, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for chunk in chunks { send(connection, chunk) }
        if held { _ = receive(connection) }
        return
      case .hangUp: return
      }
    }
  }

  private func next(_ connection: Int32, _ buffer: inout [UInt8]) -> Request? {
    while true {
      let text = String(decoding: buffer, as: UTF8.self)
      if let end = text.range(of: "\r\n\r\n") {
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
          let parts = line.components(separatedBy: ": ")
          headers[parts[0].lowercased()] = parts.dropFirst().joined(separator: ": ")
        }
        let length = Int(headers["content-length"] ?? "0") ?? 0
        let body = text[end.upperBound...]
        if body.utf8.count >= length {
          let first = lines[0].split(separator: " ").map(String.init)
          buffer = Array(body.utf8.dropFirst(length))
          return Request(
            method: first[0], target: first[1], headers: headers, body: String(decoding: body.utf8.prefix(length), as: UTF8.self))
        }
      }
      let more = receive(connection)
      if more.isEmpty { return nil }
      buffer += more
    }
  }

  private func receive(_ connection: Int32) -> [UInt8] {
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let n = unsafe chunk.withUnsafeMutableBytes { unsafe recv(connection, $0.baseAddress, $0.count, 0) }
    return Array(chunk[..<max(0, n)])
  }

  private func send(_ connection: Int32, _ text: String) {
    let bytes = Array(text.utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }
}

/// Runs `body` against a daemon that answers as `handler` says.
func withDaemon(
  _ handler: @escaping @Sendable (FakeDaemon.Request) -> FakeDaemon.Reply, _ body: (FakeDaemon, ScriptedConsole) throws -> Void
)
  throws
{
  let daemon = try FakeDaemon(handler)
  defer { daemon.stop() }
  let console = ScriptedConsole()
  console.environment = ["TAPEDECK_CONTROL": daemon.path]
  try body(daemon, console)
}
