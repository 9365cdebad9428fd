import Glibc
package import JSON

/// Calls the control API over its Unix socket. Each call blocks the calling thread; a value belongs to one thread.
package final class ControlClient {
  /// A success: its status and its body.
  package struct Answer: Sendable {
    package var status: Int
    package var body: [UInt8]

    /// The body as JSON.
    package func json() throws(ControlClientError) -> JSONValue {
      do {
        return try JSONValue(parsing: body)
      } catch {
        throw .badAnswer("what is no JSON: \(error.message)")
      }
    }
  }
  /// Where the daemon is expected.
  package let socketPath: String
  private let easy = CurlEasy()

  package init(socketPath: String) { self.socketPath = socketPath }

  /// Makes one call and answers a success (2xx); any other status is thrown as `refused`. `timeoutSeconds` is for the whole call; nil
  /// waits for ever.
  package func call(
    _ method: String, _ path: [String], query: [(String, String)] = [], body: [UInt8]? = nil, timeoutSeconds: Double? = 30
  ) throws(ControlClientError) -> Answer {
    try checkPath()
    let request = HTTPRequest(
      method: method, target: ControlClient.target(path, query), body: body,
      timeoutMilliseconds: timeoutSeconds.map { Int($0 * 1_000) })
    easy.prepare(request, socketPath: socketPath)
    do {
      try easy.perform()
    } catch {
      throw ControlClient.error(for: error, path: socketPath, timeoutSeconds: timeoutSeconds ?? 0)
    }
    let answer = Answer(status: easy.status, body: easy.takeBody())
    guard (200..<300).contains(answer.status) else { throw ControlClient.refusal(answer) }
    return answer
  }

  /// Opens an event stream on a connection of its own: a recording's, or the node's. `lastEventID` resumes behind that event.
  package func events(of recording: String?, after lastEventID: String? = nil) throws(ControlClientError) -> EventStream {
    try checkPath()
    let path = recording.map { ["v1", "recordings", $0, "events"] } ?? ["v1", "events"]
    var request = HTTPRequest(method: "GET", target: ControlClient.target(path, []))
    if let lastEventID { request.headers.append("Last-Event-ID: \(lastEventID)") }
    return EventStream(request, socketPath: socketPath)
  }

  private func checkPath() throws(ControlClientError) {
    if socketPath.utf8.count > 107 { throw .pathTooLong(path: socketPath) }
  }

  /// Joins path segments and query, each percent-encoded but for RFC 3986's unreserved characters.
  static func target(_ path: [String], _ query: [(String, String)]) -> String {
    let pairs = query.map { "\(encoded($0.0))=\(encoded($0.1))" }
    return "/" + path.map { encoded($0) }.joined(separator: "/") + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
  }

  private static func encoded(_ text: String) -> String {
    let hex = Array("0123456789ABCDEF".utf8)
    var out: [UInt8] = []
    for b in text.utf8 {
      switch b {
      case 48...57, 65...90, 97...122, 45, 46, 95, 126: out.append(b)
      default: out.append(contentsOf: [37, hex[Int(b >> 4)], hex[Int(b & 15)]])
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  static func refusal(_ answer: Answer) -> ControlClientError {
    let error = (try? answer.json())?["error"]
    guard let message = error?["message"]?.stringValue else {
      return .badAnswer("status \(answer.status) and no explanation")
    }
    return .refused(
      status: answer.status, code: error?["code"]?.stringValue, message: message, field: error?["field"]?.stringValue)
  }

  static func error(for failure: CurlFailure, path: String, timeoutSeconds: Double) -> ControlClientError {
    switch failure.kind {
    case .timedOut: .timedOut(seconds: timeoutSeconds)
    case .couldNotConnect:
      switch Int32(failure.systemError) {
      case EACCES, EPERM: .notPermitted(path: path)
      default: .notListening(path: path)
      }
    case .other: .broken(path: path, reason: failure.reason)
    }
  }
}
