import Ground
import ICE
import Peer
import STUN
import Seeded
import Testing

/// Whose a datagram is on a port that many peers share.
@Suite struct SharedPortTests {
  private static func host(_ number: Int, port: UInt16 = 5000) -> SocketAddress {
    SocketAddress(ipv4: 0xc000_0200 + UInt32(number), port: port)
  }

  private static func check(for fragment: String, id: UInt64 = 1) -> [UInt8] {
    var writer = STUNWriter(.request, transactionID: STUNTransactionID(high: 1, low: id))
    writer.username("\(fragment):theirs")
    return writer.bytes
  }

  private static func answer(_ kind: STUNMessage.Class, id: UInt64) -> [UInt8] {
    STUNWriter(kind, transactionID: STUNTransactionID(high: 1, low: id)).bytes
  }

  private static func key(_ fragment: String) -> UInt64 { ICEAgent.localFragmentKey(of: check(for: fragment).span) ?? 0 }

  private static let handshake: [UInt8] = [22, 254, 253] + [UInt8](repeating: 0, count: 30)
  private static let media: [UInt8] = [0x80, 111] + [UInt8](repeating: 7, count: 30)

  /// A port with a member for each of these ufrags.
  private static func port(_ fragments: String...) -> (port: SharedPort, members: [Int]) {
    var port = SharedPort()
    let members = fragments.map { fragment in
      let member = port.join()
      port.setFragments([key(fragment)], of: member)
      return member
    }
    return (port, members)
  }

  @Test func aCheckGoesByItsFragmentAndTheRestByWhereThePeerProvedItself() {
    var (port, members) = Self.port("ada1", "bob1")
    let (ada, bob) = (Self.host(1), Self.host(2))
    for (member, fragment, address) in [(members[0], "ada1", ada), (members[1], "bob1", bob)] {
      #expect(port.route(Self.media.span, from: address, on: 0, at: Hosts.at(0)) == .discarded(.unknownAddress))
      #expect(port.route(Self.check(for: fragment).span, from: address, on: 0, at: Hosts.at(0)) == .to(member: member, place: nil))
      port.noteProven(member: member, place: nil, from: address, on: 0, at: Hosts.at(0))
      for datagram in [Self.handshake, Self.media, Self.answer(.indication, id: 4), Self.check(for: fragment), [70, 1], []] {
        #expect(port.route(datagram.span, from: address, on: 0, at: Hosts.at(1)) == .to(member: member, place: member))
      }
    }
    // The same host on another port of its, or on another address of ours, has proved nothing.
    #expect(port.route(Self.media.span, from: Self.host(1, port: 5001), on: 0, at: Hosts.at(1)) == .discarded(.unknownAddress))
    #expect(port.route(Self.media.span, from: ada, on: 1, at: Hosts.at(1)) == .discarded(.unknownAddress))
    #expect(port.sizes == (2, 2, 0))
  }

