package import Codecs
import Ground
package import RTP
package import SDP

/// One WebRTC session's offers and answers, as a receiver of media (RFC 3264, RFC 8829, RFC 8843). All media goes over one transport: what
/// a peer offers outside its bundle is rejected section by section.
package struct Negotiator: Sendable {
  package struct Configuration: Sendable {
    /// What is received, preferred first. A section is received in the first of these that its sender offers.
    package var codecs: [Codec] = Codec.received
    /// Simulcast offers are accepted with all their layers; else the peer is left to send one.
    package var acceptsSimulcast = true
    /// Which forward error correction of pictures is agreed on, preferred first.
    package var corrections: [RTPCorrection.Scheme] = []
    /// Names the session in `o=`: digits.
    package var sessionID = "1"
    package init() {}
  }

  /// Descriptions of more sections are refused.
  package static let maximumSections = 64
  static let maximumLayers = 8

  let configuration: Configuration
  package private(set) var local: LocalTransport
  /// The sections in the order of the descriptions.
  package private(set) var sections: [AgreedSection] = []
  /// The peer's transport, once known.
  package private(set) var remote: RemoteTransport?
  /// Our part in the DTLS handshake, once agreed.
  package private(set) var setup: Setup?
  private(set) var version = 0
  /// What each section of our own offer offered, the most wanted first.
  private(set) var offered: [[AgreedCodec]] = []
  /// An offer of ours waits for its answer.
  package private(set) var hasOffered = false

  package init(_ configuration: Configuration, local: LocalTransport) {
    self.configuration = configuration
    self.local = local
  }

  /// The ids of the transport's header extensions: in a bundle they are the same for all sections (RFC 8843 §9.1).
  package var extensions: RTPExtensionIDs {
    var ids = RTPExtensionIDs()
    for section in sections where !section.isRejected {
      for (kind, id) in section.extensions where ids[kind] == nil { ids[kind] = id }
    }
    return ids
  }

  // MARK: The peer offers

  /// Agrees on the peer's offer; answers the answer. `local`: what our transport is now, where the peer restarted ICE. Nothing has changed
  /// where it throws.
  package mutating func answer(_ offer: SessionDescription, restarted: LocalTransport? = nil) throws(NegotiationError) -> String {
    guard !hasOffered else { throw .conflict(section: nil, reason: "an offer of ours still waits for its answer") }
    try checkShape(offer)
    let bundle = try Negotiator.bundle(offer)
    let transport = try RemoteTransport(offer, section: bundle.tag)
    let role: Setup =
      switch transport.setup {
      case .active: .passive
      case .passive, .actpass: setup == .passive && transport.setup == .actpass ? .passive : .active
      case .holdconn: throw .conflict(section: bundle.tag, reason: "a=setup:holdconn: nothing could connect")
      }
    if let setup, setup != role { throw .conflict(section: bundle.tag, reason: "a=setup cannot change while the session lasts") }
    var agreed: [AgreedSection] = []
    for index in offer.media.indices {
      agreed.append(try agree(offer, index, bundle: bundle))
    }
    Negotiator.settleExtensions(&agreed)
    guard agreed.contains(where: { !$0.isRejected }) || !sections.isEmpty else {
      throw .conflict(section: nil, reason: "nothing offered can be received; what can is \(codecNames)")
    }
    if let restarted { local = restarted }
    remote = transport
    setup = role
    sections = agreed
    version += 1
    return describe(offer, as: role, direction: .receiveOnly).text
  }

  /// Whether an offer restarts ICE: its credentials are new (RFC 8839 §4.4.1.1.1).
  package func restartsICE(_ offer: SessionDescription) -> Bool {
    guard let remote, let bundle = try? Negotiator.bundle(offer), let transport = try? RemoteTransport(offer, section: bundle.tag) else {
      return false
    }
    return transport.ufrag != remote.ufrag || transport.password != remote.password
  }

  private var codecNames: String { configuration.codecs.map(\.rawValue).joined(separator: ", ") }

  private func checkShape(_ offer: SessionDescription) throws(NegotiationError) {
    guard !offer.media.isEmpty else { throw .invalid(section: nil, reason: "there is no m= line") }
    guard offer.media.count <= Negotiator.maximumSections else {
      throw .invalid(section: nil, reason: "\(offer.media.count) m= lines are too many (at most \(Negotiator.maximumSections))")
    }
    guard offer.media.count >= sections.count else {
      throw .conflict(
        section: nil, reason: "\(offer.media.count) m= lines, and there were \(sections.count): they may be added, not removed")
    }
    var mids: Set<String> = []
    for (index, media) in offer.media.enumerated() {
      guard let mid = media.attributes.mid else { continue }
      guard mids.insert(mid).inserted else { throw .invalid(section: index, reason: "a=mid:\(mid) is another section's too") }
      // A section that was rejected may be used again under another name (RFC 8829 §5.2.2).
      guard index < sections.count, !sections[index].isRejected, sections[index].mid != mid else { continue }
      throw .conflict(section: index, reason: "a=mid:\(mid), and it was \(sections[index].mid): sections keep their order")
    }
  }

  /// The sections of the bundle, and the one whose transport is the bundle's.
  struct Bundle {
    var members: Set<Int>
    var tag: Int
  }

  private static func bundle(_ offer: SessionDescription) throws(NegotiationError) -> Bundle {
    var members: [Int] = []
    if let group = offer.attributes.groups.first(where: { $0.semantics == "BUNDLE" }) {
      for mid in group.mids {
        guard let index = offer.media.firstIndex(where: { $0.attributes.mid == mid }) else {
          throw .invalid(section: nil, reason: "a=group:BUNDLE names \(mid), and no section has that a=mid")
        }
        members.append(index)
      }
    } else if let first = offer.media.firstIndex(where: isOffered) {
      // Without a bundle every section has a transport of its own; one is received.
      members = [first]
    }
    guard let tag = members.first(where: { isOffered(offer.media[$0]) }) ?? members.first else {
      throw .conflict(section: nil, reason: "every section is rejected already")
    }
    return Bundle(members: Set(members), tag: tag)
  }

  /// Port 0 rejects a section, unless the bundle's transport is the only one that it ever had (RFC 8843 §6).
  static func isOffered(_ media: MediaDescription) -> Bool {
    media.port != 0 || media.attributes.values(of: "bundle-only").first != nil
  }

  // MARK: We offer

  /// Offers to receive one section of each kind in `kinds`; the answer goes to `accept`.
  package mutating func offer(_ kinds: [MediaKind]) -> String {
    if sections.isEmpty {
      for (index, kind) in kinds.enumerated() {
        let codecs = wishes(kind)
        offered.append(codecs)
        sections.append(wish(kind, codecs.first, mid: "\(index)"))
      }
    }
    hasOffered = true
    version += 1
    return describe(nil, as: .actpass, direction: .receiveOnly).text
  }

  /// What is offered of a kind: every codec, the most wanted first, with all feedback. The payload types are those that browsers use.
  private func wishes(_ kind: MediaKind) -> [AgreedCodec] {
    configuration.codecs.filter { $0.kind == kind }.prefix(7).enumerated().map { index, codec in
      switch kind {
      case .audio:
        let sound = SoundFormat(codec: codec, channels: codec == .l16 ? 2 : codec.usualChannels)
        var wish = AgreedCodec(
          codec: codec, payloadType: sound.staticType ?? PayloadType(UInt8(111 + index)), rtx: nil, channels: sound.channels,
          clockRate: sound.clockRate, parameters: codec == .opus ? "minptime=10;useinbandfec=1" : sound.streams?.parameters,
          feedback: [.transportCC])
        // Behind it, as browsers offer it: whether redundancy is worth its bytes, the sender knows.
        if codec == .opus { wish.red = PayloadType(63) }
        return wish
      case .video:
        var wish = AgreedCodec(
          codec: codec, payloadType: PayloadType(UInt8(96 + 2 * index)), rtx: PayloadType(UInt8(97 + 2 * index)), channels: 1,
          clockRate: codec.clockRate,
          parameters: Negotiator.parameters(codec),
          feedback: [.nack, .pli, .fir, .transportCC])
        if configuration.corrections.contains(.ulpfec) {
          wish.red = PayloadType(120)
          wish.redRTX = PayloadType(121)
          wish.corrections[.ulpfec] = PayloadType(122)
        }
        if configuration.corrections.contains(.flexfec) { wish.corrections[.flexfec] = PayloadType(123) }
        return wish
      }
    }
  }

  /// What an offer says of a codec of pictures. Without a profile, H.264 would be of a size that nobody sends.
  private static func parameters(_ codec: Codec) -> String? {
    switch codec {
    case .h264: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
    case .h265: "level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST"
    default: nil
    }
  }

  private func wish(_ kind: MediaKind, _ codec: AgreedCodec?, mid: String) -> AgreedSection {
    var section = AgreedSection(mid: mid, kind: kind.rawValue)
    section.isReceiving = true
    section.codec = codec
    guard codec != nil else { return section }
    section.extensions = [.mid: 1, .absoluteSendTime: 2, .transportSequenceNumber: 3, .absoluteCaptureTime: 4]
    if kind == .audio { section.extensions[.audioLevel] = 5 }
    if kind == .video, configuration.codecs.contains(.av1) { section.extensions[.dependencyDescriptor] = 6 }
    return section
  }

  /// Takes the peer's answer to our offer. Nothing has changed where it throws.
  package mutating func accept(_ answer: SessionDescription) throws(NegotiationError) {
    guard hasOffered else { throw .conflict(section: nil, reason: "no offer of ours waits for an answer") }
    guard answer.media.count == sections.count else {
      throw .conflict(section: nil, reason: "\(answer.media.count) m= lines answer \(sections.count)")
    }
    let taken = answer.media.indices.filter { Negotiator.isOffered(answer.media[$0]) }
    guard let tag = taken.first else { throw .conflict(section: nil, reason: "the answer rejects every section") }
    let transport = try RemoteTransport(answer, section: tag)
    let role: Setup =
      switch transport.setup {
      case .active: .passive
      case .passive: .active
      case .actpass, .holdconn: throw .invalid(section: tag, reason: "a=setup:\(transport.setup.rawValue) is no answer")
      }
    if let setup, setup != role { throw .conflict(section: tag, reason: "a=setup cannot change while the session lasts") }
    var agreed = sections
    for index in sections.indices {
      let media = answer.media[index]
      if let mid = media.attributes.mid, mid != sections[index].mid {
        throw .conflict(section: index, reason: "a=mid:\(mid) answers \(sections[index].mid)")
      }
      guard taken.contains(index), media.attributes.hasRTCPMux, sections[index].codec != nil else {
        agreed[index].codec = nil
        continue
      }
      guard let (offered, answered) = agreeOffered(media, offered.indices.contains(index) ? offered[index] : []) else {
        throw .conflict(section: index, reason: "the answer has no codec that was offered")
      }
      var codec = answered
      codec.feedback.formIntersection(offered.feedback.union(.remb))
      if offered.red == nil { codec.red = nil }
      agreed[index].codec = codec
      let direction = answer.direction(of: media)
      agreed[index].isReceiving = direction == .sendOnly || direction == .sendReceive
      let told = Dictionary(
        media.attributes.extensionMaps.compactMap { map in
          RTPHeaderExtension(rawValue: map.uri).flatMap { kind in (1...255).contains(map.id) ? (kind, UInt8(map.id)) : nil }
        }, uniquingKeysWith: { first, _ in first })
      agreed[index].extensions = told.filter { sections[index].extensions[$0.key] != nil }
      agreed[index].streams = Negotiator.streams(media)
      if let msid = media.attributes.msids.first {
        agreed[index].streamID = msid.stream == "-" ? nil : msid.stream
        agreed[index].trackID = msid.track
      }
    }
    Negotiator.settleExtensions(&agreed)
    sections = agreed
    remote = transport
    setup = role
    hasOffered = false
  }

  /// What the peer's transport is now: candidates trickle in, and ICE may be restarted beside offers (RFC 8838, RFC 9725 §4.3.3).
  package mutating func replaceRemote(_ transport: RemoteTransport) { remote = transport }

  /// Our ICE transport is another one from the next description on.
  package mutating func replaceLocal(_ transport: LocalTransport) { local = transport }
}
