package import Ground

/// Who decides which pair is used (RFC 8445 §6.1.1).
package enum ICERole: String, Sendable { case controlling, controlled }

/// What an agent is, what it may use, and how long it waits.
package struct ICEConfiguration: Sendable {
  package enum Mode: String, Sendable {
    /// Answers checks and sends none (RFC 8445 §2.5).
    case lite
    /// Sends checks too.
    case full
  }
  package enum Nomination: String, Sendable {
    /// Checks first, then nominates the best pair that works (RFC 8445 §8.1.1).
    case regular
    /// Nominates with each check, and uses the best that works (RFC 5245 §8.1.1.2).
    case aggressive
  }

  package var mode = Mode.lite
  /// A full agent's role to begin with: the offerer is controlling. It changes by role conflict, and a full agent whose peer is lite is
  /// always controlling. A lite agent is controlled.
  package var role = ICERole.controlled
  /// How a controlling agent nominates.
  package var nomination = Nomination.regular
  /// Our addresses, the preferred one first. Those after the 16th are not used.
  package var hosts: [ICEHost]

  /// Ta: the time between two new checks (RFC 8445 §14.2).
  package var pacing = TimeSpan.milliseconds(50)
  /// The shortest time before a check is sent again (RFC 8445 §14.3).
  package var minimumRetransmission = TimeSpan.milliseconds(500)
  /// Rc: how often a check is sent at most (RFC 8489 §6.2.1).
  package var maximumTransmissions = 7
  /// How long a regularly nominating agent waits, after a first pair works, for a better one.
  package var nominationDelay = TimeSpan.milliseconds(200)
  /// The mean time between a full agent's consent checks; each is between 0.8 and 1.2 of it (RFC 7675 §5.1).
  package var consentInterval = TimeSpan.milliseconds(5_000)
  /// After so long without a sign of the peer on the selected pair the state is `disconnected`. Signs are its authenticated checks and
  /// answers, its indications, and traffic that `noteTraffic` told of.
  package var disconnectedAfter = TimeSpan.milliseconds(10_000)
  /// After so long without an answer to a consent check (full, RFC 7675 §5.1) or without a sign (lite) the state is `failed`.
  package var failedAfter = TimeSpan.milliseconds(30_000)
  /// After so long without a working pair, from when the remote credentials were known, the state is `failed`.
  package var handshakeTimeout = TimeSpan.milliseconds(30_000)

  /// How long after a restart's new pair is found old checks are answered, and data on the old pairs let in (RFC 8445 §8.3.1).
  package var retirement = TimeSpan.milliseconds(3_000)

  /// Of the peer's signalled candidates so many are kept; later ones are refused and counted.
  package var maximumRemoteCandidates = 100
  /// So many pairs are kept. Then a new one displaces one that failed, else (full) the worst one that was not tried yet if that is worse,
  /// else (lite) the one that was silent longest; never the selected one. Where none can go, the new one is refused and counted; its
  /// checks are still answered.
  package var maximumPairs = 100
  /// What did not authenticate is answered with an error at most so often per second; the rest is only counted.
  package var maximumRefusalsPerSecond = 10
  /// Datagrams that wait in `popOutgoing` at most; beyond that they are dropped and counted, as the network would.
  package var maximumOutgoing = 256
  /// Makes transaction IDs, tie-breakers and consent times repeatable, for tests; nil takes them from the operating system.
  package var randomSeed: UInt64?

  /// An agent on these addresses, lite unless told otherwise.
  package init(hosts: [ICEHost]) { self.hosts = hosts }
}
