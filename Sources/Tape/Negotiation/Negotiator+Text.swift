import Codecs
import Ground
import RTP
import SDP

extension Negotiator {
  /// Our description: an answer to `offer`, or an offer of our own.
  func describe(_ offer: SessionDescription?, as setup: Setup, direction: Direction) -> SessionDescription {
    var description = SessionDescription()
    description.origin = Origin(
      username: "-", sessionID: configuration.sessionID, sessionVersion: "\(version)",
      connection: ConnectionData(family: .ip4, address: "127.0.0.1"))
    let mids = sections.filter { !$0.isRejected }.map(\.mid)
    if offer?.attributes.groups.contains(where: { $0.semantics == "BUNDLE" }) ?? true, !mids.isEmpty {
      description.attributes.append(.group(MediaGroup(semantics: "BUNDLE", mids: mids)))
    }
    if local.isLite { description.attributes.append(.other(name: "ice-lite", value: nil)) }
    description.attributes.append(.other(name: "msid-semantic", value: " WMS *"))
    if offer?.attributes.contains(.other(name: "extmap-allow-mixed", value: nil)) ?? false {
      description.attributes.append(.other(name: "extmap-allow-mixed", value: nil))
    }
    var isFirst = true
    for index in sections.indices {
      guard let codec = sections[index].codec else {
        description.media.append(rejected(sections[index], offer?.media[index]))
        continue
      }
      // An answer names what was agreed on, an offer all that may be.
      let codecs = offer == nil && hasOffered && remote == nil && offered.indices.contains(index) ? offered[index] : [codec]
      description.media.append(section(sections[index], codecs, offer?.media[index], setup, direction, withCandidates: isFirst))
      isFirst = false
    }
    return description
  }

  private func rejected(_ section: AgreedSection, _ offered: MediaDescription?) -> MediaDescription {
    MediaDescription(
      kind: section.kind, port: 0, transport: offered?.transport ?? "UDP/TLS/RTP/SAVPF", formats: offered?.formats ?? ["0"],
      connections: [ConnectionData(family: .ip4, address: "0.0.0.0")], attributes: [.mid(section.mid), .direction(.inactive)])
  }

  private func section(
    _ section: AgreedSection, _ codecs: [AgreedCodec], _ offered: MediaDescription?, _ setup: Setup, _ direction: Direction,
    withCandidates: Bool
  ) -> MediaDescription {
    var media = MediaDescription(
      kind: section.kind, port: local.port, transport: offered?.transport ?? "UDP/TLS/RTP/SAVPF",
      formats: (codecs.flatMap(\.formats) + (codecs.first?.correctionFormats ?? [])).map(\.description), connections: [local.address])
    func add(_ name: String, _ value: String? = nil) { media.attributes.append(.other(name: name, value: value)) }
    add("ice-ufrag", local.ufrag)
    add("ice-pwd", local.password)
    add("fingerprint", local.fingerprint.text)
    add("setup", setup.rawValue)
    media.attributes.append(.mid(section.mid))
    for (kind, id) in section.extensions.sorted(by: { $0.value < $1.value }) {
      media.attributes.append(.extensionMap(ExtensionMap(id: UInt16(id), uri: kind.rawValue)))
    }
    media.attributes.append(.direction(section.isReceiving ? direction : .inactive))
    media.attributes.append(.rtcpMux)
    if offered?.attributes.values(of: "rtcp-rsize").first != nil || offered == nil { add("rtcp-rsize") }
    for codec in codecs { describe(codec, into: &media) }
    if let codec = codecs.first, codec.codec.kind == .video { describeCorrections(codec, into: &media) }
    if !section.rids.isEmpty {
      for id in section.rids { media.attributes.append(.rid(RestrictionID(id: id, direction: .receive))) }
      add("simulcast", "recv " + section.rids.joined(separator: ";"))
    }
    if withCandidates {
      for candidate in local.candidates { add("candidate", candidate) }
      add("end-of-candidates")
    }
    return media
  }

  private func describe(_ codec: AgreedCodec, into media: inout MediaDescription) {
    let type = codec.payloadType
    media.attributes.append(
      .rtpMap(
        RTPMap(
          payloadType: type, encoding: codec.codec.rawValue, clockRate: codec.clockRate.hertz,
          channels: codec.shownChannels)))
    if let parameters = codec.parameters {
      media.attributes.append(.formatParameters(FormatParameters(format: type.description, text: parameters)))
    }
    let feedback: [(FeedbackKinds, String)] = [
      (.transportCC, "transport-cc"), (.remb, "goog-remb"), (.fir, "ccm fir"), (.nack, "nack"), (.pli, "nack pli"),
    ]
    for (kind, name) in feedback where codec.feedback.contains(kind) {
      media.attributes.append(.other(name: "rtcp-fb", value: "\(type) \(name)"))
    }
    if let red = codec.red, codec.codec.kind == .audio {
      media.attributes.append(
        .rtpMap(
          RTPMap(
            payloadType: red, encoding: "red", clockRate: codec.clockRate.hertz,
            channels: codec.shownChannels)))
      media.attributes.append(.formatParameters(FormatParameters(format: red.description, text: "\(type)/\(type)")))
    }
    guard let rtx = codec.rtx else { return }
    media.attributes.append(
      .rtpMap(RTPMap(payloadType: rtx, encoding: "rtx", clockRate: codec.clockRate.hertz)))
    media.attributes.append(.formatParameters(FormatParameters(format: rtx.description, text: "apt=\(type)")))
  }
}

extension Negotiator {
  /// Forward error correction is the section's, whichever codec it protects.
  private func describeCorrections(_ codec: AgreedCodec, into media: inout MediaDescription) {
    func map(_ type: PayloadType, _ encoding: String) {
      media.attributes.append(.rtpMap(RTPMap(payloadType: type, encoding: encoding, clockRate: codec.clockRate.hertz)))
    }
    func parameters(_ type: PayloadType, _ text: String) {
      media.attributes.append(.formatParameters(FormatParameters(format: type.description, text: text)))
    }
    if let red = codec.red { map(red, "red") }
    if let red = codec.red, let rtx = codec.redRTX {
      map(rtx, "rtx")
      parameters(rtx, "apt=\(red)")
    }
    if let type = codec.corrections[.ulpfec] { map(type, RTPCorrection.Scheme.ulpfec.rawValue) }
    if let type = codec.corrections[.flexfec] {
      map(type, RTPCorrection.Scheme.flexfec.rawValue)
      // Without it the format would be incomplete; ten seconds is what browsers say.
      parameters(type, "repair-window=10000000")
    }
  }
}

extension AgreedCodec {
  /// The payload types that a section has for forward error correction.
  fileprivate var correctionFormats: [PayloadType] {
    guard codec.kind == .video else { return [] }
    return [red, redRTX, corrections[.ulpfec], corrections[.flexfec]].compactMap { $0 }
  }
  /// One channel goes without saying (RFC 8866 §6.6), but for Opus, where it is said all the same.
  fileprivate var shownChannels: Int? { codec.kind == .audio && (channels > 1 || codec == .opus) ? channels : nil }
  /// Its payload types, preferred first.
  fileprivate var formats: [PayloadType] {
    let wrapped = codec.kind == .audio ? red.map { [$0] } ?? [] : []
    return (prefersRED ? wrapped + [payloadType] : [payloadType] + wrapped) + (rtx.map { [$0] } ?? [])
  }
}
