import DTLS
import Ground
import Seeded
import Testing

/// A network between two sessions under virtual time: what it does to datagrams comes from a seed.
struct Network: Sendable {
  /// Of a hundred datagrams, how many it loses, and how many it delivers twice.
  var lossPercent = 0
  var duplicatePercent = 0
  /// Milliseconds a datagram takes; a wide range reorders.
  var delay = 1...1
  /// Answers whether a datagram, the n-th from that side, gets through.
  var passes: @Sendable (_ fromClient: Bool, _ n: Int) -> Bool = { _, _ in true }
}

/// A client and a server who reach each other over a network.
final class Pair {
  struct Event: Hashable {
    var time: Instant
    var fromClient: Bool
    var delivered: Bool
  }
  private struct Flying {
    var arrives: Instant
    var order: Int
    var toClient: Bool
    var bytes: [UInt8]
  }

  let client: DTLSSession
  let server: DTLSSession
  private let network: Network
  private var random: SeededGenerator
  private var flying: [Flying] = []
  private var order = 0
  private(set) var now = Instant(nanoseconds: 7_000_000_000)
  /// What each side sent, in order.
  private(set) var sent: (client: [[UInt8]], server: [[UInt8]]) = ([], [])
  private(set) var events: [Event] = []

  init(_ client: DTLSSession, _ server: DTLSSession, network: Network = Network(), seed: UInt64 = 1) {
    (self.client, self.server, self.network) = (client, server, network)
    random = SeededGenerator(seed)
  }

  /// Both by their real fingerprints.
  convenience init(mtu: Int = 1200, network: Network = Network(), seed: UInt64 = 1) throws {
    let (a, b) = (Identities.a, Identities.b)
    try self.init(
      DTLSSession(identity: a, role: .client, fingerprints: [b.sha256], mtu: mtu),
      DTLSSession(identity: b, role: .server, fingerprints: [a.sha256], mtu: mtu), network: network, seed: seed)
  }

  /// Starts both and lets time pass until nothing flies and no timer runs, or `seconds` are over.
  func run(seconds: Double = 60) {
    client.start(at: now)
    server.start(at: now)
    settle(seconds: seconds)
  }

  func settle(seconds: Double = 60) {
    let end = now + .seconds(seconds)
    while true {
      collect()
      flying.sort { ($0.arrives, $0.order) < ($1.arrives, $1.order) }
      guard let next = [flying.first?.arrives, client.nextDeadline, server.nextDeadline].compactMap({ $0 }).min(), next <= end else {
        return
      }
      now = max(now, next)
      if let first = flying.first, first.arrives <= now {
        flying.removeFirst()
        (first.toClient ? client : server).receive(first.bytes, at: now)
      } else {
        client.advance(to: now)
        server.advance(to: now)
      }
    }
  }

  private func collect() {
    while let bytes = client.popOutgoing() {
      sent.client.append(bytes)
      fly(bytes, fromClient: true, number: sent.client.count - 1)
    }
    while let bytes = server.popOutgoing() {
      sent.server.append(bytes)
      fly(bytes, fromClient: false, number: sent.server.count - 1)
    }
  }

  private func fly(_ bytes: [UInt8], fromClient: Bool, number: Int) {
    let passes = random.pick(1...100) > network.lossPercent && network.passes(fromClient, number)
    events.append(Event(time: now, fromClient: fromClient, delivered: passes))
    guard passes else { return }
    for _ in 0..<(random.pick(1...100) <= network.duplicatePercent ? 2 : 1) {
      let arrives = now + .milliseconds(Int64(random.pick(network.delay)))
      flying.append(Flying(arrives: arrives, order: order, toClient: !fromClient, bytes: bytes))
      order += 1
    }
  }
}

/// Made once: a key costs time and a test needs no more.
enum Identities {
  static let now = WallTime(nanosecondsSinceEpoch: 1_795_000_000_000_000_000)
  static let a = make()
  static let b = make()
  static let stranger = make()

  private static func make() -> DTLSIdentity {
    do { return try DTLSIdentity(at: now) } catch { fatalError("no identity: \(error)") }
  }
}

extension DTLSSession {
  var keys: DTLSKeys? { if case .established(let keys) = state { keys } else { nil } }
  var failure: DTLSError? { if case .failed(let error) = state { error } else { nil } }
  var isClosed: Bool { if case .closed = state { true } else { false } }
  var isHandshaking: Bool { if case .handshaking = state { true } else { false } }

  func receive(_ datagram: [UInt8], at time: Instant) { receive(datagram.span, at: time) }

  /// All that waits to be sent.
  func takeAll() -> [[UInt8]] {
    var all: [[UInt8]] = []
    while let next = popOutgoing() { all.append(next) }
    return all
  }
}

extension Instant {
  static func milliseconds(_ n: UInt64) -> Instant { Instant(nanoseconds: n * 1_000_000) }
}
