import Codecs
import Ground
import RTP
package import JSON
package import Recording
import SRTP

extension SourceSpecification {
  /// Reads a source: the `source` of a start, or the body of `POST …/sources`, where `path` is empty.
  package init(json: JSONValue, at path: String = "") throws(ControlError) {
    let fields = try FieldReader(json, at: path, knowing: SourceSpecification.allFields)
    let allowed = "allowed is rtp, webrtc or whep"
    switch try fields.require("type", fields.string("type", length: 0...64), allowed) {
    case "rtp":
      try SourceSpecification.refuseForeign(fields, "rtp")
      try self.init(rtp: fields)
    case "webrtc":
      try SourceSpecification.refuseForeign(fields, "webrtc")
      self.init(tracks: [])
      webrtc = try WebRTCSpecification(fields)
      listenIP = try fields.address("listenIp").map { $0.ip }
    case "whep":
      try SourceSpecification.refuseForeign(fields, "whep")
      self.init(tracks: [])
      webrtc = try WebRTCSpecification(whep: fields)
      listenIP = try fields.address("listenIp").map { $0.ip }
    case let other: throw .field(fields.name("type"), "\(Shown.value(.string(other))) is not a known source type; \(allowed)")
    }
  }

  private static let common = ["type", "listenIp"]
  private static let ownFields = [
    ("rtp", ["rtcpMux", "bundle", "port", "remote", "srtp", "headerExtensions", "tracks"]), ("webrtc", WebRTCSpecification.fields),
    ("whep", WebRTCSpecification.whepFields),
  ]
  private static let allFields = ownFields.reduce(into: common) { all, type in all += type.1.filter { !all.contains($0) } }

  /// Refuses what only sources of other types have.
  private static func refuseForeign(_ fields: FieldReader, _ type: String) throws(ControlError) {
    for field in allFields where !common.contains(field) {
      let owners = ownFields.filter { $0.1.contains(field) }.map { $0.0 }
      guard !owners.contains(type) else { continue }
      let source = "\(owners[0] == "rtp" ? "an" : "a") \(owners.joined(separator: " or ")) source"
      try fields.refuse([field], "only \(source) has this field, and this one is of type \(type)")
    }
  }

  private init(rtp fields: FieldReader) throws(ControlError) {
    let layout = try PortLayout(fields)
    self.init(tracks: try TrackSpecification.list(fields, layout: layout))
    listenIP = try fields.address("listenIp").map { $0.ip }
    rtcpMux = layout.rtcpMux
    bundle = layout.bundle
    port = try layout.port(fields)
    if port != nil, !bundle {
      throw .field(fields.name("port"), "with bundle false each track names its own port")
    }
    remote = try RemoteSpecification(fields)
    srtp = try SRTPSpecification(fields)
    extensions = try RTPExtensionIDs(fields)
    try checkFamilies(fields)
    try TrackSpecification.checkStreams(tracks, at: fields.name("tracks"), onePort: bundle)
  }

  /// A socket bound to one family of addresses never hears the other.
  private func checkFamilies(_ fields: FieldReader) throws(ControlError) {
    guard let listenIP, let listen = SocketAddress(ip: listenIP, port: 0) else { return }
    let named =
      [(remote, fields.name("remote"))] + tracks.enumerated().map { ($0.element.remote, "\(fields.name("tracks"))[\($0.offset)].remote") }
    for (remote, path) in named {
      guard let remote, let sender = SocketAddress(ip: remote.ip, port: 0), sender.isIPv4 != listen.isIPv4 else { continue }
      throw .field("\(path).ip", "\(remote.ip) is not of one address family with listenIp \(listenIP)")
    }
  }
}

extension RTPExtensionIDs {
  /// Reads the field `headerExtensions` of a source: a list of `{"uri", "id"}`, as mediasoup's RtpParameters have it. Extensions that are
  /// not read here are none of our business.
  fileprivate init(_ source: FieldReader) throws(ControlError) {
    self.init()
    var known: [Int64: String] = [:]
    for (path, value) in try source.array("headerExtensions", count: 0...255) ?? [] {
      let item = try FieldReader(value, at: path, knowing: ["uri", "id", "encrypt", "parameters"])
      let uri = try item.require("uri", item.string("uri", length: 1...256), "the extension's URI (RFC 8285)")
      let id = try item.require("id", item.integer("id", 1...255, "an id"), "the id that packets bear it under")
      if let first = known.updateValue(path, forKey: id) { throw .field(item.name("id"), "\(id) is already the id of \(first)") }
      if let kind = RTPHeaderExtension(rawValue: uri) { self[kind] = UInt8(id) }
    }
  }
}

