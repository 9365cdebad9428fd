import Codecs
import Ground
package import JSON
package import Recording

// The bodies of the calls that begin something, as the control plane writes them (control-api.md, Start).

extension RecordingSpecification {
  /// Reads the body of `POST /v1/recordings`. Errors are `invalidField` and name the field by its path.
  package init(json: JSONValue) throws(ControlError) {
    let body = try FieldReader(
      json, at: "", knowing: ["room", "title", "startedBy", "metadata", "source", "participants", "outputs", "limits", "alarms"])
    let room = try body.require("room", body.string("room", length: 1...256), "the room's id, 1 to 256 characters")
    let source = try body.require("source", body.value("source"), "where the media comes from")
    self.init(room: room, source: try SourceSpecification(json: source, at: "source"))
    title = try body.string("title", length: 0...1024)
    startedBy = try body.string("startedBy", length: 1...256)
    if let given = body.value("metadata") {
      guard given.fields != nil else { throw body.wrongType("metadata", given, needed: "an object") }
      let bytes = given.bytes().count
      if bytes > 65_536 { throw .field("metadata", "it takes \(bytes) bytes, but at most 65536 are allowed") }
      metadata = given
    }
    participants = try ParticipantSpecification.list(body)
    outputs = try OutputSpecification(body)
    limits = try Limits(body)
    alarms = try Alarms(body)
    for codec in declaredCodecs where !container.holds(codec) {
      throw .field("outputs.file.container", TapeRefusal.text(codec, container))
    }
  }
}

extension ParticipantSpecification {
  fileprivate static func list(_ body: FieldReader) throws(ControlError) -> [ParticipantSpecification] {
    var out: [ParticipantSpecification] = []
    var known: [String: String] = [:]
    for (path, value) in try body.array("participants", count: 0...256) ?? [] {
      let item = try FieldReader(value, at: path, knowing: ["id", "name", "userId", "role"])
      let id = try item.require("id", item.string("id", length: 1...256), "the participant's id, 1 to 256 characters")
      if let first = known.updateValue(path, forKey: id) {
        throw .field(item.name("id"), "\(Shown.value(.string(id))) is already the id of \(first)")
      }
      out.append(
        ParticipantSpecification(
          id: id, name: try item.string("name", length: 0...256), userId: try item.string("userId", length: 0...256),
          role: try item.string("role", length: 0...256)))
    }
    return out
  }
}

extension OutputSpecification {
  /// Reads the field `outputs` of `body`.
  init(_ body: FieldReader) throws(ControlError) {
    self.init()
    guard let outputs = try body.object("outputs", knowing: ["file", "hls"]) else { return }
    if outputs.gives("file") {
      guard let file = try outputs.object("file", knowing: ["container"]) else {
        throw .field(outputs.name("file"), "the file cannot be turned off in this version")
      }
      self.file.container = try file.choice("container", TapeContainer.self)
    }
    if outputs.gives("hls") {
      hls = try outputs.object("hls", knowing: ["segmentSeconds", "video", "audio", "quality", "canvas"]).map(HLSOutput.init)
    }
  }
}

extension HLSOutput {
  fileprivate init(_ fields: FieldReader) throws(ControlError) {
    self.init()
    segmentSeconds = Int(try fields.integer("segmentSeconds", 1...30, "a number of whole seconds") ?? Int64(segmentSeconds))
    video = fields.gives("video") && fields.value("video") == nil ? .off : try fields.choice("video", Video.self) ?? video
    audio = try fields.choice("audio", Audio.self) ?? audio
    quality = try fields.choice("quality", Quality.self) ?? quality
    if let text = try fields.string("canvas", length: 1...16) {
      let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
      guard sides.count == 2, let width = sides[0], let height = sides[1],
        [width, height].allSatisfy({ (16...4096).contains($0) && $0 % 2 == 0 })
      else {
        throw .field(fields.name("canvas"), "\(Shown.value(.string(text))) is no size such as 1280x720, of even sides from 16 to 4096")
      }
      canvas = PictureSize(width: width, height: height)
    }
  }
}

extension Limits {
  /// Reads the field `limits` of `body`.
  init(_ body: FieldReader) throws(ControlError) {
    self.init()
    let known = [
      "maxDurationSeconds", "idleTimeoutSeconds", "departureTimeoutSeconds", "degradedAfterSeconds", "reconnectGraceSeconds",
      "maxBytes",
    ]
    guard let limits = try body.object("limits", knowing: known) else { return }
    func seconds(_ field: String) throws(ControlError) -> Double? {
      let given = try limits.number(field, 0...604_800, "a number of seconds (0 to 604800, 0 for no limit)")
      return given == 0 ? nil : given
    }
    maxDurationSeconds = try seconds("maxDurationSeconds")
    idleTimeoutSeconds = try seconds("idleTimeoutSeconds")
    departureTimeoutSeconds = try seconds("departureTimeoutSeconds")
    degradedAfterSeconds = try limits.number("degradedAfterSeconds", 0...604_800, "a number of seconds (0 to 604800, 0 for never)")
    reconnectGraceSeconds =
      try limits.number("reconnectGraceSeconds", 0...86_400, "a number of seconds from 0 to 86400") ?? reconnectGraceSeconds
    let bytes = try limits.integer("maxBytes", 0...Int64.max, "a number of bytes, 0 for no limit")
    maxBytes = bytes == 0 ? nil : bytes
  }
}

extension Alarms {
  /// Reads the field `alarms` of `body`.
  init(_ body: FieldReader) throws(ControlError) {
    self.init()
    guard let alarms = try body.object("alarms", knowing: ["silenceSeconds"]), alarms.gives("silenceSeconds") else { return }
    let given = try alarms.number("silenceSeconds", 0...86_400, "a number of seconds (0 to 86400, 0 for no alarm)")
    silenceSeconds = given == 0 ? nil : given
  }
}

extension PauseMode {
  /// Reads the optional body of a pause: `{"mode": "cut"|"keep"}`.
  package init(json: JSONValue) throws(ControlError) {
    let body = try FieldReader(json, at: "", knowing: ["mode"])
    self = try body.choice("mode", PauseMode.self) ?? .cut
  }
}
