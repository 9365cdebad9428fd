import Codecs
import Ground
package import JSON
import RTP
package import Recording

extension TrackSpecification {
  /// Reads the body of `POST …/sources/{source}/tracks`: `{"tracks": […]}`. Whether the source has one port or many, only the recorder
  /// knows: it refuses a track's `port` or `remote` where the source has one for all.
  package static func list(json: JSONValue) throws(ControlError) -> [TrackSpecification] {
    let body = try FieldReader(json, at: "", knowing: ["tracks"])
    let tracks = try list(body, layout: PortLayout())
    try checkStreams(tracks, at: "tracks", onePort: false)
    return tracks
  }

  static func list(_ owner: FieldReader, layout: PortLayout) throws(ControlError) -> [TrackSpecification] {
    let items = try owner.require("tracks", owner.array("tracks", count: 1...64), "the streams to expect, 1 to 64")
    var out: [TrackSpecification] = []
    for (path, value) in items { out.append(try TrackSpecification(value, at: path, layout: layout)) }
    return out
  }

  private init(_ value: JSONValue, at path: String, layout: PortLayout) throws(ControlError) {
    let fields = try FieldReader(
      value, at: path,
      knowing: [
        "participant", "kind", "codec", "payloadType", "ssrc", "clockRate", "channels", "parameters", "rtx", "nack", "red", "fec",
        "port", "remote", "alternatives",
      ])
    let participant = try fields.require(
      "participant", fields.string("participant", length: 1...256), "the id of the one who publishes it, 1 to 256 characters")
    try self.init(fields, participant: participant)
    ssrc = try fields.ssrc()
    nack = try fields.bool("nack")
    if let red = try fields.object("red", knowing: ["payloadType", "rtx", "ulpfec"]) { self.red = try REDSpecification(red) }
    if let fec = try fields.object("fec", knowing: ["mechanism", "payloadType", "ssrc"]) { self.fec = try FECSpecification(fec) }
    if layout.bundle {
      for field in ["port", "remote"] where fields.value(field) != nil {
        throw .field(fields.name(field), "with bundle true all tracks share the source's \(field)")
      }
    }
    port = try layout.port(fields)
    remote = try RemoteSpecification(fields)
    for (path, value) in try fields.array("alternatives", count: 0...8) ?? [] {
      let other = try FieldReader(value, at: path, knowing: ["codec", "payloadType", "clockRate", "channels", "parameters", "rtx"])
      let alternative = try TrackSpecification(other, participant: participant)
      guard alternative.kind == kind else {
        throw .field(
          other.name("codec"), "\(alternative.codec.rawValue) is \(alternative.kind.rawValue), and the track is \(kind.rawValue)")
      }
      alternatives.append(alternative)
    }
  }

  /// What a track or one of its alternatives says of its codec.
  private init(_ fields: FieldReader, participant: String) throws(ControlError) {
    let accepted = Shown.either(Codec.received.map { $0.rawValue })
    let name = try fields.require("codec", fields.string("codec", length: 0...64), "allowed is \(accepted)")
    guard let codec = Codec(name: name) else {
      throw .field(fields.name("codec"), "\(Shown.value(.string(name))) is not a codec that can be recorded; allowed is \(accepted)")
    }
    if let kind = try fields.choice("kind", MediaKind.self), kind != codec.kind {
      throw .field(fields.name("kind"), "\"\(kind.rawValue)\" was given, but \(codec.rawValue) is \(codec.kind.rawValue)")
    }
    let sound = codec.kind == .audio ? try SoundFormat(fields, codec) : nil
    let payloadType = try fields.require("payloadType", fields.payloadType() ?? sound?.staticType, "0 to 127")
    self.init(participant: participant, codec: codec, payloadType: payloadType)
    if let sound { self.sound = sound } else { try TrackSpecification.checkClock(fields, codec) }
    if codec != .multiopus { try readParameters(fields) }
    if let rtx = try fields.object("rtx", knowing: ["payloadType", "ssrc"]) {
      let type = try rtx.require("payloadType", rtx.payloadType(), "0 to 127")
      self.rtx = RTXSpecification(payloadType: type, ssrc: try rtx.ssrc())
    }
  }

  /// Pictures run at one rate, and have no channels.
  private static func checkClock(_ fields: FieldReader, _ codec: Codec) throws(ControlError) {
    if let rate = try fields.integer("clockRate", 1...4_294_967_295, "a clock rate in hertz"), rate != Int64(codec.clockRate.hertz) {
      throw .field(fields.name("clockRate"), "\(rate) was given, but \(codec.rawValue) runs at \(codec.clockRate.hertz)")
    }
    if fields.value("channels") != nil {
      throw .field(fields.name("channels"), "only audio has channels, and \(codec.rawValue) is \(codec.kind.rawValue)")
    }
  }

