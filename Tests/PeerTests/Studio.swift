import DeckRig
import Foundation
import JSON
import Testing

/// A deck whose API is on TCP, for peers that publish to it.
struct Studio {
  static let publishToken = "0123456789abcdef0123456789abcdef"
  static let controlToken = "fedcba9876543210fedcba9876543210"
  let daemon: Daemon
  let api: String

  init() throws {
    let scratch = try Scratch()
    let tokens = """
      [{token: "\(Studio.publishToken)", scope: "publish"}, {token: "\(Studio.controlToken)", scope: "control"}]
      """
    let address = "127.0.0.1:\(try Endpoint.freeTCPPort())"
    // The tape alone: whoever publishes by WHIP would get a live presentation too.
    let configuration = try scratch.write("{whip: {outputs: {hls: null}}}", as: "configuration")
    daemon = try Daemon(
      ["--listen", address, "--tokens-file", try scratch.write(tokens, as: "tokens"), "--config", configuration], in: scratch)
    api = "http://\(address)"
  }

  /// The WHIP address of a room.
  func whip(_ room: String) -> String { "\(api)/whip/\(room)?participant=ada" }

  /// The one recording of a room, as it is now.
  func recording(_ room: String) throws -> JSONValue {
    try daemon.recordings().first { $0["room"]?.stringValue == room } ?? .null
  }

  /// The one source of a room's recording, seen while it was connected.
  func connected(_ room: String) throws -> JSONValue {
    var source = JSONValue.null
    let isThere = try eventually {
      source = try recording(room).sources.first ?? .null
      return source["state"]?.stringValue == "connected"
    }
    #expect(isThere, "\(room): \(source.text())")
    return source
  }

  /// Checks a room's tape against what its peer sent: all of it is there, whole, in its time, and to be seen and heard.
  /// `early`: how many pictures, and as much sound, may have left before the peer knew that it was connected and began to count.
  /// `sound`: its codec as ffprobe calls it.
  func expectTaped(
    _ room: String, _ report: PeerReport, seconds: Double, early: Int = 0, sound: String = "opus",
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(report.error == nil, sourceLocation: sourceLocation)
    #expect(report.posted == 201, sourceLocation: sourceLocation)
    #expect(report.deleted == 200, sourceLocation: sourceLocation)
    #expect(report.states.contains("connected") && !report.states.contains("failed"), sourceLocation: sourceLocation)
    let recording = try Recording(daemon, recording(room)).ended()
    #expect(recording.status == "completed", sourceLocation: sourceLocation)
    #expect(recording.addsUp, "\(recording.text())", sourceLocation: sourceLocation)
    #expect(recording.tracks.count == 2, sourceLocation: sourceLocation)
    #expect(recording.tracks.allSatisfy { $0["participant"]?.stringValue == "ada" }, sourceLocation: sourceLocation)
    #expect(recording.sources.first?["datagramsDiscarded"]?.fields?.isEmpty == true, "\(recording.text())", sourceLocation: sourceLocation)
    let path = Recording(daemon, recording).file(recording.files.first?["path"]?.stringValue ?? "recording.webm")
    #expect(Judge.risesStrictly(try Judge.packets(path)), sourceLocation: sourceLocation)
    for (kind, codec, sent, rate) in [("video", "vp8", report.framesSent, 30.0), ("audio", sound, report.soundsSent, 50)] {
      let track = recording.tracks.first { $0["kind"]?.stringValue == kind } ?? .null
      let told = Comment(rawValue: "\(sent) sent: \(track.text())")
      let lane = try Judge.packets(path, codec)
      let written = track.count("framesWritten")
      #expect(sent > 0 && (sent...sent + early * 5 / 3).contains(written), told, sourceLocation: sourceLocation)
      #expect(track.count("framesDropped") == 0 && track.count("packetsDiscarded") == 0, told, sourceLocation: sourceLocation)
      #expect(lane.count == written, told, sourceLocation: sourceLocation)
      #expect(track.count("packetsLost") == 0 && track.count("gaps") == 0, told, sourceLocation: sourceLocation)
      #expect(track.count("senderReports") > 0, told, sourceLocation: sourceLocation)
      // From the beginning on, and as long as was sent.
      let first = lane.first?.time ?? .nan
      let length = (lane.last?.time ?? .nan) - first
      #expect(first < 0.5 + Double(early) / rate, "\(first)", sourceLocation: sourceLocation)
      #expect(abs(length - seconds) < 1 + Double(early) / rate, "\(length)", sourceLocation: sourceLocation)
    }
    try expectClean(path, sourceLocation: sourceLocation)
    #expect(try movingShare(path) > 0.8, sourceLocation: sourceLocation)
    #expect(try loudness(path) > -30, sourceLocation: sourceLocation)
  }

  /// How many of the decoded pictures differ from every other.
  private func movingShare(_ path: String) throws -> Double {
    let text = try Tool.run("ffmpeg", ["-v", "error", "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"])
    let hashes = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { $0.split(separator: ",").last ?? "" }
    return Double(Set(hashes).count) / Double(max(1, hashes.count))
  }

  /// The mean volume of the decoded sound, in dB of full scale.
  private func loudness(_ path: String) throws -> Double {
    let told = try Tool.outcome("ffmpeg", ["-nostdin", "-i", path, "-map", "0:a", "-af", "volumedetect", "-f", "null", "-"]).errors
    let value = told.components(separatedBy: "mean_volume: ").dropFirst().first?.prefix { $0 != " " } ?? ""
    return Double(value) ?? -.infinity
  }
}
