import DTLS
import Ground

extension FuzzTarget {
  /// A script: what becomes of the datagrams between a client and a server of ours, and what strangers send in between. Keys are random, so
  /// that no input meets the same bytes twice; what is promised holds for all of them.
  static let dtls = FuzzTarget(
    name: "dtls", maximumBytes: 4096,
    seeds: { sources in
      let hellos = sources.captures.flatMap { $0.datagrams }.map(\.bytes).filter { $0.count > 25 && $0[0] == 22 && $0[4] == 0 }
      // All delivered; each lost once; each changed once; what peers really said, to either side.
      var out: [[UInt8]] = [[UInt8](repeating: 0, count: 12)]
      for at in 0..<6 {
        for step: [UInt8] in [[1], [2], [3], [4, 0, 40, 1], [4, 0, 0, 2], [5, 0, 60]] {
          out.append([UInt8](repeating: 0, count: at) + step + [UInt8](repeating: 0, count: 12))
        }
      }
      for hello in hellos.prefix(40) {
        for side in [UInt8(6), 7] { out.append([side, UInt8(hello.count >> 8), UInt8(hello.count & 255)] + hello + [0, 0, 0, 8, 0, 0]) }
      }
      return out
    }
  ) { bytes in
    var input = InputReader(bytes)
    var run = DTLSRun()
    while !input.isAtEnd { run.step(&input) }
    run.finish()
  }
}

private struct DTLSRun {
  private static let identities: (a: DTLSIdentity, b: DTLSIdentity) = {
    let now = WallTime(nanosecondsSinceEpoch: 1_795_000_000_000_000_000)
    guard let a = try? DTLSIdentity(at: now), let b = try? DTLSIdentity(at: now) else { fatalError("no identity") }
    return (a, b)
  }()
  private static let mtu = 600

  private let client: DTLSSession
  private let server: DTLSSession
  private var flying: [(toServer: Bool, bytes: [UInt8])] = []
  private var now = Instant(nanoseconds: 1_000_000_000)

  init() {
    let (a, b) = DTLSRun.identities
    guard let client = try? DTLSSession(identity: a, role: .client, fingerprints: [b.sha256], mtu: DTLSRun.mtu),
      let server = try? DTLSSession(identity: b, role: .server, fingerprints: [a.sha256], mtu: DTLSRun.mtu)
    else { fatalError("no session") }
    (self.client, self.server) = (client, server)
    client.start(at: now)
    server.start(at: now)
    collect()
  }

  mutating func step(_ input: inout InputReader) {
    let operation = input.u8() % 10
    switch operation {
    case 1: if !flying.isEmpty { flying.removeFirst() }
    case 2: if let first = flying.first { flying.insert(first, at: 0) }
    case 3: if flying.count > 1 { flying.swapAt(0, flying.count - 1) }
    case 4:
      let (place, change) = (input.u16(), input.u8())
      guard var first = flying.first, !first.bytes.isEmpty else { return }
      flying.removeFirst()
      first.bytes[place % first.bytes.count] ^= change
      // One record alone: what changed it was no one who has the keys.
      let forged = change != 0 && first.bytes.count > 12 && Int(first.bytes[11]) << 8 + Int(first.bytes[12]) + 13 == first.bytes.count
      deliver(first.bytes, toServer: first.toServer, forged: forged)
    case 5:
      guard var first = flying.first else { return }
      flying.removeFirst()
      first.bytes = Array(first.bytes.prefix(input.u16()))
      deliver(first.bytes, toServer: first.toServer, forged: false)
    case 6, 7: deliver(input.take(min(input.u16(), 1500)), toServer: operation == 6, forged: true)
    case 8:
      now = now + .milliseconds(Int64(input.u8()) * 4)
      for session in [client, server] {
        session.advance(to: now)
        if let deadline = session.nextDeadline { require(deadline > now, "a deadline that was met is over") }
      }
    case 9: (input.u8() & 1 == 0 ? client : server).close()
    default:
      guard let first = flying.first else { return }
      flying.removeFirst()
      deliver(first.bytes, toServer: first.toServer, forged: false)
    }
    collect()
  }

  func finish() {
    if case .established(let ours) = client.state, case .established(let theirs) = server.state {
      require(ours.suite == theirs.suite && ours.ours == theirs.theirs && ours.theirs == theirs.ours, "both have the same keys")
    }
    for session in [client, server] {
      let counters = session.counters
      require(counters.applicationRecords == 0, "nobody sent application data")
      require(counters.datagramsRefused + counters.datagramsLate <= counters.datagramsReceived, "what is refused was received")
      session.close()
      require(session.nextDeadline == nil, "nothing is due after the end")
    }
  }

  private func deliver(_ bytes: [UInt8], toServer: Bool, forged: Bool) {
    let session = toServer ? server : client
    let before = keys(session)
    session.receive(bytes.span, at: now)
    if let before, forged { require(keys(session) === before, "nothing forged ends what is established") }
  }

  private func keys(_ session: DTLSSession) -> DTLSKeys? { if case .established(let keys) = session.state { keys } else { nil } }

  private mutating func collect() {
    for (session, toServer) in [(client, true), (server, false)] {
      while let datagram = session.popOutgoing() {
        require(datagram.count <= DTLSRun.mtu, "no datagram is longer than the MTU")
        if flying.count < 64 { flying.append((toServer, datagram)) }
      }
    }
  }
}
