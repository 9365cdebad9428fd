import Codecs
import Ground
import RTP
import SDP

/// What is agreed on section by section.
extension Negotiator {
  func agree(_ offer: SessionDescription, _ index: Int, bundle: Bundle) throws(NegotiationError) -> AgreedSection {
    let media = offer.media[index]
    var section = AgreedSection(mid: media.attributes.mid ?? "\(index)", kind: media.kind)
    let speaksDTLS = media.transport == "UDP/TLS/RTP/SAVPF" || media.transport == "UDP/TLS/RTP/SAVP" || media.transport == "RTP/SAVPF"
    guard bundle.members.contains(index), Negotiator.isOffered(media), speaksDTLS, media.attributes.hasRTCPMux else { return section }
    guard let codec = agreeCodec(media) else { return section }
    section.codec = codec
    let direction = offer.direction(of: media)
    section.isReceiving = direction == .sendReceive || direction == .sendOnly
    for map in media.attributes.extensionMaps where map.direction != .receiveOnly && map.direction != .inactive {
      guard let kind = RTPHeaderExtension(rawValue: map.uri), accepts(kind, codec) else { continue }
      guard (1...255).contains(map.id) else { throw .invalid(section: index, reason: "a=extmap:\(map.id): ids are 1 to 255") }
      section.extensions[kind] = UInt8(map.id)
    }
    if configuration.acceptsSimulcast { section.rids = Negotiator.layers(media) }
    section.streams = Negotiator.streams(media)
    if let msid = media.attributes.msids.first {
      section.streamID = msid.stream == "-" ? nil : msid.stream
      section.trackID = msid.track
    } else if let value = media.attributes.ssrcs.first(where: { $0.name == "msid" })?.value {
      let parts = value.split(separator: " ").map(String.init)
      section.streamID = parts.first == "-" ? nil : parts.first
      section.trackID = parts.count > 1 ? parts[1] : nil
    }
    return section
  }

  /// Orientation is left to the sender, who turns the pictures itself then: nothing downstream would.
  private func accepts(_ kind: RTPHeaderExtension, _ codec: AgreedCodec) -> Bool {
    switch kind {
    case .videoOrientation: false
    // Read with no other codec, which tell their dependencies in their payloads.
    case .dependencyDescriptor: codec.codec == .av1
    case .transportSequenceNumber: codec.feedback.contains(.transportCC)
    default: true
    }
  }

  /// What a section is received in: of the codecs that we know, the one that we want most.
  func agreeCodec(_ media: MediaDescription) -> AgreedCodec? {
    for codec in configuration.codecs where codec.kind.rawValue == media.kind {
      for format in media.formats {
        if let found = described(codec, format, media) { return found }
      }
    }
    return nil
  }

  /// Of what we offered, what the answer names first: that is what its side means to send.
  func agreeOffered(_ media: MediaDescription, _ offered: [AgreedCodec]) -> (offered: AgreedCodec, answered: AgreedCodec)? {
    for format in media.formats {
      for wish in offered {
        if let found = described(wish.codec, format, media) { return (wish, found) }
      }
    }
    return nil
  }

  /// A format of a section, where it is that codec.
  private func described(_ codec: Codec, _ format: String, _ media: MediaDescription) -> AgreedCodec? {
    let maps = media.attributes.rtpMaps
    let parameters = media.attributes.formatParameters
    guard Negotiator.isReadable(codec, parameters.first { $0.format == format }) else { return nil }
    guard let map = maps.first(where: { "\($0.payloadType)" == format }) ?? Negotiator.staticMap(format),
      Codec(name: map.encoding) == codec,
      codec.clockRates.contains(map.clockRate)
    else { return nil }
    let channels = map.channels ?? 1
    let told = parameters.first { $0.format == format }?.text
    // More channels of Opus than two are mixed by its decoder; other sound cannot be read as what it is not.
    guard codec == .opus || codec.kind == .video || codec.channelCounts.contains(channels) else { return nil }
    if codec == .multiopus, (try? OpusStreams(parameters: told ?? "", channels: channels)) == nil { return nil }
    let rtx = maps.first { other in
      other.encoding.lowercased() == "rtx" && parameters.first { $0.format == "\(other.payloadType)" }?["apt"] == format
    }
    var agreed = AgreedCodec(
      codec: codec, payloadType: map.payloadType, rtx: rtx?.payloadType, channels: channels, clockRate: ClockRate(map.clockRate),
      parameters: told, feedback: Negotiator.feedback(media, format))
    if codec.kind == .audio { Negotiator.agreeRedundancy(media, format, &agreed) } else { agreeCorrections(media, &agreed) }
    return agreed
  }

  /// Of H.264's packetization modes the interleaved one is not read (RFC 6184 §5.4), of H.265 neither units out of the order of decoding nor
  /// layers in streams of their own (RFC 7798 §7.1).
  private static func isReadable(_ codec: Codec, _ parameters: FormatParameters?) -> Bool {
    switch codec {
    case .h264: ["0", "1"].contains(parameters?["packetization-mode"] ?? "0")
    case .h265: parameters?["sprop-max-don-diff"] ?? "0" == "0" && parameters?["tx-mode"]?.uppercased() ?? "SRST" == "SRST"
    default: true
    }
  }

  /// What a format means that has no `a=rtpmap` (RFC 3551 §6).
  private static func staticMap(_ format: String) -> RTPMap? {
    guard let type = UInt8(format), type < 96, let sound = SoundFormat(staticType: PayloadType(type)) else { return nil }
    return RTPMap(
      payloadType: PayloadType(type), encoding: sound.codec.rawValue, clockRate: sound.clockRate.hertz, channels: sound.channels)
  }