/// How a source's tracks share ports: what the rules for `port` and `remote` depend on.
struct PortLayout {
  var bundle = true
  var rtcpMux = true

  /// For tracks added to a source whose layout only the recorder knows.
  init() { bundle = false }
  init(_ source: FieldReader) throws(ControlError) {
    bundle = try source.bool("bundle") ?? true
    rtcpMux = try source.bool("rtcpMux") ?? true
  }

  /// A fixed listening port. Where RTCP has a port of its own, RTP's is even (RFC 3550 §11).
  func port(_ fields: FieldReader) throws(ControlError) -> UInt16? {
    guard let port = try fields.integer("port", 1024...65_535, "a port that can be bound") else { return nil }
    if !rtcpMux, port % 2 == 1 {
      throw .field(fields.name("port"), "\(port) is odd; with rtcpMux false RTP takes an even port and RTCP the next")
    }
    return UInt16(port)
  }
}

extension RemoteSpecification {
  init?(_ owner: FieldReader) throws(ControlError) {
    guard let fields = try owner.object("remote", knowing: ["ip", "port", "rtcpPort"]) else { return nil }
    let address = try fields.require("ip", fields.address("ip"), "the sender's address")
    if address.high == 0, address.low == 0 || address.low == 0xffff_0000_0000 {
      throw .field(fields.name("ip"), "\(address.ip) is no sender's address")
    }
    let port = try fields.require("port", fields.integer("port", 1...65_535, "a port"), "the sender's port")
    let rtcpPort = try fields.integer("rtcpPort", 1...65_535, "a port")
    self.init(ip: address.ip, port: UInt16(port), rtcpPort: rtcpPort.map { UInt16($0) })
  }
}

extension SRTPSpecification {
  /// No message quotes the key, nor a suite that could be one put in the wrong place.
  init?(_ owner: FieldReader) throws(ControlError) {
    guard let fields = try owner.object("srtp", knowing: ["cryptoSuite", "keyBase64", "rtcp"]) else { return nil }
    let names = Shown.either(CryptoSuite.allCases.map { $0.rawValue })
    let name = try fields.require("cryptoSuite", fields.string("cryptoSuite", length: 0...256), "allowed is \(names)")
    guard let suite = CryptoSuite(rawValue: name) else {
      let quotable = name.utf8.count <= 32 && name.utf8.allSatisfy { ($0 >= 65 && $0 <= 90) || ($0 >= 48 && $0 <= 57) || $0 == 95 }
      throw .field(fields.name("cryptoSuite"), "\(quotable ? "\"\(name)\"" : "this") is not a known suite; allowed is \(names)")
    }
    let size = "\(suite.keyAndSaltBytes) bytes for \(name)"
    let text = try fields.require("keyBase64", fields.string("keyBase64", length: 0...256), "master key and salt, \(size)")
    guard let key = Base64.decode(text) else { throw .field(fields.name("keyBase64"), "it is not Base64 (RFC 4648 §4)") }
    guard key.count == suite.keyAndSaltBytes else {
      throw .field(fields.name("keyBase64"), "it holds \(key.count) bytes, but master key and salt are \(size)")
    }
    let rtcp: RTCPProtection
    switch try fields.string("rtcp", length: 0...64) {
    case nil, RTCPProtection.srtcp.rawValue: rtcp = .srtcp
    case RTCPProtection.clear.rawValue: rtcp = .clear
    case .some(let other): throw .field(fields.name("rtcp"), "\(Shown.value(.string(other))) is not known; allowed is srtcp or clear")
    }
    self.init(cryptoSuite: name, key: key, rtcp: rtcp)
  }
}

extension FieldReader {
  /// A literal IPv4 or IPv6 address; names are not looked up.
  func address(_ field: String) throws(ControlError) -> SocketAddress? {
    guard let text = try string(field, length: 1...64) else { return nil }
    guard let address = SocketAddress(ip: text, port: 0) else {
      throw .field(name(field), "\(Shown.value(.string(text))) is not a literal IPv4 or IPv6 address")
    }
    return address
  }
}