  /// What the sender signalled of its stream.
  private mutating func readParameters(_ fields: FieldReader) throws(ControlError) {
    let names = [
      Codec.h264: ["sprop-parameter-sets"], .h265: ["sprop-vps", "sprop-sps", "sprop-pps", "sprop-max-don-diff"],
    ]
    guard fields.value("parameters") != nil else { return }
    guard let known = names[codec] else {
      throw .field(
        fields.name("parameters"), "only H264, H265 and multiopus have parameters to know beforehand, and this is \(codec.rawValue)")
    }
    guard let parameters = try fields.object("parameters", knowing: known) else { return }
    guard codec == .h265 else {
      parameterSets = try TrackSpecification.sets(parameters, "sprop-parameter-sets") { $0 & 0x1f == 7 || $0 & 0x1f == 8 }
      return
    }
    for (name, type) in zip(known, [32, 33, 34] as [UInt8]) {
      parameterSets += try TrackSpecification.sets(parameters, name) { $0 >> 1 == type }
    }
    hasOrderNumbers = try parameters.integer("sprop-max-don-diff", 0...32_767, "a number of NAL units") ?? 0 > 0
  }

  /// Base64 of NAL units, with commas between them (RFC 6184 §8.1, RFC 7798 §7.1), of types that their first byte tells.
  private static func sets(
    _ fields: FieldReader, _ name: String, where isSet: (UInt8) -> Bool
  ) throws(ControlError) -> [[UInt8]] {
    var sets: [[UInt8]] = []
    for text in (try fields.string(name, length: 1...65_536) ?? "").split(separator: ",") {
      guard let unit = Base64.decode(String(text)), let first = unit.first, isSet(first) else {
        throw .field(fields.name(name), "\(Shown.value(.string(String(text)))) is not a parameter set in base64")
      }
      sets.append(unit)
    }
    return sets
  }

  /// Refuses streams that no receiver could tell apart: an SSRC given twice, a port given twice, and, where streams share a port, one
  /// payload type for two streams of which one has no SSRC to know it by.
  static func checkStreams(_ tracks: [TrackSpecification], at path: String, onePort: Bool) throws(ControlError) {
    var owners: [SSRC: String] = [:]
    var ports: [UInt16: String] = [:]
    for (i, track) in tracks.enumerated() {
      for (ssrc, field) in [
        (track.ssrc, "\(path)[\(i)].ssrc"), (track.rtx?.ssrc, "\(path)[\(i)].rtx.ssrc"), (track.fec?.ssrc, "\(path)[\(i)].fec.ssrc"),
      ] {
        guard let ssrc else { continue }
        if let owner = owners.updateValue(field, forKey: ssrc) { throw .field(field, "\(ssrc) is already given as \(owner)") }
      }
      if let port = track.port, let owner = ports.updateValue("\(path)[\(i)]", forKey: port) {
        throw .field("\(path)[\(i)].port", "\(port) is already the port of \(owner)")
      }
      try checkTypes(track, "\(path)[\(i)]")
    }
    guard onePort else { return }
    for (i, track) in tracks.enumerated() {
      for (j, other) in tracks[..<i].enumerated() {
        try checkPayloadTypes(track, "\(path)[\(i)]", other, "\(path)[\(j)]")
      }
    }
  }

  /// Refuses a payload type that would mean two things on one track.
  private static func checkTypes(_ track: TrackSpecification, _ path: String) throws(ControlError) {
    if let rtx = track.rtx, rtx.payloadType == track.payloadType {
      throw .field("\(path).rtx.payloadType", "\(rtx.payloadType) is already the payload type of the media it repeats")
    }
    var owners = [track.payloadType: "payloadType"]
    if let rtx = track.rtx { owners[rtx.payloadType] = "rtx.payloadType" }
    let types = [
      ("red.payloadType", track.red?.payloadType), ("red.rtx.payloadType", track.red?.rtx), ("red.ulpfec.payloadType", track.red?.ulpfec),
      ("fec.payloadType", track.fec?.payloadType),
    ]
    let others = track.alternatives.enumerated().flatMap { index, other in
      [
        ("alternatives[\(index)].payloadType", other.payloadType as PayloadType?),
        ("alternatives[\(index)].rtx.payloadType", other.rtx?.payloadType),
      ]
    }
    for case (let field, let type?) in types + others {
      if let owner = owners.updateValue(field, forKey: type) {
        throw .field("\(path).\(field)", "\(type) is already the track's \(owner)")
      }
    }
  }