  /// Redundancy is received where all its blocks are of the format that is (RFC 2198 §5), in the sender's order of preference.
  private static func agreeRedundancy(_ media: MediaDescription, _ format: String, _ codec: inout AgreedCodec) {
    for (place, other) in media.formats.enumerated() {
      guard let map = media.attributes.rtpMaps.first(where: { "\($0.payloadType)" == other }), map.encoding.lowercased() == "red",
        map.clockRate == codec.clockRate.hertz, map.channels ?? 1 == codec.channels
      else { continue }
      let blocks = media.attributes.formatParameters.first { $0.format == other }?.text.split(separator: "/")
      guard let blocks, blocks.count > 1, blocks.allSatisfy({ $0 == format }) else { continue }
      codec.red = map.payloadType
      codec.prefersRED = place < media.formats.firstIndex(of: format) ?? 0
      return
    }
  }

  /// Forward error correction is received where it is asked for, in the scheme that is wanted most: `ulpfec` with the redundancy that browsers wrap it in, `flexfec-03` as it is.
  /// A sender spends bytes on it that its pictures lack, and what retransmissions bring back in time it adds nothing to.
  private func agreeCorrections(_ media: MediaDescription, _ codec: inout AgreedCodec) {
    let maps = media.attributes.rtpMaps.filter { map in
      map.clockRate == codec.clockRate.hertz && media.formats.contains("\(map.payloadType)")
    }
    func type(_ name: String) -> PayloadType? { maps.first { $0.encoding.lowercased() == name }?.payloadType }
    for scheme in configuration.corrections {
      guard let correction = type(scheme.rawValue) else { continue }
      if scheme == .ulpfec {
        guard let red = type("red") else { continue }
        codec.red = red
        codec.redRTX =
          maps.first { map in
            let told = media.attributes.formatParameters.first { $0.format == "\(map.payloadType)" }
            return map.encoding.lowercased() == "rtx" && told?["apt"] == "\(red)"
          }?.payloadType
      }
      codec.corrections[scheme] = correction
      return
    }
  }

  private static func feedback(_ media: MediaDescription, _ format: String) -> FeedbackKinds {
    var kinds: FeedbackKinds = []
    for case let value? in media.attributes.values(of: "rtcp-fb") {
      let words = value.split(separator: " ").map { $0.lowercased() }
      guard words.count >= 2, words[0] == format || words[0] == "*" else { continue }
      switch words[1...].joined(separator: " ") {
      case "nack": kinds.insert(.nack)
      case "nack pli": kinds.insert(.pli)
      case "ccm fir": kinds.insert(.fir)
      case "transport-cc": kinds.insert(.transportCC)
      case "goog-remb": kinds.insert(.remb)
      default: break
      }
    }
    // One way of telling the bitrate is enough, and this one tells more.
    if kinds.contains(.transportCC) {
      let hasNumber = media.attributes.extensionMaps.contains { RTPHeaderExtension(rawValue: $0.uri) == .transportSequenceNumber }
      kinds.remove(hasNumber ? .remb : .transportCC)
    }
    return kinds
  }

  /// The layers that are offered to be sent (RFC 8853 §5.1); of alternatives the first, and paused ones too.
  private static func layers(_ media: MediaDescription) -> [String] {
    guard case let value?? = media.attributes.values(of: "simulcast").first else { return [] }
    let words = value.split(separator: " ")
    guard let at = words.firstIndex(of: "send"), at + 1 < words.count else { return [] }
    let known = Set(media.attributes.rids.filter { $0.direction == .send }.map(\.id))
    var layers: [String] = []
    for list in words[at + 1].split(separator: ";") {
      guard let first = list.split(separator: ",").first else { continue }
      let id = String(first.first == "~" ? first.dropFirst() : first)
      if known.contains(id), !layers.contains(id), layers.count < maximumLayers { layers.append(id) }
    }
    return layers
  }

  static func streams(_ media: MediaDescription) -> [SignalledStream] {
    let groups = media.attributes.ssrcGroups.filter { $0.ssrcs.count == 2 }
    let pairs = groups.filter { $0.semantics == "FID" }.map(\.ssrcs)
    // Correction is told from the stream that it protects by what it says itself.
    let repairs = Set(groups.filter { ["FID", "FEC-FR"].contains($0.semantics) }.map { $0.ssrcs[1] })
    var streams: [SignalledStream] = []
    for attribute in media.attributes.ssrcs where !repairs.contains(attribute.ssrc) {
      guard !streams.contains(where: { $0.ssrc == attribute.ssrc }), streams.count < maximumLayers else { continue }
      streams.append(SignalledStream(ssrc: attribute.ssrc, rtx: pairs.first { $0[0] == attribute.ssrc }?[1]))
    }
    return streams
  }

  /// Leaves out of the sections what would make one id mean two things in the bundle, or one thing have two ids (RFC 8843 §9.1): a packet's
  /// extensions are read before its section is known. Peers are told by our description, and of those in conflict the most useful stays.
  static func settleExtensions(_ agreed: inout [AgreedSection]) {
    let byUse: [RTPHeaderExtension] = [
      .mid, .streamID, .repairedStreamID, .transportSequenceNumber, .absoluteCaptureTime, .absoluteSendTime,
    ]
    var kinds: [UInt8: RTPHeaderExtension] = [:]
    for kind in byUse + RTPHeaderExtension.allCases.filter({ !byUse.contains($0) }) {
      var own: UInt8?
      for index in agreed.indices where !agreed[index].isRejected {
        guard let id = agreed[index].extensions[kind] else { continue }
        if own ?? id == id, kinds[id] ?? kind == kind {
          own = id
          kinds[id] = kind
        } else {
          agreed[index].extensions[kind] = nil
          if kind == .transportSequenceNumber { agreed[index].codec?.feedback.remove(.transportCC) }
        }
      }
    }
  }
}
