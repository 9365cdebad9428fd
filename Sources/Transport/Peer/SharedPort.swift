package import Ground
import ICE
import STUN

/// Why a datagram on a shared port is nobody's.
package enum SharedPortDiscard: Int, Sendable, CaseIterable {
  /// A check for a ufrag that no member has.
  case unknownFragment
  /// STUN's answer to a check that no member has sent lately.
  case unknownTransaction
  /// DTLS, media or other STUN from where no member's peer has proved itself.
  case unknownAddress
  /// A check from an address and port where another member's peer speaks: of one pair of addresses only one session can be told.
  case addressTaken
  /// Neither STUN nor DTLS nor media (RFC 7983), and from nobody that is known.
  case unknownProtocol
  /// Longer than any datagram of WebRTC.
  case oversized

  package var name: String { "\(self)" }
}

/// Whose a datagram is on a port that many WebRTC peers share. Sans-I/O, for one thread; nothing is allocated for a packet.
///
/// A check (STUN request) goes by the local ufrag that it names, an answer by the transaction that a member has begun, and all else by
/// the address that it came from. An address becomes a member's only by what its peer has authenticated there (`noteProven`), so that a
/// stranger changes nothing. It stays that member's while its peer is heard there; after `holdTime` of silence another may have it.
/// Bounded for each member: `maximumAddresses`, `maximumTransactions`, and the ufrags that its agent has. What comes beyond displaces
/// the member's own oldest.
package struct SharedPort {
  /// How long an address is kept for a silent peer. A peer that has nothing to say still checks (RFC 7675: every 5 s, give or take 20 %).
  package static let holdTime = TimeSpan.seconds(10)
  package static let maximumAddresses = 32
  package static let maximumTransactions = 128

  /// Where a datagram goes.
  package enum Route: Sendable, Equatable {
    /// To a member; `place` is for `noteProven`.
    case to(member: Int, place: Int?)
    case discarded(SharedPortDiscard)
  }

  private struct AddressKey: Hashable {
    var remote: SocketAddress
    var socket: Int
  }
  private struct TransactionKey: Hashable {
    var high: UInt64
    var low: UInt32
    init(of datagram: Span<UInt8>) {
      high = datagram.u64(at: 8)
      low = datagram.u32(at: 16)
    }
  }
  private struct Place {
    var key: AddressKey
    var member: Int
    var heardAt: Instant
  }
  private struct Member {
    var fragments: [UInt64] = []
    var places: [Int] = []
    /// The newest transactions, going round.
    var transactions: [TransactionKey] = []
    var nextTransaction = 0

    mutating func put(_ key: TransactionKey, at place: Int) {
      if place < transactions.count { transactions[place] = key } else { transactions.append(key) }
      nextTransaction = (place + 1) % SharedPort.maximumTransactions
    }
  }

  private var members: [Member?] = []
  private var freeMembers: [Int] = []
  private var fragments: [UInt64: Int] = [:]
  private var addresses: [AddressKey: Int] = [:]
  private var places: [Place?] = []
  private var freePlaces: [Int] = []
  private var transactions: [TransactionKey: Int] = [:]
  private var counts = [UInt64](repeating: 0, count: SharedPortDiscard.allCases.count)

  /// A port without members.
  package init() {}

  // MARK: Facts

  /// How many datagrams were nobody's for this cause.
  package func discarded(_ cause: SharedPortDiscard) -> UInt64 { counts[cause.rawValue] }
  package var memberCount: Int { members.count - freeMembers.count }
  /// How many addresses, ufrags and transactions are known, of all members together.
  package var sizes: (addresses: Int, fragments: Int, transactions: Int) { (addresses.count, fragments.count, transactions.count) }

  /// Whether a peer speaks from one of these addresses now, so that another session with it needs another port of ours.
  package func isAnyTaken(_ remotes: [SocketAddress], at now: Instant) -> Bool {
    guard !remotes.isEmpty else { return false }
    let wanted = Set(remotes)
    return places.contains { place in place.map { wanted.contains($0.key.remote) && now - $0.heardAt < SharedPort.holdTime } ?? false }
  }

  // MARK: World

  /// Whose the datagram from `remote` is that came in on the port's socket of this number; counts what is nobody's.
  package mutating func route(_ datagram: Span<UInt8>, from remote: SocketAddress, on socket: Int, at now: Instant) -> Route {
    let place = addresses[AddressKey(remote: remote, socket: socket)]
    guard datagram.count > 0 else { return byAddress(place, else: .unknownProtocol) }
    switch datagram[0] {
    case 0...3:
      if let key = ICEAgent.localFragmentKey(of: datagram) {
        guard let member = fragments[key] else { return discard(.unknownFragment) }
        return claim(place, for: member, at: now)
      }
      // A success or an error.
      guard STUNMessage.looksLikeSTUN(datagram), datagram[0] & 1 == 1 else { return byAddress(place, else: .unknownAddress) }
      if let member = transactions[TransactionKey(of: datagram)] { return claim(place, for: member, at: now) }
      return byAddress(place, else: .unknownTransaction)
    case 20...63, 128...191: return byAddress(place, else: .unknownAddress)
    default: return byAddress(place, else: .unknownProtocol)
    }
  }

  /// A datagram was too long to be received whole: whose it was, or nobody's.
  package mutating func routeOversized(from remote: SocketAddress, on socket: Int) -> Route {
    byAddress(addresses[AddressKey(remote: remote, socket: socket)], else: .oversized)
  }

  private mutating func byAddress(_ place: Int?, else cause: SharedPortDiscard) -> Route {
    guard let place, let known = places[place] else { return discard(cause) }
    return .to(member: known.member, place: place)
  }

  /// What names its member itself, unless the address is another's.
  private mutating func claim(_ place: Int?, for member: Int, at now: Instant) -> Route {
    guard let place, let known = places[place] else { return .to(member: member, place: nil) }
    if known.member == member { return .to(member: member, place: place) }
    return now - known.heardAt < SharedPort.holdTime ? discard(.addressTaken) : .to(member: member, place: nil)
  }

  private mutating func discard(_ cause: SharedPortDiscard) -> Route {
    counts[cause.rawValue] += 1
    return .discarded(cause)
  }

  /// The member's peer has authenticated a datagram from there: `place` as `route` said it.
  package mutating func noteProven(member: Int, place: Int?, from remote: SocketAddress, on socket: Int, at now: Instant) {
    guard members[member] != nil else { return }
    if let place, places[place]?.member == member {
      places[place]?.heardAt = now
      return
    }
    let key = AddressKey(remote: remote, socket: socket)
    if let held = addresses[key], let known = places[held] {
      guard known.member == member || now - known.heardAt >= SharedPort.holdTime else { return }
      forget(held)
    }
    if let count = members[member]?.places.count, count >= SharedPort.maximumAddresses { forgetOldest(of: member) }
    let made = freePlaces.popLast() ?? places.count
    if made == places.count { places.append(nil) }
    places[made] = Place(key: key, member: member, heardAt: now)
    addresses[key] = made
    members[member]?.places.append(made)
  }

  private mutating func forgetOldest(of member: Int) {
    let own = members[member]?.places ?? []
    let oldest = own.min { (places[$0]?.heardAt.nanoseconds ?? 0) < (places[$1]?.heardAt.nanoseconds ?? 0) }
    if let oldest { forget(oldest) }
  }

  private mutating func forget(_ place: Int) {
    guard let known = places[place] else { return }
    addresses[known.key] = nil
    members[known.member]?.places.removeAll { $0 == place }
    places[place] = nil
    freePlaces.append(place)
  }

  // MARK: Commands

  /// Adds a member; answers its number, which is given again after `leave`.
  package mutating func join() -> Int {
    let number = freeMembers.popLast() ?? members.count
    if number == members.count { members.append(Member()) } else { members[number] = Member() }
    return number
  }

  /// The member's checks name these ufrags now (`WebRTCPeer.localFragmentKeys`). One that is another member's stays so: the later agent
  /// finds no path then, which for numbers of 48 random bits does not come up.
  package mutating func setFragments(_ keys: [UInt64], of member: Int) {
    for key in members[member]?.fragments ?? [] where !keys.contains(key) { fragments[key] = nil }
    members[member]?.fragments = keys.filter { fragments[$0] == nil || fragments[$0] == member }
    for key in members[member]?.fragments ?? [] { fragments[key] = member }
  }

  /// The member sends this datagram: an answer to it will be the member's.
  package mutating func noteSent(_ datagram: Span<UInt8>, by member: Int) {
    // Binding requests only: of all that is sent, nothing else is answered by transaction.
    guard datagram.count >= 20, datagram.u16(at: 0) == 1, STUNMessage.looksLikeSTUN(datagram) else { return }
    let key = TransactionKey(of: datagram)
    guard transactions[key] == nil, let next = members[member]?.nextTransaction else { return }
    if let oldest = members[member]?.transactions, next < oldest.count { transactions[oldest[next]] = nil }
    members[member]?.put(key, at: next)
    transactions[key] = member
  }

  /// The member and all that is known of it goes.
  package mutating func leave(_ member: Int) {
    guard let known = members[member] else { return }
    for key in known.fragments { fragments[key] = nil }
    for key in known.transactions { transactions[key] = nil }
    for place in known.places { forget(place) }
    members[member] = nil
    freeMembers.append(member)
  }
}
