import Ground
import RTP

/// Which track of a WebRTC leg a packet belongs to (RFC 8843 §9.2): by an SSRC that was signalled or learnt, else by the MID and RID that
/// packets carry while their SSRC is new, else by a payload type that only one section has.
struct StreamRouter {
  /// One media section of the session.
  struct Section {
    var mid: String
    var payloadType: PayloadType
    var rtx: PayloadType?
    /// Redundancy around the section's payloads.
    var red: PayloadType?
    /// Retransmissions of what is in it.
    var redRTX: PayloadType?
    /// Forward error correction among the payloads' numbers.
    var correction: PayloadType?
    /// The tracks of the section: one, or one for each simulcast layer that is recorded apart.
    var outlets: [Outlet]
    /// The simulcast layers' ids in the order of the description; empty without simulcast.
    var rids: [String]

    func carries(_ type: PayloadType) -> Bool { type == payloadType || type == red || type == correction }
    func repairs(_ type: PayloadType) -> Bool { type == rtx || type == redRTX }
  }

  /// A track, and which simulcast layer it takes; nil: any.
  struct Outlet {
    var rid: String?
    var track: Int
  }

  struct Route: Equatable {
    var track: Int
    /// The packet repeats one of the track's.
    var isRepair: Bool
    /// The simulcast layer, counted as the section lists them; 0 without simulcast.
    var layer: Int
  }

  enum Verdict: Equatable {
    case known(Route)
    /// The stream is new, and says itself where it belongs.
    case learnt(Route)
    /// The stream is new, and only its payload type speaks for the route.
    case guessed(Route)
    case unknownSSRC
    case unknownPayloadType
  }

  /// SSRCs are learnt up to this many; then the oldest that was learnt is forgotten.
  static let capacity = 128

  var ids = RTPExtensionIDs()
  private(set) var sections: [Section] = []
  private var routes: [(ssrc: SSRC, route: Route)] = []

  mutating func add(_ section: Section) { sections.append(section) }

  /// The section is inactive or gone: what it sent belongs nowhere now.
  mutating func remove(mid: String) {
    guard let index = sections.firstIndex(where: { $0.mid == mid }) else { return }
    let gone = Set(sections.remove(at: index).outlets.map(\.track))
    routes.removeAll { gone.contains($0.route.track) }
  }

  /// The description names the stream.
  mutating func bind(_ ssrc: SSRC, _ route: Route) {
    forget(ssrc)
    if routes.count >= StreamRouter.capacity { routes.removeFirst() }
    routes.append((ssrc, route))
  }

  mutating func forget(_ ssrc: SSRC) { routes.removeAll { $0.ssrc == ssrc } }

  func route(_ packet: RTPPacket, in datagram: Span<UInt8>) -> Verdict {
    for entry in routes where entry.ssrc == packet.ssrc { return .known(entry.route) }
    let mid = packet.text(.mid, ids, in: datagram)
    guard let section = section(mid: mid, packet.payloadType) else { return .unknownPayloadType }
    let isRepair = section.repairs(packet.payloadType)
    guard isRepair || section.carries(packet.payloadType) else { return .unknownPayloadType }
    guard !section.rids.isEmpty else {
      guard let outlet = section.outlets.first else { return .unknownSSRC }
      let route = Route(track: outlet.track, isRepair: isRepair, layer: 0)
      return mid == nil ? .guessed(route) : .learnt(route)
    }
    guard let rid = packet.text(isRepair ? .repairedStreamID : .streamID, ids, in: datagram), let layer = section.rids.firstIndex(of: rid),
      let outlet = section.outlets.first(where: { $0.rid == nil || $0.rid == rid })
    else { return .unknownSSRC }
    return .learnt(Route(track: outlet.track, isRepair: isRepair, layer: layer))
  }

  private func section(mid: String?, _ payloadType: PayloadType) -> Section? {
    if let mid { return sections.first { $0.mid == mid } }
    let fitting = sections.filter { $0.carries(payloadType) || $0.repairs(payloadType) }
    return fitting.count == 1 ? fitting[0] : nil
  }

  /// The SSRC that a track's layer is sent under, where it is known.
  func ssrc(track: Int, layer: Int) -> SSRC? {
    routes.last { $0.route == Route(track: track, isRepair: false, layer: layer) }?.ssrc
  }
}
