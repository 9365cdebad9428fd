package import Ground

/// One peer's DTLS 1.2 association: datagrams and time in; datagrams to send, a deadline and the SRTP keys out. It asks no clock and no socket.
///
/// The owner sends all that `popOutgoing` answers after each call, calls `advance(to:)` at `nextDeadline`, and gives up on a handshake that
/// takes longer than it likes. Only datagrams whose first byte is 20 to 63 belong here (RFC 7983 §7), and, while the handshake runs, only
/// those from an address that ICE has checked: the first flights are not authenticated, so a forged one can end a handshake.
package final class DTLSSession {
  /// Who begins (RFC 5763 §5): `setup:active` is the client.
  package enum Role: Sendable, Hashable { case client, server }

  /// How far it is.
  package enum State {
    /// No keys yet.
    case handshaking
    /// The peer's certificate matched and both sides have keys.
    case established(DTLSKeys)
    /// Over, for this reason; nothing is kept.
    case failed(DTLSError)
    /// Ended by close_notify from either side.
    case closed
  }

  /// What was seen and refused, since the start.
  package struct Counters: Sendable, Hashable {
    /// All that was handed in.
    package var datagramsReceived = 0
    /// Not DTLS 1.2 records, or too many that cannot be read yet.
    package var datagramsRefused = 0
    /// Came after the end.
    package var datagramsLate = 0
    /// Written to the outgoing queue.
    package var datagramsSent = 0
    /// Dropped because nobody emptied the queue.
    package var outgoingDropped = 0
    /// Flights repeated because the peer did not answer in time.
    package var retransmissions = 0
    /// Application data, which an SRTP association has none of: records and their bytes.
    package var applicationRecords = 0
    package var applicationBytes = 0
  }

  package let role: Role
  package private(set) var state = State.handshaking
  /// The negotiated cipher suite by IANA's name, once established.
  package private(set) var cipherSuite: String?

  /// Until the session fails or closes.
  private var connection: TLSConnection?
  /// What the connection left to send when it ended.
  private var lastWords: [[UInt8]] = []
  private var tally = Counters()
  /// Encrypted records that came before the handshake was over; OpenSSL may keep a buffer for each.
  private var earlyRecords = 0
  private var started = false
  /// Time never runs backwards for OpenSSL.
  private var now = Instant(nanoseconds: 0)

  /// Enough for every repetition of a last flight, and no more than half a megabyte of OpenSSL's buffers.
  private static let earlyRecordLimit = 32

  /// A session that has sent nothing yet. `fingerprints` are those of the peer's SDP: the certificate must match one of those with the
  /// strongest hash among them (RFC 8122 §5.1). `mtu` is what a datagram may carry, in bytes. Throws `noFingerprint` or `library`.
  package init(identity: DTLSIdentity, role: Role, fingerprints: [DTLSFingerprint], mtu: Int = 1200) throws(DTLSError) {
    guard !fingerprints.isEmpty else { throw .noFingerprint }
    self.role = role
    connection = try TLSConnection(identity: identity, isClient: role == .client, fingerprints: fingerprints, mtu: mtu)
  }

  // Facts

  /// When `advance(to:)` is due; nil while nothing waits for an answer.
  package var nextDeadline: Instant? { connection?.deadline }

  package var counters: Counters {
    var counters = tally
    if let connection { collect(connection, into: &counters) }
    return counters
  }

  // World

  /// Begins: a client sends its first flight, a server waits for it. Once; later calls do nothing.
  package func start(at time: Instant) {
    guard !started else { return }
    started = true
    guard role == .client, let connection, case .handshaking = state else { return }
    follow(connection.handshake(at: pass(time)))
  }

  /// Takes one datagram from the peer. What is not DTLS, or comes after the end, is counted and left alone.
  package func receive(_ datagram: Span<UInt8>, at time: Instant) {
    tally.datagramsReceived += 1
    guard let connection else {
      tally.datagramsLate += 1
      return
    }
    let whole = DTLSRecord.wholeRecords(datagram)
    guard whole > 0 else {
      tally.datagramsRefused += 1
      return
    }
    let records = datagram.extracting(first: whole)
    if case .handshaking = state {
      earlyRecords += DTLSRecord.encrypted(records)
      guard earlyRecords <= DTLSSession.earlyRecordLimit else {
        tally.datagramsRefused += 1
        return
      }
    }
    let now = pass(time)
    // OpenSSL leaves its place in a datagram between calls, so the rest of one that ended the handshake is still read.
    connection.port.lending(records) {
      if case .handshaking = state { follow(connection.handshake(at: now)) }
      if case .established = state { follow(read(connection, now)) }
    }
  }

  /// Lets time pass: what the peer did not answer until its deadline is sent again.
  package func advance(to time: Instant) {
    let now = pass(time)
    guard let connection, let deadline = connection.deadline, deadline <= now else { return }
    follow(connection.handleTimeout(at: now))
    // A program that links OpenSSL without our clock would ask for the same moment forever.
    if let left = nextDeadline, left <= now { end(.failed(.library("OpenSSL does not go by the given time"))) }
  }

  // Commands

  /// Ends the session. An established one tells the peer; one that still shakes hands has nothing that the peer would believe.
  package func close() {
    guard let connection else { return }
    if case .established = state { connection.shutdown(at: now) }
    end(.closed)
  }

  // To do

  /// The next datagram to send to the peer; nil when there is none.
  package func popOutgoing() -> [UInt8]? {
    if let connection { return connection.port.popOutgoing() }
    return lastWords.isEmpty ? nil : lastWords.removeFirst()
  }

  private func pass(_ time: Instant) -> Instant {
    now = max(now, time)
    return now
  }

  private func read(_ connection: TLSConnection, _ now: Instant) -> TLSConnection.Outcome {
    connection.read(at: now) { bytes in
      tally.applicationRecords += 1
      tally.applicationBytes += bytes
    }
  }

  private func follow(_ outcome: TLSConnection.Outcome) {
    guard let connection else { return }
    switch outcome {
    case .waiting: break
    case .finished:
      cipherSuite = connection.cipherSuite
      if let keys = connection.exportKeys() {
        state = .established(keys)
      } else {
        connection.shutdown(at: now)
        end(.failed(.noSRTPProfile))
      }
    case .closed:
      connection.shutdown(at: now)
      end(.closed)
    case .failed(let error): end(.failed(error))
    }
  }

  /// Lets go of OpenSSL's memory at once; the owner may keep the session for its state.
  private func end(_ state: State) {
    self.state = state
    guard let connection else { return }
    collect(connection, into: &tally)
    while let datagram = connection.port.popOutgoing() { lastWords.append(datagram) }
    self.connection = nil
  }

  private func collect(_ connection: TLSConnection, into counters: inout Counters) {
    counters.datagramsSent = connection.port.written - connection.port.dropped
    counters.outgoingDropped = connection.port.dropped
    counters.retransmissions = connection.witness.timeouts
  }
}
