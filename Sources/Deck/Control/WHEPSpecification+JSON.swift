import Codecs
import Ground
import JSON
import Recording
import WHEP

extension WebRTCSpecification {
  /// The fields of a `whep` source beside `type` and `listenIp`.
  static let whepFields = ["url", "token", "graceSeconds", "makeOffer", "participant", "participants", "codecs", "fec"]

  init(whep fields: FieldReader) throws(ControlError) {
    let url = try fields.require(
      "url", fields.string("url", length: 1...2_048), "the WHEP endpoint, such as https://sfu.example/whep/stage")
    // No message quotes it: a query may hold what is nobody's business.
    if let fault = WHEPEndpointURL.fault(url) { throw .field(fields.name("url"), fault) }
    let codecs = try WebRTCSpecification.codecs(fields)
    let kinds = codecs.map { Set($0.map(\.kind)) } ?? [.audio, .video]
    let (audio, video) = try WebRTCSpecification.wanted(fields, codecs) ?? (kinds.contains(.audio), kinds.contains(.video))
    self.init(.makeOffer(audio: audio, video: video))
    var whep = WHEPSpecification(url: url)
    if let token = try fields.string("token", length: 1...4_096) {
      // b64token (RFC 6750 §2.1) is what most issue; any character that a header line can carry is let through.
      guard token.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
        throw .field(fields.name("token"), "only visible ASCII characters can be sent in a header")
      }
      whep.token = Redacted(token)
    }
    whep.graceSeconds = try fields.number("graceSeconds", 0...86_400, "a number of seconds from 0 to 86400")
    self.whep = whep
    participant = try fields.string("participant", length: 1...256)
    participants = try WebRTCSpecification.participants(fields)
    self.codecs = codecs
    fec = try WebRTCSpecification.corrections(fields)
    simulcast = .off
    // Servers send many sessions from one address: on a shared port of ours nothing could tell them apart.
    sharesPort = false
  }

  /// What `makeOffer` asks for; nil where it was not given.
  static func wanted(_ fields: FieldReader, _ codecs: [Codec]?) throws(ControlError) -> (audio: Bool, video: Bool)? {
    guard let wanted = try fields.object("makeOffer", knowing: ["audio", "video"]) else { return nil }
    let kinds = codecs.map { Set($0.map(\.kind)) } ?? [.audio, .video]
    let audio = try wanted.bool("audio") ?? kinds.contains(.audio)
    let video = try wanted.bool("video") ?? kinds.contains(.video)
    for (kind, isWanted) in [(MediaKind.audio, audio), (.video, video)] where isWanted && !kinds.contains(kind) {
      throw .field(fields.name("codecs"), "none of them is for \(kind.rawValue), which makeOffer asks for")
    }
    guard audio || video else {
      throw .field(wanted.path, "audio and video are both false, but at least one must be true")
    }
    return (audio, video)
  }
}