  @Test func whatIsNobodysIsCountedByCauseAndLeavesNothing() {
    var (port, _) = Self.port("ada1")
    let stranger = Self.host(66)
    let seen: [(bytes: [UInt8], cause: SharedPortDiscard)] = [
      (Self.check(for: "eve1"), .unknownFragment), (Self.answer(.success, id: 9), .unknownTransaction),
      (Self.answer(.error, id: 9), .unknownTransaction), (Self.answer(.indication, id: 9), .unknownAddress),
      (Self.answer(.request, id: 9), .unknownAddress), (Self.handshake, .unknownAddress), (Self.media, .unknownAddress),
      ([0, 1, 0, 0], .unknownAddress), ([64, 1, 2, 3], .unknownProtocol), ([255], .unknownProtocol), ([], .unknownProtocol),
    ]
    for item in seen { #expect(port.route(item.bytes.span, from: stranger, on: 0, at: Hosts.at(0)) == .discarded(item.cause)) }
    #expect(port.routeOversized(from: stranger, on: 0) == .discarded(.oversized))
    for cause in SharedPortDiscard.allCases {
      #expect(port.discarded(cause) == UInt64(seen.count { $0.cause == cause } + (cause == .oversized ? 1 : 0)), "\(cause)")
    }
    #expect(port.sizes == (0, 1, 0))
  }

  @Test func anAnswerGoesToWhoAsked() {
    var (port, members) = Self.port("ada1", "bob1")
    let lite = Self.host(3)
    port.noteSent(Self.check(for: "theirs", id: 77).span, by: members[1])
    // Neither answers of ours nor handshakes are asked about.
    port.noteSent(Self.answer(.success, id: 78).span, by: members[0])
    port.noteSent(Self.handshake.span, by: members[0])
    #expect(port.sizes.transactions == 1)
    for kind in [STUNMessage.Class.success, .error] {
      #expect(port.route(Self.answer(kind, id: 77).span, from: lite, on: 0, at: Hosts.at(0)) == .to(member: members[1], place: nil))
    }
    port.noteProven(member: members[1], place: nil, from: lite, on: 0, at: Hosts.at(0))
    #expect(port.route(Self.handshake.span, from: lite, on: 0, at: Hosts.at(0)) == .to(member: members[1], place: 0))
    // One that nobody asked for is the business of whoever speaks there.
    #expect(port.route(Self.answer(.success, id: 78).span, from: lite, on: 0, at: Hosts.at(0)) == .to(member: members[1], place: 0))
  }

  @Test func twoSessionsOfOneAddressDoNotMix() {
    var (port, members) = Self.port("ada1", "bob1")
    let sfu = Self.host(4)
    port.noteProven(member: members[0], place: nil, from: sfu, on: 0, at: Hosts.at(0))
    // While the first is heard there, the second cannot have the address, by check or by answer.
    port.noteSent(Self.check(for: "theirs", id: 5).span, by: members[1])
    #expect(port.route(Self.check(for: "bob1").span, from: sfu, on: 0, at: Hosts.at(9_000)) == .discarded(.addressTaken))
    #expect(port.route(Self.answer(.success, id: 5).span, from: sfu, on: 0, at: Hosts.at(9_000)) == .discarded(.addressTaken))
    port.noteProven(member: members[1], place: nil, from: sfu, on: 0, at: Hosts.at(9_000))
    #expect(port.route(Self.media.span, from: sfu, on: 0, at: Hosts.at(9_000)) == .to(member: members[0], place: 0))
    #expect(port.isAnyTaken([Self.host(9), sfu], at: Hosts.at(9_000)))
    // What authenticates keeps it, what does not is no sign.
    port.noteProven(member: members[0], place: 0, from: sfu, on: 0, at: Hosts.at(9_500))
    #expect(port.route(Self.check(for: "bob1").span, from: sfu, on: 0, at: Hosts.at(19_000)) == .discarded(.addressTaken))
    // After silence the next one may have it, as soon as it proves itself.
    #expect(!port.isAnyTaken([sfu], at: Hosts.at(19_500)))
    #expect(port.route(Self.check(for: "bob1").span, from: sfu, on: 0, at: Hosts.at(19_500)) == .to(member: members[1], place: nil))
    #expect(port.route(Self.media.span, from: sfu, on: 0, at: Hosts.at(19_500)) == .to(member: members[0], place: 0))
    port.noteProven(member: members[1], place: nil, from: sfu, on: 0, at: Hosts.at(19_500))
    #expect(port.route(Self.media.span, from: sfu, on: 0, at: Hosts.at(19_500)) == .to(member: members[1], place: 0))
    #expect(port.route(Self.check(for: "ada1").span, from: sfu, on: 0, at: Hosts.at(19_600)) == .discarded(.addressTaken))
    #expect(port.sizes.addresses == 1)
  }

  @Test func aRestartBringsAnotherFragmentAndRetiresTheOld() throws {
    var configuration = ICEConfiguration(hosts: [ICEHost(Self.host(0))])
    configuration.randomSeed = 1
    var agent = try ICEAgent(configuration: configuration, at: Hosts.at(0))
    var port = SharedPort()
    let member = port.join()
    let first = agent.localCredentials.usernameFragment
    port.setFragments(agent.localFragmentKeys, of: member)
    try agent.setRemote(
      credentials: try ICECredentials(usernameFragment: "theirs", password: String(repeating: "p", count: 22)), at: Hosts.at(0))
    try agent.restart(at: Hosts.at(10))
    port.setFragments(agent.localFragmentKeys, of: member)
    let second = agent.localCredentials.usernameFragment
    #expect(port.route(Self.check(for: second).span, from: Self.host(1), on: 0, at: Hosts.at(10)) == .to(member: member, place: nil))
    // Nothing carried data under the first one: it went with the restart.
    #expect(port.route(Self.check(for: first).span, from: Self.host(1), on: 0, at: Hosts.at(10)) == .discarded(.unknownFragment))
    port.setFragments([Self.key(first), Self.key(second)], of: member)
    #expect(port.route(Self.check(for: first).span, from: Self.host(1), on: 0, at: Hosts.at(10)) == .to(member: member, place: nil))
    #expect(port.sizes.fragments == 2)
  }

  @Test func aFragmentOfAnotherCannotBeTaken() {
    var (port, members) = Self.port("ada1", "bob1")
    port.setFragments([Self.key("bob1"), Self.key("ada1")], of: members[1])
    #expect(port.route(Self.check(for: "ada1").span, from: Self.host(1), on: 0, at: Hosts.at(0)) == .to(member: members[0], place: nil))
    port.leave(members[1])
    #expect(port.route(Self.check(for: "ada1").span, from: Self.host(1), on: 0, at: Hosts.at(0)) == .to(member: members[0], place: nil))
    #expect(port.route(Self.check(for: "bob1").span, from: Self.host(1), on: 0, at: Hosts.at(0)) == .discarded(.unknownFragment))
  }

  @Test func tablesAreBoundedForEachMember() {
    var (port, members) = Self.port("ada1", "bob1")
    let bob = Self.host(2000)
    port.noteProven(member: members[1], place: nil, from: bob, on: 0, at: Hosts.at(0))
    for number in 0..<1000 {
      port.noteProven(member: members[0], place: nil, from: Self.host(number), on: 0, at: Hosts.at(Int64(number)))
      port.noteSent(Self.check(for: "theirs", id: UInt64(number)).span, by: members[0])
      // A check that is sent again is the same one.
      port.noteSent(Self.check(for: "theirs", id: UInt64(number)).span, by: members[0])
    }
    #expect(port.sizes == (SharedPort.maximumAddresses + 1, 2, SharedPort.maximumTransactions))
    // The newest are known, the oldest are not, and nobody else's were touched.
    #expect(port.route(Self.media.span, from: Self.host(967), on: 0, at: Hosts.at(1000)) == .discarded(.unknownAddress))
    for number in 968..<1000 {
      guard case .to(members[0], _) = port.route(Self.media.span, from: Self.host(number), on: 0, at: Hosts.at(1000)) else {
        Issue.record("address \(number)")
        return
      }
    }
    #expect(
      port.route(Self.answer(.success, id: 871).span, from: Self.host(5000), on: 0, at: Hosts.at(1000)) == .discarded(.unknownTransaction))
    #expect(
      port.route(Self.answer(.success, id: 872).span, from: Self.host(5000), on: 0, at: Hosts.at(1000))
        == .to(member: members[0], place: nil))
    guard case .to(members[1], _) = port.route(Self.media.span, from: bob, on: 0, at: Hosts.at(1000)) else {
      Issue.record("the other member's address is gone")
      return
    }
  }

  @Test func nothingIsLeftOfWhoLeaves() {
    var (port, members) = Self.port("ada1", "bob1")
    for number in 0..<5 { port.noteProven(member: members[0], place: nil, from: Self.host(number), on: 0, at: Hosts.at(0)) }
    port.noteProven(member: members[1], place: nil, from: Self.host(7), on: 0, at: Hosts.at(0))
    port.noteSent(Self.check(for: "theirs", id: 3).span, by: members[0])
    port.leave(members[0])
    port.leave(members[0])
    #expect(port.sizes == (1, 1, 0) && port.memberCount == 1)
    #expect(port.route(Self.media.span, from: Self.host(0), on: 0, at: Hosts.at(1)) == .discarded(.unknownAddress))
    #expect(port.route(Self.check(for: "ada1").span, from: Self.host(0), on: 0, at: Hosts.at(1)) == .discarded(.unknownFragment))
    #expect(port.route(Self.answer(.success, id: 3).span, from: Self.host(0), on: 0, at: Hosts.at(1)) == .discarded(.unknownTransaction))
    // What it left late changes nothing, and its number is given to the next one, who knows nothing of it.
    port.noteProven(member: members[0], place: 0, from: Self.host(0), on: 0, at: Hosts.at(1))
    port.noteSent(Self.check(for: "theirs", id: 4).span, by: members[0])
    #expect(port.join() == members[0])
    #expect(port.sizes == (1, 1, 0) && port.memberCount == 2)
  }

  @Test func aRandomLifeKeepsItsBooks() {
    var random = SeededGenerator(11)
    var port = SharedPort()
    var alive: [(member: Int, fragment: String)] = []
    for step in 0..<20_000 {
      let now = Hosts.at(Int64(step * 40))
      switch Int.random(in: 0..<10, using: &random) {
      case 0 where alive.count < 20:
        let fragment = "frag\(step)"
        let member = port.join()
        #expect(!alive.contains { $0.member == member })
        alive.append((member, fragment))
        port.setFragments([Self.key(fragment)], of: member)
      case 1:
        guard !alive.isEmpty else { continue }
        port.leave(alive.remove(at: Int.random(in: 0..<alive.count, using: &random)).member)
      case 2:
        guard let (member, _) = alive.randomElement(using: &random) else { continue }
        port.noteSent(Self.check(for: "theirs", id: UInt64(step)).span, by: member)
      default:
        guard let (member, fragment) = alive.randomElement(using: &random) else { continue }
        let from = Self.host(Int.random(in: 0..<60, using: &random))
        switch port.route(Self.check(for: fragment).span, from: from, on: 0, at: now) {
        case .to(let told, let place):
          #expect(told == member)
          port.noteProven(member: member, place: place, from: from, on: 0, at: now)
          guard case .to(member, _) = port.route(Self.media.span, from: from, on: 0, at: now) else {
            Issue.record("what is proven is not let in")
            return
          }
        case .discarded(let cause): #expect(cause == .addressTaken)
        }
      }
    }
    for (member, _) in alive { port.leave(member) }
    #expect(port.sizes == (0, 0, 0) && port.memberCount == 0)
  }
}
