import Ground
import ICE
import STUN
import Seeded
import Testing

/// Agents on a network that loses, delays and so reorders, on a clock of its own.
final class Network {
  private struct Flight {
    let at: Instant
    let order: Int
    let bytes: [UInt8]
    let from: SocketAddress
    let to: SocketAddress
  }

  private(set) var now = Instant.zero
  private var random: SeededGenerator
  private var flights: [Flight] = []
  private var order = 0
  private var owners: [(address: SocketAddress, box: AgentBox)] = []
  let boxes: [AgentBox]
  /// Of a thousand datagrams so many are lost.
  var lostPerMille = 0
  var delay: ClosedRange<Int> = 10...10
  /// Ways that are closed, by their ends as the network sees them.
  var isClosed: (_ from: SocketAddress, _ to: SocketAddress) -> Bool = { _, _ in false }
  /// What a NAT makes of a private address.
  var mapping: [SocketAddress: SocketAddress] = [:]
  var carried = 0

  init(_ boxes: [AgentBox], seed: UInt64 = 1) {
    self.boxes = boxes
    random = SeededGenerator(seed)
    owners = boxes.flatMap { box in box.configuration.hosts.map { ($0.local, box) } }
  }

  /// Lets `seconds` pass, or less where `isDone` comes true.
  func run(_ seconds: Double, until isDone: () -> Bool = { false }) {
    let end = now + .seconds(seconds)
    collect()
    while !isDone() {
      let deadlines = boxes.compactMap { $0.agent.nextDeadline }
      guard let next = (deadlines + flights.map(\.at)).min(), next <= end else {
        now = end
        break
      }
      now = max(now, next)
      deliver()
      for box in boxes {
        if let due = box.agent.nextDeadline, due <= now {
          box.agent.advance(to: now)
          // Else the loop that drives an agent would spin.
          #expect(box.agent.nextDeadline.map { $0 > now } ?? true)
        }
      }
      collect()
    }
  }

  private func deliver() {
    let due = flights.filter { $0.at <= now }.sorted { ($0.at, $0.order) < ($1.at, $1.order) }
    flights.removeAll { $0.at <= now }
    for flight in due {
      let inside = mapping.first { $0.value == flight.to }?.key ?? flight.to
      guard let owner = owners.first(where: { $0.address == inside }) else { continue }
      carried += 1
      owner.box.receive(flight.bytes, from: flight.from, to: inside, at: now)
    }
  }

  private func collect() {
    for box in boxes {
      for datagram in box.drain() {
        let from = mapping[datagram.fromLocal] ?? datagram.fromLocal
        guard !isClosed(from, datagram.to), random.pick(0...999) >= lostPerMille else { continue }
        order += 1
        let at = now + .milliseconds(Int64(random.pick(delay)))
        flights.append(Flight(at: at, order: order, bytes: datagram.bytes, from: from, to: datagram.to))
      }
    }
  }
}

private func < (a: (Instant, Int), b: (Instant, Int)) -> Bool { a.0 == b.0 ? a.1 < b.1 : a.0 < b.0 }

/// Configurations that the suites share.
enum Sample {
  static let here = address("192.0.2.1", 5000)
  static let there = address("198.51.100.7", 6000)

  static func lite(_ hosts: [SocketAddress] = [here]) -> ICEConfiguration {
    var configuration = ICEConfiguration(hosts: hosts.map { ICEHost($0) })
    configuration.randomSeed = 11
    return configuration
  }

  static func full(
    _ hosts: [SocketAddress] = [there], role: ICERole = .controlling, nomination: ICEConfiguration.Nomination = .regular, seed: UInt64 = 22
  ) -> ICEConfiguration {
    var configuration = ICEConfiguration(hosts: hosts.map { ICEHost($0) })
    configuration.mode = .full
    configuration.role = role
    configuration.nomination = nomination
    configuration.randomSeed = seed
    return configuration
  }
}
