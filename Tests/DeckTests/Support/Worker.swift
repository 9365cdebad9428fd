import DeckRig
import Client
import Foundation
import JSON
import Synchronization

/// A client on a thread of its own.
final class Worker: Sendable {
  private let error = Mutex<String?>(nil)
  private let isOver = Atomic<Bool>(false)

  struct Caller {
    let client: ControlClient

    @discardableResult
    func call(_ method: String, _ path: [String], _ body: JSONValue? = nil, query: [(String, String)] = []) throws -> JSONValue {
      try client.call(method, ["v1"] + path, query: query, body: body?.bytes(), timeoutSeconds: 60).json()
    }
  }

  init(_ socket: String, _ body: @escaping @Sendable (Caller) throws -> Void) {
    let thread = Thread { [self] in
      do {
        try body(Caller(client: ControlClient(socketPath: socket)))
      } catch {
        let text = (error as? ControlClientError)?.message ?? "\(error)"
        self.error.withLock { $0 = text }
      }
      isOver.store(true, ordering: .releasing)
    }
    thread.start()
  }

  /// Waits for its end; answers what went wrong.
  func finish() -> String? {
    guard eventually(within: 90, { isOver.load(ordering: .acquiring) }) else { return "it does not end" }
    return error.withLock { $0 }
  }
}
