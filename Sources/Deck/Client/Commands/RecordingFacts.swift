package import JSON

/// What the client shows of a recording, read from the contract's JSON; what is missing there reads as nothing.
package struct RecordingFacts {
  struct Track {
    /// Unique within the recording: the source's and the track's id.
    var key: String
    var id: String
    var participant: String
    var kind: String
    var codec: String
    var payloadType: Int64?
    var ssrc: Int64?
    var picture: String?
    var packetsReceived: Int64
    var packetsLost: Int64
    var packetsDiscarded: Int64
    var bytesReceived: Int64
    var framesWritten: Int64
    var jitterMilliseconds: Double?
    /// Where to send its media: `ip:port`, and the RTCP port where that is another.
    var address: String?
    var rtcpPort: Int64?
  }
  struct Source {
    var id: String
    var type: String
    var state: String
    /// Why it is not connected, where there is a reason.
    var reason: String?
    var cryptoSuite: String?
    /// Where its packets come from, once that is known.
    var remote: String?
    var answer: String?
    var offer: String?
    /// What there is to say of a `webrtc` source's connection, each with its label.
    var connection: [(label: String, value: String)]
    var tracks: [Track]
  }
  let json: JSONValue
  let sources: [Source]

  package init(_ json: JSONValue) {
    self.json = json
    sources = (json["sources"]?.arrayValue ?? []).map { RecordingFacts.source($0) }
  }

  var id: String { text("id") ?? "?" }
  var room: String { text("room") ?? "" }
  var status: String { text("status") ?? "?" }
  var hasEnded: Bool { ["completed", "failed", "cancelled"].contains(status) }
  var isInterrupted: Bool { json["interrupted"]?.boolValue == true }
  var durationSeconds: Double { json["durationSeconds"]?.doubleValue ?? 0 }
  var startedAt: String? { text("startedAt") ?? text("createdAt") }
  var tracks: [Track] { sources.flatMap(\.tracks) }
  var files: [JSONValue] { json["files"]?.arrayValue ?? [] }
  /// All files together.
  var bytes: Int64 { files.reduce(0) { $0 + ($1["bytes"]?.integerValue ?? 0) } }
  /// Why it failed: the error's message, or the error itself where it is a text.
  var failure: String? { json["error"]?["message"]?.stringValue ?? text("error") }

  func text(_ field: String) -> String? { json[field]?.stringValue }

  private static func source(_ json: JSONValue) -> Source {
    let id = json["id"]?.stringValue ?? "?"
    let ports = json["ports"]?.arrayValue ?? []
    let tracks = (json["tracks"]?.arrayValue ?? []).map { track($0, source: id, ports: ports) }
    return Source(
      id: id, type: json["type"]?.stringValue ?? "?", state: json["state"]?.stringValue ?? "?",
      reason: json["stateReason"]?.stringValue,
      cryptoSuite: json["srtp"]?["cryptoSuite"]?.stringValue, remote: json["remote"]?.stringValue, answer: json["answer"]?.stringValue,
      offer: json["offer"]?.stringValue, connection: connection(json), tracks: tracks)
  }

  private static func connection(_ json: JSONValue) -> [(label: String, value: String)] {
    var pair: String?
    if let selected = json["selectedPair"], let local = selected["local"]?.stringValue, let remote = selected["remote"]?.stringValue {
      func end(_ address: String, _ type: String) -> String {
        selected[type]?.stringValue.map { "\(address) (\($0))" } ?? address
      }
      pair = "\(end(local, "localType")) from \(end(remote, "remoteType"))"
    }
    let facts: [(String, String?)] = [
      ("Reason", json["stateReason"]?.stringValue), ("ICE", json["iceState"]?.stringValue), ("Pair", pair),
      ("DTLS", json["dtlsCipher"]?.stringValue), ("SRTP", json["srtpSuite"]?.stringValue),
      ("Round trip", json["roundTripMilliseconds"]?.doubleValue.map { Decimal.fixed($0, 1) + " ms" }),
    ]
    return facts.compactMap { label, value in value.map { (label: label, value: $0) } }
  }

  private static func track(_ json: JSONValue, source: String, ports: [JSONValue]) -> Track {
    func count(_ field: String) -> Int64 { json[field]?.integerValue ?? 0 }
    let id = json["id"]?.stringValue ?? "?"
    let port = ports.first { $0["track"]?.stringValue == id }
    var picture: String?
    if let width = json["width"]?.integerValue, let height = json["height"]?.integerValue, width > 0 { picture = "\(width)x\(height)" }
    var address: String?
    if let ip = port?["ip"]?.stringValue, let number = port?["port"]?.integerValue {
      address = ip.contains(":") ? "[\(ip)]:\(number)" : "\(ip):\(number)"
    }
    return Track(
      key: source + "/" + id, id: id, participant: json["participant"]?.stringValue ?? "",
      kind: json["kind"]?.stringValue ?? "", codec: json["codec"]?.stringValue ?? "",
      payloadType: json["payloadType"]?.integerValue, ssrc: json["ssrc"]?.integerValue,
      picture: picture, packetsReceived: count("packetsReceived"), packetsLost: count("packetsLost"),
      packetsDiscarded: count("packetsDiscarded"), bytesReceived: count("bytesReceived"), framesWritten: count("framesWritten"),
      jitterMilliseconds: json["jitterMilliseconds"]?.doubleValue, address: address, rtcpPort: port?["rtcpPort"]?.integerValue)
  }
}
