import Ground
import ICE
import STUN
import Testing

/// RFC 7675, and what a lite agent makes of its peer's silence.
@Suite struct ConsentTests {
  private func connected(isLite: Bool) throws -> (AgentBox, AgentBox, Network) {
    let left = try AgentBox(isLite ? Sample.lite() : Sample.full([Sample.here], role: .controlled, seed: 4))
    let right = try AgentBox(Sample.full())
    let network = Network([left, right])
    try left.hear(of: right, at: network.now)
    try right.hear(of: left, at: network.now)
    network.run(2)
    return (left, right, network)
  }

  @Test(arguments: [true, false]) func aGapDisconnectsAndTheReturnConnects(_ isLite: Bool) throws {
    let (left, right, network) = try connected(isLite: isLite)
    network.run(20)
    network.isClosed = { _, _ in true }
    network.run(17)
    #expect(left.state == .disconnected && right.state == .disconnected)
    #expect(left.pair != nil && right.pair != nil)
    network.isClosed = { _, _ in false }
    network.run(6.2)
    #expect(left.state == .connected && right.state == .connected)
    #expect(left.states == [.checking, .connected, .disconnected, .connected])
    network.run(120)
    #expect(left.states.count == 4 && right.states.count == 4)
  }

  @Test(arguments: [true, false]) func consentExpires(_ isLite: Bool) throws {
    let (left, right, network) = try connected(isLite: isLite)
    network.isClosed = { _, _ in true }
    // The last answer is at most 6 s old when the way closes, and at least 0.
    network.run(23.9)
    #expect(left.state == .disconnected && right.state == .disconnected)
    network.run(7)
    #expect(left.state == .failed && right.state == .failed)
    #expect(left.pair == nil && right.pair == nil)
    #expect(right.agent.accepts(from: Sample.here, to: Sample.there) == false)
    let carried = network.carried
    network.isClosed = { _, _ in false }
    network.run(60)
    #expect(network.carried == carried)
  }

  /// Only answers to our own checks are consent (RFC 7675 §5.1): a peer that still sends, and does not answer, has none to give.
  @Test func checksOfThePeerAreNoConsent() throws {
    let (left, right, network) = try connected(isLite: false)
    let start = network.now
    while network.now - start < .seconds(40) {
      network.isClosed = { from, _ in from == Sample.there }
      network.run(0.5)
      left.agent.noteTraffic(from: Sample.there, to: Sample.here, at: network.now)
    }
    #expect(left.state == .failed)
    #expect(!left.states.contains(.disconnected))
    #expect(right.state == .failed || right.state == .disconnected || right.state == .connected)
  }

  @Test func checksComeEveryFourToSixSeconds() throws {
    let (_, right, network) = try connected(isLite: true)
    var times: [Instant] = []
    var sent = right.counters.consentSent
    let start = network.now
    while network.now - start < .seconds(300) {
      network.run(0.01)
      if right.counters.consentSent != sent {
        sent = right.counters.consentSent
        times.append(network.now)
      }
    }
    let gaps = zip(times.dropFirst(), times).map { ($0 - $1).seconds }
    #expect(gaps.count > 50)
    #expect(gaps.allSatisfy { $0 > 3.98 && $0 < 6.02 })
    #expect((gaps.max() ?? 0) - (gaps.min() ?? 0) > 1)
    #expect(abs(gaps.reduce(0, +) / Double(gaps.count) - 5) < 0.3)
  }

  /// One lost datagram in ten is no reason to worry anybody.
  @Test(arguments: [UInt64(1), 2, 3]) func lossDoesNotDisconnect(_ seed: UInt64) throws {
    let left = try AgentBox(Sample.lite())
    let right = try AgentBox(Sample.full(seed: seed &+ 40))
    let network = Network([left, right], seed: seed)
    network.lostPerMille = 100
    network.delay = 20...80
    try left.hear(of: right, at: network.now)
    try right.hear(of: left, at: network.now)
    while network.now - .zero < .seconds(300) {
      network.run(1)
      // What a recording has: media one way, reports the other.
      left.agent.noteTraffic(from: Sample.there, to: Sample.here, at: network.now)
      right.agent.noteTraffic(from: Sample.here, to: Sample.there, at: network.now)
    }
    #expect(left.states == [.checking, .connected] && right.states == [.checking, .connected])
  }
}