  private static func checkPayloadTypes(
    _ a: TrackSpecification, _ pathA: String, _ b: TrackSpecification, _ pathB: String
  ) throws(ControlError) {
    func clash(_ field: String, _ type: PayloadType, _ other: String) -> ControlError {
      .field(field, "\(type) is also \(other), on the same port; give both an ssrc to tell them apart")
    }
    if a.payloadType == b.payloadType, a.ssrc == nil && b.ssrc == nil {
      throw clash("\(pathA).payloadType", a.payloadType, "\(pathB).payloadType")
    }
    for (one, two, path, other) in [(a, b, pathA, pathB), (b, a, pathB, pathA)] {
      if let type = one.red?.payloadType, one.ssrc == nil, two.repairs(type) || (two.ssrc == nil && two.carries(type)) {
        throw clash("\(path).red.payloadType", type, "a payload type of \(other)")
      }
      guard let fec = one.fec, (fec.mechanism == .flexfec ? fec.ssrc : one.ssrc) == nil else { continue }
      // A stream of its own that no SSRC tells is told by its payload type alone.
      guard two.repairs(fec.payloadType) || (two.carries(fec.payloadType) && (two.ssrc == nil || fec.mechanism == .flexfec)) else {
        continue
      }
      throw clash("\(path).fec.payloadType", fec.payloadType, "a payload type of \(other)")
    }
    for (one, two, path, other) in [(a, b, pathA, pathB), (b, a, pathB, pathA)] where one.ssrc == nil || two.ssrc == nil {
      for (i, alternative) in one.alternatives.enumerated() {
        guard two.carries(alternative.payloadType) || two.change(by: alternative.payloadType) != nil else { continue }
        throw clash("\(path).alternatives[\(i)].payloadType", alternative.payloadType, "a payload type of \(other)")
      }
    }
    if let rtx = a.rtx, rtx.payloadType == b.payloadType, b.ssrc == nil {
      throw clash("\(pathA).rtx.payloadType", rtx.payloadType, "\(pathB).payloadType")
    }
    if let rtx = b.rtx, rtx.payloadType == a.payloadType, a.ssrc == nil {
      throw clash("\(pathA).payloadType", a.payloadType, "\(pathB).rtx.payloadType")
    }
  }
}

extension REDSpecification {
  fileprivate init(_ fields: FieldReader) throws(ControlError) {
    self.init(payloadType: try fields.require("payloadType", fields.payloadType(), "0 to 127"))
    if let rtx = try fields.object("rtx", knowing: ["payloadType"]) {
      self.rtx = try rtx.require("payloadType", rtx.payloadType(), "0 to 127")
    }
    if let ulpfec = try fields.object("ulpfec", knowing: ["payloadType"]) {
      self.ulpfec = try ulpfec.require("payloadType", ulpfec.payloadType(), "0 to 127")
    }
  }
}

extension FECSpecification {
  fileprivate init(_ fields: FieldReader) throws(ControlError) {
    let names = Shown.either(RTPCorrection.Scheme.allCases.map(\.rawValue))
    let mechanism = try fields.require("mechanism", fields.choice("mechanism", RTPCorrection.Scheme.self), "allowed is \(names)")
    self.init(
      mechanism: mechanism, payloadType: try fields.require("payloadType", fields.payloadType(), "0 to 127"), ssrc: try fields.ssrc())
    if mechanism == .ulpfec, ssrc != nil {
      throw .field(fields.name("ssrc"), "ulpfec comes on the track's own SSRC; flexfec-03 has one of its own")
    }
  }
}

extension FieldReader {
  /// A payload type. Packets of 64 to 95 look like RTCP where they carry the marker and share a port with it (RFC 5761 §4).
  func payloadType() throws(ControlError) -> PayloadType? {
    guard let type = try integer("payloadType", 0...127, "a payload type") else { return nil }
    if (64...95).contains(type) {
      throw .field(name("payloadType"), "\(type) cannot be told from RTCP (RFC 5761); allowed are 0 to 63 and 96 to 127")
    }
    return PayloadType(UInt8(type))
  }

  func ssrc() throws(ControlError) -> SSRC? {
    try integer("ssrc", 0...4_294_967_295, "an SSRC").map { SSRC(UInt32($0)) }
  }
}
