import CCurl
package import Ground
import Synchronization

/// Carries HTTP calls and delayed work out on one thread, the one that is in `run`. Everything that is posted runs there, one after another.
@safe package final class WHEPClient: @unchecked Sendable {
  /// Whose certificates are trusted.
  package struct Authorities: Sendable {
    /// A PEM file; nil: the system's.
    package var file: String?
    /// A folder of certificates under their hashes, which counts beside the file.
    package var folder: String?
    package init(file: String? = nil, folder: String? = nil) {
      self.file = file
      self.folder = folder
    }
  }

  /// The most bytes of an answer's body.
  package static let largestBody = 64 << 10

  private struct Mailbox {
    var bodies: [@Sendable () -> Void] = []
    var calls: [(WHEPRequest, @Sendable (Result<WHEPResponse, WHEPFailure>) -> Void)] = []
    /// Nothing is taken any more but what ends sessions; the thread ends when that is done, or at this time.
    var endsAt: Instant?
    var isClosed = false
  }

  private let mailbox = Mutex(Mailbox())
  private let authorities: Authorities
  private let now: @Sendable () -> Instant
  private let handle: UnsafeMutableRawPointer
  // The thread's own.
  private var transfers: [ObjectIdentifier: WHEPTransfer] = [:]
  private var timers: [(at: Instant, body: @Sendable () -> Void)] = []

  /// `now` reads the clock.
  package init(authorities: Authorities, now: @escaping @Sendable () -> Instant) {
    guard let handle = unsafe curl_multi_init() else { fatalError("libcurl has no memory") }
    unsafe self.handle = unsafe handle
    self.authorities = authorities
    self.now = now
  }

  deinit { _ = unsafe curl_multi_cleanup(handle) }

  // MARK: From any thread

  /// Runs `body` on the thread, soon; forgets it where the thread has ended.
  package func post(_ body: @escaping @Sendable () -> Void) {
    mailbox.withLock { if !$0.isClosed { $0.bodies.append(body) } }
    _ = unsafe curl_multi_wakeup(handle)
  }

  /// Carries a call out; `then` hears of it on the thread, once.
  package func send(_ request: WHEPRequest, then: @escaping @Sendable (Result<WHEPResponse, WHEPFailure>) -> Void) {
    let isTaken = mailbox.withLock { mailbox in
      if !mailbox.isClosed { mailbox.calls.append((request, then)) }
      return !mailbox.isClosed
    }
    guard isTaken else { return then(.failure(.stopped)) }
    _ = unsafe curl_multi_wakeup(handle)
  }

  /// Has `run` return when all calls are answered, or when `patience` is over: then the rest hears `stopped`.
  package func stop(patience: TimeSpan) {
    let end = now() + patience
    mailbox.withLock { $0.endsAt = end }
    _ = unsafe curl_multi_wakeup(handle)
  }

  // MARK: On the thread

  /// Runs `body` at a time; what is due after the end is forgotten.
  package func schedule(at time: Instant, _ body: @escaping @Sendable () -> Void) { timers.append((time, body)) }

  /// Works until `stop`.
  package func run() {
    while true {
      let endsAt = takeMail()
      runTimers()
      move()
      if let endsAt, (transfers.isEmpty && isMailboxEmpty) || now() >= endsAt { break }
      wait(until: endsAt)
    }
    close()
  }

  private var isMailboxEmpty: Bool { mailbox.withLock { $0.bodies.isEmpty && $0.calls.isEmpty } }

  private func takeMail() -> Instant? {
    let mail = mailbox.withLock { mailbox in
      defer {
        mailbox.bodies = []
        mailbox.calls = []
      }
      return mailbox
    }
    for body in mail.bodies { body() }
    for (request, then) in mail.calls { begin(WHEPTransfer(request, authorities: authorities, then: then)) }
    return mail.endsAt
  }

  private func begin(_ transfer: WHEPTransfer) {
    transfers[ObjectIdentifier(transfer)] = transfer
    let code = unsafe curl_multi_add_handle(handle, transfer.handle)
    precondition(code == CURLM_OK)
  }

  private func runTimers() {
    let time = now()
    let due = timers.filter { $0.at <= time }
    timers.removeAll { $0.at <= time }
    for timer in due { timer.body() }
  }

  /// Moves what can be moved, and tells of what is over.
  private func move() {
    var running: Int32 = 0
    _ = unsafe curl_multi_perform(handle, &running)
    var left: Int32 = 0
    while let message = unsafe curl_multi_info_read(handle, &left) {
      guard let easy = unsafe message.pointee.easy_handle, let transfer = transfers.values.first(where: { unsafe $0.handle == easy }) else {
        continue
      }
      let code = unsafe ccurl_message_result(message)
      _ = unsafe curl_multi_remove_handle(handle, easy)
      transfers[ObjectIdentifier(transfer)] = nil
      if let result = transfer.conclude(code) { transfer.then(result) } else { begin(transfer) }
    }
  }

  private func wait(until endsAt: Instant?) {
    let time = now()
    let next = (timers.map(\.at) + [endsAt].compactMap { $0 }).min()
    let milliseconds = next.map { max(0, ($0 - time).nanoseconds / 1_000_000 + 1) } ?? 600_000
    _ = unsafe curl_multi_poll(handle, nil, 0, Int32(clamping: milliseconds), nil)
  }

  private func close() {
    let rest = mailbox.withLock { mailbox in
      mailbox.isClosed = true
      defer { mailbox = Mailbox(isClosed: true) }
      return mailbox.calls
    }
    for transfer in transfers.values {
      _ = unsafe curl_multi_remove_handle(handle, transfer.handle)
      transfer.then(.failure(.stopped))
    }
    transfers = [:]
    for call in rest { call.1(.failure(.stopped)) }
    timers = []
  }
}
