/// An event stream of the control API, read as it comes. It ends with the value's life.
package final class EventStream {
  /// What a wait came to.
  package enum Arrival: Sendable, Equatable {
    case events([ServerEvent])
    /// The caller's descriptor can be read, or the time is over.
    case nothing
    /// The daemon ended the stream.
    case closed
  }
  private let easy = CurlEasy()
  private let multi: CurlMulti
  private let socketPath: String
  private var parser = EventStreamParser()
  private var isClosed = false

  init(_ request: HTTPRequest, socketPath: String) {
    self.socketPath = socketPath
    easy.prepare(request, socketPath: socketPath)
    multi = CurlMulti(easy)
  }

  /// Waits for events, for `wake` to become readable, or for the time to pass, whichever is first. A refusal is thrown with the
  /// daemon's own words. After `closed` the stream stays closed.
  package func wait(milliseconds: Int, wake: Int32? = nil) throws(ControlClientError) -> Arrival {
    if let arrival = try step() { return arrival }
    multi.wait(milliseconds: milliseconds, wake: wake)
    return try step() ?? .nothing
  }

  private func step() throws(ControlClientError) -> Arrival? {
    if isClosed { return .closed }
    do {
      isClosed = try multi.step()
    } catch {
      throw ControlClient.error(for: error, path: socketPath, timeoutSeconds: 5)
    }
    let status = easy.status
    guard status == 200 else {
      // A refusal's body explains it, once it is whole.
      if isClosed { throw ControlClient.refusal(ControlClient.Answer(status: status, body: easy.takeBody())) }
      return nil
    }
    let events = parser.receive(easy.takeBody())
    if !events.isEmpty { return .events(events) }
    return isClosed ? .closed : nil
  }
}
