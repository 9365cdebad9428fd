import Codecs
package import Ground
package import JSON
import RTP
package import Recording
package import SDP
import SRTP

/// What somebody says about a capture: payload types, sources, keys. Every part may be missing.
package struct CaptureHints: Sendable {
  package var origin = CaptureDescription.Origin.recognised
  /// What payload types mean, by the port they are sent to (nil: any).
  private var formats: [FormatKey: PayloadFormat] = [:]
  private var ports: Set<UInt16> = []
  /// What is said of single sources.
  package private(set) var sources: [SSRC: Source] = [:]
  /// Whose packets a retransmission stream repeats.
  package private(set) var retransmissions: [SSRC: SSRC] = [:]
  /// Where a section's RTCP goes, by its RTP port, where the description says so.
  package private(set) var rtcpPorts: [UInt16: UInt16] = [:]
  /// Keys that may open the capture's SRTP; each is tried.
  package var keys: [SRTPSpecification] = []

  package struct Source: Sendable, Equatable {
    package var cname: String?
    /// The media stream's id, where it has one.
    package var stream: String?
    package var mid: String?
  }

  private struct FormatKey: Hashable {
    var port: UInt16?
    var payloadType: PayloadType
  }

  package init() {}

  package var hasFormats: Bool { !formats.isEmpty }

  /// What a payload type means on a port: as the section with that port says, or any section where none has it.
  package func format(of payloadType: PayloadType, to port: UInt16) -> PayloadFormat? {
    let told = formats[FormatKey(port: ports.contains(port) ? port : nil, payloadType: payloadType)]
    // A static payload type needs no word where anything is said at all (RFC 3551 §6).
    return told ?? (hasFormats ? SoundFormat(staticType: payloadType).map { PayloadFormat($0) } : nil)
  }

  /// What comes wrapped in a payload type of redundancy: the one format that goes on tape and runs by the same clock; nil where there is
  /// none, or more than one.
  package func wrapped(in type: PayloadType, to port: UInt16) -> (payloadType: PayloadType, format: PayloadFormat)? {
    guard let red = format(of: type, to: port), red.isWrapping else { return nil }
    let fitting = types(to: port).filter { $0.format.codec != nil && $0.format.clockRate == red.clockRate }
    return fitting.count == 1 ? fitting[0] : nil
  }

  /// All that a track's payload type of redundancy brings with it.
  package func redundancy(_ type: PayloadType, to port: UInt16) -> REDSpecification {
    let all = types(to: port)
    return REDSpecification(
      payloadType: type, rtx: all.first { $0.format.isRetransmission && $0.format.repaired == type }?.payloadType,
      ulpfec: all.first { $0.format.encoding.lowercased() == "ulpfec" }?.payloadType)
  }

  /// Forward error correction of a stream that was sent under these payload types: among its own numbers, or as a stream of its own; nil
  /// where there is none.
  package func correction(beside own: some Collection<PayloadType>, to port: UInt16) -> FECSpecification? {
    let all = types(to: port).compactMap { type, format in
      RTPCorrection.Scheme(rawValue: format.encoding.lowercased()).map { FECSpecification(mechanism: $0, payloadType: type) }
    }
    return all.first { $0.mechanism == .ulpfec && own.contains($0.payloadType) } ?? all.first { $0.mechanism == .flexfec }
  }

  private func types(to port: UInt16) -> [(payloadType: PayloadType, format: PayloadFormat)] {
    let key = ports.contains(port) ? port : nil
    return formats.filter { $0.key.port == key }.map { ($0.key.payloadType, $0.value) }.sorted { $0.0.value < $1.0.value }
  }

  private mutating func add(_ format: PayloadFormat, as payloadType: PayloadType, port: UInt16?) {
    if let port {
      formats[FormatKey(port: port, payloadType: payloadType)] = format
      ports.insert(port)
    }
    // The first section that uses a payload type stands for ports that no section names.
    let anywhere = FormatKey(port: nil, payloadType: payloadType)
    if formats[anywhere] == nil { formats[anywhere] = format }
  }

  // MARK: - A session description

  /// What a session description says.
  package mutating func add(_ description: SessionDescription) {
    origin = .sessionDescription
    for section in description.media where section.kind == "audio" || section.kind == "video" {
      let attributes = section.attributes
      // 0 and 9 are no ports but what a refused section and one under ICE write (RFC 8840 §4.1.1).
      let port = section.port == 0 || section.port == 9 ? nil : section.port
      for map in attributes.rtpMaps {
        let parameters = attributes.formatParameters.first { $0.format == map.payloadType.description }
        let repaired = parameters?["apt"].flatMap { UInt8($0) }.map { PayloadType($0) }
        add(PayloadFormat(map, parameters: parameters?.text, repaired: repaired), as: map.payloadType, port: port)
      }
      if let port, attributes.rtcp != nil || attributes.hasRTCPMux { rtcpPorts[port] = section.rtcpPort }
      addSources(of: section)
      for crypto in attributes.cryptos {
        let inClear = crypto.sessionParameters.contains("UNENCRYPTED_SRTCP")
        for key in crypto.keys {
          keys.append(
            SRTPSpecification(cryptoSuite: crypto.suite, key: key.keyAndSalt.exposed, rtcp: inClear ? .clear : .srtcp))
        }
      }
    }
  }

  private mutating func addSources(of section: MediaDescription) {
    for fact in section.attributes.ssrcs {
      var source = sources[fact.ssrc] ?? Source(mid: section.attributes.mid)
      switch fact.name {
      case "cname": source.cname = fact.value
      case "msid": source.stream = fact.value?.split(separator: " ").first.map(String.init)
      default: break
      }
      if source.stream == nil { source.stream = section.attributes.msids.first?.stream }
      // A dash says that the track belongs to no stream (RFC 8830 §2).
      if source.stream == "-" { source.stream = nil }
      sources[fact.ssrc] = source
    }
    for group in section.attributes.ssrcGroups where group.semantics == "FID" && group.ssrcs.count == 2 {
      retransmissions[group.ssrcs[1]] = group.ssrcs[0]
    }
  }

  // MARK: - The facts beside a capture

  /// What a file of facts says: `payload_map` (or the `sdp` that was agreed on), `srtp_sdes`, `srtp_keys`.
  package mutating func add(facts: JSONValue) {
    for field in facts["payload_map"]?.fields ?? [] {
      guard let type = UInt8(field.name), type < 128, let text = field.value.stringValue, let format = PayloadFormat(text) else { continue }
      add(format, as: PayloadType(type), port: nil)
    }
    let toldByMap = hasFormats
    for role in ["answer", "offer"] {
      guard let text = facts["sdp"]?[role]?.stringValue, let description = try? SessionDescription(parsing: text) else { continue }
      // Of an offer beside a payload map only the sources are wanted: it lists payload types that were not agreed on.
      for section in description.media where toldByMap { addSources(of: section) }
      if !toldByMap { add(description) }
    }
    if let sdes = facts["srtp_sdes"], let suite = sdes["suite"]?.stringValue,
      let key = sdes["inline"]?.stringValue.flatMap({ Base64.decode($0.utf8) })
    {
      keys.append(SRTPSpecification(cryptoSuite: suite, key: key))
    }
    if let told = facts["srtp_keys"], let suite = told["profile"]?.stringValue.flatMap(CryptoSuite.init(dtlsProfile:)) {
      for name in ["client_key_salt", "server_key_salt"] {
        guard let key = told[name]?.stringValue.flatMap(CaptureHints.hexadecimal) else { continue }
        keys.append(SRTPSpecification(cryptoSuite: suite.rawValue, key: key))
      }
    }
    if hasFormats || !keys.isEmpty { origin = .facts }
  }

  private static func hexadecimal(_ text: String) -> [UInt8]? {
    let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == text.utf8.count, digits.count % 2 == 0 else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}

extension CryptoSuite {
  /// The suite that a DTLS-SRTP profile stands for, by OpenSSL's name (RFC 5764 §4.1.2, RFC 7714 §14.2).
  fileprivate init?(dtlsProfile name: String) {
    switch name {
    case "SRTP_AES128_CM_SHA1_80": self = .aesCM80
    case "SRTP_AES128_CM_SHA1_32": self = .aesCM32
    case "SRTP_AEAD_AES_128_GCM": self = .aeadAES128GCM
    case "SRTP_AEAD_AES_256_GCM": self = .aeadAES256GCM
    default: return nil
    }
  }
}
