import Ground
import Peer
import Recording

/// The UDP port that a loop's WebRTC peers share: one socket for each address. Of the loop's thread, but for the sockets, which never change.
final class SharedSockets: @unchecked Sendable {
  let sockets: [DatagramSocket]
  private var table = SharedPort()
  private var members: [LoopSocket?] = []
  private var nextRefresh = Instant(nanoseconds: 0)

  init(_ sockets: [DatagramSocket]) { self.sockets = sockets }

  /// From which of the sockets a datagram leaves.
  func socket(at address: SocketAddress?) -> DatagramSocket? {
    guard let address else { return sockets.first }
    return sockets.first { $0.address == address }
  }

  // MARK: On the loop's thread

  /// Datagrams that were nobody's, by cause, and how many peers share the port.
  var numbers: (peers: Int, discarded: [(name: String, count: UInt64)]) {
    (table.memberCount, SharedPortDiscard.allCases.map { ($0.name, table.discarded($0)) })
  }

  /// Whether a peer speaks from one of these addresses now.
  func isAnyTaken(_ remotes: [SocketAddress], at now: Instant) -> Bool { table.isAnyTaken(remotes, at: now) }

  func add(_ member: LoopSocket) {
    let number = table.join()
    member.slot = number
    if number == members.count { members.append(member) } else { members[number] = member }
    refresh(member)
  }

  func remove(_ member: LoopSocket) {
    guard members[member.slot] === member else { return }
    table.leave(member.slot)
    members[member.slot] = nil
  }

  /// A restart of ICE gives a peer another ufrag, and takes the old one from it some seconds later.
  func refresh(_ member: LoopSocket) {
    guard let peer = member.peer else { return }
    let keys = peer.localFragmentKeys
    guard keys != member.fragmentKeys else { return }
    member.fragmentKeys = keys
    table.setFragments(keys, of: member.slot)
  }

  /// Looks for what `refresh` was not called for, once a second.
  func advance(to now: Instant) {
    guard now >= nextRefresh else { return }
    nextRefresh = now + .seconds(1)
    for member in members { if let member, member.fragmentKeys.count > 1 { refresh(member) } }
  }

  func noteSent(_ bytes: [UInt8], by member: LoopSocket) { table.noteSent(bytes.span, by: member.slot) }

  /// Gives a datagram that came in on the socket of this number to whom it is for.
  func receive(_ bytes: inout MutableSpan<UInt8>, _ facts: DatagramBatch.Facts, on number: Int, at now: Instant, arrival: Instant) {
    let route =
      facts.isTruncated
      ? table.routeOversized(from: facts.from, on: number) : table.route(bytes.span, from: facts.from, on: number, at: now)
    guard case .to(let index, let place) = route, let member = members[index] else { return }
    let take = member.owner.take
    guard !facts.isTruncated else {
      take.receiveOversized(source: member.source)
      return
    }
    let isProven = take.receive(
      &bytes, from: facts.from, to: sockets[number].address, source: member.source, leg: member.leg, port: .rtp, at: arrival)
    if isProven { table.noteProven(member: index, place: place, from: facts.from, on: number, at: now) }
  }
}
