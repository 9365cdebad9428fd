import Codecs
import Ground
import JSON
import RTP
import Recording

extension WebRTCSpecification {
  /// The fields of a `webrtc` source beside `type` and `listenIp`.
  static let fields = ["offer", "makeOffer", "participant", "participants", "simulcast", "codecs", "fec", "ice", "sharedPort"]
  /// The most characters of a session description or of a fragment of one; browsers' offers for a large room have some tens of thousands.
  static let textLimit = 262_144

  init(_ fields: FieldReader) throws(ControlError) {
    let offer = try fields.string("offer", length: 1...WebRTCSpecification.textLimit)
    let codecs = try WebRTCSpecification.codecs(fields)
    let wanted = try WebRTCSpecification.wanted(fields, codecs)
    switch (offer, wanted) {
    case (let offer?, nil): self.init(.offer(offer))
    case (nil, let wanted?):
      self.init(.makeOffer(audio: wanted.audio, video: wanted.video))
    case (nil, nil):
      throw .field(fields.name("offer"), "this field is required: the peer's session description, or makeOffer in its place")
    case (.some, .some):
      throw .field(fields.name("makeOffer"), "offer is given too, but only one side makes the offer: give one of the two")
    }
    participant = try fields.string("participant", length: 1...256)
    participants = try WebRTCSpecification.participants(fields)
    simulcast = try fields.choice("simulcast", Simulcast.self) ?? simulcast
    self.codecs = codecs
    fec = try WebRTCSpecification.corrections(fields)
    ice = try fields.choice("ice", ICEMode.self)
    sharesPort = try fields.bool("sharedPort") ?? sharesPort
  }

  /// The codecs to agree on, the most wanted first; nil where it was not given.
  static func codecs(_ fields: FieldReader) throws(ControlError) -> [Codec]? {
    guard let items = try fields.array("codecs", count: 1...Codec.received.count) else { return nil }
    var codecs: [Codec] = []
    for item in items {
      guard let name = item.value.stringValue else { throw .field(item.path, "\(item.value.typeName) was given, but a string is needed") }
      guard let codec = Codec(name: name) else {
        throw .field(item.path, "\(Shown.value(item.value)) is not known; allowed is \(Shown.either(Codec.received.map(\.rawValue)))")
      }
      guard !codecs.contains(codec) else { throw .field(item.path, "\(codec.rawValue) is named twice") }
      codecs.append(codec)
    }
    return codecs
  }

  /// The forward error correction to agree on; none where it was not given.
  static func corrections(_ fields: FieldReader) throws(ControlError) -> [RTPCorrection.Scheme] {
    let names = Shown.either(RTPCorrection.Scheme.allCases.map(\.rawValue))
    var schemes: [RTPCorrection.Scheme] = []
    for item in try fields.array("fec", count: 0...RTPCorrection.Scheme.allCases.count) ?? [] {
      guard let scheme = item.value.stringValue.flatMap({ RTPCorrection.Scheme(rawValue: $0) }) else {
        throw .field(item.path, "\(Shown.value(item.value)) is not known; allowed is \(names)")
      }
      guard !schemes.contains(scheme) else { throw .field(item.path, "\(scheme.rawValue) is named twice") }
      schemes.append(scheme)
    }
    return schemes
  }

  static func participants(_ owner: FieldReader) throws(ControlError) -> [(key: String, participant: String)] {
    guard let value = owner.value("participants") else { return [] }
    let path = owner.name("participants")
    guard let map = value.fields else {
      throw owner.wrongType("participants", value, needed: "an object of participants by MID or media stream id")
    }
    guard map.count <= 256 else { throw .field(path, "it has \(map.count) fields, but at most 256 are allowed") }
    var out: [(key: String, participant: String)] = []
    for field in map {
      guard (1...256).contains(field.name.unicodeScalars.count) else {
        throw .field(path, "a MID or media stream id has 1 to 256 characters, not \(field.name.unicodeScalars.count)")
      }
      let place = "\(path).\(Shown.cut(field.name))"
      guard let participant = field.value.stringValue else {
        throw .field(place, "\(field.value.typeName) was given, but a string is needed")
      }
      guard (1...256).contains(participant.unicodeScalars.count) else {
        throw .field(place, "a participant's id has 1 to 256 characters, not \(participant.unicodeScalars.count)")
      }
      out.append((field.name, participant))
    }
    return out
  }
}
